"""Feeding text to trainers: what `Tokenizer.train` and `Tokenizer.train_from_iterator` do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ferrolm._rust import WordCounter
from ferrolm.errors import InvalidTypeError
from ferrolm.tokenizers._training_progress import Watch
from ferrolm.tokenizers._training_texts import batches
from ferrolm.tokenizers.added_token import token_tuple
from ferrolm.tokenizers.trainers import Trainer

if TYPE_CHECKING:
    from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = ["train_from_files", "train_from_texts"]


def train_from_texts(
    tokenizer: Tokenizer,
    texts: Iterable[str] | Iterable[Sequence[str]],
    trainer: Trainer | None,
    length: int | None,
) -> None:
    """What `Tokenizer.train_from_iterator` does."""
    chosen = _chosen(tokenizer, trainer)
    counter = WordCounter(tokenizer)
    with Watch(counter, chosen.show_progress, chosen.progress_format) as watch:
        for batch in batches(texts):
            counter.add(batch)
            watch.fed(len(batch), length)
        _finish(tokenizer, chosen, counter)


def train_from_files(
    tokenizer: Tokenizer, files: Iterable[str | os.PathLike[str]], trainer: Trainer | None
) -> None:
    """What `Tokenizer.train` does."""
    chosen = _chosen(tokenizer, trainer)
    # One path is an iterable too, of its characters.
    if isinstance(files, str | os.PathLike):
        raise InvalidTypeError(f"files: found {type(files).__name__}, expected a list of paths")
    paths = [Path(file) for file in files]
    counter = WordCounter(tokenizer, by_line=True)
    with Watch(counter, chosen.show_progress, chosen.progress_format) as watch:
        # A file that is not there is an error when its turn comes.
        watch.expect_bytes(sum(path.stat().st_size for path in paths if path.is_file()))
        for path in paths:
            counter.add_file(path)
        _finish(tokenizer, chosen, counter)


def _chosen(tokenizer: Tokenizer, trainer: Trainer | None) -> Trainer:
    if trainer is None:
        return tokenizer.model.get_trainer()
    if not isinstance(trainer, Trainer):
        raise InvalidTypeError(f"trainer: found {type(trainer).__name__}, expected a Trainer")
    trainer._check_model(tokenizer.get_model())
    return trainer


def _finish(tokenizer: Tokenizer, trainer: Trainer, counter: WordCounter) -> None:
    """Learn from the counted words; the tokenizer changes at the very end, in one step."""
    model = trainer._learn(counter, tokenizer.get_model())
    special = [token_tuple(token, special=True) for token in trainer.special_tokens]
    tokenizer.set_trained(model, special)
