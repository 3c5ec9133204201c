"""Decoders beside those of the `tokenizers` package: lists of tokens, settings, and streams of ids."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import decoders as reference_decoders

from ferrolm.tokenizers import Tokenizer, decoders

SETTINGS = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# What the decoders look for, and what looks like it.
PIECES = [
    *(
        "a",
        "é",
        "漢",
        "\U0001f600",
        " ",
        "  ",
        "▁",
        "▁a",
        "##a",
        "##",
        "</w>",
        "b</w>",
        "<pad>",
        "|",
        "<unk>",
    ),
    *("<0x41>", "<0xe6>", "<0xBC>", "<0xA2>", "<0x+5>", "<0xé>", "<0x>", "\ufffd", "Ġ", "Ã", "©", "Ċ", ""),
    *(" .", " ?", " !", " ,", " ' ", " n't", " 'm", " do not", "do not", " 's", " 've", " 're", " 's 's"),
]
TOKEN = st.one_of(
    st.sampled_from(PIECES), st.text(max_size=4), st.lists(st.sampled_from(PIECES)).map("".join)
)
TOKENS = st.lists(TOKEN, max_size=12)


def _parts(module: Any) -> list[Any]:
    """Decoders of one of the two packages with all kinds of settings, none of which makes the reference panic."""
    return [
        module.BPEDecoder(),
        module.BPEDecoder(suffix=""),
        module.ByteFallback(),
        module.ByteLevel(),
        module.CTC(),
        module.CTC("a", " ", False),
        module.Fuse(),
        module.Metaspace(),
        module.Metaspace("a", "first", False),
        module.Metaspace(prepend_scheme="never"),
        module.Replace("▁", " "),
        module.Replace("", "x"),
        module.Replace("a", ""),
        module.Strip("▁", 2, 0),
        module.Strip(),
        module.Strip("é", left=1),
        module.WordPiece(),
        module.WordPiece("", False),
    ]


OURS, THEIRS = _parts(decoders), _parts(reference_decoders)
INDEX = st.integers(0, len(OURS) - 1)


@SETTINGS
@given(INDEX, TOKENS)
def test_lists_of_tokens(index: int, tokens: list[str]) -> None:
    assert OURS[index].decode(tokens) == THEIRS[index].decode(tokens)


@SETTINGS
@given(st.lists(INDEX, max_size=4), TOKENS)
def test_sequences(indices: list[int], tokens: list[str]) -> None:
    ours = decoders.Sequence([OURS[index] for index in indices])
    theirs = reference_decoders.Sequence([THEIRS[index] for index in indices])
    assert ours.decode(tokens) == theirs.decode(tokens)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("index", range(len(OURS)))
def test_settings_and_copies(index: int) -> None:
    ours, theirs = OURS[index], THEIRS[index]
    assert (repr(ours), str(ours)) == (repr(theirs), str(theirs))
    assert ours.__getstate__() == theirs.__getstate__()
    copy = pickle.loads(pickle.dumps(ours))
    assert (type(copy), repr(copy)) == (type(ours), repr(ours))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("BPEDecoder", {"suffix": "@"}),
        ("CTC", {"pad_token": "x", "word_delimiter_token": "y", "cleanup": False}),
        ("Metaspace", {"replacement": "_", "prepend_scheme": "first", "split": False}),
        ("Strip", {"content": "x", "start": 2, "stop": 3}),
        ("WordPiece", {"prefix": "@@", "cleanup": False}),
    ],
)
def test_setters_reach_the_tokenizer(name: str, values: dict[str, Any]) -> None:
    ours = Tokenizer.from_str(_document(None))
    theirs = tokenizers.Tokenizer.from_str(_document(None))
    ours.decoder, theirs.decoder = getattr(decoders, name)(), getattr(reference_decoders, name)()
    for setting, value in values.items():
        for tokenizer in (ours, theirs):
            setattr(tokenizer.decoder, setting, value)
        assert getattr(ours.decoder, setting) == getattr(theirs.decoder, setting) == value
    assert repr(ours.decoder) == repr(theirs.decoder)


VOCAB = {token: index for index, token in enumerate(dict.fromkeys([*PIECES, "long" * 9]))}
IDS = st.lists(st.integers(0, len(VOCAB) + 4), max_size=40)


def _document(decoder: Any, vocab: dict[str, int] | None = None) -> str:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
    added = [
        {"id": len(VOCAB), "content": "<s>", "normalized": False, "special": True, **flags},
        {"id": len(VOCAB) + 1, "content": "Ġadded", "normalized": True, "special": False, **flags},
    ]
    model = {"type": "BPE", "vocab": VOCAB if vocab is None else vocab, "merges": []}
    parts = {"truncation": None, "padding": None, "normalizer": None, "pre_tokenizer": None}
    whole = {"version": "1.0", **parts, "post_processor": None}
    return json.dumps(whole | {"added_tokens": added, "decoder": decoder, "model": model})


DOCUMENTS = [
    None,
    {"type": "WordPiece", "prefix": "##", "cleanup": True},
    {"prefix": "##", "cleanup": False},
    {"suffix": "</w>"},
    {"content": " ", "start": 1, "stop": 0},
    {"pattern": {"String": "▁"}, "content": " "},
    {"pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
    {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True, "prepend_scheme": "always"},
    {"type": "Metaspace", "replacement": "▁", "add_prefix_space": False, "prepend_scheme": "never"},
    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False},
    {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    },
]


@pytest.mark.parametrize("decoder", DOCUMENTS, ids=lambda decoder: str(decoder)[:40])
def test_ids_and_streams(decoder: Any) -> None:
    ours = Tokenizer.from_str(_document(decoder))
    theirs = tokenizers.Tokenizer.from_str(_document(decoder))
    assert json.loads(ours.to_str())["decoder"] == json.loads(theirs.to_str())["decoder"]

    @SETTINGS
    @given(IDS, st.booleans())
    def decode(ids: list[int], skip: bool) -> None:
        expected = theirs.decode(ids, skip_special_tokens=skip)
        assert ours.decode(ids, skip_special_tokens=skip) == expected
        assert ours.decode_batch([ids, []], skip_special_tokens=skip) == [
            expected,
            theirs.decode([], skip_special_tokens=skip),
        ]

    @SETTINGS
    @given(
        st.one_of(st.none(), IDS),
        st.lists(st.lists(st.integers(0, len(VOCAB) + 4), max_size=3)),
        st.booleans(),
    )
    def stream(start: list[int] | None, steps: list[list[int]], skip: bool) -> None:
        ours_stream = decoders.DecodeStream(start, skip)
        theirs_stream = reference_decoders.DecodeStream(start, skip)
        for step in steps:
            try:
                expected = theirs_stream.step(theirs, step)
            except Exception:
                with pytest.raises(ValueError, match="the tokens change the text"):
                    ours_stream.step(ours, step)
                return
            assert ours_stream.step(ours, step) == expected

    decode()
    stream()


@pytest.mark.parametrize(
    "decoder",
    [
        {"type": "Foo"},
        {},
        {"type": "BPEDecoder"},
        {"type": "BPEDecoder", "suffix": None},
        {"type": "ByteLevel"},
        {"add_prefix_space": False, "trim_offsets": True},
        {"type": "WordPiece", "prefix": "##"},
        {"type": "Metaspace", "replacement": "__"},
        {"type": "Metaspace", "replacement": "_", "add_prefix_space": False},
        {"type": "Metaspace", "replacement": "_", "prepend_scheme": "First"},
        {"replacement": "_"},
        {"decoders": []},
        {"type": "Sequence", "decoders": [{}]},
        {"type": "Replace", "pattern": "a", "content": "b"},
        {"type": "Replace", "pattern": {"String": "a", "Regex": "b"}, "content": "b"},
        {"type": "Strip", "content": "  ", "start": 1, "stop": 0},
        {"type": "Strip", "content": " ", "start": -1, "stop": 0},
        "Fuse",
    ],
    ids=str,
)
def test_wrong_documents(decoder: Any) -> None:
    with pytest.raises(Exception, match="did not match"):
        tokenizers.Tokenizer.from_str(_document(decoder))
    with pytest.raises(ValueError, match=r"tokenizer\.json: decoder"):
        Tokenizer.from_str(_document(decoder))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda module: module.Metaspace("ab"), ValueError),
        (lambda module: module.Metaspace(prepend_scheme="x"), ValueError),
        (lambda module: module.Replace(1, ""), TypeError),
        (lambda module: module.Decoder(), TypeError),
        (lambda module: module.ByteLevel(1), TypeError),
        (lambda module: module.Sequence([1]), TypeError),
        (lambda module: module.Fuse().decode("abc"), TypeError),
        (lambda module: module.Fuse().decode([1]), TypeError),
    ],
)
def test_wrong_arguments(call: Any, error: type[Exception]) -> None:
    for module in (reference_decoders, decoders):
        with pytest.raises(error):
            call(module)


class _Shout:
    def decode_chain(self, tokens: list[str]) -> list[str]:
        if "stop" in tokens:
            raise KeyError("stop")
        return [token.upper() for token in tokens]


def test_custom_decoders() -> None:
    ours, theirs = Tokenizer.from_str(_document(None)), tokenizers.Tokenizer.from_str(_document(None))
    ours.decoder, theirs.decoder = (
        module.Decoder.custom(_Shout()) for module in (decoders, reference_decoders)
    )
    ids = [0, 8, 400, 30]
    assert ours.decode(ids) == theirs.decode(ids)
    assert type(ours.decoder) is decoders.Decoder
    assert ours.decoder.decode(["a"]) == theirs.decoder.decode(["a"]) == "A"
    # Here the exception of the decoder reaches the caller as it is; the reference makes its text one of another class.
    with pytest.raises(KeyError, match="stop"):
        decoders.Decoder.custom(_Shout()).decode(["stop"])
    ours.add_tokens(["stop"])
    with pytest.raises(KeyError, match="stop"):
        ours.decode([VOCAB["a"], ours.token_to_id("stop")])
    for tokenizer in (ours, theirs):
        with pytest.raises(Exception, match="serialized"):
            tokenizer.to_str()
    with pytest.raises(ValueError, match="serialized"):
        pickle.dumps(ours.decoder)
