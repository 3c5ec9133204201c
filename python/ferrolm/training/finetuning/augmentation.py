"""``data.augmentation``: texts that are changed at random on their way into the batches of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ferrolm.data import Augmented, Batch
from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.text.augmentation import (
    Augmentation,
    Compose,
    CounterfactualSwap,
    OneOf,
    RandomDeletion,
    RandomSwap,
    SynonymReplacement,
    TokenMasking,
    WithProbability,
    WordNet,
)
from ferrolm.tokenizers import Tokenizer

if TYPE_CHECKING:
    from ferrolm.training.finetuning.task import Task

__all__ = ["augmented", "parse_augmentation"]

_Collate = Callable[[list[Any], np.random.Generator], Batch]

# Name in the setting -> the change of words, given the share of them.
_OF_WORDS: dict[str, Callable[[float], Augmentation]] = {
    "swap": RandomSwap,
    "deletion": RandomDeletion,
    "synonyms": lambda rate: SynonymReplacement(WordNet(), rate),
}
# The share is of the texts, each of which is changed as a whole.
_COUNTERFACTUAL = "counterfactual"
_MASKING = "masking"
_MASKS = ("[MASK]", "<mask>", "[UNK]", "<unk>")


def parse_augmentation(setting: str) -> dict[str, float]:
    """Rates by name. Raises `UnknownNameError`, or `InvalidArgumentError` for what is no share from 0 to 1.

    >>> parse_augmentation("swap:0.1, masking:0.2")
    {'swap': 0.1, 'masking': 0.2}
    """
    known = (*_OF_WORDS, _COUNTERFACTUAL, _MASKING)
    rates = {}
    for part in filter(None, (each.strip() for each in setting.split(","))):
        name, _, number = (piece.strip() for piece in part.partition(":"))
        if name not in known:
            raise UnknownNameError(
                f"data.augmentation has {name!r}, expected some of {', '.join(known)}{nearest(name, known)}"
            )
        try:
            rates[name] = float(number)
        except ValueError:
            rates[name] = -1.0
        if not 0 <= rates[name] <= 1:
            raise InvalidArgumentError(
                f"data.augmentation has {part!r}, expected NAME:SHARE, such as {name}:0.1"
            )
    return rates


def augmented(task: Task, rates: Mapping[str, float]) -> _Collate:
    """Makes batches of examples (not of rows) that are changed anew each time they are seen.

    As in EDA (Wei & Zou 2019) a text has one of the changes of words at a time, or none, with equal chances; counterfactuals
    come before that, masking, which is of tokens, on top of it.
    """

    def collate(examples: list[Any], random: np.random.Generator) -> Batch:
        batch: Batch = task.collate(task.encode(examples), random)
        return batch

    words = [make(rates[name]) for name, make in _OF_WORDS.items() if name in rates]
    changes: list[Augmentation] = [OneOf([None, *words])] if words else []
    if _COUNTERFACTUAL in rates:
        changes.insert(0, WithProbability(CounterfactualSwap(), rates[_COUNTERFACTUAL]))
    changed: _Collate = Augmented(collate, Compose(changes)) if changes else collate
    return _masked(changed, task.tokenizer, rates[_MASKING]) if _MASKING in rates else changed


def _masked(collate: _Collate, tokenizer: Tokenizer, rate: float) -> _Collate:
    mask = next((token for token in _MASKS if tokenizer.token_to_id(token) is not None), None)
    if mask is None:
        raise InvalidArgumentError(
            f"data.augmentation has masking, but the tokenizer has none of {', '.join(_MASKS)}"
        )
    added = tokenizer.get_added_tokens_decoder().items()
    special = {number for number, token in added if token.special}
    if tokenizer.pad_token_id is not None:
        special.add(tokenizer.pad_token_id)
    masking = TokenMasking(tokenizer.token_to_id(mask) or 0, rate, keep=sorted(special))

    def masked(examples: list[Any], random: np.random.Generator) -> Batch:
        batch = collate(examples, random)
        return {**batch, "input_ids": torch.from_numpy(masking(batch["input_ids"].numpy(), random))}

    return masked
