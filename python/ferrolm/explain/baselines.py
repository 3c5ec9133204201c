"""What stands for a token that is not there: the vectors that integrated gradients begin at and that occlusion puts in."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.explain.reading import Part, Reading
from ferrolm.tokenizers import Tokenizer

__all__ = ["baseline_vectors"]

_NAMED = {
    "mask": ("[MASK]", "<mask>"),
    "pad": ("[PAD]", "<pad>", "<|pad|>", "<|padding|>"),
    "unknown": ("[UNK]", "<unk>"),
}


def baseline_vectors(reading: Reading, baseline: str | int, keep_special: bool) -> Tensor:
    """A vector for each token, [time, width]; that of the text itself at special tokens, where those are kept.

    Raises `UnknownNameError` for a name that is none, `InvalidArgumentError` for a token that the tokenizer does not have and
    an id beyond the vocabulary.
    """
    vectors = torch.cat(
        [_vector(reading, part, baseline).expand(len(part.ids), -1) for part in reading.parts]
    )
    if keep_special:
        special = torch.from_numpy(reading.special).to(vectors.device)
        vectors[special] = reading.embedded()[special]
    return vectors


def _vector(reading: Reading, part: Part, baseline: str | int) -> Tensor:
    if baseline == "zero":
        return torch.zeros_like(reading.vectors(part, [0])[0])
    if baseline == "mean":  # that of no token in particular
        vectors = reading.vectors(part, np.arange(part.vocab_size))
        return vectors.float().mean(0).to(vectors.dtype)
    token_id = _named(reading, part.tokenizer, baseline) if isinstance(baseline, str) else int(baseline)
    if not 0 <= token_id < part.vocab_size:
        raise InvalidArgumentError(f"baseline is {baseline}, expected an id from 0 to {part.vocab_size - 1}")
    return reading.vectors(part, [token_id])[0]


def _named(reading: Reading, tokenizer: Tokenizer, baseline: str) -> int:
    names = ("mean", "zero", *_NAMED)
    if baseline not in _NAMED:
        raise UnknownNameError(
            f"baseline is {baseline!r}, expected one of {', '.join(names)} or an id{nearest(baseline, names)}"
        )
    if baseline == "pad":
        known = getattr(reading.model.config, "pad_token_id", None)
        if known is not None:
            return int(known)
    for token in (*_NAMED[baseline], *([reading.mask_token] if baseline == "mask" else [])):
        found = None if token is None else tokenizer.token_to_id(token)
        if found is not None:
            return int(found)
    raise InvalidArgumentError(
        f"baseline is {baseline!r}, but the tokenizer has none of {', '.join(_NAMED[baseline])}: pass 'mean' or an id"
    )
