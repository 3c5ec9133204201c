"""word2vec: skip-gram and CBOW with negative sampling."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ferrolm import _rust, num_threads
from ferrolm.embeddings.keyed_vectors import KeyedVectors
from ferrolm.errors import InvalidArgumentError

__all__ = ["Word2Vec"]


class Word2Vec:
    """Word vectors from the company that words keep (Mikolov et al. 2013), trained when the object is made.

    Parameters have the names and defaults of gensim's ``Word2Vec``, so that its users need not look them up.

    Args:
        sentences: an iterable of sentences, read once: lists of words, or strings, which are split at white space.
        vector_size: length of the vectors.
        window: most words on either side of a word that count as its company; each position draws 1 to ``window``.
        min_count: words that occur less often are dropped.
        sg: 1 for skip-gram (a word predicts its neighbours), 0 for CBOW (their mean predicts the word).
        negative: wrong words per true one. The words around a position share them, which is as good and faster.
        sample: words with a larger share of the corpus are thinned out; 0 keeps all.
        alpha: the learning rate, falling linearly to ``min_alpha``.
        min_alpha: the learning rate at the end.
        epochs: passes over the sentences.
        workers: threads; 1 by default. With one the result depends on the arguments alone; more update the
            vectors without locks ("Hogwild") and vary from run to run.
        seed: of everything random.
        ns_exponent: wrong words are drawn by their count to this power.

    Attributes:
        wv: the vectors, a `KeyedVectors` with the most frequent word first.

    Raises:
        InvalidArgumentError: a value out of range, or no word occurs ``min_count`` times.
        InvalidTypeError: a word that is no string.

    >>> sentences = ["the cat sat on the mat", "the dog sat on the rug"] * 50
    >>> model = Word2Vec(sentences, vector_size=8, min_count=1, sg=1, epochs=2)
    >>> model.wv["cat"].shape, model.wv.index_to_key[0]
    ((8,), 'the')
    """

    def __init__(
        self,
        sentences: Iterable[str | Iterable[str]],
        vector_size: int = 100,
        window: int = 5,
        min_count: int = 5,
        sg: int = 0,
        negative: int = 5,
        sample: float = 1e-3,
        alpha: float = 0.025,
        min_alpha: float = 1e-4,
        epochs: int = 5,
        workers: int | None = 1,
        seed: int = 1,
        ns_exponent: float = 0.75,
    ) -> None:
        if sg not in (0, 1):
            raise InvalidArgumentError(f"sg is {sg!r}: expected 1 (skip-gram) or 0 (CBOW)")
        for name, value in (
            ("vector_size", vector_size),
            ("window", window),
            ("min_count", min_count),
            ("negative", negative),
            ("epochs", epochs),
            ("seed", seed),
        ):
            if value < 0 or value >= 1 << 32:
                raise InvalidArgumentError(f"{name} is {value}: expected a number from 0 to 2**32 - 1")
        if isinstance(sentences, str):
            raise InvalidArgumentError("sentences is a string: expected an iterable of sentences")
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.sg = sg
        self.negative = negative
        self.sample = sample
        self.alpha = alpha
        self.min_alpha = min_alpha
        self.epochs = epochs
        self.workers = num_threads() if workers is None else workers
        self.seed = seed
        self.ns_exponent = ns_exponent
        corpus = _rust.WordCorpus(sentences, min_count)
        self.corpus_total_words = len(corpus)
        vectors = corpus.word2vec(
            skip_gram=bool(sg),
            vector_size=vector_size,
            window=window,
            negative=negative,
            ns_exponent=ns_exponent,
            sample=sample,
            alpha=alpha,
            min_alpha=min_alpha,
            epochs=epochs,
            workers=self.workers,
            seed=seed,
        )
        self.wv = KeyedVectors(corpus.words, vectors, counts=corpus.counts.astype(np.int64))

    def __repr__(self) -> str:
        kind = "skip-gram" if self.sg else "CBOW"
        return f"Word2Vec({kind}, words={len(self.wv)}, vector_size={self.vector_size}, alpha={self.alpha})"
