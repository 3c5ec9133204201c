"""Candidates of beam search: the best continuations of all beams of a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.sampling.arrays import (
    Past,
    Ragged,
    borrow,
    check_logits,
    is_tensor,
    like,
    mask_bits,
    on_device,
    ragged,
    unsigned,
)
from ferrolm.sampling.params import SamplingParams
from ferrolm.sampling.rows import cores, each, rows_of

if TYPE_CHECKING:
    from torch import Tensor

    from ferrolm.sampling.arrays import Logits

__all__ = ["beam_candidates"]

_Draws = tuple[NDArray[np.uint64], NDArray[np.uint64]]


def beam_candidates(
    logits: Logits,
    scores: Any,
    count: int | None = None,
    *,
    params: SamplingParams | Sequence[SamplingParams] | None = None,
    history: Past | None = None,
    prompt: Past | None = None,
    mask: Any = None,
    penalized: Any = None,
    diversity_penalty: float = 0.0,
    seeds: Any = None,
    step: Any = 0,
) -> Any:
    """The candidates that a step of beam search chooses from, for each text of a batch.

    Args:
        logits: (batch * beams, vocab), the beams of a text one after the other; otherwise as for `sample`.
        scores: (batch, beams), the sum of log-probabilities of each beam so far. Beams at ``-inf`` are not read: all but
            the first one at the first step, where they are equal, or those of a text that is finished.
        count: Candidates of each text; None is twice the number of beams, so that enough are left if as many texts end.
        params: Bias, penalties and rules, one object for all rows or one for each. They act on the log-probabilities (not on
            the logits), which are not normalised again, and a token that must come has the log-probability 0: so does
            transformers, whose beams these are then. Temperature, filters, watermark and seeds are not taken, as there.
        history: As for `sample`, one sequence for each row.
        prompt: Likewise.
        mask: The tokens that may come, as for `sample`.
        penalized: (batch, m), the tokens that other groups have taken at this step, -1 where there are fewer: diverse beam
            search (Vijayakumar et al., 2018), whose groups are called one after the other.
        diversity_penalty: Subtracted from the score once for each time the token was taken.
        seeds: Draw the candidates without replacement, in proportion to the exponentials of their scores, instead of taking
            the best (beam-sample in transformers): one seed for all texts or one for each. Each token's noise follows from
            seed, step, beam and token (Gumbel-top-k; Kool et al., 2019).
        step: Number of the draw, likewise.

    Returns:
        Scores float32, beams int64 and tokens (uint32 for numpy and int64 for torch), each (batch, count), the best first (or
        the first drawn), of equals the lower beam and token. A score is that of the beam plus that of the token. Where
        fewer candidates are left, the rest is token 0 of beam 0 with ``-inf``.

    Raises:
        ShapeError: Arrays that do not fit.
        InvalidArgumentError: Scores or logits that are NaN or ``+inf``, logits that are all ``-inf``, or a token beyond the
            vocabulary.

    >>> import numpy as np
    >>> logits = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]], np.float32))
    >>> scores, beams, tokens = beam_candidates(logits, [[-1.0, -1.5]], 3)
    >>> beams.tolist(), tokens.tolist(), scores.round(2).tolist()
    ([[0, 1, 0]], [[2, 0, 1]], [[-1.3600000143051147, -2.190000057220459, -2.609999895095825]])
    """
    dtype = check_logits(logits)
    rows, vocab = logits.shape
    batch, beams = _shape(scores, rows)
    most = beams * vocab
    count = min(2 * beams, most) if count is None else count
    if not 1 <= count <= max(most, 1):
        raise InvalidArgumentError(
            f"count must be in [1, {most}], the number of continuations, found {count}"
        )
    own = rows_of(params, rows)
    past = {"prompt": ragged(prompt, "prompt", rows), "history": ragged(history, "history", rows)}
    taken = _taken(penalized, batch)
    draws = None if seeds is None else (unsigned(seeds, "seeds", batch), unsigned(step, "step", batch))
    if on_device(logits):
        return _candidates(
            logits,
            scores,
            count,
            each(own, rows),
            mask=mask,
            penalized=taken,
            diversity_penalty=diversity_penalty,
            draws=draws,
            **past,
        )
    host = np.asarray(scores.detach().cpu().float() if is_tensor(scores) else scores)
    found = _rust.beam_candidates(
        borrow(logits, dtype),
        dtype,
        cores(own),
        np.ascontiguousarray(host, np.float32),
        count,
        mask=mask_bits(mask, rows, vocab),
        penalized=taken,
        diversity_penalty=diversity_penalty,
        draws=draws,
        **past,
    )
    return tuple(like(logits, array) for array in found)


def _shape(scores: Any, rows: int) -> tuple[int, int]:
    """Texts and beams of a text."""
    shape = tuple(scores.shape) if is_tensor(scores) else np.shape(scores)
    if len(shape) != 2 or shape[0] * shape[1] != rows or shape[1] == 0:
        raise ShapeError(
            f"scores must have the shape (batch, beams) for logits of batch * beams = {rows} rows, found {shape}"
        )
    return shape[0], shape[1]


def _taken(penalized: Any, batch: int) -> Ragged | None:
    """The tokens as ids and offsets, without the padding."""
    if penalized is None:
        return None
    array = np.asarray(penalized.detach().cpu() if is_tensor(penalized) else penalized)
    if array.ndim != 2 or len(array) != batch:
        raise ShapeError(
            f"penalized must have the shape (batch, m) for a batch of {batch}, found {array.shape}"
        )
    if array.size and array.dtype.kind not in "iu":
        raise InvalidTypeError(f"penalized must hold integers, found {array.dtype}")
    if array.size and not -1 <= array.min() <= array.max() < 2**32:
        raise InvalidArgumentError(
            f"penalized must hold token ids, or -1, found {array.min()} to {array.max()}"
        )
    given = array >= 0
    offsets = np.zeros(batch + 1, np.int64)
    np.cumsum(given.sum(-1), out=offsets[1:])
    return array[given].astype(np.uint32), offsets


def _candidates(
    logits: Tensor,
    scores: Any,
    count: int,
    params: list[SamplingParams],
    *,
    prompt: Ragged | None,
    history: Ragged | None,
    mask: Any,
    penalized: Ragged | None,
    diversity_penalty: float,
    draws: _Draws | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same in torch, for logits that live on another device."""
    import torch

    running = torch.as_tensor(scores, dtype=torch.float32, device=logits.device)
    batch, beams = running.shape
    vocab = logits.shape[1]
    _check(running, diversity_penalty)
    total = _log_probabilities(logits, running, params, prompt, history, mask)
    if penalized is not None and diversity_penalty:
        ids, offsets = penalized
        texts = np.repeat(np.arange(batch), np.diff(offsets))
        _check_taken(texts, ids, vocab)
        at = torch.from_numpy(texts * beams).to(logits.device)[:, None] + torch.arange(
            beams, device=logits.device
        )
        tokens = torch.from_numpy(ids.astype(np.int64)).to(logits.device)[:, None].expand_as(at)
        total.index_put_((at, tokens), total.new_full(at.shape, -diversity_penalty), accumulate=True)
    total = (total + running.reshape(-1, 1)).view(batch, beams * vocab)
    keys = total if draws is None else total.double() + _gumbel(draws, beams, vocab, total)
    places = _first(keys, count)
    found = total.gather(1, places)
    left = found > -math.inf
    return found, torch.where(left, places // vocab, 0), torch.where(left, places % vocab, 0)


def _log_probabilities(
    logits: Tensor,
    running: Tensor,
    params: list[SamplingParams],
    prompt: Ragged | None,
    history: Ragged | None,
    mask: Any,
) -> Tensor:
    """float32 [batch * beams, vocab] after bias, penalties and rules; anything where the beam is at -inf."""
    import torch

    from ferrolm.sampling import device
    from ferrolm.sampling.columns import Columns

    x = torch.where(running.reshape(-1, 1) > -math.inf, logits.detach().float(), 0.0)
    device.check_vocabulary(x)
    if len(x):
        device.check_values(x, x.amax(-1, keepdim=True))
    rules = device.rules_of_past(params, prompt, history, mask)
    columns = Columns.of(params, x.device, x.shape[1])
    x = device.adjusted(x.log_softmax(-1), columns, device.Counts.of_past(prompt, history), rules)
    if rules is not None and any(token >= 0 for token in rules.forced):
        forced = torch.tensor(rules.forced, device=x.device)[:, None]
        certain = torch.where(torch.arange(x.shape[1], device=x.device) == forced, 0.0, -math.inf)
        x = torch.where(forced >= 0, certain, x)
    return x


def _first(keys: Tensor, count: int) -> Tensor:
    """Places of the `count` largest of each row, the largest first, of equals the first; `topk` takes any of them."""
    import torch

    last = keys.topk(count).values[:, -1:]
    above, equal = keys > last, keys == last
    wanted = above | (equal & (equal.cumsum(-1) <= count - above.sum(-1, keepdim=True)))
    places = wanted.nonzero()[:, 1].view(len(keys), count)
    order = keys.gather(1, places).sort(descending=True, stable=True).indices
    return torch.gather(places, 1, order)


def _gumbel(draws: _Draws, beams: int, vocab: int, like: Tensor) -> Tensor:
    """float64 [batch, beams * vocab]: the noise that the Rust core draws."""
    from ferrolm.sampling.columns import to_device
    from ferrolm.sampling.philox import token_uniforms

    seeds, steps = (to_device(array.view(np.int64), like.device) for array in draws)
    u = token_uniforms(seeds, steps, beams, vocab).flatten(1)
    return -(-(-u).log1p()).log()


def _check(running: Tensor, diversity_penalty: float) -> None:
    if not 0.0 <= diversity_penalty < math.inf:
        raise InvalidArgumentError(
            f"diversity_penalty must be finite and at least 0, found {diversity_penalty}"
        )
    wrong = ~(running < math.inf)
    if bool(wrong.any()):
        text, beam = wrong.nonzero()[0].tolist()
        found = float(running[text, beam])
        raise InvalidArgumentError(
            f"scores of batch entry {text} must be finite or -inf, found {found} for beam {beam}"
        )


def _check_taken(texts: NDArray[Any], ids: NDArray[Any], vocab: int) -> None:
    beyond = np.flatnonzero(ids >= vocab)
    if beyond.size:
        text, token = texts[beyond[0]], ids[beyond[0]]
        raise InvalidArgumentError(
            f"penalized of row {text} names token {token}, but the vocabulary has {vocab} tokens"
        )
