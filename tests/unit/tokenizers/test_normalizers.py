"""Normalizers as their users meet them: settings, sharing, files, errors."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from ferrolm.errors import FerrolmError, InvalidArgumentError, InvalidFileError
from ferrolm.tokenizers import NormalizedString, Regex, Tokenizer, models, normalizers


def tokenizer_with(normalizer: Any) -> Tokenizer:
    state = json.loads(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str())
    return Tokenizer.from_str(json.dumps(state | {"normalizer": normalizer}))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"type": "Bert", "clean_text": True, "handle_chinese_chars": True, "lowercase": True},
            "BertNormalizer",
        ),
        ([True, True, None, True], "BertNormalizer"),
        ({"strip_left": True, "strip_right": False}, "Strip(strip_left=True, strip_right=False)"),
        ({"normalizers": [{"type": "NFC"}]}, "Sequence(normalizers=[NFC()])"),
        ({"pattern": {"String": "a"}, "content": "b"}, 'Replace(pattern=String("a"), content="b")'),
        ({"type": "Unknown", "prepend": "x"}, 'Prepend(prepend="x")'),
        (["NFC"], "NFC()"),
    ],
)
def test_older_forms_are_read(written: Any, expected: str) -> None:
    assert repr(tokenizer_with(written).normalizer).startswith(expected)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"type": "Strip"}, "strip_left"),
        ({"type": "NoSuch"}, "NoSuch"),
        ("NFC", "normalizer"),
        ({"type": "Sequence", "normalizers": [{"type": "Prepend"}]}, r"normalizer.normalizers\[0\].*prepend"),
        ({"type": "Precompiled", "precompiled_charsmap": "AAAA"}, "precompiled_charsmap"),
        ({"type": "Precompiled", "precompiled_charsmap": "!"}, "base64"),
        ({"type": "Replace", "pattern": {"Regex": "("}, "content": ""}, "normalizer.pattern"),
    ],
)
def test_what_cannot_be_read_is_named(written: Any, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        tokenizer_with(written)


def test_a_tokenizer_keeps_what_is_changed_on_its_normalizer() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    assert tokenizer.normalizer is None
    tokenizer.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.BertNormalizer()])
    assert isinstance(tokenizer.normalizer, normalizers.Sequence)
    tokenizer.normalizer[1].lowercase = False
    tokenizer.normalizer[0] = normalizers.NFC()
    assert not tokenizer.normalizer[1].lowercase
    assert repr(tokenizer.normalizer[0]) == "NFC()"


def test_parts_of_sequences_are_shared() -> None:
    strip = normalizers.Strip()
    sequence = normalizers.Sequence([normalizers.Sequence([strip]), normalizers.Lowercase()])
    assert len(sequence) == 2
    strip.right = False
    assert sequence.normalize_str(" A ") == "a "
    with pytest.raises(IndexError):
        sequence[2]


@pytest.mark.parametrize(
    "part",
    [
        normalizers.BertNormalizer(strip_accents=False),
        normalizers.Replace(Regex(r"\s"), " "),
        normalizers.Sequence([normalizers.NFC(), normalizers.Prepend("x")]),
        normalizers.Precompiled(bytes(4)),
    ],
    ids=lambda part: type(part).__name__,
)
def test_pickles(part: normalizers.Normalizer) -> None:
    for copied in (pickle.loads(pickle.dumps(part)), copy.deepcopy(part)):
        assert type(copied) is type(part)
        assert copied.to_json() == part.to_json()


def test_custom_normalizers_raise_what_they_raise() -> None:
    class Failing:
        def normalize(self, normalized: NormalizedString) -> None:
            raise KeyError("mine")

    class Keeping:
        def normalize(self, normalized: NormalizedString) -> None:
            self.kept = normalized
            normalized.filter(lambda character: character != "a")

    with pytest.raises(KeyError, match="mine"):
        normalizers.Normalizer.custom(Failing()).normalize_str("text")
    keeping = Keeping()
    custom = normalizers.Normalizer.custom(keeping)
    assert normalizers.Sequence([custom, normalizers.Lowercase()]).normalize_str("aAb") == "ab"
    with pytest.raises(InvalidArgumentError, match="outside `normalize`"):
        keeping.kept.lowercase()
    with pytest.raises(FerrolmError):
        pickle.dumps(custom)


def test_functions_of_characters_may_use_the_text_and_fail() -> None:
    text = NormalizedString("ab")
    text.map(lambda character: str(text)[-1])
    assert str(text) == "bb"
    with pytest.raises(ZeroDivisionError):
        text.filter(lambda character: bool(1 / 0))
    with pytest.raises(TypeError):
        text.filter(lambda character: "yes")  # type: ignore[arg-type, return-value]
    with pytest.raises(InvalidArgumentError):
        text.map(lambda character: "")
    assert copy.copy(text).original == "ab"
