"""Texts in Arrow and numpy arrays and in buffers give the ids that a list of `str` gives."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, InvalidTypeError
from ferrolm.models import bundled
from ferrolm.tokenizers import Tokenizer

TEXTS = ["The rabbit", "", "took a watch – ", "日本語 🎉", "\n\nout of its pocket."] * 3


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(bundled("ferrolm-tiny") / "tokenizer.json")


def check(tokenizer: Tokenizer, texts: Any, expected: list[str] = TEXTS, **options: Any) -> None:
    ragged = tokenizer.encode_ids_batch(texts, **options)
    wanted = tokenizer.encode_ids_batch(expected)
    np.testing.assert_array_equal(ragged.ids, wanted.ids)
    np.testing.assert_array_equal(ragged.offsets, wanted.offsets)
    assert tokenizer.count_tokens(texts, **options).tolist() == np.diff(wanted.offsets).tolist()


def test_numpy_arrays(tokenizer: Tokenizer) -> None:
    check(tokenizer, np.array(TEXTS))
    check(tokenizer, np.array(TEXTS, dtype=object))
    check(tokenizer, np.array(TEXTS)[::2], TEXTS[::2])
    check(tokenizer, np.char.encode(np.array(TEXTS), "utf-8"))
    if hasattr(np.dtypes, "StringDType"):
        check(tokenizer, np.array(TEXTS, dtype=np.dtypes.StringDType()))
    for wrong in (np.arange(3), np.array([["a"]])):
        with pytest.raises(InvalidTypeError, match="expected one row of strings"):
            tokenizer.encode_ids_batch(wrong)


def test_arrow_arrays(tokenizer: Tokenizer) -> None:
    arrow = pytest.importorskip("pyarrow")
    for kind in (arrow.string(), arrow.large_string(), arrow.string_view()):
        array = arrow.array(TEXTS, kind)
        check(tokenizer, array)
        check(tokenizer, array[3:9], TEXTS[3:9])
        check(tokenizer, arrow.chunked_array([array[:4], array[4:5], array[5:]]))
    check(tokenizer, arrow.array(TEXTS).dictionary_encode())
    check(tokenizer, arrow.array([], arrow.string()), [])
    with pytest.raises(InvalidArgumentError, match="1 of 2 are null"):
        tokenizer.encode_ids_batch(arrow.array(["a", None]))
    with pytest.raises(InvalidTypeError, match="list"):
        tokenizer.encode_ids_batch(arrow.array([["a"]]))


def test_mapped_files_and_buffers(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "documents"
    path.write_bytes("<doc>".join(TEXTS).encode())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        check(tokenizer, mapped, separator="<doc>")
        with pytest.raises(InvalidArgumentError, match="needs separator="):
            tokenizer.encode_ids_batch(mapped)
    check(tokenizer, memoryview(path.read_bytes()), separator="<doc>")
    check(tokenizer, np.frombuffer(path.read_bytes(), np.uint8), separator="<doc>")
    check(tokenizer, "a\nb\n", ["a", "b"], separator="\n")
    with pytest.raises(InvalidArgumentError, match="separator"):
        tokenizer.encode_ids_batch("a", separator="")
    with pytest.raises(InvalidEncodingError, match="invalid UTF-8 at byte 1"):
        tokenizer.encode_ids_batch(b"a\xff", separator="\n")
    with pytest.raises(InvalidTypeError, match="found list, expected bytes in a buffer"):
        tokenizer.encode_ids_batch(["a"], separator="\n")
