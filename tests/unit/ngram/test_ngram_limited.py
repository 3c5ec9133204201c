"""Counting and training with a limit of memory: any source, the same results as without."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import zstandard

from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, InvalidFileError, MissingFileError
from ferrolm.ngram import NgramCounts, NgramLM, count

# A limit that makes many small chunks of what follows.
SMALL = 1 << 16


def sentences() -> list[str]:
    generator = np.random.default_rng(5)
    words = [f"w{number}" for number in range(300)]
    lengths = generator.integers(0, 40, 900)
    return [" ".join(words[int(i)] for i in generator.zipf(1.4, n) % 300) for n in lengths]


LINES = sentences()
TEXT = "\n".join(LINES) + "\n"


def files(folder: Path) -> dict[str, Any]:
    (folder / "a.txt").write_text(TEXT)
    (folder / "a.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    (folder / "a.txt.bz2").write_bytes(bz2.compress(TEXT.encode()))
    (folder / "a.txt.xz").write_bytes(lzma.compress(TEXT.encode()))
    (folder / "a.txt.zst").write_bytes(zstandard.ZstdCompressor().compress(TEXT.encode()))
    (folder / "front").write_text("\n".join(LINES[:400]) + "\n")
    (folder / "back").write_text("\n".join(LINES[400:]))
    return {
        "text": TEXT,
        "bytes": TEXT.encode(),
        "sentences": LINES,
        "generator": (line for line in LINES),
        "open file": io.BytesIO(TEXT.encode()),
        "path": folder / "a.txt",
        "gzip": folder / "a.txt.gz",
        "bzip2": folder / "a.txt.bz2",
        "xz": folder / "a.txt.xz",
        "zstd": folder / "a.txt.zst",
        "paths": [folder / "front", folder / "back"],
    }


@pytest.mark.parametrize(
    "kind",
    ["text", "bytes", "sentences", "generator", "open file", "path", "gzip", "bzip2", "xz", "zstd", "paths"],
)
def test_every_source_of_text_counts_the_same(tmp_path: Path, kind: str) -> None:
    source = files(tmp_path)[kind]
    assert count(source, (1, 2, 4), memory=SMALL) == count(TEXT, (1, 2, 4))


@pytest.mark.parametrize("kind", ["path", "gzip", "paths"])
def test_files_count_the_same_without_a_limit(tmp_path: Path, kind: str) -> None:
    assert count(files(tmp_path)[kind], (1, 3)) == count(TEXT, (1, 3))


def test_ids_of_every_form_count_the_same() -> None:
    generator = np.random.default_rng(3)
    rows = generator.integers(0, 50, (500, 21))
    offsets = np.arange(501) * 21
    expected = count(rows, (1, 3))
    for source in (rows, SimpleNamespace(ids=rows.ravel(), offsets=offsets), list(rows), (r for r in rows)):
        assert count(source, (1, 3), memory=SMALL) == expected
    long = rows.ravel().astype(np.uint16)
    assert count(long, (2, 9), memory=SMALL) == count(long, (2, 9))


def saved(model: NgramLM, path: Path) -> bytes:
    model.save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"prune": (0, 1, 2)},
        {"interpolate_unigrams": False},
        {"smoothing": "witten-bell", "vocabulary": [f"w{number}" for number in range(40)]},
        {"smoothing": "add-k", "k": 0.1},
    ],
)
def test_a_model_is_the_same_to_the_bit(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "model.flm"
    with warnings.catch_warnings(record=True) as expected_warnings:
        warnings.simplefilter("always")
        expected = NgramLM.train(TEXT, 4, **options)
    with warnings.catch_warnings(record=True) as found_warnings:
        warnings.simplefilter("always")
        model = NgramLM.train(iter(LINES), 4, memory=SMALL, **options)
    assert [str(w.message) for w in found_warnings] == [str(w.message) for w in expected_warnings]
    assert (repr(model), model.report) == (repr(expected), expected.report)
    assert saved(model, path) == saved(expected, path)
    assert model.score(LINES[7]) == expected.score(LINES[7])


def test_a_model_over_ids_is_the_same(tmp_path: Path) -> None:
    rows = np.random.default_rng(4).zipf(1.5, (800, 15)) % 90
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = NgramLM.train(rows, 3, vocab_size=100)
        model = NgramLM.train(rows, 3, vocab_size=100, memory=SMALL)
    assert saved(model, tmp_path / "a.flm") == saved(expected, tmp_path / "b.flm")


def test_the_directory_is_gone_in_the_end(tmp_path: Path) -> None:
    counts = count(TEXT, (1, 2), memory=SMALL, directory=tmp_path / "work")
    assert counts == count(TEXT, (1, 2))
    assert list(tmp_path.iterdir()) == []
    keys = counts.keys(2)
    del counts
    assert keys.sum() > 0, "the arrays keep their file"
    with pytest.raises(ValueError, match="read-only"):
        keys[0, 0] = 1


def test_counts_are_saved_and_mapped(tmp_path: Path) -> None:
    counts = count(TEXT, (1, 3), memory=SMALL)
    counts.save(tmp_path / "c")
    assert NgramCounts.load(tmp_path / "c", mmap=True) == NgramCounts.load(tmp_path / "c") == counts
    frequent = counts.at_least(5)
    assert frequent.words == counts.words
    assert dict(frequent.most_common(10**6, 3)) == {
        gram: number for gram, number in counts.most_common(10**6, 3) if number >= 5
    }


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda path: count(TEXT, memory="much"), InvalidArgumentError, "'2G'"),
        (lambda path: count(TEXT, memory=0), InvalidArgumentError, "positive"),
        (lambda path: count(TEXT, memory=["1G"]), TypeError, "expected a number of bytes"),
        (lambda path: NgramLM.train([[1]], 2, memory="1G", vocab_size=-1), InvalidArgumentError, "32 bits"),
        (lambda path: count(TEXT, directory=path), InvalidArgumentError, "give memory"),
        (
            lambda path: count(TEXT, memory="1G", directory=path, temporary_directory=path),
            ValueError,
            "exclude",
        ),
        (lambda path: count(path / "missing", memory="1G"), MissingFileError, "does not exist"),
        (lambda path: NgramLM.train("", 2, memory="1G"), InvalidArgumentError, "no sentence"),
        (lambda path: NgramLM.train("a <s> b", 2, memory="1G"), InvalidArgumentError, "skip_symbols"),
        (lambda path: NgramLM.train("a b", 2, memory="1G", vocab_size=4), InvalidArgumentError, "vocab_size"),
        (lambda path: NgramLM.train([[1, 9]], 2, memory="1G", vocab_size=4), InvalidArgumentError, "is 9"),
        (lambda path: count(["a", 3], memory="1G"), TypeError, "sentence 1 is int"),
    ],
)
def test_bad_arguments(
    tmp_path: Path, call: Callable[[Path], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(tmp_path)


def test_bad_text_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(TEXT.encode() * 40 + b"fine\nbad \xff here\n")
    with pytest.raises(InvalidEncodingError, match=f"line {len(LINES) * 40 + 2}"):
        count(tmp_path / "t", memory=SMALL)
    damaged = {"t.gz": gzip, "t.bz2": bz2, "t.xz": lzma, "t.zst": zstandard.ZstdCompressor()}
    for name, compressor in damaged.items():
        (tmp_path / name).write_bytes(compressor.compress(TEXT.encode())[:-20])
        with pytest.raises(InvalidFileError, match=f"{name}: not a complete"):
            count(tmp_path / name, memory=SMALL)
    (tmp_path / "other.zst").write_bytes(b"no such thing at all")
    with pytest.raises(InvalidFileError, match=r"other\.zst: not a complete"):
        count(tmp_path / "other.zst", memory=SMALL)


@pytest.mark.parametrize("memory", ["1GB", SMALL])
@pytest.mark.parametrize("prune", [0, (0, 1, 1)])
def test_a_model_from_counts_is_that_of_the_text(tmp_path: Path, memory: Any, prune: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = NgramLM.train(TEXT, 3, prune=prune)
        parts = [count(part, (1, 2, 3), markers=True) for part in (LINES[:300], LINES[300:])]
        model = NgramLM.from_counts(parts[0].merge(parts[1]), prune=prune, memory=memory)
    assert model.report == expected.report
    assert saved(model, tmp_path / "a.flm") == saved(expected, tmp_path / "b.flm")


def test_a_model_from_counts_of_ids(tmp_path: Path) -> None:
    rows = np.random.default_rng(4).zipf(1.5, (800, 15)) % 90
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = NgramLM.train(rows, 2, vocab_size=100)
        for memory in (None, SMALL):
            counts = count(rows, (1, 2), markers=True, vocab_size=100, memory=memory)
            assert counts[101] == counts[102] == len(rows)
            model = NgramLM.from_counts(counts, vocab_size=100)
            assert saved(model, tmp_path / "a.flm") == saved(expected, tmp_path / "b.flm")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NgramLM.from_counts(count(TEXT, (1, 2))), "markers=True"),
        (lambda: NgramLM.from_counts(count(TEXT, (1, 3), markers=True)), "lack order 2"),
        (lambda: NgramLM.from_counts(count([[1, 2]], (1, 2))), "vocab_size is missing"),
        (lambda: NgramLM.from_counts(count([[1, 2]], (1, 2)), vocab_size=9), "markers=True"),
        (lambda: NgramLM.from_counts(count([[1, 200]], (1, 2)), vocab_size=9), "id 200"),
        (lambda: NgramLM.from_counts(count(TEXT, (1, 2), markers=True), vocab_size=9), "text was given"),
        (lambda: count([[1, 2]], 1, vocab_size=9), "markers=True"),
        (lambda: count([[1, 2]], 1, vocab_size=-1, markers=True), "32 bits"),
        (lambda: count("a b", 1, vocab_size=9, markers=True), "text was given"),
        (lambda: count([[1, 2]], 1, markers=True), "vocab_size is missing"),
    ],
)
def test_counts_that_cannot_be_estimated_from(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        call()
