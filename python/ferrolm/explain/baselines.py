"""What stands for a token that is not there: the vectors that integrated gradients begin at and that occlusion puts in."""

from __future__ import annotations

import torch
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.explain.reading import Reading

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
    embedded = reading.embedded()
    if baseline == "zero":
        vector = torch.zeros_like(embedded[0])
    else:
        vector = _mean_vector(reading) if baseline == "mean" else _token_vector(reading, baseline)
    vectors = vector.expand_as(embedded).clone()
    if keep_special:
        special = torch.from_numpy(reading.special).to(embedded.device)
        vectors[special] = embedded[special]
    return vectors


def _mean_vector(reading: Reading) -> Tensor:
    """That of no token in particular: the mean over the vocabulary."""
    ids = torch.arange(reading.model.config.vocab_size, device=reading.model.device)
    with torch.no_grad():
        vectors: Tensor = reading.embedding(ids[None])[0]
    return vectors.float().mean(0).to(vectors.dtype)


def _token_vector(reading: Reading, baseline: str | int) -> Tensor:
    token_id = _named(reading, baseline) if isinstance(baseline, str) else int(baseline)
    size = reading.model.config.vocab_size
    if not 0 <= token_id < size:
        raise InvalidArgumentError(f"baseline is {baseline}, expected an id from 0 to {size - 1}")
    with torch.no_grad():
        return reading.embedding(torch.tensor([[token_id]], device=reading.model.device))[0, 0]  # type: ignore[no-any-return]


def _named(reading: Reading, baseline: str) -> int:
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
        found = None if token is None else reading.tokenizer.token_to_id(token)
        if found is not None:
            return int(found)
    raise InvalidArgumentError(
        f"baseline is {baseline!r}, but the tokenizer has none of {', '.join(_NAMED[baseline])}: pass 'mean' or an id"
    )
