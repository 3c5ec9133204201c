"""BERT in torch, and its relatives RoBERTa and DistilBERT, numerically equal to transformers' models of these names.

Devlin et al. 2018. Learned positions and token types; post-norm blocks, in which every position sees all others; a
pooler over the first token. The relatives differ in settings alone (see `BertConfig`). Parameters have the names of a
BERT's model.safetensors; `bert_names` knows those of the relatives.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models import bert_names, checkpoint
from ferrolm.models.activations import activation
from ferrolm.models.attention import Visible, attend
from ferrolm.models.bert_config import BertConfig
from ferrolm.models.documents import separate
from ferrolm.models.initialization import initialize
from ferrolm.models.pretrained import PretrainedModel

__all__ = ["CLASS_NAMES", "BertModel", "BertPretrainedModel", "EncoderOutput"]

# The family's name in those of transformers' classes.
CLASS_NAMES = {
    "bert": "Bert",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
    "distilbert": "DistilBert",
}


@dataclass
class EncoderOutput:
    """What `BertModel` makes of a batch of ids.

    ``last_hidden_state`` [batch, time, hidden_size]; ``pooler_output`` [batch, hidden_size], where there is a pooler;
    ``hidden_states``, where asked for: that of the embeddings and of each layer, the last of which is the first field.
    """

    last_hidden_state: Tensor
    pooler_output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class Embeddings(nn.Module):
    """The sum of what is known of the token, its position and its type, normalized."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        width, padding = config.hidden_size, config.pad_token_id
        # Padding learns nothing, as in transformers.
        self.word_embeddings = nn.Embedding(config.vocab_size, width, padding_idx=padding)
        self.position_embeddings = nn.Embedding(
            config.max_position_embeddings, width, padding_idx=padding if config.counts_from_padding else None
        )
        if config.type_vocab_size:
            self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None, position_ids: Tensor | None
    ) -> Tensor:
        if position_ids is None:
            position_ids = self.positions(input_ids)
        x = self.word_embeddings(input_ids) + self.position_embeddings(position_ids)
        if self.config.type_vocab_size:
            types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
            x = x + self.token_type_embeddings(types)
        elif token_type_ids is not None:
            raise InvalidArgumentError(
                f"token_type_ids are given, but a {self.config.model_type} has no token types"
            )
        return F.dropout(self.LayerNorm(x), self.config.hidden_dropout_prob, self.training)

    def positions(self, input_ids: Tensor) -> Tensor:
        """[batch or 1, time], from 0; in RoBERTa those of tokens from ``pad_token_id + 1``, and padding at that id."""
        time = input_ids.shape[1]
        if time > self.config.n_positions:
            raise InvalidArgumentError(
                f"{time} tokens, at most {self.config.n_positions} (n_positions) fit the model"
            )
        if not self.config.counts_from_padding:
            return torch.arange(time, device=input_ids.device)[None]
        padding = self.config.pad_token_id
        assert padding is not None  # BertConfig looks
        tokens = (input_ids != padding).long()
        return tokens.cumsum(-1) * tokens + padding


