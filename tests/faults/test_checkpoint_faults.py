"""Checkpoints that are corrupt, incomplete, or of something else: one error that names the file and the reason."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ferrolm.errors import FileAccessError, InvalidFileError, MissingFileError, UnknownNameError
from ferrolm.models import GPT2Config, GPT2LMHeadModel, load_causal_lm


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    GPT2LMHeadModel(GPT2Config(vocab_size=31, n_positions=8, n_embd=8, n_layer=1, n_head=2)).save_pretrained(
        tmp_path
    )
    return tmp_path


def edit(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")


NAME = "transformer.h.0.mlp.c_fc.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(NAME), f"{NAME} is missing"),
        (
            lambda t: t.update({"transformer.h.1.ln_1.bias": torch.zeros(8)}),
            r"transformer\.h\.1\.ln_1\.bias is not expected",
        ),
        (lambda t: t.update({NAME: t[NAME].t()}), rf"{NAME} has shape \[32, 8\], expected \[8, 32\]"),
        (
            lambda t: t.update({"transformer.wte.weight": torch.zeros(30, 8)}),
            r"wte\.weight has shape \[30, 8\], expected \[31, 8\]",
        ),
        (lambda t: t.clear(), "and 8 more"),
    ],
    ids=["missing", "unexpected", "transposed", "vocabulary", "empty"],
)
def test_tensors_that_do_not_fit_are_named(folder: Path, change: Callable[..., object], message: str) -> None:
    edit(folder, change)
    with pytest.raises(InvalidFileError, match=message) as caught:
        load_causal_lm(folder)
    assert "model.safetensors" in str(caught.value)


def test_every_truncation_of_the_file_is_an_error(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for length in [0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidFileError, match=r"model\.safetensors is not a safetensors file"):
            load_causal_lm(folder)


@pytest.mark.parametrize(
    "content",
    [b"\xff" * 64, b"\x00" * 64, b"\x10\x00\x00\x00\x00\x00\x00\x00" + b"{" * 16, b"PK\x03\x04 not a zip"],
)
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_other_content_is_an_error(folder: Path, name: str, content: bytes) -> None:
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(InvalidFileError, match=name):
        load_causal_lm(folder)


class Payload:
    ran = False

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("from pathlib import Path; Path('ran').touch()",)


def test_a_pickle_does_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "model.safetensors").unlink()
    for write in (
        lambda path: path.write_bytes(pickle.dumps(Payload(), protocol=2)),
        lambda path: torch.save({"a": Payload()}, path),
    ):
        write(folder / "pytorch_model.bin")
        with pytest.raises(InvalidFileError, match=r"pytorch_model\.bin"):
            load_causal_lm(folder)
    assert not (folder / "ran").exists()


def test_a_torch_file_of_something_else_is_an_error(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save([torch.zeros(2)], folder / "pytorch_model.bin")
    with pytest.raises(InvalidFileError, match="holds a list, expected tensors by name"):
        load_causal_lm(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(MissingFileError, match=name):
        load_causal_lm(folder)


@pytest.mark.parametrize("target", ["../model.safetensors", "/etc/passwd", "a/b.safetensors", 3])
def test_an_index_cannot_lead_out_of_the_folder(folder: Path, target: object) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": target}}))
    with pytest.raises(InvalidFileError, match="expected a file beside it"):
        load_causal_lm(folder)


def test_an_index_of_a_missing_shard(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "model-1-of-1.safetensors"}})
    )
    with pytest.raises(MissingFileError, match="model-1-of-1"):
        load_causal_lm(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": 3}'])
def test_an_index_that_is_none(folder: Path, content: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(content)
    with pytest.raises(InvalidFileError, match="not an index"):
        load_causal_lm(folder)


def test_another_architecture_names_the_known_ones(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "gpt3"}')
    with pytest.raises(
        UnknownNameError,
        match=r"model_type is 'gpt3', expected one of: ferrolm-recurrent, gpt2, llama, .*did you mean 'gpt2'",
    ):
        load_causal_lm(folder)


def test_a_folder_that_cannot_be_written_is_an_error(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    with pytest.raises(FileAccessError, match=r"model\.safetensors cannot be written"):
        GPT2LMHeadModel(
            GPT2Config(vocab_size=31, n_positions=8, n_embd=8, n_layer=1, n_head=2)
        ).save_pretrained(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_a_loaded_model_does_not_depend_on_its_file(folder: Path) -> None:
    model = load_causal_lm(folder)
    before = model.transformer.wte.weight.clone()
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(0)
    assert torch.equal(model.transformer.wte.weight, before)
