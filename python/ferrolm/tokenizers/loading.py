"""Finding the files of a tokenizer in a folder or on the hub, and telling formats apart."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from ferrolm._files import open_file
from ferrolm.errors import InvalidFileError, MissingFileError

__all__ = ["Found", "find", "format_of"]


class Found(NamedTuple):
    """The files of a tokenizer and the format they have, as `Tokenizer.load_format` names it."""

    format: str
    files: list[Path]


# The first of these that is complete is taken: names, of which the first may be a pattern.
_CHOICES: tuple[tuple[str, ...], ...] = (
    ("tokenizer.json",),
    ("vocab.json", "merges.txt"),
    ("vocab.txt",),
    ("*.tiktoken",),
    ("tekken.json",),
    ("*.model",),
)
# What may lie beside a vocabulary and say how to use it.
_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json")


def format_of(path: Path) -> str:
    """The format of a file, by its name and, where that leaves a choice, by how it begins."""
    name = path.name
    if name == "vocab.json":
        return "vocab.json"
    if name == "tekken.json":
        return "tekken"
    if name.endswith(".tiktoken"):
        return "tiktoken"
    if name.endswith((".txt", ".wordpieces")):
        return "vocab.txt"
    if name.endswith(".json"):
        return "tokenizer.json"
    with open_file(path) as file:
        start = file.read(64)
    if start.startswith(b"GGUF"):
        return "gguf"
    if start[:1] == b"\n":
        return "sentencepiece"
    if start.lstrip()[:1] == b"{":
        return "tokenizer.json"
    # A line of base64, a space and a number: Llama 3's tokenizer.model.
    fields = start.split(b"\n", 1)[0].split()
    if len(fields) == 2 and fields[1].isdigit():
        return "tiktoken"
    raise InvalidFileError(
        f"{path}: found no format that is known, expected tokenizer.json, vocab.txt, .tiktoken, tekken.json, "
        "a SentencePiece model or GGUF"
    )


def _choose(names: Iterable[str]) -> list[str] | None:
    """The files of the first choice that is there."""
    known = sorted(names)
    for choice in _CHOICES:
        chosen = [next((name for name in known if fnmatch(name, wanted)), None) for wanted in choice]
        if all(chosen):
            return [name for name in chosen if name]
    return None


def find(identifier: str | os.PathLike[str], revision: str, token: str | None) -> Found:
    """The tokenizer's files in a folder, or of a repository of the hub, or a file itself.

    Looks for tokenizer.json, vocab.json with merges.txt, vocab.txt, a .tiktoken file, tekken.json and a .model file, in
    that order. Of a repository, only the files that are taken are downloaded. Raises `MissingFileError` naming what was
    looked for.
    """
    path = Path(identifier)
    if path.is_file():
        return Found(format_of(path), [path])
    if path.is_dir():
        chosen = _choose(entry.name for entry in path.iterdir() if entry.is_file())
        files = [path / name for name in chosen or ()]
    else:
        files = _from_hub(str(identifier), revision, token)
    if not files:
        wanted = ", ".join(" with ".join(names) for names in _CHOICES)
        raise MissingFileError(f"no tokenizer in {str(identifier)!r}: expected one of {wanted}")
    return Found(format_of(files[0]), files)


def _from_hub(repository: str, revision: str, token: str | None) -> list[Path]:
    from huggingface_hub import hf_hub_download, list_repo_files
    from huggingface_hub.errors import HFValidationError

    def download(name: str) -> Path:
        return Path(hf_hub_download(repository, name, revision=revision, token=token))

    try:
        names = list_repo_files(repository, revision=revision, token=token)
    except HFValidationError:
        raise MissingFileError(f"{repository!r} is neither a folder nor the name of a repository") from None
    except (
        Exception
    ) as error:  # its classes differ between versions and are those of requests, httpx or its own
        # Without the hub, what is in its cache will do.
        if cached := _from_cache(repository, revision):
            return cached
        raise MissingFileError(f"{repository!r} is not a folder here, and not on the hub: {error}") from error
    return _downloaded(names, download)


def _from_cache(repository: str, revision: str) -> list[Path]:
    """The files in the hub's cache; none if it has no tokenizer of that repository."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except Exception:  # as above
        return []
    chosen = _choose(entry.name for entry in folder.iterdir() if entry.is_file())
    return [folder / name for name in chosen or ()]


def _downloaded(names: Iterable[str], download: Callable[[str], Path]) -> list[Path]:
    names = list(names)
    chosen = _choose(name for name in names if "/" not in name)
    if chosen is None:
        return []
    try:
        if chosen[0].startswith("vocab."):
            for name in _SETTINGS:
                if name in names:
                    download(name)
        return [download(name) for name in chosen]
    except Exception as error:  # as above
        raise MissingFileError(f"cannot download {' and '.join(chosen)}: {error}") from error
