"""Ids of tokens masked or left out at random."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ferrolm.text.augmentation.augmentation import check_rate

__all__ = ["TokenDropout", "TokenMasking"]


class TokenMasking:
    """Each token becomes ``mask_id`` with the probability ``rate``; what a model is to predict does not change.

    As regularization ("word dropout", Iyyer et al. 2015, Bowman et al. 2016); the masks of masked language models, whose
    tokens are to be predicted, are the matter of collators.

    >>> TokenMasking(mask_id=4, rate=0.5, keep=[0])(np.array([0, 7, 8, 9]), np.random.default_rng(0)).tolist()
    [0, 4, 4, 4]
    """

    def __init__(self, mask_id: int, rate: float = 0.1, *, keep: Iterable[int] = ()) -> None:
        """``keep``: ids that stay, such as special tokens and padding."""
        self.mask_id, self.rate, self.keep = mask_id, check_rate(rate), tuple(keep)

    def __call__(self, ids: npt.NDArray[Any], random: np.random.Generator) -> npt.NDArray[Any]:
        """Other ids, of the same shape (any) and dtype (an integer)."""
        chosen = (random.random(ids.shape) < self.rate) & ~np.isin(ids, self.keep)
        return np.where(chosen, ids.dtype.type(self.mask_id), ids)


class TokenDropout:
    """Each token is left out with the probability ``rate``; one of a text stays at least.

    >>> TokenDropout(0.5, keep=[0])(np.array([0, 7, 8, 9, 5, 6]), np.random.default_rng(1)).tolist()
    [0, 7, 9]
    """

    def __init__(self, rate: float = 0.1, *, keep: Iterable[int] = ()) -> None:
        """``keep``: ids that stay, such as special tokens."""
        self.rate, self.keep = check_rate(rate), tuple(keep)

    def __call__(self, ids: npt.NDArray[Any], random: np.random.Generator) -> npt.NDArray[Any]:
        """The ids [tokens] that stay."""
        return ids[self.kept(ids, random)]

    def kept(self, ids: npt.NDArray[Any], random: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Which stay, bool [tokens]: to choose labels likewise."""
        kept = (random.random(len(ids)) >= self.rate) | np.isin(ids, self.keep)
        if len(ids) and not kept.any():
            kept[random.integers(len(ids))] = True
        return kept
