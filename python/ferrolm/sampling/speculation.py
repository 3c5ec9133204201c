"""Accepting the tokens of a draft so that the texts are distributed as if the target had drawn them one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.sampling.arrays import is_tensor, unsigned

__all__ = ["accept_draft", "accept_tree"]


def accept_draft(
    draft: Any, target_probabilities: Any, draft_probabilities: Any = None, *, seeds: Any, step: Any = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The tokens that a step of speculative decoding yields (Leviathan et al., 2023; Chen et al., 2023).

    Args:
        draft: Proposed tokens (batch, k), one after the other.
        target_probabilities: What the target draws each of them from, and the token after them: (batch, k + 1, vocab), as
            `filtered_probabilities` gives it; one-hot rows are greedy decoding. Arrays of numpy and tensors on the CPU in
            float32 or float64 are read in place, others are converted, and copied from their device.
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
    tokens, counts, _ = _accept(draft, None, target_probabilities, draft_probabilities, seeds, step)
    return tokens, counts


def accept_tree(
    draft: Any,
    parents: Any,
    target_probabilities: Any,
    draft_probabilities: Any = None,
    *,
    seeds: Any,
    step: Any = 0,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The same for a tree of drafts: several continuations of a text are verified at once (Miao et al., 2024, "SpecInfer").

    At a node its children are tried in order. Child x is accepted with probability min(1, p(x) / q(x)), where p is the
    target's distribution there and q the one that the child was drawn from; otherwise p becomes max(p - q, 0), normalised,
    for the next child. If none is accepted, the last token is drawn from what is left of p. Whatever the tree, the tokens are
    distributed as the target's own.

    Args:
        draft: Tokens of the nodes (batch, n).
        parents: The index of the node before each node, (batch, n) or (n,) for all rows: smaller than the node's own index,
            or -1 where a node continues the text itself. ``[-1, 0, 1, ...]`` is the chain of `accept_draft`.
        target_probabilities: (batch, n + 1, vocab): at place 0 what the target draws next, at place i + 1 what it draws
            after node i; otherwise as for `accept_draft`.
        draft_probabilities: (batch, n, vocab), what each node was drawn from, independently of its siblings; None if nothing
            was drawn, as for the most probable tokens of a draft, or prompt lookup.
        seeds: One for all rows or one for each.
        step: The number of the first token, likewise; the token at depth d is decided by one number, that of step + d.

    Returns:
        Tokens int64 (batch, n + 1); how many there are, int64 (batch,); and the nodes that they come from, int64 (batch, n),
        one less than there are tokens, since the last token is the target's own: the rows of key and value caches that are
        kept. -1 after the last ones.

    Raises:
        ShapeError: Shapes that do not fit.
        InvalidArgumentError: As for `accept_draft`, and a parent that does not come before its node.

    >>> target = np.eye(5)[[[3, 0, 4, 2]]]  # 3 comes next, and 4 after the second node
    >>> tokens, counts, nodes = accept_tree([[1, 3, 4]], [-1, -1, 1], target, seeds=1)
    >>> tokens.tolist(), counts.tolist(), nodes.tolist()
    ([[3, 4, 2, -1]], [3], [[1, 2, -1]])
    """
    if parents is None:
        raise InvalidTypeError("parents must be integers of the shape (batch, n) or (n,), found None")
    return _accept(draft, parents, target_probabilities, draft_probabilities, seeds, step)


def _accept(
    draft: Any, parents: Any, target_probabilities: Any, draft_probabilities: Any, seeds: Any, step: Any
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    proposed = _integers(draft, "draft")
    target = _probabilities(target_probabilities)
    if proposed.ndim != 2 or target.ndim != 3 or target.shape[:2] != (len(proposed), proposed.shape[1] + 1):
        letter = "k" if parents is None else "n"
        raise ShapeError(
            f"draft must have the shape (batch, {letter}) and target_probabilities (batch, {letter} + 1, vocab), found "
            f"{proposed.shape} and {target.shape}"
        )
    batch, length = proposed.shape
    vocab = target.shape[2]
    if proposed.size and not 0 <= proposed.min() <= proposed.max() < vocab:
        raise InvalidArgumentError(
            f"draft must hold tokens in [0, {vocab}), found {proposed.min()} to {proposed.max()}"
        )
    own = None if draft_probabilities is None else _probabilities(draft_probabilities)
    if own is not None and own.shape != (batch, length, vocab):
        raise ShapeError(
            f"draft_probabilities must have the shape {(batch, length, vocab)}, found {own.shape}"
        )
    return _rust.accept_drafts(
        np.ascontiguousarray(proposed, np.uint32),
        None if parents is None else _parents(parents, batch, length),
        target,
        own,
        unsigned(seeds, "seeds", batch),
        unsigned(step, "step", batch),
    )


def _parents(parents: Any, batch: int, length: int) -> NDArray[np.int64]:
    array = _integers(parents, "parents")
    if array.shape not in ((length,), (batch, length)):
        raise ShapeError(f"parents must have the shape {(batch, length)} or {(length,)}, found {array.shape}")
    return np.ascontiguousarray(np.broadcast_to(array, (batch, length)), np.int64)


def _probabilities(values: Any) -> NDArray[Any]:
    """float32 or float64 with rows that are contiguous; no copy of what is so already."""
    if is_tensor(values):
        values = values.detach().cpu()
        array = (values.float() if values.dtype.itemsize < 4 else values).numpy()
    else:
        array = np.asarray(values)
    wide = np.float32 if array.dtype in (np.float16, np.float32) else np.float64
    array = np.require(array, wide, "A")
    contiguous = array.ndim == 0 or array.shape[-1] < 2 or array.strides[-1] == array.itemsize
    return array if contiguous else np.ascontiguousarray(array)


def _integers(values: Any, name: str) -> NDArray[np.int64]:
    array = np.asarray(values.detach().cpu() if is_tensor(values) else values)
    if array.size and array.dtype.kind not in "iu":
        raise InvalidTypeError(f"{name} must hold integers, found {array.dtype}")
    return array.astype(np.int64)
