"""Token files: what is written comes back, and files that are not whole are refused."""

from __future__ import annotations

import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.data import TokenFile, TokenFileWriter, write_token_file
from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError

DOCUMENTS = [[1, 2, 3], [], [65535], [7] * 10]


class Characters:
    """A tokenizer of one token per code point, with the array interface."""

    def encode_ids_batch(self, texts: list[str], *, add_special_tokens: bool = True) -> SimpleNamespace:
        ids = [np.array([ord(character) for character in text], dtype=np.uint32) for text in texts]
        offsets = np.cumsum([0, *map(len, ids)]).astype(np.int64)
        return SimpleNamespace(ids=np.concatenate(ids), offsets=offsets)

    def get_vocab_size(self, with_added_tokens: bool = True) -> int:
        return 70_000

    def token_to_id(self, token: str) -> int | None:
        return 69_999 if token == "<|endoftext|>" else None

    def to_str(self, pretty: bool = False) -> str:
        return "{}"


def write(path: Path, vocab_size: int = 65536) -> Path:
    with TokenFileWriter(path, vocab_size) as writer:
        for document in DOCUMENTS:
            writer.add(document, text_bytes=11)
    return path


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65536, np.uint16), (65537, np.uint32)])
def test_documents_come_back(tmp_path: Path, vocab_size: int, dtype: type) -> None:
    file = TokenFile(write(tmp_path / "a.tokens", vocab_size), verify=True)
    assert file.tokens.dtype == dtype
    assert [file.document(index).tolist() for index in range(file.document_count)] == DOCUMENTS
    assert file.text_bytes == 44
    with pytest.raises(InvalidArgumentError, match="document 4 of 4"):
        file.document(4)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=9), max_size=5))
def test_any_ids_round_trip(tmp_path_factory: pytest.TempPathFactory, documents: list[list[int]]) -> None:
    path = tmp_path_factory.mktemp("tokens") / "any.tokens"
    with TokenFileWriter(path, 1 << 32) as writer:
        for document in documents:
            writer.add(document)
    file = TokenFile(path, verify=True)
    assert [file.document(index).tolist() for index in range(file.document_count)] == documents


def test_text_is_tokenized_with_an_end_after_every_document(tmp_path: Path) -> None:
    file = write_token_file(tmp_path / "a.tokens", iter(["ab", "", "é"]), Characters())
    assert file.tokens.tolist() == [97, 98, 69_999, 69_999, 233, 69_999]
    assert file.text_bytes == 4
    assert len(file.tokenizer_hash) == 64
    plain = write_token_file(tmp_path / "b.tokens", ["ab", "c"], Characters(), end_of_text=None)
    assert [plain.document(0).tolist(), plain.document(1).tolist()] == [[97, 98], [99]]
    with pytest.raises(InvalidArgumentError, match="'<eos>' is not in the tokenizer's vocabulary"):
        write_token_file(tmp_path / "c.tokens", ["ab"], Characters(), end_of_text="<eos>")


def test_an_id_outside_the_vocabulary_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tokens")
    before = path.read_bytes()
    for bad in (5, -1):
        with (
            pytest.raises(InvalidArgumentError, match=f"{bad} is outside the vocabulary of 5"),
            TokenFileWriter(path, 5) as writer,
        ):
            writer.add([0, bad, 1])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path], "no temporary file is left"


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tokens")
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidFileError, match=r"a\.tokens"):
            TokenFile(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(InvalidFileError, match="its header says"):
        TokenFile(path)


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tokens")
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x41]) + whole[position + 1 :])
        with pytest.raises(InvalidFileError, match=r"a\.tokens"):
            TokenFile(path, verify=True)


def test_a_header_that_lies_about_the_size_allocates_nothing(tmp_path: Path) -> None:
    import zlib

    path = write(tmp_path / "a.tokens")
    raw = bytearray(path.read_bytes())
    struct.pack_into("<Q", raw, 16, 1 << 60)
    struct.pack_into("<I", raw, 76, zlib.crc32(raw[:76]))
    path.write_bytes(raw)
    with pytest.raises(InvalidFileError, match="truncated"):
        TokenFile(path)


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.tokens: it does not exist"):
        TokenFile(tmp_path / "none.tokens")
    (tmp_path / "b.tokens").write_bytes(b"x" * 200)
    with pytest.raises(InvalidFileError, match="not a token file"):
        TokenFile(tmp_path / "b.tokens")
