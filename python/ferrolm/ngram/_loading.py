"""Opening a model, also from compressed files that only Python can read."""

from __future__ import annotations

from pathlib import Path

from ferrolm import _rust
from ferrolm._files import open_file
from ferrolm.data.sources import file_errors, open_content

__all__ = ["load_core"]

# gzip is read in Rust.
_MAGIC = {b"BZh": ".bz2", b"\xfd7zXZ\x00": ".xz", b"\x28\xb5\x2f\xfd": ".zst"}


def load_core(path: Path, mmap: bool) -> _rust.NgramModel:
    """The model in a file, whose content says what it is.

    Raises as `NgramLM.load`; `InvalidFileError` for cut and damaged compressed files too, and `MissingExtraError` for zstd
    without the extra ``data``.
    """
    ending = _compression(path)
    if ending is None or mmap:
        return _rust.NgramModel.load(path, mmap)
    with file_errors(path, ending), open_content(path, ending) as (_, content):
        return _rust.read_arpa(content, path)


def _compression(path: Path) -> str | None:
    with open_file(path) as file:
        start = file.read(6)
    return next((ending for magic, ending in _MAGIC.items() if start.startswith(magic)), None)
