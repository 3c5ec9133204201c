"""`Tokenizer.encode_file`: every kind of file gives the tokens of its documents, whatever interrupts it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ferrolm.data import TokenFile, sources
from ferrolm.errors import (
    FileAccessError,
    InvalidArgumentError,
    InvalidEncodingError,
    InvalidFileError,
    MissingFileError,
)
from ferrolm.models import bundled
from ferrolm.tokenizers import Tokenizer

TEXTS = [f"Down, down, down. Ⅷ {number} times\nit fell.\n" for number in range(200)]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(bundled("ferrolm-tiny") / "tokenizer.json")


def write(path: Path, texts: list[str] = TEXTS) -> Path:
    lines = "".join(json.dumps({"body": text}) + "\n" for text in texts).encode()
    if path.suffix == ".parquet":
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.table({"body": texts}), path, row_group_size=17)
    elif path.suffix == ".zst":
        path.write_bytes(pytest.importorskip("zstandard").compress(lines))
    else:
        path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


def check(file: TokenFile, tokenizer: Tokenizer, texts: list[str] = TEXTS) -> None:
    expected = tokenizer.encode_ids_batch(texts, add_special_tokens=False)
    np.testing.assert_array_equal(file.tokens, expected.ids)
    np.testing.assert_array_equal(file.offsets, expected.offsets)
    TokenFile(file.path, verify=True)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_every_kind_of_file(tokenizer: Tokenizer, tmp_path: Path, name: str) -> None:
    source = write(tmp_path / name)
    file = tokenizer.encode_file(source, tmp_path / "a.tokens", field="body")
    check(file, tokenizer)
    if not name.endswith("parquet"):
        assert file.text_bytes == sum(len(text.encode()) for text in TEXTS)
    twice = tokenizer.encode_file([source, source], tmp_path / "b.tokens", field="body")
    check(twice, tokenizer, TEXTS * 2)
    assert not list(tmp_path.glob(".*"))


def test_text_with_and_without_separator(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(text + "<|end|>" for text in TEXTS), newline="")
    check(tokenizer.encode_file(path, tmp_path / "a.tokens", separator="<|end|>"), tokenizer)
    check(tokenizer.encode_file(path, tmp_path / "b.tokens"), tokenizer, [path.read_text()])
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(path.read_bytes()))
    check(tokenizer.encode_file(tmp_path / "c.txt.gz", tmp_path / "c.tokens", separator="<|end|>"), tokenizer)


def test_end_of_text_follows_each_document(tokenizer: Tokenizer, tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl")
    file = tokenizer.encode_file(source, tmp_path / "a.tokens", field="body", end_of_text="<|endoftext|>")
    end = tokenizer.token_to_id("<|endoftext|>")
    assert [int(file.document(index)[-1]) for index in range(len(TEXTS))] == [end] * len(TEXTS)
    with pytest.raises(InvalidArgumentError, match="is not in the vocabulary"):
        tokenizer.encode_file(source, tmp_path / "b.tokens", field="body", end_of_text="<|nothing|>")


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet", "a.txt"])
def test_takes_up_after_an_interruption(
    tokenizer: Tokenizer, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ferrolm.data import encode_file as module

    monkeypatch.setattr(sources, "BATCH_SIZE", 300)
    monkeypatch.setattr(module, "_CHECKPOINT_SECONDS", -1.0)
    options: dict[str, Any] = {"field": "body"}
    if name == "a.txt":
        (tmp_path / name).write_text("".join(text + "\0" for text in TEXTS), newline="")
        options = {"separator": "\0"}
    else:
        write(tmp_path / name)
    first = write(tmp_path / "first.jsonl", TEXTS[:3])
    files = [first, tmp_path / name] if name != "a.txt" else [tmp_path / name]
    encoded = 0

    class Interrupted(Tokenizer):
        def encode_ids_batch(self, texts: Any, *arguments: Any, **more: Any) -> Any:
            nonlocal encoded
            if encoded == 2:
                raise KeyboardInterrupt
            encoded += 1
            return super().encode_ids_batch(texts, *arguments, **more)

    failing = Interrupted.from_str(tokenizer.to_str())
    target = tmp_path / "a.tokens"
    if name == "a.parquet":
        encoded = 1  # its batches are larger
    with pytest.raises(KeyboardInterrupt):
        failing.encode_file(files, target, **options)
    assert not target.exists()
    partial = tmp_path / ".a.tokens.partial"
    assert json.loads((partial / "state.json").read_text())["tokens"] > 0
    with (partial / "tokens").open("ab") as file:
        file.write(b"what was written after the checkpoint")
    expected = TEXTS if name == "a.txt" else TEXTS[:3] + TEXTS
    resumed = tokenizer.encode_file(files, target, **options)
    check(resumed, tokenizer, expected)
    assert not partial.exists()


def test_bad_files_are_named_and_leave_nothing(tokenizer: Tokenizer, tmp_path: Path) -> None:
    target = tmp_path / "a.tokens"
    with pytest.raises(MissingFileError, match=r"nothing\.txt"):
        tokenizer.encode_file(tmp_path / "nothing.txt", target)
    (tmp_path / "a.txt").write_bytes(b"ab\xff\n")
    for separator in (None, "\n"):
        with pytest.raises(InvalidEncodingError, match="byte 2"):
            tokenizer.encode_file(tmp_path / "a.txt", target, separator=separator)
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n{"text": 3}\n')
    with pytest.raises(InvalidFileError, match="line 2"):
        tokenizer.encode_file(tmp_path / "a.jsonl", target)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "x"}\n')[:-9])
    with pytest.raises(InvalidFileError, match="not a complete gzip file"):
        tokenizer.encode_file(tmp_path / "a.jsonl.gz", target)
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no parquet")
    with pytest.raises(InvalidFileError, match="not a readable Parquet file"):
        tokenizer.encode_file(tmp_path / "a.parquet", target)
    with pytest.raises(InvalidFileError, match="no column 'text', found body"):
        tokenizer.encode_file(write(tmp_path / "b.parquet"), target)
    assert not target.exists()


def test_a_source_that_is_cut_meanwhile_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BATCH_SIZE", 100)
    source = tmp_path / "source.txt"
    texts = [f"text {number}" * (number % 5) for number in range(9000)]
    source.write_text("<|>".join(texts))
    batches = sources.read_batches(source, separator="<|>")
    first = next(batches)
    source.write_bytes(source.read_bytes()[:300])
    with pytest.raises(FileAccessError, match=r"source\.txt: it had \d+ bytes, and was cut"):
        list(batches)
    assert first.texts.decode() == "<|>".join(texts)[: len(first.texts)]
