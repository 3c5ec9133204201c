"""The interface around the ids: parts, settings, model inputs, ragged arrays."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

from ferrolm.tokenizers import (
    AddedToken,
    Encoding,
    RaggedIds,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
)

ALPHABET = {character: index for index, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}


@pytest.fixture
def tokenizer() -> Tokenizer:
    vocab = ALPHABET | {"ab": 256, "Ġab": 257}
    return Tokenizer.from_bpe(vocab, [("a", "b"), ("Ġ", "ab")], special_tokens=["<pad>", "<|endoftext|>"])


def test_parts_that_were_given_out_change_the_tokenizer(tokenizer: Tokenizer) -> None:
    part = tokenizer.pre_tokenizer
    assert isinstance(part, pre_tokenizers.ByteLevel)
    part.add_prefix_space = True
    assert tokenizer.encode("ab").tokens == ["Ġab"]
    processor = tokenizer.post_processor
    assert isinstance(processor, processors.ByteLevel)
    processor.trim_offsets = True
    assert tokenizer.encode("x ab").offsets[-1] == (2, 4)
    model = tokenizer.model
    assert isinstance(model, models.BPE)
    model.ignore_merges = True
    assert isinstance(tokenizer.model, models.BPE)
    assert tokenizer.model.ignore_merges
    tokenizer.decoder = None
    assert tokenizer.decode([256, 256]) == "ab ab"
    tokenizer.pre_tokenizer = tokenizer.post_processor = None
    assert tokenizer.encode("ab").tokens == ["ab"]


def test_copies_are_independent(tokenizer: Tokenizer) -> None:
    other = copy.deepcopy(tokenizer)
    other.add_tokens(["<new>"])
    other.enable_truncation(1)
    assert tokenizer.token_to_id("<new>") is None
    assert tokenizer.truncation is None
    assert other.encode("a<new>").tokens == ["a"]


def test_an_encoding_keeps_the_settings_it_was_made_with(tokenizer: Tokenizer) -> None:
    encoding = tokenizer.encode("ab ab<|endoftext|>")
    tokenizer.add_tokens([" ab"])
    tokenizer.enable_padding(length=9)
    assert encoding.tokens == ["ab", "Ġab", "<|endoftext|>"]
    assert encoding.offsets == [(0, 2), (2, 5), (5, 18)]


def test_model_inputs_of_one_and_many(tokenizer: Tokenizer) -> None:
    assert tokenizer("ab ab").data == {"input_ids": [256, 257], "attention_mask": [1, 1]}
    batch = tokenizer(["ab", "ab ab ab"], padding=True, return_tensors="np", return_token_type_ids=True)
    assert batch.input_ids.dtype == np.int64
    assert batch["input_ids"].tolist() == [[256, 258, 258], [256, 257, 257]]
    assert batch["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]
    assert batch["token_type_ids"].tolist() == [[0, 0, 0], [0, 0, 0]]
    left = tokenizer(
        ["ab", "ab ab ab"], padding="max_length", truncation=True, max_length=2, padding_side="left"
    )
    assert left["input_ids"] == [[258, 256], [256, 257]]
    parts = tokenizer(
        ["ab ab ab"],
        truncation=True,
        max_length=2,
        stride=1,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    assert parts["input_ids"] == [[256, 257], [257, 257]]
    assert parts["overflow_to_sample_mapping"] == [0, 0]
    assert parts["offset_mapping"][1] == [(2, 5), (5, 8)]
    assert tokenizer.padding is None
    assert tokenizer.truncation is None


def test_model_inputs_of_pairs_and_words(tokenizer: Tokenizer) -> None:
    tokenizer.post_processor = processors.BertProcessing(("<|endoftext|>", 259), ("<pad>", 258))
    batch = tokenizer("ab", "ab ab", return_token_type_ids=True, return_special_tokens_mask=True)
    assert batch["input_ids"] == [258, 256, 259, 256, 257, 259]
    assert batch["token_type_ids"] == [0, 0, 0, 1, 1, 1]
    assert batch["special_tokens_mask"] == [1, 0, 1, 0, 0, 1]
    words = tokenizer(["ab", "a"], is_split_into_words=True, add_special_tokens=False, return_length=True)
    assert words["input_ids"] == [256, ALPHABET["a"]]
    assert words["length"] == 2


def test_the_padding_token_can_be_any_token(tokenizer: Tokenizer) -> None:
    assert tokenizer.pad_token_id == 258
    tokenizer.pad_token = "<|endoftext|>"
    assert tokenizer(["ab", "ab ab"], padding=True)["input_ids"] == [[256, 259], [256, 257]]


def test_torch_tensors(tokenizer: Tokenizer) -> None:
    torch = pytest.importorskip("torch")
    batch = tokenizer(["ab", "ab ab"], padding=True, return_tensors="pt")
    assert batch["input_ids"].dtype == torch.int64
    assert batch.to("cpu")["input_ids"].shape == (2, 2)


def test_ragged_rows() -> None:
    ragged = RaggedIds(np.arange(6, dtype=np.uint32), np.array([0, 2, 2, 6]))
    assert [row.tolist() for row in ragged] == [[0, 1], [], [2, 3, 4, 5]]
    assert ragged[-1].tolist() == [2, 3, 4, 5]
    assert np.shares_memory(ragged.row(2), ragged.ids)
    tail = ragged[1:]
    assert isinstance(tail, RaggedIds)
    assert tail.tolist() == [[], [2, 3, 4, 5]]
    reverse = ragged[::-1]
    assert isinstance(reverse, RaggedIds)
    assert reverse.tolist() == [[2, 3, 4, 5], [], [0, 1]]
    assert ragged.lengths().tolist() == [2, 0, 4]
    with pytest.raises(IndexError):
        ragged[3]


def test_encodings_merge_pad_and_truncate(tokenizer: Tokenizer) -> None:
    merged = Encoding.merge([tokenizer.encode("ab"), tokenizer.encode("ab ab")])
    assert merged.offsets == [(0, 2), (2, 4), (4, 7)]
    merged.pad(5, direction="left", pad_id=9, pad_token="<p>")
    assert merged.tokens == ["<p>", "<p>", "ab", "ab", "Ġab"]
    assert merged.attention_mask == [0, 0, 1, 1, 1]
    merged.truncate(2, stride=1, direction="left")
    assert merged.tokens == ["ab", "Ġab"]
    assert [part.tokens for part in merged.overflowing] == [["ab", "ab"], ["<p>", "ab"], ["<p>", "<p>"]]
    assert len(Encoding()) == 0


def test_bytes_are_text_too(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode_ids("ab é".encode()).tolist() == tokenizer.encode_ids("ab é").tolist()


def test_files_of_gpt2(tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = tokenizer.model
    assert isinstance(model, models.BPE)
    vocab, merges = model.save(tmp_path)
    assert Path(vocab).name == "vocab.json"
    again = Tokenizer.from_pretrained(tmp_path)
    assert again.encode("ab abba").ids == tokenizer.encode("ab abba").ids
    assert models.BPE.from_file(vocab, merges).vocab() == model.vocab()


def test_ids_and_tokens(tokenizer: Tokenizer) -> None:
    assert tokenizer.token_to_id("ab") == 256
    assert tokenizer.id_to_token(259) == "<|endoftext|>"
    assert tokenizer.id_to_token(10**9) is None
    assert (tokenizer.get_vocab_size(), tokenizer.get_vocab_size(False)) == (260, 258)
    assert tokenizer.get_vocab()["<pad>"] == 258
    assert tokenizer.get_added_tokens_decoder()[258] == AddedToken("<pad>", special=True)
    assert tokenizer.num_special_tokens_to_add(False) == 0
    assert repr(tokenizer.decoder) == "ByteLevel(add_prefix_space=True, trim_offsets=True, use_regex=True)"
    assert isinstance(tokenizer.decoder, decoders.ByteLevel)


def test_decode_stream_holds_back_halves_of_characters(tokenizer: Tokenizer) -> None:
    stream = decoders.DecodeStream()
    ids = tokenizer.encode("a é").ids
    assert [stream.step(tokenizer, index) for index in ids] == ["a", " ", None, "é"]
