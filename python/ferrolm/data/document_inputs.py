"""Which files are to be read, and what each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, get_args

from ferrolm.data.sources import COMPRESSED
from ferrolm.errors import InvalidArgumentError, MissingFileError, UnknownNameError, nearest

__all__ = ["STANDARD_INPUT", "InputFile", "InputFormat", "find_inputs", "format_of"]

InputFormat = Literal["html", "text", "jsonl", "parquet", "warc"]

STANDARD_INPUT = Path("-")

_ENDINGS: dict[str, InputFormat] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".warc": "warc",
    ".wet": "warc",
}


@dataclass(frozen=True)
class InputFile:
    """A file, what it is, and whether a format was named: texts of unknown format may be pages."""

    path: Path
    format: InputFormat
    named: bool


def format_of(path: Path) -> InputFormat | None:
    """What the name of a file says, before an ending of compression."""
    name = path.stem if path.suffix in COMPRESSED else path.name
    return _ENDINGS.get(Path(name).suffix.lower())


def find_inputs(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]], input_format: str = "auto"
) -> tuple[list[InputFile], list[Path]]:
    """The files of ``paths``, folders searched in the order of names, and files in folders whose kind is unknown.

    ``-`` is standard input. Names that begin with a dot are left out of folders.

    Raises `MissingFileError` for a path that is not there, `InvalidArgumentError` for a folder without files to read,
    `UnknownNameError` for an unknown format.
    """
    known = get_args(InputFormat)
    if input_format != "auto" and input_format not in known:
        raise UnknownNameError(
            f"input_format is {input_format!r}, expected auto, {', '.join(known)}{nearest(input_format, known)}"
        )
    files: list[InputFile] = []
    unknown: list[Path] = []
    for name in [paths] if isinstance(paths, (str, PathLike)) else paths:
        path = Path(name)
        if path.is_dir():
            found, others = _in_folder(path, input_format)
            files += found
            unknown += others
        elif path == STANDARD_INPUT or path.exists():
            files.append(_input_file(path, input_format))
        else:
            raise MissingFileError(f"{path} does not exist")
    if not files:
        raise InvalidArgumentError("there are no input files")
    return files, unknown


def _in_folder(folder: Path, input_format: str) -> tuple[list[InputFile], list[Path]]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    paths = [
        path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    chosen = [path for path in paths if input_format != "auto" or format_of(path) is not None]
    if not chosen:
        raise InvalidArgumentError(
            f"{folder}: a folder without files to read, expected endings like {', '.join(_ENDINGS)} (or name the format)"
        )
    return [_input_file(path, input_format) for path in chosen], sorted(set(paths) - set(chosen))


def _input_file(path: Path, input_format: str) -> InputFile:
    if input_format != "auto":
        return InputFile(path, input_format, named=True)  # type: ignore[arg-type]
    return InputFile(path, format_of(path) or "text", named=False)
