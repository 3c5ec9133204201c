"""`ferrolm.compat.tiktoken` does what `tiktoken` does."""

from __future__ import annotations

import copy
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_data import shared
from tokenizer_files import every_character, random_texts, tiktoken_cache

import ferrolm.compat.tiktoken as ours
from ferrolm.compat.tiktoken import model, registry

theirs = pytest.importorskip("tiktoken")
from tiktoken import model as their_model

NAMES = ("gpt2", "r50k_base", "p50k_base", "p50k_edit", "cl100k_base", "o200k_base", "o200k_harmony")
Pair = tuple[ours.Encoding, Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiktoken_cache(tmp_path, monkeypatch)


@pytest.fixture(params=["r50k_base", "cl100k_base", "o200k_base"])
def pair(request: pytest.FixtureRequest) -> Pair:
    return ours.get_encoding(request.param), theirs.get_encoding(request.param)


def test_the_names_are_the_same() -> None:
    assert set(NAMES) <= set(ours.list_encoding_names())
    assert their_model.MODEL_TO_ENCODING == model.MODEL_TO_ENCODING
    assert their_model.MODEL_PREFIX_TO_ENCODING == model.MODEL_PREFIX_TO_ENCODING
    for prefix in model.MODEL_PREFIX_TO_ENCODING:
        name = prefix + "x"
        assert ours.encoding_name_for_model(name) == theirs.encoding_name_for_model(name)


@pytest.mark.parametrize("name", NAMES)
def test_vocabularies(name: str) -> None:
    mine, reference = ours.get_encoding(name), theirs.get_encoding(name)
    assert (mine.n_vocab, mine.max_token_value) == (reference.n_vocab, reference.max_token_value)
    assert (mine.eot_token, mine.special_tokens_set) == (reference.eot_token, reference.special_tokens_set)
    assert mine._special_tokens == reference._special_tokens
    assert mine._mergeable_ranks == reference._mergeable_ranks
    assert mine._pat_str == reference._pat_str
    assert mine.token_byte_values() == reference.token_byte_values()
    assert mine.encode("a <|endoftext|> b", allowed_special="all") == reference.encode(
        "a <|endoftext|> b", allowed_special="all"
    )


def test_random_texts(pair: Pair) -> None:
    mine, reference = pair
    for text in random_texts(1, 6000):
        assert mine.encode_ordinary(text) == reference.encode_ordinary(text), text


def test_every_character(pair: Pair) -> None:
    mine, reference = pair
    for text in every_character():
        ids = mine.encode_ordinary(text)
        assert ids == reference.encode_ordinary(text), text
        assert mine.decode_bytes(ids) == text.encode()


def test_batches_of_real_texts(pair: Pair) -> None:
    mine, reference = pair
    text = shared("text/multilingual/utf8-demo.txt").read_text(encoding="utf-8")
    text += shared("text/code/python-stdlib-sample.txt").read_text(encoding="utf-8")[:200_000]
    texts = [text[start : start + 1500] for start in range(0, len(text), 1500)]
    expected = reference.encode_ordinary_batch(texts)
    assert mine.encode_ordinary_batch(texts) == expected
    assert mine.encode_batch(texts) == expected
    assert [mine.encode_to_numpy(text).tolist() for text in texts] == expected
    assert mine.decode_batch(expected) == texts
    assert mine.decode_bytes_batch(expected) == [text.encode() for text in texts]
    assert mine.encode(text) == reference.encode(text)


def test_special_tokens() -> None:
    mine, reference = ours.get_encoding("cl100k_base"), theirs.get_encoding("cl100k_base")
    text = "<|endoftext|> hello <|fim_prefix|><|fim_middle|>"
    sets: list[Any] = ["all", set(), {"<|endoftext|>"}, {"<|fim_prefix|>", "<|fim_middle|>"}, {"hello"}]
    for allowed in sets:
        for disallowed in [*sets, (), ["<|fim_prefix|>"]]:
            options = {"allowed_special": allowed, "disallowed_special": disallowed}
            try:
                expected = reference.encode(text, **options)
            except ValueError:
                with pytest.raises(ValueError, match="allowed_special"):
                    mine.encode(text, **options)
                with pytest.raises(ValueError, match="allowed_special"):
                    mine.encode_batch([text], **options)
                continue
            assert mine.encode(text, **options) == expected
            assert mine.encode_batch([text, "a"], **options)[0] == expected
            assert mine.encode_to_numpy(text, **options).tolist() == expected
    with pytest.raises(ValueError, match=r'"<\|endoftext\|>".*disallowed_special=\(\)'):
        mine.encode(text)


def test_surrogates(pair: Pair) -> None:
    mine, reference = pair
    for text in ("\ud83d\udc4d", "\ud83d", "a\udc4d b\ud83d\udc4dc"):
        expected = reference.encode(text)
        assert mine.encode(text) == mine.encode_ordinary(text) == expected
        assert mine.encode_batch([text]) == mine.encode_ordinary_batch([text]) == [expected]
        assert mine.encode_to_numpy(text).tolist() == expected


def test_bytes_that_are_no_text(pair: Pair) -> None:
    mine, reference = pair
    draw = random.Random(2)
    for _ in range(3000):
        text = bytes(
            draw.choice((draw.randrange(256), 32, 10, 97, 0xE3, 0x80)) for _ in range(draw.randrange(12))
        )
        assert mine._encode_bytes(text) == reference._encode_bytes(text), text
        if text:
            assert mine._encode_single_piece(text) == reference._encode_single_piece(text), text


def test_decoding(pair: Pair) -> None:
    mine, reference = pair
    draw = random.Random(3)
    for _ in range(2000):
        ids = [draw.randrange(50_000) for _ in range(draw.randrange(8))]
        assert mine.decode(ids) == reference.decode(ids)
        assert mine.decode(np.array(ids, dtype=np.uint32)) == reference.decode(ids)  # type: ignore[arg-type]
        assert mine.decode(ids, errors="ignore") == reference.decode(ids, errors="ignore")
        assert mine.decode_tokens_bytes(ids) == reference.decode_tokens_bytes(ids)
        try:
            expected = reference.decode_with_offsets(ids)
        except UnicodeDecodeError:
            with pytest.raises(UnicodeDecodeError):
                mine.decode_with_offsets(ids)
        else:
            assert mine.decode_with_offsets(ids) == expected
    for call in (mine.decode_bytes, mine.decode_tokens_bytes, mine.decode_with_offsets):
        with pytest.raises(KeyError, match="4000000000"):
            call([4_000_000_000])  # type: ignore[operator]
    with pytest.raises(KeyError):
        mine.decode_single_token_bytes(4_000_000_000)
    with pytest.raises(KeyError, match="not a token"):
        mine.encode_single_token("no such token")


@pytest.mark.parametrize(
    "text", ["hello fanta", "  ", "\n\n", "a  \n", "<|endoftext|>", "x<|endoftext|>y", "", "é ", "日"]
)
def test_unstable(pair: Pair, text: str) -> None:
    mine, reference = pair
    stable, completions = mine.encode_with_unstable(text, allowed_special="all")
    expected_stable, expected = reference.encode_with_unstable(text, allowed_special="all")
    assert stable == expected_stable
    assert sorted(completions) == sorted(map(list, expected))


def test_long_runs_are_no_problem(pair: Pair) -> None:
    mine, _ = pair
    for text in (" " * 1_000_000 + "a", "a" * 300_000, "\n " * 100_000, "'s" * 100_000, "́" * 100_000):
        assert mine.decode(mine.encode(text)) == text


def test_patterns_and_ranks_of_ones_own() -> None:
    draw = random.Random(4)
    for pattern in (r"[a-c]{1,3}+|\s++$|.", r"\w+|\s", r"^ab|b+$|[^b]", "(?i:A)b?|c{2,}+|."):
        tokens = {"".join(draw.choices("abc ", k=draw.randrange(2, 6))) for _ in range(40)}
        names = [*(bytes([byte]) for byte in range(256)), *(token.encode() for token in tokens)]
        draw.shuffle(names)
        ranks = {token: rank for rank, token in enumerate(names)}
        options: dict[str, Any] = {
            "pat_str": pattern,
            "mergeable_ranks": ranks,
            "special_tokens": {"<a>": 500},
        }
        mine, reference = ours.Encoding("own", **options), theirs.Encoding("own", **options)
        for _ in range(300):
            text = "".join(draw.choices(["a", "b", "c", "A", " ", "\n", "<a>", "é"], k=draw.randrange(12)))
            assert mine.encode(text, allowed_special="all") == reference.encode(
                text, allowed_special="all"
            ), text


def test_copies_and_pickles(pair: Pair) -> None:
    registered, _ = pair
    own = ours.Encoding(
        "own",
        pat_str=registered._pat_str,
        mergeable_ranks=registered._mergeable_ranks,
        special_tokens={"<|x|>": 300_000},
    )
    for encoding in (registered, own):
        for other in (pickle.loads(pickle.dumps(encoding)), copy.copy(encoding), copy.deepcopy(encoding)):
            assert other.encode("hello <|x|>", disallowed_special=()) == encoding.encode(
                "hello <|x|>", disallowed_special=()
            )
            assert (other.name, other.n_vocab) == (encoding.name, encoding.n_vocab)
    assert len(pickle.dumps(registered)) < 200 < len(pickle.dumps(own))
    assert registry.ENCODINGS[registered.name] is registered
