"""`ferrolm.ngram.count` and `NgramCounts`."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram import NgramCounts, count


def as_counter(counts: NgramCounts, order: int) -> Counter:
    return Counter(dict(counts.most_common(len(counts), order)))


def test_words_are_counted_within_sentences() -> None:
    counts = count("the cat\nthe cat sat\n\nsat", orders=(1, 2))
    assert as_counter(counts, 2) == {("the", "cat"): 2, ("cat", "sat"): 1}
    assert as_counter(counts, 1) == {("the",): 2, ("cat",): 2, ("sat",): 2}
    assert counts["the cat"] == counts[("the", "cat")] == 2
    assert counts[("sat", "the")] == counts["unseen"] == 0
    assert (len(counts), counts.num_tokens, counts.orders) == (5, 6, (1, 2))
    assert counts.words == ["the", "cat", "sat"]


def test_keys_are_sorted_and_arrays_typed() -> None:
    counts = count([[3, 1, 2], [3, 1], [9]], orders=2)
    assert counts.keys(2).tolist() == [[1, 2], [3, 1]]
    assert counts.values(2).tolist() == [1, 2]
    assert (counts.keys(2).dtype, counts.values(2).dtype) == (np.uint32, np.uint64)
    assert counts[[3, 1]] == counts[3, 1] == 2
    assert counts[-1, 7] == 0


@pytest.mark.parametrize(
    "ids",
    [
        [[1, 2, 1], [2, 1]],
        [np.array([1, 2, 1]), np.array([2, 1], np.int64)],
        SimpleNamespace(ids=np.array([1, 2, 1, 2, 1], np.uint32), offsets=np.array([0, 3, 5], np.int64)),
        [(1, 2, 1), [2, 1], []],
    ],
)
def test_all_forms_of_ids(ids: object) -> None:
    counts = count(ids, orders=(1, 2, 3))
    assert as_counter(counts, 2) == {(1, 2): 1, (2, 1): 2}
    assert as_counter(counts, 3) == {(1, 2, 1): 1}


def test_one_array_is_one_document_and_rows_are_documents() -> None:
    assert count(np.array([1, 2, 3], np.uint16), orders=2)[2, 3] == 1
    rows = count(np.array([[1, 2], [3, 1]]), orders=2)
    assert (rows[1, 2], rows[2, 3], rows[3, 1]) == (1, 0, 1)
    assert count([1, 2, 1], orders=1)[1] == 2


def test_all_forms_of_text(tmp_path: Path) -> None:
    text = "b a é\nb a"
    plain, packed = tmp_path / "t.txt", tmp_path / "t.txt.gz"
    plain.write_text(text, encoding="utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    expected = count(text)
    for source in [
        text.encode(),
        plain,
        packed,
        text.split("\n"),
        iter(text.split("\n")),
        [b"b a \xc3\xa9", b"b a"],
    ]:
        assert count(source) == expected
    assert expected["b a é"] == 1


def test_any_number_of_threads_gives_the_same_counts() -> None:
    random = np.random.default_rng(1)
    ids = (random.zipf(1.3, 200_000) % 5000).astype(np.uint32)
    results = []
    for threads in (1, 2, 3):
        ferrolm.set_num_threads(threads)
        results.append(count(ids, orders=(1, 2, 3)))
    assert results[0] == results[1] == results[2]
    assert as_counter(results[0], 1) == Counter((int(number),) for number in ids)


def test_merged_shards_are_the_whole(tmp_path: Path) -> None:
    sentences = [f"w{i % 7} w{i % 3} x w{i % 5}" for i in range(50)]
    whole = count(sentences)
    assert count(sentences[:20]).merge(count(sentences[20:])) == whole
    with pytest.raises(InvalidArgumentError, match="orders differ"):
        whole.merge(count("a", orders=1))
    with pytest.raises(InvalidArgumentError, match="words, the other ids"):
        count("a", orders=1).merge(count([[1]], orders=1))
    whole.save(tmp_path / "counts")
    again = NgramCounts.load(tmp_path / "counts")
    assert again == whole
    assert again.num_tokens == whole.num_tokens


def test_most_common_and_its_limits() -> None:
    counts = count("a a b b c", orders=1)
    assert counts.most_common(2) == [(("a",), 2), (("b",), 2)]
    assert counts.most_common(0) == []
    assert len(counts.most_common(99)) == 3
    with pytest.raises(InvalidArgumentError, match="counted orders"):
        counts.most_common(1, order=2)


@pytest.mark.parametrize("source", ["", [], b"", "\n\n", [[]], np.zeros(0, np.uint32)])
def test_nothing_to_count(source: object) -> None:
    counts = count(source, orders=(1, 2))
    assert len(counts) == 0
    assert counts.keys(2).shape == (0, 2)


def test_long_orders_and_sentences() -> None:
    line = " ".join(["a", "b"] * 500_000)
    counts = count(line, orders=(1, 64))
    assert counts["a"] == 500_000
    assert counts.values(64).tolist() == [499_969, 499_968]


@pytest.mark.parametrize("orders", [0, -1, (), (1, 0), 65, (1.5,)])
def test_bad_orders(orders: object) -> None:
    with pytest.raises(InvalidArgumentError, match="orders"):
        count("a b", orders=orders)  # type: ignore[arg-type]


def test_bad_types_are_named() -> None:
    for source, message in [(3, "int"), (["a", 3], "sentence 1 is int")]:
        with pytest.raises(InvalidTypeError, match=message):
            count(source)
    for source, message in [([[1.5]], "sequence 0"), ([[-1]], "found -1"), ([[1 << 32]], "found 4294967296")]:
        with pytest.raises(InvalidArgumentError, match=message):
            count(source)
    broken = SimpleNamespace(ids=np.zeros(3, np.uint32), offsets=np.array([0, 2]))
    with pytest.raises(InvalidArgumentError, match="offsets must end with"):
        count(broken)
    with pytest.raises(InvalidTypeError, match="words were counted"):
        count("a", orders=1)[3]
