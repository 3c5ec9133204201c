"""Vectors of others: recorded results of `tokenizers`, kitoken's, llama.cpp's and SentencePiece's."""

from __future__ import annotations

import hashlib

import pytest
from shared_data import read_text, shared
from tokenizer_files import golden, golden_files, golden_lines, kitoken, llama_cpp

from ferrolm.tokenizers import Tokenizer, normalizers

RECORDED = ["gpt2", "roberta-base", "bert-base-uncased", "llama2", "mistral-v1", "t5-small"]


def load(name: str) -> Tokenizer:
    """Without the padding that BERT's file asks for."""
    tokenizer = Tokenizer.from_file(shared(f"tokenizers/{name}/tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_lines(name: str) -> None:
    tokenizer = load(name)
    for text, record in zip(golden_lines(), golden(f"{name}__tokenizer.tokenizers"), strict=True):
        encoding = tokenizer.encode(text, add_special_tokens=False)
        assert encoding.ids == record["ids"], text
        if "offsets" in record:
            assert encoding.offsets == [tuple(pair) for pair in record["offsets"]], text
        if "ids_special" in record:
            assert tokenizer.encode(text).ids == record["ids_special"], text
        assert tokenizer.decode(record["ids"], skip_special_tokens=False) == record.get("decode", text)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_files(name: str) -> None:
    tokenizer = load(name)
    for path, record in golden_files(f"{name}__tokenizer.tokenizers").items():
        ids = tokenizer.encode_ids(read_text(shared(path)), add_special_tokens=False)
        assert len(ids) == record["n"], path
        assert hashlib.sha256(ids.astype("<u4").tobytes()).hexdigest() == record["sha256_u32le"], path


@pytest.mark.parametrize(
    ("name", "vectors"),
    [("gpt2", "gpt2"), ("bert-base-uncased", "gte"), ("llama2", "llama2"), ("mistral-v1", "mistral01")],
)
def test_kitoken(name: str, vectors: str) -> None:
    tokenizer = load(name)
    if vectors == "gte":  # the vocabulary is BERT's
        tokenizer.enable_truncation(512)
        tokenizer.enable_padding(length=512)
    for text, ids in kitoken("tokenizers", vectors):
        assert tokenizer.encode(text, add_special_tokens=False).ids == ids, text


@pytest.mark.parametrize(("form", "newer"), [("nfc", 1), ("nfd", 1), ("nfkd", 135)])
def test_sentence_piece_forms(form: str, newer: int) -> None:
    """Rows of characters that are newer than the reference's tables, of Unicode 12.0, stay as they are."""
    normalizer = getattr(normalizers, form.upper())()
    differing = []
    for row in shared(f"conformance/sentencepiece/{form}.tsv").read_text(encoding="utf-8").splitlines():
        source, target = (
            "".join(chr(int(code, 16)) for code in side.split()) for side in row.split("\t")[:2]
        )
        found = normalizer.normalize_str(source)
        if found != target:
            differing.append((source, found))
    assert len(differing) == newer
    assert all(found == source for source, found in differing)


@pytest.mark.parametrize(("name", "file"), [("gpt2", "gpt-2"), ("roberta-base", "roberta-bpe")])
def test_llama_cpp(name: str, file: str) -> None:
    tokenizer = Tokenizer.from_pretrained(shared(f"tokenizers/{name}"))
    for text, ids in llama_cpp(file):
        assert tokenizer.encode_list(text, add_special_tokens=False) == ids, text
