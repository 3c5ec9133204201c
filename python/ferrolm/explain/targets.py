"""`Target`: the number that is explained: a class, a token to come or its lead over another, a regression's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.explain.reading import Reading, evaluating

__all__ = ["Output", "Target", "find_target"]

Output = Literal["logit", "logprob", "probability"]
_OUTPUTS = ("logit", "logprob", "probability")


@dataclass(frozen=True)
class Target:
    """A column of the logits at a position, less that of the foil where there is one (Yin and Neubig 2022).

    name, foil_name: a label, or a token as text. output: what is made of the logits first.
    """

    index: int
    name: str
    position: int
    output: Output = "logit"
    foil_index: int | None = None
    foil_name: str | None = None

    def of(self, logits: Tensor) -> Tensor:
        """float32 [rows] of logits [rows, classes]."""
        values = logits
        if self.output != "logit":
            values = logits.log_softmax(-1) if self.output == "logprob" else logits.softmax(-1)
        chosen = values[:, self.index]
        return chosen if self.foil_index is None else chosen - values[:, self.foil_index]

    def __str__(self) -> str:
        rather = "" if self.foil_name is None else f" rather than {self.foil_name!r}"
        return f"{self.output} of {self.name!r}{rather}"


def find_target(
    reading: Reading, target: str | int | None, foil: str | int | None, position: int | None, output: str
) -> Target:
    """What the names mean; without a target, what the model answers.

    Raises `InvalidArgumentError` for a text of several tokens, a position outside of the text or missing, and a foil that is the
    target; `UnknownNameError` for a label and an output that are not there.
    """
    if output not in _OUTPUTS:
        raise UnknownNameError(
            f"output is {output!r}, expected one of {', '.join(_OUTPUTS)}{nearest(str(output), _OUTPUTS)}"
        )
    place = _position(reading, position)
    if reading.kind == "class" and output != "logit" and _num_labels(reading) == 1:
        raise InvalidArgumentError(f"output is {output!r}, but the model gives one number: expected 'logit'")
    index = _likeliest(reading, place) if target is None else _index(reading, "target", target)
    foil_index = None if foil is None else _index(reading, "foil", foil)
    if foil_index == index:
        raise InvalidArgumentError(
            f"foil is {foil!r}, which is the target: expected what the model could have answered instead"
        )
    foil_name = None if foil_index is None else _name(reading, foil_index)
    return Target(index, _name(reading, index), place, output, foil_index, foil_name)  # type: ignore[arg-type]


def _num_labels(reading: Reading) -> int:
    return len(reading.model.config.id2label)


def _likeliest(reading: Reading, position: int) -> int:
    with torch.no_grad(), evaluating(reading.model):
        return int(reading.logits(reading.embedded()[None], position)[0].argmax())


def _position(reading: Reading, position: int | None) -> int:
    if reading.kind == "class":
        if position is not None:
            raise InvalidArgumentError(f"position is {position}, but the model gives classes of whole texts")
        return 0
    if position is None:
        return _default_position(reading)
    count = reading.positions
    if not -count <= position < count:
        where = "text" if reading.decoder_start is None else "decoder, with ⊢,"
        raise InvalidArgumentError(f"position is {position}, but the {where} has {count} tokens")
    return position % count


def _default_position(reading: Reading) -> int:
    if reading.kind == "next token":
        return reading.positions - 1
    if reading.kind == "class of a token":
        raise InvalidArgumentError("position is missing: the number of the token whose class is explained")
    token = reading.mask_token
    found = [] if token is None else (reading.ids == reading.tokenizer.token_to_id(token)).nonzero()[0]
    if len(found) != 1:
        raise InvalidArgumentError(
            f"text has {len(found)} times {token or 'a mask token'}, expected one: or pass position"
        )
    return int(found[0])


def _index(reading: Reading, argument: str, wanted: str | int) -> int:
    """The column of a label or token."""
    config = reading.model.config
    of_tokens = reading.kind in ("next token", "masked token")
    if isinstance(wanted, str):
        return _token_id(reading, argument, wanted) if of_tokens else _label(reading, argument, wanted)
    size = config.vocab_size if of_tokens else _num_labels(reading)
    if not 0 <= wanted < size:
        raise InvalidArgumentError(f"{argument} is {wanted}, expected 0 to {size - 1}")
    return int(wanted)


def _label(reading: Reading, argument: str, wanted: str) -> int:
    labels = {name: number for number, name in reading.model.config.id2label.items()}
    if wanted not in labels:
        raise UnknownNameError(
            f"{argument} is {wanted!r}, expected one of {', '.join(map(str, labels))}{nearest(wanted, labels)}"
        )
    return int(labels[wanted])


def _token_id(reading: Reading, argument: str, wanted: str) -> int:
    known = reading.tokenizer.token_to_id(wanted)
    ids = reading.tokenizer.encode_list(wanted, False)
    if len(ids) == 1:
        return int(ids[0])
    if known is not None:
        return int(known)
    tokens = [reading.tokenizer.id_to_token(each) for each in ids]
    raise InvalidArgumentError(
        f"{argument} is {wanted!r}, which is {len(ids)} tokens ({', '.join(map(repr, tokens[:8]))}): expected one"
    )


def _name(reading: Reading, index: int) -> str:
    if reading.kind in ("next token", "masked token"):
        return reading.tokenizer.decode([index], skip_special_tokens=False) or str(
            reading.tokenizer.id_to_token(index)
        )
    return str(reading.model.config.id2label[index])
