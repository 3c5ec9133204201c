"""The interface of `tokenizers` and of `transformers`: what unchanged code gains.

`encode_batch` returns Encodings; their columns are made when they are read, so each row says which are. In the rows of
`transformers`, `accelerate` has swapped what is inside a fast tokenizer. Documents of 1.5 kB, seen before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenization_families import tokenizer_json
from tokenization_measure import available, describe, full
from tokenization_texts import documents, size

from ferrolm.tokenizers import Tokenizer

COLUMNS = {
    "ids": ("ids",),
    "ids and mask": ("ids", "attention_mask"),
    "ids and offsets": ("ids", "offsets"),
    "every column": (
        *("ids", "tokens", "offsets", "type_ids", "attention_mask", "special_tokens_mask", "word_ids"),
    ),
}
every_family = pytest.mark.parametrize("family", ["GPT-2", "Llama 2", pytest.param("T5", marks=full), "BERT"])


def texts_for(library: str) -> list[str]:
    return documents("mixture")[: 60 if library in ("tokenizers", "transformers") else 300]


def tokenizer(library: str, family: str) -> Any:
    """What has `encode_batch`: the libraries that copy the interface."""
    available(library, family)
    path = str(tokenizer_json(family))
    if library == "ferrolm":
        return Tokenizer.from_file(path)
    module = pytest.importorskip(library)
    return module.Tokenizer.from_json(path) if library == "tokie" else module.Tokenizer.from_file(path)


@pytest.mark.parametrize("library", ["ferrolm", "tokenizers", "fastokens", "snaptokens", "tokie"])
@pytest.mark.parametrize("columns", COLUMNS)
@every_family
def test_encode_batch(benchmark: Any, family: str, columns: str, library: str) -> None:
    encode, names = tokenizer(library, family).encode_batch, COLUMNS[columns]
    try:
        if any(len(getattr(encode(["a"])[0], name)) == 0 for name in names):
            pytest.skip(f"{library} leaves some of {columns} empty")
    except (AttributeError, NotImplementedError):
        pytest.skip(f"{library} has not {columns}")
    texts = texts_for(library)
    describe(benchmark, f"{family}, encode_batch: {columns}", library, family, bytes=size(texts))

    def read() -> None:
        for encoding in encode(texts):
            for name in names:
                getattr(encoding, name)

    benchmark.pedantic(read, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("library", ["ferrolm", "tokenizers"])
@every_family
def test_encode_batch_fast(benchmark: Any, family: str, library: str) -> None:
    encode, texts = tokenizer(library, family).encode_batch_fast, texts_for(library)
    describe(benchmark, f"{family}, encode_batch_fast: ids", library, family, bytes=size(texts))
    read = lambda: [encoding.ids for encoding in encode(texts)]  # noqa: E731
    benchmark.pedantic(read, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("library", ["ferrolm", "transformers", "fastokens", "snaptokens"])
@every_family
def test_transformers(benchmark: Any, family: str, library: str, tmp_path: Path) -> None:
    """`library` is what does the work inside; "transformers" is unchanged."""
    available(library, family)
    transformers = pytest.importorskip("transformers")
    path = str(tokenizer_json(family))
    transformers.PreTrainedTokenizerFast(tokenizer_file=path, pad_token="<pad>").save_pretrained(tmp_path)
    if library in ("ferrolm", "transformers"):
        loaded = transformers.AutoTokenizer.from_pretrained(tmp_path)
        if library == "ferrolm":
            from ferrolm.integrations.transformers import accelerate

            loaded = accelerate(loaded)
    else:
        module = pytest.importorskip(library)
        module.patch_transformers()
        try:
            loaded = transformers.AutoTokenizer.from_pretrained(tmp_path)
        finally:
            module.unpatch_transformers()
    texts = texts_for(library)
    group = f"{family}, transformers: tok(texts, padding=True, truncation=True)"
    describe(benchmark, group, library, family, bytes=size(texts))
    call = lambda: loaded(texts, padding=True, truncation=True, max_length=512)  # noqa: E731
    benchmark.pedantic(call, rounds=3, warmup_rounds=1)
