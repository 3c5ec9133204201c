"""Files and folders that appear under their names whole or not at all."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ferrolm.errors import FileAccessError

__all__ = ["replace_file", "replace_folder", "sync_folder"]

# What the system says of a write, without the name of the file.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
# Of renameat2(2): paths from the working directory, and both names stay, exchanged.
_AT_WORKING_DIRECTORY, _EXCHANGE = -100, 2


@contextmanager
def replace_file(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write; it replaces ``path`` when the block ends without an exception.

    A device or a pipe (``/dev/stdout``, ``/dev/null``) is written to as it is: renamed over, it would be gone.

    Raises `FileAccessError` if the file cannot be made, or there is no room for what the block writes.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        try:
            stream = path.open("wb")
        except OSError as error:
            raise FileAccessError(f"cannot write {path}: {error}") from error
        with stream:
            yield stream
        return
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".ferrolm-", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise FileAccessError(f"cannot write {path}: {error}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException as error:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise FileAccessError(f"cannot write {path}: {error.strerror}") from error
        raise
    sync_folder(path.parent)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill; it becomes ``path`` when the block ends without an exception.

    A folder that was there trades names with the new one in one step, on Linux; elsewhere it is moved aside first, and a
    crash at that moment leaves it beside ``path``. It is removed at the end: ``path`` is never half written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".ferrolm-", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        temporary.chmod(0o777 & ~_umask())
        old = _take_place(temporary, path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise FileAccessError(f"cannot write {path}: {error.strerror}") from error
        raise
    sync_folder(path.parent)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _take_place(new: Path, path: Path) -> Path | None:
    """Give ``new`` the name ``path``; where the folder that had it is now, if there was one."""
    if not path.is_dir():
        new.replace(path)
        return None
    if _exchange(new, path):
        return new
    old = Path(tempfile.mkdtemp(prefix=".ferrolm-", suffix=".old", dir=path.parent))
    path.replace(old)
    try:
        new.replace(path)
    except BaseException:
        old.replace(path)
        raise
    return old


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; false where the system, or the file system, does not know how."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # of the GNU C library since 2.28
    if rename is None:
        return False
    here = _AT_WORKING_DIRECTORY
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), _EXCHANGE) == 0)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make a rename in the folder last."""
    with suppress(OSError):  # not every file system lets one sync a folder
        _sync(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
