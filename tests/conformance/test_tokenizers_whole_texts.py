"""All of every shared text, token for token: 70 MB of books, encyclopaedia, code and 43 languages."""

from __future__ import annotations

import numpy as np
import pytest
from shared_data import all_texts, read_text, shared

import ferrolm
from ferrolm import Tokenizer

tokenizers = pytest.importorskip("tokenizers")

PART = 50_000  # characters that the reference takes at a time: it needs 150 bytes of memory for each
# The reference is slow: a quarter of the parts is compared with it, all of them with tiktoken, which has the same tokens.
STRIDE = 4


def parts_of(text: str) -> list[str]:
    return [text[start : start + PART] for start in range(0, len(text), PART)]


@pytest.mark.exhaustive
def test_gpt2_ids_of_a_quarter_of_all_texts() -> None:
    path = shared("tokenizers/gpt2/tokenizer.json")
    ours, theirs = Tokenizer.from_file(path), tokenizers.Tokenizer.from_file(str(path))
    for number, file in enumerate(all_texts()):
        parts = parts_of(read_text(file))[number % STRIDE :: STRIDE]
        found = ours.encode_ids_batch(parts)
        for start in range(0, len(parts), 64):
            for index, encoding in enumerate(theirs.encode_batch_fast(parts[start : start + 64]), start):
                assert np.array_equal(found[index], encoding.ids), f"{file.name}, part {index}"


def test_gpt2_ids_of_all_texts() -> None:
    tiktoken = pytest.importorskip("tiktoken")
    from tiktoken.load import load_tiktoken_bpe
    from tiktoken_ext.openai_public import r50k_pat_str

    ranks = load_tiktoken_bpe(str(shared("tokenizers/tiktoken/r50k_base.tiktoken")))
    theirs = tiktoken.Encoding("r50k", pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens={})
    ours = Tokenizer.from_file(shared("tokenizers/gpt2/tokenizer.json"))
    for file in all_texts():
        parts = [part.replace("<|endoftext|>", "") for part in parts_of(read_text(file))]
        found = ours.encode_ids_batch(parts)
        for index, ids in enumerate(theirs.encode_ordinary_batch(parts, num_threads=2)):
            assert np.array_equal(found[index], ids), f"{file.name}, part {index}"


def test_a_long_text_has_the_same_ids_at_any_number_of_threads() -> None:
    tokenizer = Tokenizer.from_file(shared("tokenizers/gpt2/tokenizer.json"))
    text = read_text(shared("text/books/children.jsonl.gz"))
    threads = ferrolm.num_threads()
    try:
        results = []
        for count in (1, 2, 3):
            ferrolm.set_num_threads(count)
            results.append(tokenizer.encode_ids(text))
    finally:
        ferrolm.set_num_threads(threads)
    assert tokenizer.decode(results[0]) == text
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
