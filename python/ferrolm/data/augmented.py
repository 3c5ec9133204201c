"""Examples changed at random on their way into a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ferrolm.data.readers.examples import LabeledWords, QuestionExample, TextExample, TextPair
from ferrolm.errors import InvalidTypeError

if TYPE_CHECKING:
    from ferrolm.data.batches import Batch
    from ferrolm.text.augmentation import Augmentation

__all__ = ["Augmented"]


class Augmented:
    """A collate that augments the examples before another makes a batch of them.

    Each time that an example is seen it is changed anew, and in the same way after a resume: chance comes from the generator
    of the batch. What is changed: both texts of a `TextExample`, the words of `LabeledWords` with their labels, the source of
    a `TextPair`, the question of a `QuestionExample` (answers have places in the context), a string.

    >>> from ferrolm.text.augmentation import RandomSwap
    >>> def collate(examples, random): return [example.text for example in examples]
    >>> Augmented(collate, RandomSwap())([TextExample("one two", label="x")], np.random.default_rng(0))
    ['two one']
    """

    def __init__(
        self, collate: Callable[[list[Any], np.random.Generator], Batch], augmentation: Augmentation
    ) -> None:
        self.collate, self.augmentation = collate, augmentation

    def __call__(self, examples: list[Any], random: np.random.Generator) -> Batch:
        # The texts together: back-translation wants them so.
        texts = [text for example in examples for text in _texts(example)]
        changed = iter(self.augmentation.batch(texts, random) if texts else [])
        return self.collate([self._changed(example, changed, random) for example in examples], random)

    def _changed(self, example: Any, changed: Any, random: np.random.Generator) -> Any:
        if isinstance(example, LabeledWords):
            words, labels = self.augmentation.labeled(example.words, example.labels, random)
            return LabeledWords(tuple(words), tuple(labels))
        texts = [next(changed) for _ in _texts(example)]
        if isinstance(example, TextExample):
            return replace(example, text=texts[0], text_pair=texts[1] if len(texts) > 1 else None)
        if isinstance(example, TextPair):
            return replace(example, source=texts[0])
        if isinstance(example, QuestionExample):
            return replace(example, question=texts[0])
        return texts[0]


def _texts(example: Any) -> list[str]:
    """What of an example is text that may be changed."""
    if isinstance(example, str):
        return [example]
    if isinstance(example, TextExample):
        return [example.text] if example.text_pair is None else [example.text, example.text_pair]
    if isinstance(example, TextPair):
        return [example.source]
    if isinstance(example, QuestionExample):
        return [example.question]
    if isinstance(example, LabeledWords):
        return []
    raise InvalidTypeError(
        f"cannot augment a {type(example).__name__}: expected TextExample, LabeledWords, TextPair, QuestionExample or str"
    )
