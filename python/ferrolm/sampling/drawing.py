"""Sampling without memory: everything that a draw depends on is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.sampling.arrays import (
    Past,
    borrow,
    check_logits,
    like,
    mask_bits,
    noise_array,
    on_device,
    ragged,
    unsigned,
)
from ferrolm.sampling.params import SamplingParams
from ferrolm.sampling.rows import cores, each, rows_of

if TYPE_CHECKING:
    from ferrolm.sampling.arrays import Logits

__all__ = ["filtered_probabilities", "sample", "top_logprobs"]


def sample(
    logits: Logits,
    params: SamplingParams | Sequence[SamplingParams] | None = None,
    *,
    history: Past | None = None,
    prompt: Past | None = None,
    step: Any = 0,
    seeds: Any = None,
    logprobs: Literal["raw", "processed"] | None = None,
    mask: Any = None,
    noise: Any = None,
) -> Any:
    """Draw one token for each row.

    Args:
        logits: (batch, vocab) float32, float16 or bfloat16, numpy or torch, on any device. Read in place on the
            CPU; rows may lie apart, but the last dimension must be contiguous. Finite or ``-inf``.
        params: One object for all rows, or one for each; None is plain sampling at temperature 1.
        history: Tokens generated so far, one sequence for each row or a (batch, time) array; for the penalties.
        prompt: Tokens of the prompt, likewise; for ``repetition_penalty``.
        step: Number of the draw, one for all rows or one for each; count it up while a row is generated.
        seeds: Seeds in place of those of ``params``, one for all rows or one for each.
        logprobs: Also return the natural logarithm of the probability of the drawn tokens: ``"raw"`` under the
            softmax of the logits as they came, ``"processed"`` under the distribution that was drawn from.
        mask: The tokens that may be chosen at this step: bool (batch, vocab), or bits as grammar engines give them, int32
            or uint32 (batch, ceil(vocab / 32)), the lowest bit first. Applied in the same pass.
        noise: float32 (batch, vocab), above 0, from an exponential distribution: the token with the largest probability
            divided by its noise is drawn, whatever the seed. With ``torch.empty(...).exponential_()`` these are the
            ids that `torch.multinomial` draws from the same state of torch's generator.

    Returns:
        Ids (batch,), uint32 for numpy and int64 for torch; with ``logprobs`` a pair of ids and float32 (batch,).

    A row's token depends on its own logits, params, tokens of the past, seed and step alone; not on the batch, its
    place in it, the number of threads, or the instruction set.

    Raises:
        ShapeError: Wrong dtype, dimensions or strides, an empty vocabulary, or a number of rows that does not fit.
        InvalidArgumentError: NaN, ``+inf`` or nothing above ``-inf`` in a row, or a token beyond the vocabulary.

    >>> import numpy as np
    >>> logits = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]], np.float32) + 1e-9)
    >>> sample(logits, SamplingParams(temperature=0))
    array([2, 0], dtype=uint32)
    >>> sample(logits, SamplingParams(top_p=0.6), seeds=[1, 2], step=3)
    array([2, 1], dtype=uint32)
    """
    dtype = check_logits(logits)
    batch = logits.shape[0]
    rows = rows_of(params, batch)
    steps = unsigned(step, "step", batch)
    chosen = None if seeds is None else unsigned(seeds, "seeds", batch)
    past = {"prompt": ragged(prompt, "prompt", batch), "history": ragged(history, "history", batch)}
    if on_device(logits):
        from ferrolm.sampling import device

        return device.sample(
            logits,
            each(rows, batch),
            seeds=chosen,
            steps=steps,
            logprobs=logprobs,
            mask=mask,
            noise=noise,
            **past,
        )
    array = borrow(logits, dtype)
    bits = mask_bits(mask, batch, logits.shape[1])
    ids, logs = _rust.sample(
        array,
        dtype,
        cores(rows),
        seeds=chosen,
        steps=steps,
        logprobs=logprobs,
        mask=bits,
        noise=noise_array(noise),
        **past,
    )
    return like(logits, ids) if logs is None else (like(logits, ids), like(logits, logs))


def filtered_probabilities(
    logits: Logits,
    params: SamplingParams | Sequence[SamplingParams] | None = None,
    *,
    history: Past | None = None,
    prompt: Past | None = None,
    mask: Any = None,
) -> Any:
    """The distributions that `sample` draws from, float32 (batch, vocab); arguments and errors as there.

    Greedy params give 1 to the token that is taken.

    >>> import numpy as np
    >>> logits = np.log(np.array([[0.1, 0.2, 0.7]], np.float32))
    >>> filtered_probabilities(logits, SamplingParams(top_k=2)).round(3)
    array([[0.   , 0.222, 0.778]], dtype=float32)
    """
    dtype = check_logits(logits)
    batch = logits.shape[0]
    rows = rows_of(params, batch)
    past = {"prompt": ragged(prompt, "prompt", batch), "history": ragged(history, "history", batch)}
    if on_device(logits):
        from ferrolm.sampling import device

        return device.filtered_probabilities(logits, each(rows, batch), mask=mask, **past)
    bits = mask_bits(mask, batch, logits.shape[1])
    array = borrow(logits, dtype)
    return like(logits, _rust.filtered_probabilities(array, dtype, cores(rows), mask=bits, **past))


def top_logprobs(
    logits: Logits,
    count: int,
    params: SamplingParams | Sequence[SamplingParams] | None = None,
    *,
    history: Past | None = None,
    prompt: Past | None = None,
    mask: Any = None,
) -> Any:
    """The ``count`` most probable tokens of each row, and the natural logarithms of their probabilities.

    Without ``params`` of the softmax of the logits as they came; with them of what `sample` draws from (``xtc`` is
    not taken). The other arguments and the errors are those of `sample`.

    Returns:
        Ids (batch, count), uint32 for numpy and int64 for torch, and float32 (batch, count), the most probable first, of
        equals the first id. Where fewer tokens are left, the rest is id 0 with ``-inf``.

    >>> import numpy as np
    >>> ids, logs = top_logprobs(np.log(np.array([[0.1, 0.2, 0.7]], np.float32)), 2)
    >>> ids.tolist(), np.exp(logs).round(2).tolist()
    ([[2, 1]], [[0.699999988079071, 0.20000000298023224]])
    """
    dtype = check_logits(logits)
    batch, vocab = logits.shape
    if not 0 <= count <= vocab:
        raise InvalidArgumentError(
            f"count must be in [0, {vocab}], the size of the vocabulary, found {count}"
        )
    rows = rows_of(params, batch)
    past = {"prompt": ragged(prompt, "prompt", batch), "history": ragged(history, "history", batch)}
    if on_device(logits):
        from ferrolm.sampling import device

        return device.top_logprobs(logits, count, each(rows, batch), mask=mask, **past)
    bits = mask_bits(mask, batch, vocab)
    ids, logs = _rust.top_logprobs(borrow(logits, dtype), dtype, cores(rows), count, mask=bits, **past)
    return like(logits, ids), like(logits, logs)
