"""`perplexity`: how well a model predicts texts, per token, word and byte, from one pass.

Per-token perplexity compares models that share a tokenizer; per-word and per-byte perplexity and bits per byte
compare any, because words and bytes do not depend on the vocabulary (Gao et al. 2020, "The Pile", section 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ferrolm.errors import InvalidArgumentError

__all__ = ["Perplexity", "Scored", "Scores", "perplexity"]


class Scored(Protocol):
    """The score of one text: its natural log-probability, and the number of tokens that were predicted."""

    @property
    def logprob(self) -> float: ...
    @property
    def num_tokens(self) -> int: ...


class Scores(Protocol):
    """A model that scores texts, such as `ferrolm.LanguageModel`."""

    def score(self, text: str, *, stride: int | None = None) -> Scored: ...


@dataclass(frozen=True)
class Perplexity:
    """Negative log-likelihood of texts in nats, and what it is shared among.

    tokens: those predicted. words: separated by white space, as wc counts. bytes: of the UTF-8 text.

    >>> result = Perplexity(nats=8 * math.log(2), tokens=4, words=2, bytes=16)
    >>> round(result.per_token, 6), round(result.per_word, 6), result.bits_per_byte
    (4.0, 16.0, 0.5)
    """

    nats: float
    tokens: int
    words: int
    bytes: int

    @property
    def per_token(self) -> float:
        """exp(nats / tokens): what is called perplexity without further words."""
        return _exp(self.nats, self.tokens)

    @property
    def per_word(self) -> float:
        return _exp(self.nats, self.words)

    @property
    def per_byte(self) -> float:
        return _exp(self.nats, self.bytes)

    @property
    def bits_per_byte(self) -> float:
        return self.nats / math.log(2) / self.bytes if self.bytes else math.nan

    def __float__(self) -> float:
        return self.per_token


def _exp(nats: float, count: int) -> float:
    return math.exp(nats / count) if count else math.nan


def perplexity(model: Scores, texts: str | Iterable[str], *, stride: int | None = None) -> Perplexity:
    """Perplexity of ``model`` on ``texts``, each scored by itself and the counts added up.

    A text longer than the model's context is scored in windows that advance by ``stride`` tokens (by default half
    a context; see `ferrolm.LanguageModel.score`). The first token of a text is predicted from the model's
    beginning-of-text token; where it has none, the first token is not counted.

    Raises `InvalidArgumentError` when there is nothing to predict.

    >>> class Uniform:  # over two tokens a byte
    ...     def score(self, text, *, stride=None):
    ...         return type("Score", (), {"logprob": -math.log(2) * len(text), "num_tokens": len(text)})
    >>> perplexity(Uniform(), ["abc", "de f"]).bits_per_byte
    1.0
    """
    nats, tokens, words, size = 0.0, 0, 0, 0
    for text in [texts] if isinstance(texts, str) else texts:
        score = model.score(text, stride=stride)
        nats -= score.logprob
        tokens += score.num_tokens
        words += len(text.split())
        size += len(text.encode())
    if not tokens:
        raise InvalidArgumentError("texts hold no token to predict")
    return Perplexity(nats, tokens, words, size)
