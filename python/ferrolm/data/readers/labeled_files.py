"""Texts whose label is the name of their file or folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ferrolm.data.readers._lines import PathLike, numbered_lines
from ferrolm.data.readers.examples import TextExample
from ferrolm.data.sources import COMPRESSED
from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError

__all__ = ["read_labeled_files"]


def read_labeled_files(
    source: PathLike | Mapping[str, PathLike], *, encoding: str = "utf-8"
) -> Iterator[TextExample]:
    r"""Texts by class: a file for each class with one text a line, or a folder for each class with one text a file.

    Args:
        source: files or folders by label; or the folder that has them, whose names are the labels then, without endings
            and without what all have in front (``rt-polarity.neg.txt`` and ``rt-polarity.pos.txt`` are ``neg``, ``pos``).
            Files may be compressed. Hidden files are left out.
        encoding: any in which ASCII is itself, such as ``latin-1``.

    Raises:
        MissingFileError, InvalidFileError: there is no such folder, or it has neither files nor folders, or both.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "films.neg.txt").write_text("dull\n"), (folder / "films.pos.txt").write_text("a joy\nwitty\n")
    >>> [(example.text, example.label) for example in read_labeled_files(folder)]
    [('dull', 'neg'), ('a joy', 'pos'), ('witty', 'pos')]
    """
    if isinstance(source, Mapping):
        by_label = {label: Path(path) for label, path in source.items()}
    else:
        by_label = _by_label(Path(source))
    if not by_label:
        raise InvalidArgumentError("source is empty, expected files or folders by label")
    for label, path in by_label.items():
        if path.is_dir():
            for file in _visible(path):
                text = "".join(line for _, line in numbered_lines(file, encoding)).strip()
                if text:
                    yield TextExample(text, label=label)
        else:
            for _, line in numbered_lines(path, encoding):
                if line.strip():
                    yield TextExample(line.strip(), label=label)


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _by_label(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise MissingFileError(f"cannot read {folder}: there is no such folder")
    paths = _visible(folder)
    folders = [path for path in paths if path.is_dir()]
    if not paths or (folders and len(folders) < len(paths)):
        found = "files and folders" if paths else "nothing"
        raise InvalidFileError(
            f"{folder}: found {found}, expected a file for each label, or a folder for each"
        )
    names = [[path.name] if folders else _stem(path).split(".") for path in paths]
    while len(paths) > 1 and min(map(len, names)) > 1 and len({name[0] for name in names}) == 1:
        names = [name[1:] for name in names]
    labels = [".".join(name) for name in names]
    if len(set(labels)) < len(labels):
        raise InvalidFileError(f"{folder}: two files for one label among {', '.join(labels)}")
    return dict(zip(labels, paths, strict=True))


def _stem(path: Path) -> str:
    """The name without its ending and that of a compressed file."""
    return Path(path.stem).stem if path.suffix in COMPRESSED else path.stem
