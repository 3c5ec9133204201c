"""Passes over a corpus, with what happens between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from os import PathLike
from typing import Any

from ferrolm import _rust
from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError

Sentences = Iterable[str | Iterable[str]]


@dataclass(frozen=True)
class Passes:
    """How often a corpus is gone through, and with which learning rates."""

    epochs: int
    alpha: float
    min_alpha: float
    workers: int
    compute_loss: bool
    callbacks: Sequence[Any]
    progress: bool

    def run(self, owner: Any, model: _rust.WordModel, corpus: _rust.WordCorpus) -> int:
        """Train ``model``; callbacks get ``owner``, whose ``running_training_loss`` grows with each pass."""
        trained = 0
        self._call("on_train_begin", owner)
        with self._bar(self.epochs * len(corpus)) as bar:
            for epoch in range(self.epochs):
                self._call("on_epoch_begin", owner)
                words, loss = model.train(
                    corpus,
                    epoch=epoch,
                    epochs=self.epochs,
                    alpha=self.alpha,
                    min_alpha=self.min_alpha,
                    workers=self.workers,
                    compute_loss=self.compute_loss,
                )
                trained += words
                owner._trained(loss)
                if bar is not None:
                    bar.update(len(corpus))
                self._call("on_epoch_end", owner)
        self._call("on_train_end", owner)
        return trained

    def _bar(self, words: int) -> AbstractContextManager[Any]:
        if not self.progress:
            return nullcontext()
        tqdm = require("tqdm", "torch", "a progress bar").tqdm
        return tqdm(desc="training", unit="word", unit_scale=True, total=words)  # type: ignore[no-any-return]

    def _call(self, name: str, owner: Any) -> None:
        for callback in self.callbacks:
            if method := getattr(callback, name, None):
                method(owner)


def read_corpus(
    sentences: Sentences | None,
    corpus_file: str | PathLike[str] | None,
    min_count: int,
    max_final_vocab: int | None = None,
    sorted_vocab: bool = True,
) -> _rust.WordCorpus:
    """Sentences as ids, read once from exactly one of the two."""
    if (sentences is None) == (corpus_file is None):
        found = "both given" if sentences is not None else "both None"
        raise InvalidArgumentError(f"sentences and corpus_file are {found}: expected one of them")
    if isinstance(sentences, str):
        raise InvalidArgumentError(
            "sentences is a string: expected an iterable of sentences (or corpus_file=path)"
        )
    if corpus_file is not None:
        return _rust.WordCorpus.from_file(
            corpus_file, min_count, max_final_vocab=max_final_vocab, sorted_vocab=sorted_vocab
        )
    assert sentences is not None
    return _rust.WordCorpus(sentences, min_count, max_final_vocab=max_final_vocab, sorted_vocab=sorted_vocab)
