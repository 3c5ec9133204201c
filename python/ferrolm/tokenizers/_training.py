"""Feeding text to trainers: what `Tokenizer.train` and `Tokenizer.train_from_iterator` do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrolm._rust import WordCounter
from ferrolm.errors import InvalidTypeError
from ferrolm.tokenizers._training_progress import Watch
from ferrolm.tokenizers.added_token import token_tuple
from ferrolm.tokenizers.trainers import Trainer

if TYPE_CHECKING:
    from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = ["train_from_files", "train_from_texts"]

# Characters of text per call into Rust: enough to keep all threads busy.
_BATCH_CHARACTERS = 1 << 23
# Elements of an Arrow array that are made Python strings at once.
_ARROW_ELEMENTS = 1 << 14


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


def batches(texts: Any) -> Iterator[list[str]]:
    """Lists of texts, of a few megabytes each, of an iterable of texts, of lists of them, or of an Arrow array."""
    batch: list[str] = []
    characters = 0
    for item in _items(texts):
        for text in (item,) if isinstance(item, str) else _elements(item):
            if not isinstance(text, str):
                raise _wrong(text)
            batch.append(text)
            characters += len(text)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _items(texts: Any) -> Iterable[Any]:
    if isinstance(texts, str):
        raise InvalidTypeError("iterator: found str, expected an iterable of texts")
    if not hasattr(texts, "to_pylist"):
        return _elements(texts)
    starts = range(0, len(texts), _ARROW_ELEMENTS)
    return (texts.slice(start, _ARROW_ELEMENTS).to_pylist() for start in starts)


def _elements(item: Any) -> Iterable[Any]:
    if hasattr(item, "to_pylist"):
        elements: list[Any] = item.to_pylist()
        return elements
    if isinstance(item, bytes) or not isinstance(item, Iterable):
        raise _wrong(item)
    return item


def _wrong(item: object) -> InvalidTypeError:
    return InvalidTypeError(f"iterator: found {type(item).__name__}, expected str or lists of str")
