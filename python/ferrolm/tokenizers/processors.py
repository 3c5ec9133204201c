"""Post-processors: what adds special tokens around sequences and trims offsets."""

from __future__ import annotations

import json
import re
import weakref
from collections.abc import Sequence as Sequence_
from typing import Any

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers._part import Part, from_json
from ferrolm.tokenizers._shared_parts import changed

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

    # Those that this one is part of.
    _sequences: weakref.WeakSet[Sequence] | None = None

    def _set(self, name: str, value: Any) -> None:
        self.set_json(json.dumps(self._state() | {name: value}))
        for sequence in self._sequences or ():
            sequence._follow()
        changed()


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
        return from_json(cls, json.dumps({"type": "ByteLevel"} | settings))

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

    def __new__(cls, sep: _TokenId, cls_token: _TokenId) -> BertProcessing:
        return from_json(cls, json.dumps({"type": "BertProcessing", "sep": sep, "cls": cls_token}))


class RobertaProcessing(_SepAndCls):
    """``<s> A </s>`` and ``<s> A </s> </s> B </s>``, all of type 0; trims offsets as `ByteLevel` does."""

    def __new__(
        cls,
        sep: _TokenId,
        cls_token: _TokenId,
        trim_offsets: bool = True,
        add_prefix_space: bool = True,
    ) -> RobertaProcessing:
        settings = {"trim_offsets": trim_offsets, "add_prefix_space": add_prefix_space}
        tokens = {"sep": sep, "cls": cls_token}
        return from_json(cls, json.dumps({"type": "RobertaProcessing"} | tokens | settings))

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
        tokens = {token["id"]: token for token in map(_special_token, special_tokens or ())}
        state = {
            "type": "TemplateProcessing",
            "single": _template("$0" if single is None else single),
            "pair": _template("$A:0 $B:1" if pair is None else pair),
            "special_tokens": dict(sorted(tokens.items())),
        }
        if {piece["Sequence"]["id"] for piece in state["pair"] if "Sequence" in piece} != {"A", "B"}:
            raise InvalidArgumentError(f"pair: found {pair!r}: Template for `pair` must use both sequences")
        pieces = [*state["single"], *state["pair"]]
        used = dict.fromkeys(piece["SpecialToken"]["id"] for piece in pieces if "SpecialToken" in piece)
        if missing := [name for name in used if name not in tokens]:
            raise InvalidArgumentError(
                f"special_tokens: Missing SpecialToken(s) with id(s) `{', '.join(missing)}` of the templates"
            )
        return from_json(cls, json.dumps(state))

    @property
    def single(self) -> str:
        """The template for one sequence, described; it is set to a template as in the constructor."""
        return f"Template([{', '.join(map(_described, self._get('single')))}])"

    @single.setter
    def single(self, template: str | list[str]) -> None:
        self._set("single", _template(template))


class Sequence(PostProcessor):
    """One post-processor after the other; those of a sequence inside become part of it.

    Its parts are shared: settings that are changed on ``sequence[index]``, or on the post-processors it was made of,
    change the sequence.

    >>> trimming = ByteLevel()
    >>> sequence = Sequence([trimming])
    >>> trimming.trim_offsets = False
    >>> sequence
    Sequence(processors=[ByteLevel(add_prefix_space=True, trim_offsets=False, use_regex=True)])
    """

    _elements: list[PostProcessor] | None = None

    def __new__(cls, processors: list[Any]) -> Sequence:
        elements: list[PostProcessor] = []
        for index, part in enumerate(processors):
            if not isinstance(part, PostProcessor):
                found = type(part).__name__
                raise InvalidTypeError(f"processors[{index}]: found {found}, expected a PostProcessor")
            elements += part._own_elements() if isinstance(part, Sequence) else [part]
        self = from_json(cls, '{"type": "Sequence", "processors": []}')
        self._share(elements)
        return self

    def _share(self, elements: list[PostProcessor]) -> None:
        self._elements = elements
        for element in elements:
            element._sequences = element._sequences or weakref.WeakSet()
            element._sequences.add(self)
        self._follow()

    def _follow(self) -> None:
        states = [element._state() for element in self._elements or ()]
        self.set_json(json.dumps({"type": "Sequence", "processors": states}))

    def _own_elements(self) -> list[PostProcessor]:
        if self._elements is None:
            self._share([_of_state(state) for state in self._get("processors")])
        return self._elements or []

    def __getitem__(self, index: int) -> PostProcessor:
        """The post-processor at ``index``; settings that are changed on it change this sequence."""
        return self._own_elements()[self._index(index)]

    def __setitem__(self, index: int, part: Any) -> None:
        if isinstance(part, Sequence) or not isinstance(part, PostProcessor):
            found = type(part).__name__
            raise InvalidTypeError(f"processor: found {found}, expected a PostProcessor that is no Sequence")
        elements = self._own_elements()
        # What is put in stays a post-processor of its own.
        elements[self._index(index)] = _of_state(part._state())
        self._share(elements)
        changed()

    def _index(self, index: int) -> int:
        number = len(self._own_elements())
        if not 0 <= index < number:
            raise IndexError(f"post-processor {index} of {number}")
        return index


