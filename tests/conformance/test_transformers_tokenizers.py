"""Fast tokenizers of transformers give the same with our backend inside."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from shared_data import shared

from ferrolm.errors import InvalidTypeError
from ferrolm.integrations.transformers import accelerate, patch
from ferrolm.tokenizers import Tokenizer

transformers = pytest.importorskip("transformers")

TEXTS = ["Hello, world! It's 12 o'clock.", "", "naïve café 漢字 🎉", "<s> a [MASK] </s>"]
FILES = ["bert-base-uncased", "gpt2", "llama2", "t5-small", "roberta-base"]


def load(name: str) -> Any:
    path = str(shared(f"tokenizers/{name}/tokenizer.json"))
    return transformers.PreTrainedTokenizerFast(tokenizer_file=path, pad_token="<pad>", eos_token="</s>")


@pytest.mark.parametrize("name", FILES)
def test_calls_and_decoding(name: str) -> None:
    ours, theirs = accelerate(load(name)), load(name)
    assert isinstance(ours.backend_tokenizer, Tokenizer)
    for options in (
        {},
        {"padding": True, "truncation": True, "max_length": 9, "return_offsets_mapping": True},
        {"padding": "max_length", "max_length": 12, "return_special_tokens_mask": True},
        {"truncation": True, "max_length": 8, "stride": 2, "return_overflowing_tokens": True},
        {"add_special_tokens": False, "return_token_type_ids": True},
    ):
        assert dict(ours(TEXTS, **options)) == dict(theirs(TEXTS, **options)), options
    pair = (TEXTS[0], TEXTS[2])
    assert dict(ours(*pair)) == dict(theirs(*pair))
    ids = theirs(TEXTS[2]).input_ids
    assert ours.decode(ids) == theirs.decode(ids)
    assert ours.tokenize(TEXTS[0]) == theirs.tokenize(TEXTS[0])
    assert ours.get_vocab() == theirs.get_vocab()


def test_adding_saving_and_copies(tmp_path: Path) -> None:
    ours, theirs = accelerate(load("gpt2")), load("gpt2")
    for tokenizer in (ours, theirs):
        assert tokenizer.add_tokens(["new token", transformers.AddedToken("other", single_word=True)]) == 2
        tokenizer.add_special_tokens({"additional_special_tokens": ["<|x|>"]})
    text = "a new token <|x|> other others"
    expected = theirs(text).input_ids
    assert ours(text).input_ids == expected
    assert ours.added_tokens_decoder == theirs.added_tokens_decoder
    for copied in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert copied(text).input_ids == expected
    ours.save_pretrained(tmp_path)
    assert transformers.PreTrainedTokenizerFast.from_pretrained(str(tmp_path))(text).input_ids == expected


def test_patch_lasts_as_long_as_its_block() -> None:
    import tokenizers

    original = tokenizers.decoders.DecodeStream
    with patch():
        inside = load("llama2")
        stream = tokenizers.decoders.DecodeStream(skip_special_tokens=True)
        ids = inside("Hello 🎉 there").input_ids
        pieces = [stream.step(inside.backend_tokenizer, token) for token in ids]
        assert "".join(piece or "" for piece in pieces) == inside.decode(ids, skip_special_tokens=True)
    assert isinstance(inside.backend_tokenizer, Tokenizer)
    assert isinstance(load("llama2").backend_tokenizer, tokenizers.Tokenizer)
    assert tokenizers.decoders.DecodeStream is original


def test_what_cannot_be_converted_keeps_its_backend() -> None:
    import tokenizers

    class Upper:
        def normalize(self, normalized: Any) -> None:
            normalized.uppercase()

    tokenizer = load("gpt2")
    tokenizer.backend_tokenizer.normalizer = tokenizers.normalizers.Normalizer.custom(Upper())
    with pytest.warns(UserWarning, match="keeps its own backend"):
        accelerate(tokenizer)
    assert isinstance(tokenizer.backend_tokenizer, tokenizers.Tokenizer)
    with pytest.raises(InvalidTypeError, match="expected a fast tokenizer"):
        accelerate("gpt2")
