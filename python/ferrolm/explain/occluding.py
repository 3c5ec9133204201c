"""`occlusion`: what the model's answer loses when tokens, words or windows of a text are covered."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.explain.attribution import Attribution
from ferrolm.explain.baselines import baseline_vectors
from ferrolm.explain.pairs import read_answer
from ferrolm.explain.reading import Explained, Reading, evaluating
from ferrolm.explain.targets import Output, Target, find_target
from ferrolm.tokenizers import Tokenizer

__all__ = ["occlusion"]

_LEVELS = ("token", "word", "window")


def occlusion(
    model: Explained,
    text: str,
    *,
    level: Literal["token", "word", "window"] = "token",
    window: int = 3,
    target: str | int | None = None,
    foil: str | int | None = None,
    position: int | None = None,
    output: Output = "logit",
    baseline: str | int = "mean",
    keep_special: bool = True,
    batch_size: int = 32,
    written: str | None = None,
    tokenizer: Tokenizer | None = None,
) -> Attribution:
    """The target with the text less the target with a part of it covered (Zeiler and Fergus 2014; Li et al. 2017).

    Args:
        level: "token"; "word": all tokens of a word between white space at once, each of which gets what the word has;
            "window": ``window`` neighbours at once, a token gets the mean of the windows that it is in. None is of both sides
            of an encoder-decoder.
        baseline: the embedding that covers, as in `integrated_gradients`; positions stay.
        keep_special: special tokens are not covered, and have 0.
        batch_size: covered texts that are computed together.

    The other arguments are those of `saliency`. Nothing is differentiated: quantized models will do. Raises
    `InvalidArgumentError` for a window that is not within the text, and what reading the text raises.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> tokenizer = Tokenizer.from_bpe({"a": 0, "b": 1, "c": 2}, [])
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=3, n_positions=8, n_embd=8, n_layer=1, n_head=2)).eval()
    >>> found = occlusion(model, "abc", target="b", baseline=0, tokenizer=tokenizer)
    >>> bool(abs(found.scores[0]) < 1e-6)  # covered by itself
    True
    """
    if level not in _LEVELS:
        known = ", ".join(_LEVELS)
        raise UnknownNameError(f"level is {level!r}, expected one of {known}{nearest(level, _LEVELS)}")
    if batch_size < 1:
        raise InvalidArgumentError(f"batch_size is {batch_size}, expected 1 or more")
    reading = read_answer(model, text, tokenizer, written)
    goal = find_target(reading, target, foil, position, output)
    groups = _groups(reading, level, window)
    if keep_special:
        groups &= ~reading.special
        groups = groups[groups.any(1)]
    value, without = _values(reading, goal, groups, baseline, batch_size)
    covered = groups.astype(np.float64)
    scores = covered.T @ (value - without) / np.maximum(covered.sum(0), 1)
    method = f"occlusion of {level}s" if level != "window" else f"occlusion of windows of {window}"
    return Attribution(
        reading.tokens,
        scores,
        reading.special,
        method,
        str(goal),
        value,
        decoder_start=reading.decoder_start,
    )


def _groups(reading: Reading, level: str, window: int) -> NDArray[np.bool_]:
    """The tokens that are covered together, bool [parts, time]."""
    time = len(reading)
    if level == "token":
        return np.eye(time, dtype=bool)
    if level == "window":
        return _windows([len(part.ids) for part in reading.parts], window)
    # A special token is a word of its own.
    words = np.where(reading.words < 0, reading.words.max() + 1 + np.arange(time), reading.words)
    groups: NDArray[np.bool_] = np.unique(words)[:, None] == words
    return groups


def _windows(sizes: list[int], window: int) -> NDArray[np.bool_]:
    """Neighbours within each of the parts; a further part that is shorter than a window is one."""
    if not 1 <= window <= sizes[0]:
        raise InvalidArgumentError(f"window is {window}, expected 1 to {sizes[0]}, the tokens of the text")
    place, begin = np.arange(sum(sizes)), 0
    groups: list[NDArray[np.bool_]] = []
    for size in sizes:
        width = min(window, size)
        first = begin + np.arange(size - width + 1)[:, None]
        groups.append((place >= first) & (place < first + width))
        begin += size
    return np.concatenate(groups)


def _values(
    reading: Reading, goal: Target, groups: NDArray[np.bool_], baseline: str | int, batch_size: int
) -> tuple[float, NDArray[np.float64]]:
    """The target of the text, and of each text with a group covered, [groups]."""
    embedded = reading.embedded()
    cover = baseline_vectors(reading, baseline, keep_special=False)
    masks = torch.from_numpy(groups).to(embedded.device)[:, :, None]
    with torch.inference_mode(), evaluating(reading.model):
        value = float(goal.of(reading.logits(embedded[None], goal.position))[0])
        parts = [
            goal.of(reading.logits(torch.where(some, cover, embedded), goal.position)).double().cpu().numpy()
            for some in torch.split(masks, batch_size)
        ]
    return value, np.concatenate(parts) if parts else np.zeros(0)
