"""Where a name leads: a folder, a bundled model, or the hub."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest

from ferrolm.errors import FileAccessError, MissingFileError, UnknownNameError
from ferrolm.models import bundled, locate
from ferrolm.models.catalog import bundled_names


def test_a_folder_with_a_configuration_is_taken(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert locate(tmp_path) == tmp_path
    assert locate(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["/no/such/folder", "a/b/c", "two words"])
def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(MissingFileError, match="does not exist"):
        locate(name)


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"has no config\.json"):
        locate(tmp_path)


def test_only_what_is_needed_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def download(name: str, **settings: object) -> str:
        calls.append((name, settings))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    (tmp_path / "model.safetensors").touch()
    assert locate("someone/model", revision="v1", token="t") == tmp_path
    [(name, settings)] = calls
    assert (name, settings["revision"], settings["token"]) == ("someone/model", "v1", "t")
    assert not any("bin" in pattern or pattern == "*" for pattern in settings["allow_patterns"])


def test_a_hub_that_does_not_deliver_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise huggingface_hub.errors.OfflineModeIsEnabled("offline mode is enabled")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(FileAccessError, match=r"someone/model is no folder.*offline mode"):
        locate("someone/model")


def test_an_unknown_bundled_name_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no model 'ferolm-tiny' is bundled"):
        bundled("ferolm-tiny")


def test_bundled_models_are_found_without_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; from ferrolm.models import bundled, GPT2Config; GPT2Config()"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif("ferrolm-tiny" not in bundled_names(), reason="ferrolm-tiny is not in this tree")
def test_ferrolm_tiny_is_complete() -> None:
    folder = bundled("ferrolm-tiny")
    assert locate("ferrolm-tiny") == folder
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in folder.iterdir()}
