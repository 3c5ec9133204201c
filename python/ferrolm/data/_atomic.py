"""Files and folders that appear under their names whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ferrolm.errors import FileAccessError

__all__ = ["replace_file", "replace_folder", "sync_folder"]

# What the system says of a write, without the name of the file.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


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

    A folder that was there is moved aside first and removed at the end, so that ``path`` is never half written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".ferrolm-", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        temporary.chmod(0o777 & ~_umask())
        old = None
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=".ferrolm-", suffix=".old", dir=path.parent))
            path.replace(old)
        temporary.replace(path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise FileAccessError(f"cannot write {path}: {error.strerror}") from error
        raise
    sync_folder(path.parent)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


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
