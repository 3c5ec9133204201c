"""word2vec in torch, for a CUDA device: the objective of `Word2Vec` in large batches.

`Word2Vec` updates two rows at a time, which no GPU can be fed with. Here a step takes many positions at once: their gradients are
added up by row (``index_add_``), so that a word that is in a batch often would be moved far by gradients that know nothing of each
other. Its sum is brought down to the size of ``MOST_UPDATES`` of them, which keeps large batches as good as small ones.

On the CPU this is right, and far slower than `Word2Vec`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.tokenizers import RaggedIds

__all__ = ["MOST_UPDATES", "negative_sampling_gradients", "train_word2vec"]

MOST_UPDATES = 16
"""Gradients of one row in one step that count in full."""


@dataclass(frozen=True)
class _Corpus:
    """Words of the corpus on the device, and the sentence of each."""

    ids: Tensor
    sentences: Tensor

    def thinned(self, keep: Tensor, random: torch.Generator) -> _Corpus:
        """What is left of it in one epoch."""
        drawn = torch.rand(len(self.ids), generator=random, device=self.ids.device)
        kept = drawn < keep[self.ids]
        return _Corpus(self.ids[kept], self.sentences[kept])


def train_word2vec(
    corpus: RaggedIds,
    counts: NDArray[Any],
    *,
    device: torch.device | str,
    sg: int = 0,
    vector_size: int = 100,
    window: int = 5,
    negative: int = 5,
    ns_exponent: float = 0.75,
    cbow_mean: int = 1,
    sample: float = 1e-3,
    alpha: float = 0.025,
    min_alpha: float = 1e-4,
    epochs: int = 5,
    seed: int = 1,
    shrink_windows: bool = True,
    batch_size: int | None = None,
) -> NDArray[np.float32]:
    """Word vectors by negative sampling on a device; the settings are those of `Word2Vec`.

    Args:
        corpus: the sentences as rows of the vocabulary, without words that have none.
        counts: (words,), how often each row occurs in the corpus, before anything is thinned out.
        device: "cuda", "cuda:1", "cpu", ...
        batch_size: positions of the corpus in a step; by default a thousandth of the corpus, 32 to 8,192.

    Returns:
        float32 [words, vector_size]. On a CPU they depend on the arguments alone; CUDA adds in varying order.

    Raises:
        InvalidArgumentError: there is no such device, or a setting is out of range.
        ShapeError: an id has no count.

    >>> corpus = RaggedIds(np.array([0, 1, 0, 1], np.uint32), np.array([0, 2, 4]))
    >>> train_word2vec(corpus, np.array([2, 2]), device="cpu", vector_size=8, epochs=1).shape
    (2, 8)
    """
    place = _device(device)
    for name, value in (("vector_size", vector_size), ("window", window), ("negative", negative)):
        if value < 1:
            raise InvalidArgumentError(f"{name} is {value}: expected at least 1")
    frequencies = torch.from_numpy(np.asarray(counts, np.float64)).to(place)
    if len(corpus.ids) and int(corpus.ids.max()) >= len(frequencies):
        raise ShapeError(f"corpus has the id {int(corpus.ids.max())}, counts {len(frequencies)} words")
    random = torch.Generator(place).manual_seed(seed)
    inputs = (
        torch.rand(len(frequencies), vector_size, generator=random, device=place).sub_(0.5).div_(vector_size)
    )
    outputs = torch.zeros_like(inputs)
    every = _Corpus(
        torch.from_numpy(corpus.ids.astype(np.int64)).to(place),
        torch.from_numpy(np.repeat(np.arange(len(corpus)), corpus.lengths())).to(place),
    )
    keep = _keep_probabilities(frequencies, sample)
    below = _cumulative(frequencies, ns_exponent)
    size = batch_size or min(8192, max(32, len(corpus.ids) // 1000))
    for epoch in range(epochs):
        text = every.thinned(keep, random)
        for share, places in _batches(len(text.ids), size, random):
            rate = alpha - (alpha - min_alpha) * (epoch + share) / epochs
            around, valid = _windows(text, places, window, shrink_windows, random)
            drawn = torch.rand(len(places), negative, generator=random, device=place, dtype=torch.float64)
            wrong = torch.searchsorted(below, drawn)
            targets = torch.cat([text.ids[places][:, None], wrong], dim=1)
            moves = negative_sampling_gradients(
                inputs, outputs, around, valid, targets, bool(sg), bool(cbow_mean)
            )
            for matrix, rows, gradients, counted in zip((inputs, outputs), (around, targets), moves[::2], moves[1::2], strict=True):  # fmt: skip
                _add(matrix, rows, gradients, counted, rate)
    return inputs.cpu().numpy()


def negative_sampling_gradients(
    inputs: Tensor,
    outputs: Tensor,
    around: Tensor,
    valid: Tensor,
    targets: Tensor,
    skip_gram: bool,
    mean: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ascent directions of log σ(target) + Σ log σ(-wrong) for a batch of positions.

    Args:
        inputs: [words, size]; outputs: [words, size].
        around: int64 [positions, context], the words around each; valid: bool, likewise, which of them count.
        targets: int64 [positions, 1 + negative], the word of the position first, then wrong ones.
        skip_gram: each word around predicts the targets; otherwise their mean (or sum) does.
        mean: of CBOW: as in word2vec, each word around gets the whole gradient of the mean; of a sum, its share.

    Returns:
        Gradients of ``inputs[around]`` [positions, context, size] and which of them count, bool; the same of ``outputs[targets]``.
    """
    # A wrong word that is the right one says nothing.
    counted = torch.ones_like(targets, dtype=torch.bool)
    counted[:, 1:] = targets[:, 1:] != targets[:, :1]
    own = inputs[around] * valid[..., None]
    number = valid.sum(1).clamp(min=1)[:, None, None]
    if not skip_gram:
        own = own.sum(1, keepdim=True)
        own = own / number if mean else own
    shown = valid if skip_gram else valid.any(1, keepdim=True)
    others = outputs[targets]
    wanted = torch.zeros_like(targets, dtype=inputs.dtype)
    wanted[:, 0] = 1
    error = wanted[:, None] - torch.sigmoid(own @ others.transpose(1, 2))
    error = error * (shown[..., None] & counted[:, None])
    of_inputs = error @ others
    if not skip_gram:
        of_inputs = (of_inputs if mean else of_inputs / number).expand(-1, around.shape[1], -1)
    return of_inputs, valid, error.transpose(1, 2) @ own, counted & valid.any(1, keepdim=True)