class SelfAttention(nn.Module):
    """Every position looks at all that are no padding."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.head_dim, self.dropout = config.head_dim, config.attention_probs_dropout_prob
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: Tensor, visible: Visible) -> Tensor:
        batch, time, width = x.shape
        query, key, value = (
            projection(x)
            .view(batch, time, -1, self.head_dim)
            .transpose(1, 2)  # [batch, heads, time, head_dim]
            for projection in (self.query, self.key, self.value)
        )
        dropout = self.dropout if self.training else 0.0
        context = attend(query, key, value, visible, scale=self.head_dim**-0.5, dropout=dropout)
        return context.transpose(1, 2).reshape(batch, time, width)


class AddAndNorm(nn.Module):
    """A projection to the residual stream, added to it, and the norm of the sum (post-norm)."""

    def __init__(self, in_features: int, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(in_features, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = config.hidden_dropout_prob

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(F.dropout(self.dense(x), self.dropout, self.training) + residual)  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and MLP. The nesting is that of the checkpoint's names."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.attention = nn.ModuleDict({"self": SelfAttention(config), "output": AddAndNorm(width, config)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = AddAndNorm(inner, config)
        self.activation = activation(config.hidden_act)

    def forward(self, x: Tensor, visible: Visible) -> Tensor:
        x = self.attention["output"](self.attention["self"](x, visible), x)
        return self.output(self.activation(self.intermediate["dense"](x)), x)  # type: ignore[no-any-return]


class BertPretrainedModel(PretrainedModel):
    """What the encoder and its heads have in common: how they are loaded, saved and started.

    A subclass with a head keeps the encoder in ``bert`` and calls `start_head` when all parts are there.
    """

    config: BertConfig
    config_class = BertConfig
    base_model_prefix = "bert"
    # What follows the family's name in that of transformers' class.
    architecture: ClassVar[str] = "Model"

    @classmethod
    def from_pretrained(
        cls,
        directory: Path | str,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        **changes: Any,
    ) -> Self:
        """The model of a checkpoint folder (config.json and its tensors), in evaluation mode.

        The checkpoint may be of another task: heads that this model does not have are left out; a pooler or head that the
        checkpoint does not have is newly drawn, with one warning that names its tensors.

        dtype: of the weights, by default the file's. changes: settings of `BertConfig` that differ from the file's,
        such as ``num_labels=5``. Raises `MissingFileError` and `InvalidFileError`, which name the file and every tensor
        that is missing, not expected, or of another shape, and `InvalidArgumentError` for unknown settings.
        """
        config = cls.config_class.from_file(Path(directory) / "config.json", **changes)
        return cls._load(config, directory, dtype, device)

    def _fill(self, source: checkpoint.Tensors) -> None:
        parameters = dict(self.named_parameters())  # lists a tied decoder once, under the embedding's name
        found = bert_names.read(source.by_name, parameters.keys(), self.config)
        optional = {name for name in parameters if not bert_names.in_base_model(name)}
        checkpoint.assign(parameters, found, source.path, optional=optional)
        new = sorted(optional - found.keys())
        if new:
            self._draw(new)
            shown = ", ".join(new[:8]) + (f" and {len(new) - 8} more" if len(new) > 8 else "")
            warnings.warn(
                f"{source.path} lacks {shown}: newly initialized, to be trained before use", stacklevel=4
            )

    def _draw(self, names: list[str] | None = None) -> None:
        initialize(self, initializer=self.config.initializer, std=self.config.initializer_range, names=names)

    def start_head(self) -> None:
        """Draw the weights outside ``bert``, which has drawn its own."""
        self._draw([name for name, _ in self.named_parameters() if not name.startswith("bert.")])

    def save_pretrained(self, directory: Path | str) -> None:
        """Write config.json and model.safetensors, which transformers loads, into ``directory``; each file atomically."""
        parameters = dict(self.named_parameters())
        names = bert_names.published_names(parameters.keys(), self.config)
        tensors: dict[str, Tensor] = {names[name]: parameter for name, parameter in parameters.items()}
        if "cls.predictions.decoder.weight" in parameters and not self.config.is_distilbert:
            # Untied, transformers reads the decoder's bias.
            bias = names["cls.predictions.bias"]
            tensors[bias.removesuffix("bias") + "decoder.bias"] = tensors[bias].clone()
        architecture = CLASS_NAMES[self.config.model_type] + self.architecture
        checkpoint.save_tensors(
            tensors, {**self.config.to_dict(), "architectures": [architecture]}, directory
        )


class BertModel(BertPretrainedModel):
    """The encoder: token ids [batch, time] to hidden states [batch, time, hidden_size].

    add_pooling_layer: with a pooler, which a DistilBERT never has. The weights start normal with ``initializer_range``,
    or as ``initializer`` says, the biases at 0.

    >>> config = BertConfig(
    ...     vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
    ...     max_position_embeddings=8,
    ... )
    >>> model = BertModel(config).eval()
    >>> output = model(torch.tensor([[5, 17, 42], [5, 17, 0]]), attention_mask=torch.tensor([[1, 1, 1], [1, 1, 0]]))
    >>> output.last_hidden_state.shape, output.pooler_output.shape, model.num_parameters()
    (torch.Size([2, 3, 16]), torch.Size([2, 16]), 4288)
    """

    def __init__(self, config: BertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))}
        )
        self.pooler = None
        if add_pooling_layer and not config.is_distilbert:
            self.pooler = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.hidden_size)})
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew from torch's generator."""
        self._draw()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        document_ids: Tensor | None = None,
        output_hidden_states: bool = False,
    ) -> EncoderOutput:
        """Hidden states after the last layer, and the pooled first one.

        input_ids: int64 [batch, time]. attention_mask: [batch, time], nonzero for tokens, zero for padding, which nobody
        sees; all are seen without. token_type_ids: int64 [batch, time], 0 by default. position_ids: int64 [batch, time] or
        [1, time], by default counted from the first column, in RoBERTa over the tokens that are not ``pad_token_id``.
        document_ids: int64 [batch, time], where several texts share a row, see `CausalLM.forward`; the pooled state is then
        that of the first of them.

        Raises `InvalidArgumentError` beyond ``n_positions`` tokens and for token types in a DistilBERT, `ShapeError` for
        a mask that does not fit.
        """
        if attention_mask is not None and attention_mask.shape != input_ids.shape:
            raise ShapeError(
                f"attention_mask has shape {list(attention_mask.shape)}, expected {list(input_ids.shape)}, that of input_ids"
            )
        time, documents = input_ids.shape[1], None
        if document_ids is not None:
            documents, places = separate(document_ids, input_ids, self.config.n_positions)
            first = self.config.max_position_embeddings - self.config.n_positions  # not 0 in a RoBERTa
            position_ids = places + first if position_ids is None else position_ids
        visible = Visible(time, time, attention_mask, causal=False, documents=documents)
        x = self.embeddings(input_ids, token_type_ids, position_ids)
        states: tuple[Tensor, ...] = (x,)
        for block in self.encoder["layer"]:  # type: ignore[attr-defined]
            x = block(x, visible)
            states = (*states, x) if output_hidden_states else states
        pooled = None if self.pooler is None else torch.tanh(self.pooler["dense"](x[:, 0]))
        return EncoderOutput(x, pooled, states if output_hidden_states else None)
