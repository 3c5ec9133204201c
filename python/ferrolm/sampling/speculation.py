"""Accepting the tokens of a draft so that the texts are distributed as if the target had drawn them one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.sampling.arrays import is_tensor, unsigned

__all__ = ["accept_draft"]


def accept_draft(
    draft: Any, target_probabilities: Any, draft_probabilities: Any = None, *, seeds: Any, step: Any = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The tokens that a step of speculative decoding yields (Leviathan et al., 2023; Chen et al., 2023).

    Args:
        draft: Proposed tokens (batch, k), one after the other.
        target_probabilities: What the target draws each of them from, and the token after them: (batch, k + 1, vocab), as
            `filtered_probabilities` gives it; one-hot rows are greedy decoding.
        draft_probabilities: What the draft drew its tokens from, (batch, k, vocab); None if it drew nothing, as prompt
            lookup or a greedy draft.
        seeds: One for all rows or one for each.
        step: The number of the first token, likewise; a row draws with its seed and the steps from there on, whatever
            else is in the batch.

    Returns:
        Tokens int64 (batch, k + 1), -1 after the last one, and how many there are, int64 (batch,): those of the draft
        up to the first one that is rejected, then one of the target's.

    Raises:
        ShapeError: Shapes that do not fit.
        InvalidArgumentError: A token beyond the vocabulary, or one that the draft gives no probability; probabilities
            that are negative, not finite, or all 0.

    >>> target = np.full((1, 3, 4), 0.25)
    >>> tokens, counts = accept_draft([[2, 1]], target, target[:, :2], seeds=1)
    >>> tokens[0, :2].tolist(), counts.tolist()
    ([2, 1], [3])
    """
    proposed = _array(draft, np.int64)
    target = _array(target_probabilities, np.float64)
    if proposed.ndim != 2 or target.ndim != 3 or target.shape[:2] != (len(proposed), proposed.shape[1] + 1):
        raise ShapeError(
            "draft must have the shape (batch, k) and target_probabilities (batch, k + 1, vocab), found "
            f"{proposed.shape} and {target.shape}"
        )
    batch, length = proposed.shape
    vocab = target.shape[2]
    if proposed.size and not 0 <= proposed.min() <= proposed.max() < vocab:
        raise InvalidArgumentError(
            f"draft must hold tokens in [0, {vocab}), found {proposed.min()} to {proposed.max()}"
        )
    own = None if draft_probabilities is None else _array(draft_probabilities, np.float64)
    if own is not None and own.shape != (batch, length, vocab):
        raise ShapeError(
            f"draft_probabilities must have the shape {(batch, length, vocab)}, found {own.shape}"
        )
    _check("target_probabilities", target)
    if own is not None:
        _check("draft_probabilities", own)
    row_seeds, row_steps = unsigned(seeds, "seeds", batch), unsigned(step, "step", batch)
    tokens, counts = np.full((batch, length + 1), -1, np.int64), np.zeros(batch, np.int64)
    rows = np.arange(batch)
    for place in range(length + 1):
        u = _rust.uniforms(row_seeds[rows], row_steps[rows] + np.uint64(place))
        p = target[rows, place]
        if place == length:
            tokens[rows, place] = _draw(p, u)
            counts[rows] += 1
            break
        drawn = proposed[rows, place]
        q = np.eye(vocab)[drawn] if own is None else own[rows, place]
        at = np.arange(len(rows))
        share = q[at, drawn]
        if not (share > 0).all():
            row = rows[np.flatnonzero(~(share > 0))[0]]
            raise InvalidArgumentError(
                f"draft_probabilities of row {row} are 0 for its token at place {place}"
            )
        ratio = np.minimum(p[at, drawn] / share, 1.0)
        accepted = u < ratio
        # Given that it is rejected, what is left of the number is uniform again.
        rest = np.clip((u - ratio) / np.where(ratio < 1.0, 1.0 - ratio, 1.0), 0.0, np.nextafter(1.0, 0.0))
        left = np.maximum(p - q, 0.0)
        # Where the two are equal but for rounding nothing is left, and the target itself is as good.
        left = np.where(left.any(-1, keepdims=True), left, p)
        tokens[rows, place] = np.where(accepted, drawn, _draw(left, rest))
        counts[rows] += 1
        rows = rows[accepted]
    return tokens, counts


def _check(name: str, probabilities: NDArray[np.float64]) -> None:
    sound = np.isfinite(probabilities).all(-1) & (probabilities >= 0).all(-1) & (probabilities > 0).any(-1)
    if not sound.all():
        row, place = np.argwhere(~sound)[0]
        raise InvalidArgumentError(
            f"{name} of row {row} at place {place} must be finite, at least 0 and not all 0"
        )


def _draw(weights: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.int64]:
    """The first token where the cumulative weight exceeds its share ``u``; one with a weight in any case."""
    sums = weights.cumsum(-1)
    found = (sums <= u[:, None] * sums[:, -1:]).sum(-1)
    last = weights.shape[1] - 1 - (weights[:, ::-1] > 0).argmax(-1)
    token: NDArray[np.int64] = np.minimum(found, last)
    return token


def _array(values: Any, dtype: Any) -> NDArray[Any]:
    return np.asarray(values.detach().cpu() if is_tensor(values) else values, dtype)
