"""A few megabytes of real text that every Python installation has: its documentation and its own source."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import FileAccessError, InvalidArgumentError
from ferrolm.tokenizers import RaggedIds

__all__ = ["Corpus", "first", "read", "split"]

PARAGRAPHS_PER_DOCUMENT = 20


@dataclass(frozen=True)
class Corpus:
    """``documents`` of text, and the ``prose`` among them, whose words are worth counting."""

    name: str
    documents: list[str]
    prose: list[str]

    @property
    def size(self) -> int:
        """Bytes of UTF-8."""
        return sum(len(document.encode()) for document in self.documents)


def read(path: Path | None, limit: int) -> Corpus:
    """About ``limit`` bytes of the file, or of Python's documentation and standard library."""
    if path is not None:
        documents = _of_file(path, limit)
        return Corpus(path.name, documents, documents)
    topics = first(_topics(), limit)
    documents = list(topics)
    left = limit - sum(map(len, topics))
    documents += first((file.read_text(encoding="utf-8", errors="replace") for file in _library()), left)
    return Corpus("Python's documentation and source", documents, topics or documents)


def first(documents: Iterable[str], limit: int) -> list[str]:
    """As many documents as have about ``limit`` characters."""
    chosen: list[str] = []
    for document in documents:
        if limit <= 0:
            break
        chosen.append(document)
        limit -= len(document)
    return chosen


def split(ids: RaggedIds, every: int) -> tuple[RaggedIds, RaggedIds]:
    """All documents but each ``every``-th one, and those."""
    lengths = ids.lengths()
    held_out = np.arange(len(lengths)) % every == 0
    return _rows(ids, lengths, ~held_out), _rows(ids, lengths, held_out)


def _rows(ids: RaggedIds, lengths: NDArray[np.int64], chosen: NDArray[np.bool_]) -> RaggedIds:
    offsets = np.concatenate([[0], np.cumsum(lengths[chosen])])
    return RaggedIds(ids.ids[np.repeat(chosen, lengths)], offsets)


def _of_file(path: Path, limit: int) -> list[str]:
    try:
        with path.open("rb") as file:
            text = file.read(limit).decode("utf-8", "replace")
    except OSError as error:
        raise FileAccessError(f"cannot read {path}: {error.strerror}") from None
    paragraphs = text.split("\n\n")
    starts = range(0, len(paragraphs), PARAGRAPHS_PER_DOCUMENT)
    documents = ["\n\n".join(paragraphs[start : start + PARAGRAPHS_PER_DOCUMENT]) for start in starts]
    documents = [document for document in documents if document.strip()]
    if len(documents) < 2:
        raise InvalidArgumentError(
            f"{path} holds {len(paragraphs)} paragraphs; the demo needs more than {PARAGRAPHS_PER_DOCUMENT}, "
            "separated by empty lines"
        )
    return documents


def _topics() -> list[str]:
    try:
        from pydoc_data.topics import topics
    except ImportError:  # some distributions package it apart
        return []
    return list(topics.values())


def _library() -> list[Path]:
    """The modules of the standard library, without tests and installed packages, in one order everywhere."""
    root = Path(sysconfig.get_path("stdlib"))
    left_out = {
        "site-packages",
        "dist-packages",
        "test",
        "tests",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "__pycache__",
    }
    files = (path for path in root.rglob("*.py") if not left_out & set(path.relative_to(root).parts))
    return sorted(files)
