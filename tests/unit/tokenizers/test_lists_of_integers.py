"""Lists of integers that come out of the extension and go into it: their objects are those of Python in every way."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest

from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    words = {f"w{number}": number for number in range(3000)}
    made = Tokenizer(models.WordLevel(words, unk_token="w0"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made


def test_references_are_given_back(tokenizer: Tokenizer) -> None:
    text = " ".join(f"w{number}" for number in range(2000, 2600))
    encoding = tokenizer.encode(text)
    number, name, pair = encoding.ids[5], encoding.tokens[5], encoding.offsets[5]
    assert (number, name, pair) == (2005, "w2005", (30, 35))
    gc.collect()
    before = [sys.getrefcount(kept) for kept in (number, name, pair, None)]
    lists = [(encoding.ids, encoding.tokens, encoding.offsets, encoding.word_ids) for _ in range(50)]
    if before[0] < 1 << 20:  # some versions do not count all objects
        assert sys.getrefcount(number) >= before[0] + 40
    assert all(row == lists[0] for row in lists)
    del lists
    gc.collect()
    after = [sys.getrefcount(kept) for kept in (number, name, pair, None)]
    assert after[:3] == before[:3]
    assert abs(after[3] - before[3]) < 50


def test_masks_are_lists_of_their_own(tokenizer: Tokenizer) -> None:
    tokenizer.enable_padding(length=8, pad_id=7, pad_type_id=2)
    encoding = tokenizer.encode("w1 w2 w3")
    tokenizer.no_padding()
    assert encoding.attention_mask == [1, 1, 1, 0, 0, 0, 0, 0]
    assert encoding.type_ids == [0, 0, 0, 2, 2, 2, 2, 2]
    assert encoding.special_tokens_mask == [0, 0, 0, 1, 1, 1, 1, 1]
    encoding.attention_mask.append(5)
    assert len(encoding.attention_mask) == 8
    assert tokenizer.encode("").attention_mask == []


def test_offsets_beyond_the_kept_ones(tokenizer: Tokenizer) -> None:
    text = " " * 5000 + "w1" + " " * 300_000 + "w2 " + "x" * 40
    assert tokenizer.encode(text).offsets == [(5000, 5002), (305_002, 305_004), (305_005, 305_045)]


def test_what_is_read_as_ids(tokenizer: Tokenizer) -> None:
    for ids in ([0, 1, 2999, 0], [True, False, 3], [np.int64(5), 6, np.uint32(7)], [], [0] * 300):
        expected = " ".join(f"w{int(number)}" for number in ids)
        assert tokenizer.decode(ids) == expected
        assert tokenizer.decode_batch([ids, ids]) == [expected, expected]
    # Ids that no token has say nothing.
    assert tokenizer.decode([1, 2**30 - 1, 2**30, 2**32 - 1, 2]) == "w1 w2"


@pytest.mark.parametrize("wrong", [-1, -300, 2**32, 2**70, -(2**70)])
def test_integers_that_are_no_ids(tokenizer: Tokenizer, wrong: int) -> None:
    for ids in ([wrong], [1, 2, wrong], [wrong, 1]):
        with pytest.raises(OverflowError):
            tokenizer.decode(ids)


@pytest.mark.parametrize("wrong", [1.0, "1", None, [1]])
def test_objects_that_are_no_integers(tokenizer: Tokenizer, wrong: object) -> None:
    with pytest.raises(TypeError):
        tokenizer.decode([1, wrong])  # type: ignore[list-item]


def test_a_list_that_changes_while_it_is_read(tokenizer: Tokenizer) -> None:
    class Shrinks:
        def __index__(self) -> int:
            del ids[2:]
            return 2

    ids: list[object] = [1, Shrinks(), *range(3, 500)]
    assert tokenizer.decode(ids) == "w1 w2"  # type: ignore[arg-type]
