"""The files of the encodings: where they are kept, downloaded from, and what they have to be."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from ferrolm import _rust
from ferrolm.data._atomic import replace_file
from ferrolm.errors import FerrolmError, FileAccessError, InvalidFileError, MissingFileError

__all__ = [
    "check_hash",
    "data_gym_to_mergeable_bpe_ranks",
    "dump_tiktoken_bpe",
    "load_tiktoken_bpe",
    "read_file",
    "read_file_cached",
]

_TIMEOUT = 60  # seconds


def read_file(blobpath: str) -> bytes:
    """The content of a file, or of an ``http(s)://`` address, which is logged before it is asked.

    Raises `MissingFileError`, or `FileAccessError` naming the address.
    """
    if "://" not in blobpath:
        try:
            return Path(blobpath).read_bytes()
        except FileNotFoundError as error:
            raise MissingFileError(f"cannot read {blobpath}: {error}") from error
    if not blobpath.startswith(("http://", "https://")):
        raise FileAccessError(f"cannot read {blobpath}: expected a path, http:// or https://")
    logging.getLogger("ferrolm").warning("downloading %s", blobpath)
    try:
        with urllib.request.urlopen(blobpath, timeout=_TIMEOUT) as response:
            content: bytes = response.read()
            return content
    except (urllib.error.URLError, OSError) as error:
        raise FileAccessError(f"cannot download {blobpath}: {error}") from error


def check_hash(data: bytes, expected_hash: str) -> bool:
    """Whether ``expected_hash`` is the SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest() == expected_hash


def _cache_folder() -> tuple[Path | None, bool]:
    """The folder, None if files are not to be kept; and whether the user named it."""
    for name in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if (folder := os.environ.get(name)) is not None:
            return (Path(folder) if folder else None), True
    return Path(tempfile.gettempdir()) / "data-gym-cache", False


def read_file_cached(blobpath: str, expected_hash: str | None = None) -> bytes:
    """`read_file`, but from the cache if it is there, and kept there if not.

    The cache is the folder that ``TIKTOKEN_CACHE_DIR`` or ``DATA_GYM_CACHE_DIR`` names (empty: none), else
    ``data-gym-cache`` in the temporary folder. A file in it bears the SHA-1 of its address, as in `tiktoken`, or its
    own name (``cl100k_base.tiktoken``). Raises `InvalidFileError` if what is downloaded has not the SHA-256 expected.
    """
    folder, named = _cache_folder()
    if folder is None:
        return _checked(blobpath, expected_hash)
    kept = folder / hashlib.sha1(blobpath.encode()).hexdigest()
    for path in (kept, folder / blobpath.rsplit("/", 1)[-1]):
        if path.is_file():
            content = path.read_bytes()
            if expected_hash is None or check_hash(content, expected_hash):
                return content
    content = _checked(blobpath, expected_hash)
    # Only a folder that the user named has to be writable.
    with contextlib.nullcontext() if named else contextlib.suppress(FerrolmError, OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with replace_file(kept) as file:
            file.write(content)
    return content


def _checked(blobpath: str, expected_hash: str | None) -> bytes:
    content = read_file(blobpath)
    if expected_hash is not None and not check_hash(content, expected_hash):
        found = hashlib.sha256(content).hexdigest()
        raise InvalidFileError(
            f"{blobpath}: found a file with SHA-256 {found}, expected {expected_hash}: the download may be damaged"
        )
    return content


def load_tiktoken_bpe(tiktoken_bpe_file: str, expected_hash: str | None = None) -> dict[bytes, int]:
    """Ranks by token of a ``.tiktoken`` file, given by path or address.

    Raises `InvalidFileError` naming the line.
    """
    content = read_file_cached(tiktoken_bpe_file, expected_hash)
    return _rust.RankEncoding.of_tiktoken(content, tiktoken_bpe_file, [], "gpt2").mergeable_ranks()


def dump_tiktoken_bpe(bpe_ranks: Mapping[bytes, int], tiktoken_bpe_file: str) -> None:
    """Write ranks as a ``.tiktoken`` file, whole or not at all."""
    lines = sorted((rank, base64.b64encode(token)) for token, rank in bpe_ranks.items())
    with replace_file(Path(tiktoken_bpe_file)) as file:
        file.writelines(b"%s %d\n" % (token, rank) for rank, token in lines)


def data_gym_to_mergeable_bpe_ranks(
    vocab_bpe_file: str,
    encoder_json_file: str,
    vocab_bpe_hash: str | None = None,
    encoder_json_hash: str | None = None,
    clobber_one_byte_tokens: bool = False,
) -> dict[bytes, int]:
    """Ranks by token of GPT-2's two files. Ids of bytes are always those of ``encoder_json_file``."""
    merges = read_file_cached(vocab_bpe_file, vocab_bpe_hash)
    vocab = read_file_cached(encoder_json_file, encoder_json_hash)
    core = _rust.RankEncoding.of_vocab_and_merges(vocab, merges, encoder_json_file, [], "gpt2")
    return core.mergeable_ranks()
