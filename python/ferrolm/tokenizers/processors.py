"""Post-processors: what adds special tokens around sequences and trims offsets."""

from __future__ import annotations

import json
from collections.abc import Sequence as Sequence_
from typing import Any

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.tokenizers._part import Part, from_json

__all__ = [
    "BertProcessing",
    "ByteLevel",
    "PostProcessor",
    "RobertaProcessing",
    "Sequence",
    "TemplateProcessing",
]

_TokenId = tuple[str, int]


class PostProcessor(_rust.PostProcessor, Part):
    """Base class of post-processors."""


class ByteLevel(PostProcessor):
    """Offsets without the white space at the ends of tokens.

    Args:
        add_prefix_space: a single leading space at the start of the text was added, not found.
        trim_offsets: trim at all.
        use_regex: has no effect here.
    """

    def __new__(
        cls,
        add_prefix_space: bool | None = None,
        trim_offsets: bool | None = None,
        use_regex: bool | None = None,
        **_: Any,
    ) -> ByteLevel:
        given = {"add_prefix_space": add_prefix_space, "trim_offsets": trim_offsets, "use_regex": use_regex}
        settings = {name: True if value is None else value for name, value in given.items()}
        return super().__new__(cls, json.dumps({"type": "ByteLevel"} | settings))

    @property
    def add_prefix_space(self) -> bool:
        return bool(self._get("add_prefix_space"))

    @add_prefix_space.setter
    def add_prefix_space(self, value: bool) -> None:
        self._set("add_prefix_space", value)

    @property
    def trim_offsets(self) -> bool:
        return bool(self._get("trim_offsets"))

    @trim_offsets.setter
    def trim_offsets(self, value: bool) -> None:
        self._set("trim_offsets", value)

    @property
    def use_regex(self) -> bool:
        return bool(self._get("use_regex"))

    @use_regex.setter
    def use_regex(self, value: bool) -> None:
        self._set("use_regex", value)


class _SepAndCls(PostProcessor):
    """Settings that BERT and RoBERTa share."""

    @property
    def sep(self) -> _TokenId:
        """The separator and its id."""
        token, identifier = self._get("sep")
        return token, identifier

    @sep.setter
    def sep(self, value: _TokenId) -> None:
        self._set("sep", value)

    @property
    def cls(self) -> _TokenId:
        """The first token and its id."""
        token, identifier = self._get("cls")
        return token, identifier

    @cls.setter
    def cls(self, value: _TokenId) -> None:
        self._set("cls", value)


class BertProcessing(_SepAndCls):
    """``[CLS] A [SEP]`` and ``[CLS] A [SEP] B [SEP]``; ``sep`` and ``cls`` are tokens with their ids."""

    def __new__(cls, sep: _TokenId = ("[SEP]", 102), cls_token: _TokenId = ("[CLS]", 101)) -> BertProcessing:
        return super().__new__(cls, json.dumps({"type": "BertProcessing", "sep": sep, "cls": cls_token}))


class RobertaProcessing(_SepAndCls):
    """``<s> A </s>`` and ``<s> A </s> </s> B </s>``, all of type 0; trims offsets as `ByteLevel` does."""

    def __new__(
        cls,
        sep: _TokenId = ("</s>", 2),
        cls_token: _TokenId = ("<s>", 0),
        trim_offsets: bool = True,
        add_prefix_space: bool = True,
    ) -> RobertaProcessing:
        settings = {"trim_offsets": trim_offsets, "add_prefix_space": add_prefix_space}
        tokens = {"sep": sep, "cls": cls_token}
        return super().__new__(cls, json.dumps({"type": "RobertaProcessing"} | tokens | settings))

    @property
    def trim_offsets(self) -> bool:
        return bool(self._get("trim_offsets"))

    @trim_offsets.setter
    def trim_offsets(self, value: bool) -> None:
        self._set("trim_offsets", value)

    @property
    def add_prefix_space(self) -> bool:
        return bool(self._get("add_prefix_space"))

    @add_prefix_space.setter
    def add_prefix_space(self, value: bool) -> None:
        self._set("add_prefix_space", value)


