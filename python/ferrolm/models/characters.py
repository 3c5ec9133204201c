"""`CharacterEncoder`: features of a word's letters: its case, its prefix, its ending.

A convolution over the embeddings of the letters and the maximum over their places (dos Santos & Zadrozny 2014; Ma & Hovy 2016),
which tells words that a vocabulary does not have, and case where a tokenizer drops it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferrolm.errors import ShapeError

__all__ = ["CharacterEncoder"]

# Letters that a filter sees at once, as in Ma & Hovy 2016.
_KERNEL_SIZE = 3


class CharacterEncoder(nn.Module):
    """Letters [batch, time, letters] to features [batch, time, size].

    Letters are code points of Unicode, 0 where there is none; from ``vocab_size - 1`` on they share an embedding, so that no
    vocabulary has to be kept. Places without letters (padding, special tokens) have the features 0.

    >>> encoder = CharacterEncoder(vocab_size=1280, embedding_size=4, size=6)
    >>> letters = torch.tensor([[[ord("A"), ord("a"), 0], [0, 0, 0]]])
    >>> features = encoder(letters)
    >>> features.shape, features[0, 1].abs().sum().item()
    (torch.Size([1, 2, 6]), 0.0)
    """

    def __init__(self, vocab_size: int, embedding_size: int, size: int) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.embed_characters = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        self.convolution = nn.Conv1d(embedding_size, size, _KERNEL_SIZE, padding=_KERNEL_SIZE // 2)
        nn.init.uniform_(
            self.embed_characters.weight, -((3 / embedding_size) ** 0.5), (3 / embedding_size) ** 0.5
        )
        with torch.no_grad():
            self.embed_characters.weight[0].zero_()

    def forward(self, character_ids: Tensor) -> Tensor:
        """character_ids: int64 [batch, time, letters]. Raises `ShapeError` for another number of dimensions."""
        if character_ids.dim() != 3:
            raise ShapeError(
                f"character_ids has shape {list(character_ids.shape)}, expected [batch, time, letters]"
            )
        batch, time, _ = character_ids.shape
        words = character_ids.flatten(0, 1).clamp(max=self.vocab_size - 1)
        letters = words > 0
        found = self.convolution(self.embed_characters(words).transpose(1, 2))
        # The least number instead of minus infinity, which would not become 0 in a place without letters.
        highest = found.masked_fill(~letters[:, None], torch.finfo(found.dtype).min).amax(-1)
        features: Tensor = highest * letters.any(-1, keepdim=True)
        return features.view(batch, time, -1)
