"""Files to read, opened with errors that name them."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

from ferrolm.errors import FileAccessError, MissingFileError

__all__ = ["open_file"]


def open_file(path: Path) -> BinaryIO:
    """A regular file. A pipe would be waited for until somebody writes to it, and a device may have no end.

    Raises:
        MissingFileError: there is no such file.
        FileAccessError: it is of another kind, or cannot be opened.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.open("rb")
    except FileNotFoundError as error:
        raise MissingFileError(f"cannot read {path}: it does not exist") from error
    except OSError as error:
        raise FileAccessError(f"cannot read {path}: {error.strerror}") from error
    found = "a directory" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"
    raise FileAccessError(f"cannot read {path}: it is {found}, expected a regular file")