class TemplateProcessing(PostProcessor):
    """Special tokens by templates such as ``"[CLS] $A [SEP] $B:1 [SEP]:1"``.

    Args:
        single: template for one sequence; a string with spaces between elements, or a list of them.
        pair: template for two; by default both, the second with type id 1.
        special_tokens: (token, id) or (id, token) of the special tokens, or dictionaries with "id", "ids" and
            "tokens".

    >>> TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]).num_special_tokens_to_add(False)
    2
    """

    def __new__(
        cls,
        single: str | list[str] | None = None,
        pair: str | list[str] | None = None,
        special_tokens: Sequence_[Any] | None = None,
    ) -> TemplateProcessing:
        tokens = [_special_token(token) for token in special_tokens or ()]
        state = {
            "type": "TemplateProcessing",
            "single": _template(single if single is not None else "$0"),
            "pair": _template(pair if pair is not None else "$A:0 $B:1"),
            "special_tokens": {token["id"]: token for token in tokens},
        }
        used = {piece["Sequence"]["id"] for piece in state["pair"] if "Sequence" in piece}
        if used != {"A", "B"}:
            raise InvalidArgumentError(f"pair: found {pair!r}, expected both $A and $B")
        return super().__new__(cls, json.dumps(state))


class Sequence(PostProcessor):
    """One post-processor after the other."""

    def __new__(cls, processors: list[PostProcessor] | None = None) -> Sequence:
        states = [part._state() for part in processors or ()]
        return super().__new__(cls, json.dumps({"type": "Sequence", "processors": states}))

    def __getitem__(self, index: int) -> PostProcessor:
        state = self._get("processors")[index]
        return from_json(_TYPES[state["type"]], json.dumps(state))


def _template(template: str | list[str]) -> list[dict[str, dict[str, Any]]]:
    pieces = template.split(" ") if isinstance(template, str) else template
    return [_piece(piece) for piece in pieces]


def _piece(text: str) -> dict[str, dict[str, Any]]:
    """``$A``, ``$B:1``, ``$0``, ``[SEP]`` or ``[SEP]:1`` in the form of tokenizer.json."""
    name, _, type_text = text.partition(":")
    if (":" in text and not type_text.isdecimal()) or ":" in type_text:
        raise InvalidArgumentError(f"template: found {text!r}, expected an integer type id after the colon")
    if not name.startswith("$"):
        return {"SpecialToken": {"id": name, "type_id": int(type_text or 0)}}
    match name[1:]:
        case "" | "A" | "a":
            sequence, type_id = "A", 0
        case "B" | "b":
            sequence, type_id = "B", 0
        case number if number.isdecimal():
            sequence, type_id = "A", int(number)
        case _:
            raise InvalidArgumentError(f"template: found {text!r}, expected $A, $B or $ and a type id")
    return {"Sequence": {"id": sequence, "type_id": int(type_text) if type_text else type_id}}


def _special_token(token: Any) -> dict[str, Any]:
    match token:
        case (str(text), int(identifier)) | (int(identifier), str(text)):
            return {"id": text, "ids": [identifier], "tokens": [text]}
        case {"id": text, "ids": ids, "tokens": tokens}:
            return {"id": text, "ids": list(ids), "tokens": list(tokens)}
    raise InvalidArgumentError(f"special_tokens: found {token!r}, expected (token, id) or a dictionary")


_TYPES: dict[str, type[PostProcessor]] = {
    part.__name__: part
    for part in (ByteLevel, BertProcessing, RobertaProcessing, TemplateProcessing, Sequence)
}


def wrap(part: _rust.PostProcessor) -> PostProcessor:
    """The object of the right class for a part of a tokenizer."""
    state = part.to_json()
    return from_json(_TYPES[json.loads(state)["type"]], state)
