"""Tokens as people see them, and how probable a model finds those of a text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ferrolm.generation import LanguageModel, TokenLogprobs
from ferrolm.tokenizers import Tokenizer, pre_tokenizers

__all__ = ["TokenTexts", "text_logprobs"]

_AT_ONCE = 256  # positions whose logits are in memory at the same time
_INCOMPLETE = "\ufffd"


@cache
def _byte_letters() -> dict[str, int]:
    """The letter by which byte-level vocabularies write each byte: printable Latin-1 as it is, the others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable} | {
        chr(256 + at): byte for at, byte in enumerate(others)
    }
    assert set(letters) == set(pre_tokenizers.ByteLevel.alphabet())
    return letters


class TokenTexts:
    """The text and the bytes of single tokens; each is worked out once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[int, tuple[str, list[int]]] = {}

    def text(self, token: int) -> str:
        r"""As it stands in a text; a part of a character as ``bytes:\xe2\x82``, as OpenAI writes it."""
        return self._of(token)[0]

    def bytes(self, token: int) -> list[int]:
        return self._of(token)[1]

    def _of(self, token: int) -> tuple[str, list[int]]:
        if token not in self._known:
            self._known[token] = self._found(token)
        return self._known[token]

    def _found(self, token: int) -> tuple[str, list[int]]:
        text: str = self._tokenizer.decode([token], skip_special_tokens=False)
        name = self._tokenizer.id_to_token(token) or ""
        if _INCOMPLETE not in text:
            if name.startswith("▁") and not text.startswith(" "):
                text = " " + text  # decoders leave out the space with which a text begins
            return text, list(text.encode())
        letters = _byte_letters()
        if len(name) == 6 and name.startswith("<0x"):
            raw = [int(name[3:5], 16)]
        elif all(letter in letters for letter in name):
            raw = [letters[letter] for letter in name]
        else:
            return text, list(text.encode())
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw), raw

    def described(self, token: int, logprob: float | None) -> dict[str, Any]:
        """A token as /tokenize and the page have it."""
        return {"id": token, "text": self.text(token), "logprob": logprob}

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self.text(token) for token in ids]


@torch.inference_mode()
def text_logprobs(model: LanguageModel, ids: Sequence[int], top: int) -> list[TokenLogprobs]:
    """For each token of a text its log-probability after those before it, and the ``top`` most probable ones there.

    The first token follows nothing: its logprob is NaN, and it has no alternatives. The last entry is about the token that
    would come next: its id is -1.
    """
    network = model.model
    cache_ = network.new_cache(len(ids))
    inputs = torch.tensor([list(ids)], device=network.device)
    found = [TokenLogprobs(ids[0], float("nan"), [])]
    for start in range(0, len(ids), _AT_ONCE):
        part = inputs[:, start : start + _AT_ONCE]
        logits: Tensor = network(part, cache=cache_).logits[0].float()
        logprobs = logits.log_softmax(-1)
        followers = [*ids[start + 1 : start + 1 + len(logprobs)]]
        best = logprobs.topk(min(top, logprobs.shape[-1]), dim=-1)
        rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        for place, (tokens, values) in enumerate(rows):
            token = followers[place] if place < len(followers) else -1
            own = float("nan") if token < 0 else float(logprobs[place, token])
            found.append(TokenLogprobs(token, own, list(zip(tokens, values, strict=True))))
    return found
