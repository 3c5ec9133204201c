"""Surprisal: the negative logarithm of the probability of each piece of a text, given what comes before it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, InvalidTypeError

if TYPE_CHECKING:
    from ferrolm.generation import LanguageModel
    from ferrolm.ngram import NgramLM
    from ferrolm.tokenizers import Tokenizer

__all__ = ["Surprisals", "token_surprisals"]

_LOG2_10 = math.log2(10)
_WORD = re.compile(r"[ \t\n\r\0\v\f]*[^ \t\n\r\0\v\f]+")


@dataclass(frozen=True)
class Surprisals:
    """The ``pieces`` of a text, which joined are the text, and the ``bits`` of each, float64 [pieces].

    A piece is a token with the white space before it. Tokens that share a character (of several bytes) are one piece,
    whose bits are the sum. A piece that the model cannot score, because nothing is before it, has NaN.
    """

    pieces: list[str]
    bits: NDArray[np.float64]

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

    def save_html(self, path: Path | str) -> None:
        """Write the page of `surprisal_html`."""
        from ferrolm.explain.html import surprisal_html

        Path(path).write_text(surprisal_html(self), encoding="utf-8")

    def _repr_html_(self) -> str:
        from ferrolm.explain.html import body

        return body(self)


def token_surprisals(
    model: LanguageModel | NgramLM, text: str, *, tokenizer: Tokenizer | None = None
) -> Surprisals:
    """How unexpected each piece of ``text`` is to a model, in bits (Hale, 2001; Levy, 2008).

    Args:
        model: a neural language model, or an n-gram model over words or over token ids.
        text: of any length; neural models score it in windows of their context.
        tokenizer: for an n-gram model over ids, the one that made them.

    Raises:
        InvalidArgumentError: the n-gram model is over ids and no tokenizer is given.
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

    if isinstance(model, NgramLM):
        if not model.is_over_ids:
            return _of_words(model, text)
        if tokenizer is None:
            raise InvalidArgumentError("tokenizer is None, but the n-gram model is over the ids of one")
        ids = tokenizer.encode_ids(text, add_special_tokens=False)
        return _joined(tokenizer, text, -_LOG2_10 * model.token_scores([ids], eos=False))
    if not hasattr(model, "score") or not hasattr(model, "tokenizer"):
        raise InvalidTypeError(f"model is {type(model).__name__}, expected a LanguageModel or an NgramLM")
    bits = -model.score(text).logprobs / math.log(2)
    return _joined(model.tokenizer, text, bits)


def _of_words(model: NgramLM, text: str) -> Surprisals:
    """Words as the model counts them: between ASCII white space, a sentence a line."""
    scores = [entry[0] for line in text.split("\n") for entry in model.full_scores(line, eos=False)]
    pieces = _WORD.findall(text)
    if pieces:
        pieces[-1] += text[sum(map(len, pieces)) :]
    return Surprisals(pieces, -_LOG2_10 * np.array(scores))


def _joined(tokenizer: Tokenizer, text: str, bits: NDArray[np.floating]) -> Surprisals:
    """Tokens as pieces of text; those inside one character are joined."""
    offsets = np.array(tokenizer.encode(text, add_special_tokens=False).offsets, dtype=np.int64).reshape(
        -1, 2
    )
    each = np.full(len(offsets), np.nan)
    if len(bits):
        each[-len(bits) :] = bits  # a model without a token that begins texts does not score the first one
    starts = offsets[:, 0]
    first = np.flatnonzero(np.diff(starts, prepend=-1) > 0)
    if not len(first):
        return Surprisals([], np.zeros(0))
    cuts = [0, *starts[first][1:].tolist(), len(text)]
    pieces = [text[start:end] for start, end in pairwise(cuts)]
    return Surprisals(pieces, np.add.reduceat(each, first))