def _template(template: str | list[str]) -> list[dict[str, dict[str, Any]]]:
    if isinstance(template, str):
        return [_piece(piece) for piece in template.split(" ")]
    if not all(isinstance(piece, str) for piece in template):
        raise InvalidTypeError("template: expected a string, or a list of strings")
    return [_piece(piece) for piece in template]


def _piece(text: str) -> dict[str, dict[str, Any]]:
    """``$A``, ``$B:1``, ``$0``, ``[SEP]`` or ``[SEP]:1`` in the form of tokenizer.json."""
    name, colon, type_text = text.partition(":")
    given = _type_id(type_text, text) if colon else None
    if not name.startswith("$"):
        return {"SpecialToken": {"id": name, "type_id": given or 0}}
    match name[1:]:
        case "" | "A" | "a":
            sequence, type_id = "A", 0
        case "B" | "b":
            sequence, type_id = "B", 0
        case number:
            sequence, type_id = "A", _type_id(number, text)
    return {"Sequence": {"id": sequence, "type_id": type_id if given is None else given}}


def _type_id(number: str, text: str) -> int:
    if not re.fullmatch(r"\+?[0-9]+", number) or int(number) >= 1 << 32:
        raise InvalidArgumentError(
            f'template: Cannot build Piece from string "{text}", expected $A, $B, $ with a type id, or a token, '
            "each with :TYPE_ID if need be"
        )
    return int(number)


def _described(piece: dict[str, dict[str, Any]]) -> str:
    ((kind, fields),) = piece.items()
    name = fields["id"] if kind == "Sequence" else json.dumps(fields["id"], ensure_ascii=False)
    return f"{kind} {{ id: {name}, type_id: {fields['type_id']} }}"


def _special_token(token: Any) -> dict[str, Any]:
    match token:
        case (str(text), int(identifier)) | (int(identifier), str(text)) if isinstance(token, tuple):
            return {"id": text, "ids": [identifier], "tokens": [text]}
        case {"id": text, "ids": ids, "tokens": tokens}:
            return {"id": text, "ids": list(ids), "tokens": list(tokens)}
        case dict():
            raise InvalidArgumentError(f"special_tokens: found {token!r}, expected id, ids and tokens")
    raise InvalidTypeError(
        f"special_tokens: found {token!r}, expected (token, id), (id, token) or a dictionary"
    )


_TYPES: dict[str, type[PostProcessor]] = {
    part.__name__: part
    for part in (ByteLevel, BertProcessing, RobertaProcessing, TemplateProcessing, Sequence)
}


def _of_state(state: dict[str, Any]) -> PostProcessor:
    return from_json(_TYPES[state["type"]], json.dumps(state))


def wrap(part: _rust.PostProcessor) -> PostProcessor:
    """The object of the right class for a part of a tokenizer."""
    return _of_state(json.loads(part.to_json()))
