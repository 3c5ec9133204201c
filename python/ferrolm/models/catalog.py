"""Checkpoint folders, and GGUF files, by name: bundled with the package, on disk, or on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from ferrolm.errors import FileAccessError, InvalidFileError, MissingFileError, UnknownNameError, nearest

__all__ = ["bundled", "bundled_names", "gguf_file", "locate"]

_BUNDLED = Path(__file__).parent / "bundled"
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
# What a checkpoint of a language model consists of; a repository's other files stay on the hub.
_SETTINGS = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "chat_template.jinja",
    "modules.json",
    "1_Pooling/config.json",
]
_VOCABULARIES = ["vocab.json", "merges.txt", "vocab.txt", "tekken.json", "tokenizer.model", "*.tiktoken"]
_WEIGHTS = ["model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors"]


def bundled_names() -> list[str]:
    """The models that come with the package."""
    return sorted(path.parent.name for path in _BUNDLED.glob("*/model.safetensors"))


def bundled(name: str) -> Path:
    """The folder of a model that comes with the package; raises `UnknownNameError`.

    >>> all((bundled(name) / "tokenizer.json").is_file() for name in bundled_names())
    True
    """
    names = bundled_names()
    if name not in names:
        raise UnknownNameError(
            f"no model {name!r} is bundled; there are {', '.join(names) or 'none'}{nearest(name, names)}"
        )
    return _BUNDLED / name


def locate(
    name_or_directory: Path | str, *, revision: str | None = None, token: str | bool | None = None
) -> Path:
    """The folder of a checkpoint: a folder with a config.json, a GGUF file, a bundled model, or a download from the hub.

    A GGUF file may also be named by the folder that has no other and no config.json.

    Nothing is downloaded unless the argument is a hub name (``owner/name``) and neither a folder nor a bundled model.
    Raises `MissingFileError` for what is none of these and `FileAccessError` when the hub does not deliver.
    """
    name = str(name_or_directory)
    folder = Path(name_or_directory)
    if (folder / "config.json").is_file():
        return folder
    if (file := gguf_file(folder)) is not None:
        return file
    if name in bundled_names():
        return bundled(name)
    if folder.is_dir():
        raise MissingFileError(
            f"{folder} has no config.json and no GGUF file; expected the folder of a checkpoint"
        )
    if isinstance(name_or_directory, Path) or not _HUB_NAME.fullmatch(name):
        known = ", ".join(bundled_names()) or "none"
        raise MissingFileError(
            f"{name} does not exist; expected a folder, a GGUF file, a bundled model ({known}) or a name on the hub"
        )
    return _download(name, revision, token)


def gguf_file(path: Path | str) -> Path | None:
    """The GGUF file that ``path`` is, or that lies in the folder ``path`` without a config.json; None where there is none.

    Raises `InvalidFileError` for a folder with several, which may be parts of one model.
    """
    path = Path(path)
    if path.is_file():
        return path if path.suffix == ".gguf" else None
    if not path.is_dir() or (path / "config.json").is_file():
        return None
    found = sorted(path.glob("*.gguf"))
    if len(found) > 1:
        names = ", ".join(each.name for each in found[:8])
        raise InvalidFileError(f"{path} has {len(found)} GGUF files, expected the name of one: {names}")
    return found[0] if found else None


def _download(name: str, revision: str | None, token: str | bool | None) -> Path:
    """The hub's snapshot, without pytorch_model.bin where there is a safer file."""
    import huggingface_hub

    def fetch(patterns: list[str]) -> Path:
        return Path(
            huggingface_hub.snapshot_download(name, revision=revision, token=token, allow_patterns=patterns)
        )

    try:
        folder = fetch(_SETTINGS + _VOCABULARIES + _WEIGHTS)
        if not any(folder.glob("model*.safetensors")):
            folder = fetch([*_SETTINGS, *_VOCABULARIES, "pytorch_model*.bin", "pytorch_model.bin.index.json"])
    except (
        Exception
    ) as error:  # its classes differ between versions and are those of requests, httpx or its own
        hint = nearest(name, bundled_names())
        reason = str(error).strip().partition("\n")[0]
        raise FileAccessError(
            f"{name} is no folder, not bundled{hint}, and the hub did not deliver it: {reason}"
        ) from error
    return folder
