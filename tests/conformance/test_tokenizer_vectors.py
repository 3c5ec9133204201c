"""Vectors of others: recorded results of `tokenizers`, and llama.cpp's."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from shared_data import read_text, shared

from ferrolm.tokenizers import Tokenizer


def lines(path: Path) -> list[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize("name", ["gpt2", "roberta-base"])
def test_recorded_lines(name: str) -> None:
    tokenizer = Tokenizer.from_pretrained(shared(f"tokenizers/{name}"))
    texts = lines(shared("conformance/golden/lines.jsonl.gz"))
    expected = lines(shared(f"conformance/golden/{name}__tokenizer.tokenizers.jsonl.gz"))
    for text, record in zip(texts, expected, strict=True):
        encoding = tokenizer.encode(text, add_special_tokens=False)
        assert encoding.ids == record["ids"], text
        if "offsets" in record:
            assert encoding.offsets == [tuple(pair) for pair in record["offsets"]], text
        if "ids_special" in record:
            assert tokenizer.encode(text).ids == record["ids_special"], text
        assert tokenizer.decode(record["ids"], skip_special_tokens=False) == record.get("decode", text)


@pytest.mark.parametrize("name", ["gpt2", "roberta-base"])
def test_recorded_files(name: str) -> None:
    tokenizer = Tokenizer.from_pretrained(shared(f"tokenizers/{name}"))
    index = json.loads(shared("conformance/golden/index.json").read_text())
    for path, record in index["tokenizers"][f"{name}__tokenizer.tokenizers"]["whole_files"].items():
        ids = tokenizer.encode_ids(read_text(shared(path)), add_special_tokens=False)
        assert len(ids) == record["n"], path
        assert hashlib.sha256(ids.astype("<u4").tobytes()).hexdigest() == record["sha256_u32le"], path


@pytest.mark.parametrize(("name", "file"), [("gpt2", "gpt-2"), ("roberta-base", "roberta-bpe")])
def test_llama_cpp(name: str, file: str) -> None:
    tokenizer = Tokenizer.from_pretrained(shared(f"tokenizers/{name}"))
    inputs = (
        shared(f"conformance/llama.cpp/{file}.inp")
        .read_text(encoding="utf-8")
        .split("\n__ggml_vocab_test__\n")[:-1]
    )
    outputs = shared(f"conformance/llama.cpp/{file}.out").read_text().splitlines()
    for text, output in zip(inputs, outputs, strict=True):
        assert tokenizer.encode_list(text, add_special_tokens=False) == [
            int(token) for token in output.split()
        ], text
