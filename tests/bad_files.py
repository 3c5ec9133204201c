"""24 ways in which a file is not what it should be, made of a good one."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

Maker = Callable[[Path, bytes], None]
"""Makes the file at a path, out of the content of a good one."""


def content(change: Callable[[bytes], bytes]) -> Maker:
    return lambda path, good: void(path.write_bytes(change(good)))


def void(_: object) -> None:
    return None


def missing(path: Path, good: bytes) -> None:
    path.unlink(missing_ok=True)


def directory(path: Path, good: bytes) -> None:
    path.mkdir()


def pipe(path: Path, good: bytes) -> None:
    os.mkfifo(path)


def dangling(path: Path, good: bytes) -> None:
    path.symlink_to(path.parent / "nowhere")


def circle(path: Path, good: bytes) -> None:
    path.symlink_to(path)


def endless(path: Path, good: bytes) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path, good: bytes) -> None:
    # The path of a socket may have some 100 bytes.
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def junk(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def replaced(good: bytes, at: int, by: bytes) -> bytes:
    return good[:at] + by + good[at + len(by) :]


ALWAYS_BAD: dict[str, Maker] = {
    "empty": content(lambda good: b""),
    "one byte": content(lambda good: good[:1]),
    "zeros": content(lambda good: bytes(len(good))),
    "ones": content(lambda good: b"\xff" * len(good)),
    "random bytes": content(lambda good: junk(len(good))),
    "a text": content(lambda good: b"A text about something else.\n\nIt has lines.\n"),
    "a web page": content(lambda good: b"<!DOCTYPE html><html><body>404 Not Found</body></html>"),
    "a pointer of Git LFS": content(
        lambda good: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n"
    ),
    "an archive": content(lambda good: b"PK\x03\x04" + junk(200)),
    "UTF-16": content(lambda good: good.decode("latin-1").encode("utf-16")),
    "a directory": directory,
    "missing": missing,
    "a pipe": pipe,
    "a dangling link": dangling,
    "a link to itself": circle,
    "an endless device": endless,
    "a socket": listening,
}
"""Of no form. The others are errors too of forms with a checksum; other forms may read what is left, or ignore."""

DAMAGED: dict[str, Maker] = {
    "a quarter": content(lambda good: good[: len(good) // 4]),
    "a half": content(lambda good: good[: len(good) // 2]),
    "all but a byte": content(lambda good: good[:-1]),
    "one byte more": content(lambda good: good + b"\0"),
    "twice": content(lambda good: good + good),
    "another beginning": content(lambda good: b"XXXX" + good[4:]),
    "another version": content(lambda good: replaced(good, 8, b"\x63\0\0\0")),
    "huge lengths": content(lambda good: replaced(good, 16, b"\xff" * 8)),
    "swapped bytes": content(lambda good: bytes(good[at ^ 1] if at ^ 1 < len(good) else good[at] for at in range(len(good)))),
    "a hole": content(lambda good: replaced(good, len(good) // 2, bytes(16)) + b"" if any(good[len(good) // 2 :][:16]) else b""),
    "a mark of byte order": content(lambda good: b"\xef\xbb\xbf" + good),
    "packed": content(gzip.compress),
    "line ends of Windows": content(lambda good: good.replace(b"\n", b"\r\n") if b"\n" in good else b"\r\n" + good),
}  # fmt: skip


def clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
