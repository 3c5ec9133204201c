"""`LSTMEncoder`: embeddings and recurrent layers over texts of different lengths, for `LSTMClassifier` and `BiLSTMTagger`.

Beside it what the two have in common: loading, saving, and the form of their results.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models import checkpoint
from ferrolm.models.characters import CharacterEncoder
from ferrolm.models.lstm_config import LSTMConfig
from ferrolm.models.packing import Tokens, token_mask
from ferrolm.models.pretrained import PretrainedModel
from ferrolm.models.recurrent import cell_class, reset_layer, without_autocast

__all__ = ["LSTMEncoder", "LSTMModel", "LSTMOutput", "LabelLoss"]


@dataclass
class LSTMOutput:
    """``logits`` [batch, labels], of a tagger [batch, time, labels]; ``loss``, a float32 scalar, when labels were given."""

    logits: Tensor
    loss: Tensor | None = None


class LSTMEncoder(nn.Module):
    """Ids [batch, time] to an output for each token, [batch, time, size], and the last states of each text, [batch, size].

    size is ``config.output_size``. With ``config.character_size``, the letters of the words are read beside the ids. embeddings: [vocab_size, embedding_size], an array or a tensor to begin with. Padding is
    not read, wherever it is, and its output is 0. Raises `ShapeError` for embeddings of another shape.
    """

    def __init__(self, config: LSTMConfig, embeddings: Any = None) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.embedding_size)
        self.characters = None
        if config.character_size:
            self.characters = CharacterEncoder(
                config.character_vocab_size, config.character_embedding_size, config.character_size
            )
        self.rnn = cell_class(config.cell)(
            config.embedding_size + config.character_size,
            config.hidden_size,
            config.num_layers,
            batch_first=True,
            bidirectional=config.bidirectional,
            dropout=config.layer_dropout if config.num_layers > 1 else 0.0,
        )
        nn.init.uniform_(self.embed_tokens.weight, -0.1, 0.1)
        reset_layer(self.rnn)
        if embeddings is not None:
            self._take(torch.as_tensor(embeddings))
        self.embed_tokens.weight.requires_grad_(config.train_embeddings)

    def _take(self, embeddings: Tensor) -> None:
        expected = self.embed_tokens.weight.shape
        if embeddings.shape != expected:
            raise ShapeError(
                f"embeddings has shape {list(embeddings.shape)}, expected {list(expected)}: [vocab_size, embedding_size]"
            )
        with torch.no_grad():
            self.embed_tokens.weight.copy_(embeddings)

    def forward(
        self, input_ids: Tensor, mask: Tensor | None = None, character_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """mask: bool [batch, time], true for tokens; None where all are. character_ids: see `CharacterEncoder`."""
        x = self._embed(input_ids, character_ids)
        x = F.dropout(x, self.config.input_dropout, self.training)
        tokens = Tokens(mask)
        with without_autocast(x):
            out, state = tokens.run(self._step, tokens.align(x), None)
        directions = 2 if self.config.bidirectional else 1
        last = state[0].view(self.config.num_layers, directions, len(input_ids), -1)[-1]
        return tokens.restore(out), torch.cat(tuple(last), dim=-1)

    def _embed(self, input_ids: Tensor, character_ids: Tensor | None) -> Tensor:
        x: Tensor = self.embed_tokens(input_ids)
        if (self.characters is None) != (character_ids is None):
            raise InvalidArgumentError(
                f"character_ids are {'missing' if character_ids is None else 'given'}, but character_size is "
                f"{self.config.character_size}: TokenClassificationCollator(..., characters=True) makes them for a tagger"
            )
        if self.characters is None:
            return x
        return torch.cat((x, self.characters(character_ids).to(x.dtype)), dim=-1)

    def _step(self, x: Any, state: Any) -> Any:
        out, after = self.rnn(x, state)
        return out, (after if isinstance(after, tuple) else (after,))


class LabelLoss(nn.Module):
    """Cross-entropy of logits [..., labels] and labels int64 [...], of which -100 is not scored; a float32 scalar.

    With the configuration's label smoothing and class weights, with which the mean is the weighted one, as torch has it (and
    NaN where no label counts).
    """

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.label_smoothing = config.label_smoothing
        weights = config.class_weights
        # They are in config.json, not among the tensors.
        self.register_buffer("weights", None if weights is None else torch.tensor(weights), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights: Any = self.weights
        return F.cross_entropy(
            logits.float().flatten(0, -2),
            labels.flatten(),
            None if weights is None else weights.float(),
            label_smoothing=self.label_smoothing,
        )


class LSTMModel(PretrainedModel):
    """What the classifier and the tagger have in common: the encoder, loading and saving."""

    config_class = LSTMConfig

    config: LSTMConfig
    encoder: LSTMEncoder

    def __init__(self, config: LSTMConfig, embeddings: Any = None) -> None:
        super().__init__()
        self.config = config
        self.encoder = LSTMEncoder(config, embeddings)

    def _encode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        lengths: Tensor | None,
        character_ids: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs and last states of the encoder, and which places are tokens, bool [batch, time]."""
        mask = token_mask(input_ids, attention_mask, lengths)
        out, last = self.encoder(input_ids, mask, character_ids)
        return out, last, torch.ones_like(input_ids, dtype=torch.bool) if mask is None else mask

    def save_pretrained(self, directory: Path | str) -> None:
        """Write config.json and model.safetensors into ``directory``, each file atomically."""
        settings = {**self.config.to_dict(), "architectures": [type(self).__name__]}
        checkpoint.save(self, settings, directory)
