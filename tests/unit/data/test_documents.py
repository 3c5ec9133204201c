"""Documents from files, and which of them are held out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from ferrolm.data import choose_held_out, iter_documents
from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, InvalidFileError, MissingFileError


def test_text_and_json_lines_plain_and_gzipped(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("one\r\ntwö".encode())
    lines = "".join(json.dumps({"text": text, "n": 1}) + "\n" for text in ("three", "fo\nur")) + "\n"
    (tmp_path / "b.jsonl").write_text(lines)
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress(b"five"))
    paths = [tmp_path / name for name in ("a.txt", "b.jsonl", "c.jsonl.gz", "d.txt.gz")]
    assert list(iter_documents(paths)) == ["one\r\ntwö", "three", "fo\nur", "three", "fo\nur", "five"]


def test_faults_name_the_file_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "fine"}\n{"body": "no"}\n')
    with pytest.raises(
        InvalidFileError, match=r"a\.jsonl, line 2: expected an object with a string under 'text'"
    ):
        list(iter_documents([path]))
    path.write_text('{"text": "fine"\n')
    with pytest.raises(InvalidFileError, match=r"a\.jsonl, line 1: not JSON"):
        list(iter_documents([path]))
    with pytest.raises(MissingFileError, match=r"none\.txt"):
        list(iter_documents([tmp_path / "none.txt"]))
    (tmp_path / "b.txt").write_bytes(b"abc\xff")
    with pytest.raises(InvalidEncodingError, match=r"b\.txt: not UTF-8 at byte 3"):
        list(iter_documents([tmp_path / "b.txt"]))
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"abc" * 1000)[:-12])
    with pytest.raises(InvalidFileError, match=r"c\.txt\.gz: not a complete gzip file"):
        list(iter_documents([tmp_path / "c.txt.gz"]))


def test_about_the_wanted_share_is_held_out() -> None:
    sizes = np.random.default_rng(0).integers(1, 100, 500)
    for seed in range(5):
        held_out = choose_held_out(sizes, 0.1, seed)
        assert 0.09 < sizes[held_out].sum() / sizes.sum() <= 0.1
    assert not np.array_equal(choose_held_out(sizes, 0.1, 0), choose_held_out(sizes, 0.1, 1))


def test_one_document_at_least_on_either_side() -> None:
    assert choose_held_out([5, 5], 0.01).sum() == 1
    assert choose_held_out([5, 5], 0.99).sum() == 1
    assert choose_held_out([5, 5], 0.0).sum() == 0
    with pytest.raises(InvalidArgumentError, match="at least two, found 1"):
        choose_held_out([5], 0.5)
    with pytest.raises(InvalidArgumentError, match=r"in \[0, 1\), not 1.0"):
        choose_held_out([5, 5], 1.0)