def _add(matrix: Tensor, rows: Tensor, gradients: Tensor, counted: Tensor, rate: float) -> None:
    """Add the gradients that count to their rows, those of a row that has many of them scaled down."""
    chosen = rows[counted]
    often = torch.bincount(chosen, minlength=len(matrix))
    scale = rate * (MOST_UPDATES / often.clamp(min=MOST_UPDATES)).to(matrix.dtype)
    matrix.index_add_(0, chosen, gradients[counted] * scale[chosen][:, None])


def _windows(
    text: _Corpus, places: Tensor, window: int, shrink: bool, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The words around some places, int64 [places, 2 * window], and which are in their window and sentence."""
    device = places.device
    steps = torch.cat([torch.arange(-window, 0, device=device), torch.arange(1, window + 1, device=device)])
    reach = torch.full((len(places), 1), window, device=device)
    if shrink:
        reach = torch.randint(1, window + 1, (len(places), 1), generator=random, device=device)
    where = places[:, None] + steps
    inside = where.clamp(0, len(text.ids) - 1)
    valid = (where == inside) & (steps.abs() <= reach)
    valid &= text.sentences[inside] == text.sentences[places][:, None]
    return text.ids[inside], valid


def _batches(count: int, size: int, random: torch.Generator) -> Iterator[tuple[float, Tensor]]:
    """Places in random order, as many at a time as a step takes, and the share of them that came before."""
    order = torch.randperm(count, generator=random, device=random.device)
    for first in range(0, count, size):
        yield first / count, order[first : first + size]


def _keep_probabilities(counts: Tensor, sample: float) -> Tensor:
    """The probability that each word is kept where it occurs, as word2vec has it."""
    if sample == 0:
        return torch.ones_like(counts, dtype=torch.float32)
    ratio = sample * counts.sum() / counts.clamp(min=1)
    return (ratio.sqrt() + ratio).clamp(max=1).float()


def _cumulative(counts: Tensor, exponent: float) -> Tensor:
    """Shares of wrong words, added up: a uniform number falls below that of the word it draws."""
    weights = counts**exponent
    total = (weights / weights.sum()).cumsum(0)
    total[-1] = 1
    return total


def _device(name: torch.device | str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InvalidArgumentError(f"device is {str(name)!r}, which is not here: {error}") from None
    return device
