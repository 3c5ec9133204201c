"""Surprisal: the negative logarithm of the probability of each piece of a text, given what comes before it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.explain.explanation import FOR, Explanation, label_tokens, shown

if TYPE_CHECKING:
    from ferrolm.generation import LanguageModel
    from ferrolm.ngram import NgramLM
    from ferrolm.tokenizers import Tokenizer

__all__ = ["Surprisals", "token_surprisals"]

_LOG2_10 = math.log2(10)
_WORD = re.compile(r"[ \t\n\r\0\v\f]*[^ \t\n\r\0\v\f]+")


Alternatives: TypeAlias = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Surprisals(Explanation):
    """The ``pieces`` of a text, which joined are the text, and the ``bits`` of each, float64 [pieces].

    A piece is a token with the white space before it. Tokens that share a character (of several bytes) are one piece,
    whose bits are the sum. A piece that the model cannot score, because nothing is before it, has NaN. alternatives: where asked
    for, the likeliest tokens in the place of each piece (of its first token), with their probabilities.
    """

    pieces: list[str]
    bits: NDArray[np.float64]
    alternatives: tuple[Alternatives, ...] | None = None

    @property
    def tokens(self) -> tuple[str, ...]:
        """The pieces, as other explanations call them."""
        return tuple(self.pieces)

    @property
    def total(self) -> float:
        """Bits of the whole text."""
        return float(np.nansum(self.bits))

    @property
    def bits_per_byte(self) -> float:
        """Bits for each byte of the pieces that were scored; NaN for none."""
        scored = ~np.isnan(self.bits)
        size = sum(len(piece.encode()) for piece, counts in zip(self.pieces, scored, strict=True) if counts)
        return self.total / size if size else math.nan

    def most_surprising(self, n: int = 10) -> list[tuple[str, float]]:
        """The ``n`` pieces with the most bits, the most surprising one first."""
        order = np.argsort(-np.nan_to_num(self.bits, nan=-1.0), kind="stable")[:n]
        return [(self.pieces[position], float(self.bits[position])) for position in order]

    def __str__(self) -> str:
        """A line for each piece: its bits, and what was likelier."""
        return "\n".join(self._line(place) for place in range(len(self.pieces)))

    def _line(self, place: int) -> str:
        others = () if self.alternatives is None else self.alternatives[place][:4]
        likely = "  ".join(f"{shown(token)} {chance:.1%}" for token, chance in others)
        return f"{self.bits[place]:>8.2f}  {shown(self.pieces[place]):<16}  {likely}".rstrip()

    def _repr_html_(self) -> str:
        from ferrolm.explain.notebook import body

        return body(self)

    def _draw(self, figure: Any) -> None:
        figure.set_size_inches(min(max(5.0, 0.16 * len(self.pieces)), 16), 3)
        axis = figure.subplots()
        axis.bar(range(len(self.pieces)), np.nan_to_num(self.bits), color=FOR)
        label_tokens(axis, self.pieces)
        axis.set(ylabel="bits", title=f"Surprisal: {self.total:,.1f} bits")

    def _view(self) -> dict[str, Any]:
        facts = [f"{len(self.pieces):,} pieces", f"{self.total:,.1f} bits"]
        if not math.isnan(self.bits_per_byte):
            facts.append(f"{self.bits_per_byte:.3f} bits per byte")
        return {
            "kind": "surprisal",
            "title": "Surprisal",
            "facts": facts,
            "tokens": self.pieces,
            "bits": [None if math.isnan(bits) else round(bits, 4) for bits in self.bits.tolist()],
            "alternatives": self.alternatives,
        }


def token_surprisals(
    model: LanguageModel | NgramLM, text: str, *, tokenizer: Tokenizer | None = None, top: int = 0
) -> Surprisals:
    """How unexpected each piece of ``text`` is to a model, in bits (Hale, 2001; Levy, 2008).

    Args:
        model: a neural language model, or an n-gram model over words or over token ids.
        text: of any length; neural models score it in windows of their context.
        tokenizer: for an n-gram model over ids, the one that made them.
        top: so many alternatives of each piece, from neural decoders; n-gram models give none.

    Raises:
        InvalidArgumentError: the n-gram model is over ids and no tokenizer is given, or ``top`` is below 0.
        InvalidTypeError: ``model`` is neither kind of model.

    >>> import warnings
    >>> from ferrolm import NgramLM
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # two sentences are too few to estimate discounts from
    ...     model = NgramLM.train(["the cat sat", "the dog sat"], order=2)
    >>> token_surprisals(model, "the cat ran").most_surprising(1)[0][0]
    ' ran'
    """
    from ferrolm.ngram import NgramLM

    if top < 0:
        raise InvalidArgumentError(f"top is {top}, expected 0 or more")
    if isinstance(model, NgramLM):
        if not model.is_over_ids:
            return _of_words(model, text)
        if tokenizer is None:
            raise InvalidArgumentError("tokenizer is None, but the n-gram model is over the ids of one")
        ids = tokenizer.encode_ids(text, add_special_tokens=False)
        return _joined(tokenizer, text, -_LOG2_10 * model.token_scores([ids], eos=False))
    if not hasattr(model, "score") or not hasattr(model, "tokenizer"):
        raise InvalidTypeError(f"model is {type(model).__name__}, expected a LanguageModel or an NgramLM")
    if top and hasattr(model.model, "lm_head"):
        return _with_alternatives(model, text, top)
    bits = -model.score(text).logprobs / math.log(2)
    return _joined(model.tokenizer, text, bits)


def _with_alternatives(model: LanguageModel, text: str, top: int) -> Surprisals:
    from ferrolm.generation.scoring import token_predictions

    ids = model.tokenizer.encode_ids(text, add_special_tokens=False).astype(np.int64)
    start = model._start_id()
    sequence = ids if start is None else np.concatenate([[start], ids])
    found = token_predictions(model.model, sequence, top)
    numbers = np.unique(found.top_ids).tolist()
    names = {number: model.tokenizer.decode([number], skip_special_tokens=False) for number in numbers}
    rows = zip(found.top_ids.tolist(), np.exp(found.top_logprobs).tolist(), strict=True)
    likeliest = [tuple((names[number], chance) for number, chance in zip(*row, strict=True)) for row in rows]
    return _joined(model.tokenizer, text, -found.logprobs / math.log(2), likeliest)


def _of_words(model: NgramLM, text: str) -> Surprisals:
    """Words as the model counts them: between ASCII white space, a sentence a line."""
    scores = [entry[0] for line in text.split("\n") for entry in model.full_scores(line, eos=False)]
    pieces = _WORD.findall(text)
    if pieces:
        pieces[-1] += text[sum(map(len, pieces)) :]
    return Surprisals(pieces, -_LOG2_10 * np.array(scores))


def _joined(
    tokenizer: Tokenizer,
    text: str,
    bits: NDArray[np.floating],
    alternatives: Sequence[Alternatives] | None = None,
) -> Surprisals:
    """Tokens as pieces of text; those inside one character are joined."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    each = np.full(len(offsets), np.nan)
    if len(bits):
        each[-len(bits) :] = bits  # a model without a token that begins texts does not score the first one
    starts = offsets[:, 0]
    first = np.flatnonzero(np.diff(starts, prepend=-1) > 0)
    if not len(first):
        return Surprisals([], np.zeros(0), None if alternatives is None else ())
    cuts = [0, *starts[first][1:].tolist(), len(text)]
    pieces = [text[start:end] for start, end in pairwise(cuts)]
    if alternatives is None:
        return Surprisals(pieces, np.add.reduceat(each, first))
    whole: list[Alternatives] = [*[()] * (len(offsets) - len(alternatives)), *alternatives]
    return Surprisals(pieces, np.add.reduceat(each, first), tuple(whole[place] for place in first.tolist()))
