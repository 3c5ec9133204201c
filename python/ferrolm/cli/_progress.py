"""A bar over the bytes of some files, on standard error."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["add_progress", "bytes_bar", "size_of"]


def add_progress(parser: argparse.ArgumentParser) -> None:
    """The option ``--no-progress``."""
    parser.add_argument(
        "--no-progress", action="store_true", help="no bar, which only a terminal shows anyway"
    )


def size_of(paths: Sequence[Path]) -> int:
    """Bytes of all files that exist."""
    return sum(path.stat().st_size for path in paths if path.exists())


def bytes_bar(paths: Sequence[Path], title: str, hidden: bool) -> Any:
    """A bar for the files; a context manager."""
    from tqdm import tqdm

    # None: on a terminal only.
    return tqdm(total=size_of(paths), desc=title, unit="B", unit_scale=True, disable=True if hidden else None)
