"""Errors whose words users of `tokenizers` look for, and options that there are none of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

TOKENIZER = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
TOKENIZER.pre_tokenizer = pre_tokenizers.Whitespace()
ANY: Any = TOKENIZER
TYPES: list[tuple[Callable[[], Any], str]] = [
    (lambda: ANY.encode(["a"]), "sequence: found list, .*TextInputSequence must be str"),
    (lambda: ANY.encode("a", 1), "pair: found int, .*TextInputSequence must be str"),
    (lambda: ANY.encode("a", is_pretokenized=True), r"PreTokenizedInputSequence must be Union\[List\[str\]"),
    (lambda: ANY.encode([1], is_pretokenized=True), r"sequence\[0\].*PreTokenizedInputSequence"),
    (lambda: ANY.encode_batch(["a", None]), r"input\[1\]: .*TextEncodeInput must be Union\["),
    (lambda: ANY.encode_batch([("a", "b", "c")]), r"input\[0\]: .*TextEncodeInput must be Union\["),
    (lambda: ANY.encode_batch(["a"], is_pretokenized=True), r"PreTokenizedEncodeInput must be Union\["),
    (lambda: AddedToken(1), "content: found int, expected str"),  # type: ignore[arg-type]
]
VALUES: list[tuple[Callable[[], Any], str]] = [
    (lambda: TOKENIZER.encode("a").truncate(1, 0, "x"), "^Invalid truncation direction value : x$"),
    (lambda: TOKENIZER.encode("a").pad(2, direction="x"), "^Unknown `direction`: `x`. Use one of `left` or `right`"),
    (lambda: ANY.enable_truncation(3, strategy="x"), "^Unknown `strategy`: `x`. Use one of `longest_first`"),
    (lambda: ANY.enable_padding(direction="x"), "^Unknown `direction`: `x`."),
    (lambda: models.BPE(vocab={"a": 0}), "^`vocab` and `merges` must be both specified$"),
    (lambda: decoders.Metaspace(replacement=""), "expected a string of length 1"),
    (lambda: processors.TemplateProcessing("$$"), r'Cannot build Piece from string "\$\$"'),
    (lambda: processors.TemplateProcessing("[CLS] $A"), r"Missing SpecialToken\(s\) with id\(s\) `\[CLS\]`"),
    (lambda: processors.TemplateProcessing(pair="$A"), "Template for `pair` must use both sequences"),
    (
        lambda: Tokenizer(models.Unigram([("a", 0.0)])).encode("b"),
        "^Encountered an unknown token but `unk_id` is missing$",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), TYPES)
def test_types(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(InvalidTypeError, match=words):
        call()


@pytest.mark.parametrize(("call", "words"), VALUES)
def test_values(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        call()


def test_unknown_options_are_ignored_with_a_warning() -> None:
    tokenizer: Any = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    with pytest.warns(UserWarning, match="enable_truncation: ignored unknown option colour, size"):
        tokenizer.enable_truncation(3, colour="red", size=1)
    assert tokenizer.truncation["max_length"] == 3
    with pytest.warns(UserWarning, match="enable_padding: ignored unknown option colour"):
        tokenizer.enable_padding(length=4, colour="red")
    assert tokenizer.padding["length"] == 4
    # As a tokenizer_config.json lists its tokens.
    listed = {"content": "<x>", "lstrip": True, "__type": "AddedToken"}
    with pytest.warns(UserWarning, match="AddedToken: ignored unknown option __type"):
        assert AddedToken(**listed) == AddedToken("<x>", lstrip=True)
