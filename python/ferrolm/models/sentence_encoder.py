"""`BertForSentenceEmbedding`: one vector for a text, the mean of its tokens' or that of the first.

Reimers and Gurevych 2019, "Sentence-BERT". Their folders (modules.json, 1_Pooling/config.json) are read as they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, InvalidFileError, nearest
from ferrolm.models.bert import BertModel, BertPretrainedModel, EncoderOutput
from ferrolm.models.bert_config import POOLINGS, BertConfig
from ferrolm.models.checkpoint import write_atomically

__all__ = ["POOLINGS", "BertForSentenceEmbedding", "SentenceEmbeddingOutput", "pool"]

# What they are called in the configuration of a pooling.
_MODES = {f"pooling_mode_{name}_token{'' if name == 'cls' else 's'}": name for name in POOLINGS}


@dataclass
class SentenceEmbeddingOutput:
    """``embeddings`` [batch, hidden_size], of ``last_hidden_state`` [batch, time, hidden_size]."""

    embeddings: Tensor
    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...] | None = None


def pool(states: Tensor, attention_mask: Tensor | None = None, pooling: str = "mean") -> Tensor:
    """One vector of a row's states: their "mean" or "max" without padding, or the first ("cls").

    states: [batch, time, hidden_size]; attention_mask: [batch, time], nonzero for tokens. Returns [batch, hidden_size], zeros
    for a row of padding alone but for "cls". Raises `InvalidArgumentError` for an unknown pooling.

    >>> pool(torch.tensor([[[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]]]), torch.tensor([[1, 1, 0]]))
    tensor([[2., 4.]])
    """
    _check(pooling)
    if pooling == "cls":
        return states[:, 0]
    if attention_mask is None:
        return states.amax(1) if pooling == "max" else states.mean(1)
    tokens = (attention_mask != 0)[:, :, None]
    if pooling == "max":
        highest = states.masked_fill(~tokens, torch.finfo(states.dtype).min).amax(1)
        return highest * tokens.any(1)
    return (states * tokens).sum(1) / tokens.sum(1).clamp(min=1)


def _check(pooling: str) -> None:
    if pooling not in POOLINGS:
        raise InvalidArgumentError(
            f"pooling is {pooling!r}, expected one of {', '.join(POOLINGS)}{nearest(str(pooling), POOLINGS)}"
        )


class BertForSentenceEmbedding(BertPretrainedModel):
    """An encoder whose states are pooled to one vector, of length 1 if ``normalize``.

    pooling: "mean", "cls" or "max"; see `pool`.

    >>> config = BertConfig(vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    >>> model = BertForSentenceEmbedding(config).eval()
    >>> embeddings = model(torch.tensor([[2, 17, 42, 3], [2, 17, 3, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])).embeddings
    >>> embeddings.shape, embeddings.norm(dim=1).round(decimals=3)
    (torch.Size([2, 16]), tensor([1., 1.], grad_fn=<RoundBackward1>))
    """

    def __init__(self, config: BertConfig, pooling: str = "mean", normalize: bool = True) -> None:
        super().__init__()
        _check(pooling)
        self.config, self.pooling, self.normalize = config, pooling, normalize
        self.bert = BertModel(config, add_pooling_layer=False)

    @classmethod
    def from_pretrained(
        cls,
        directory: Path | str,
        *,
        pooling: str | None = None,
        normalize: bool | None = None,
        **options: Any,
    ) -> Self:
        """The model of a checkpoint folder; ``options`` are those of `BertPretrainedModel.from_pretrained`.

        pooling, normalize: by default what a folder of sentence-transformers says, else the mean, normalized. Raises
        `InvalidFileError` for such a folder with modules that are not here.
        """
        published = _published(Path(directory))
        model = super().from_pretrained(directory, **options)
        model.pooling = published[0] if pooling is None else pooling
        model.normalize = published[1] if normalize is None else normalize
        _check(model.pooling)
        return model

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
    ) -> SentenceEmbeddingOutput:
        """One vector for each row; the arguments are those of `BertModel.forward`."""
        encoded: EncoderOutput = self.bert(
            input_ids, attention_mask, token_type_ids, position_ids, output_hidden_states=output_hidden_states
        )
        embeddings = pool(encoded.last_hidden_state, attention_mask, self.pooling)
        if self.normalize:
            embeddings = F.normalize(embeddings, dim=-1)
        return SentenceEmbeddingOutput(embeddings, encoded.last_hidden_state, encoded.hidden_states)

    def save_pretrained(self, directory: Path | str) -> None:
        """Write the encoder, as `BertModel.save_pretrained`, and how it pools, as sentence-transformers has it."""
        self.bert.save_pretrained(directory)
        kinds = ("Transformer", "Pooling", *(["Normalize"] if self.normalize else []))
        modules = [
            {
                "idx": number,
                "name": str(number),
                "path": "" if number == 0 else f"{number}_{kind}",
                "type": f"sentence_transformers.models.{kind}",
            }
            for number, kind in enumerate(kinds)
        ]
        modes = {mode: name == self.pooling for mode, name in _MODES.items()}
        pooling = {"word_embedding_dimension": self.config.hidden_size, **modes}
        folder = Path(directory)
        for module in modules[1:]:
            (folder / str(module["path"])).mkdir(exist_ok=True)
        for path, content in (("1_Pooling/config.json", pooling), ("modules.json", modules)):
            write_atomically(folder / path, (json.dumps(content, indent=2) + "\n").encode())


def _published(folder: Path) -> tuple[str, bool]:
    """The pooling, and whether it is normalized, that the modules.json of a sentence-transformers folder names."""
    path = folder / "modules.json"
    if not path.is_file():
        return "mean", True
    try:
        modules = {each["type"].rpartition(".")[2]: each["path"] for each in json.loads(path.read_bytes())}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidFileError(f"{path} is not a list of modules: {error!r}") from None
    unknown = modules.keys() - {"Transformer", "Pooling", "Normalize"}
    # A name from the file must not lead out of the folder.
    if (
        unknown
        or modules.get("Transformer") != ""
        or Path(modules.get("Pooling", "")).name != modules.get("Pooling")
    ):
        raise InvalidFileError(
            f"{path} names {json.dumps(modules)}, expected a Transformer in this folder, a Pooling in one beside it, "
            "and perhaps Normalize"
        )
    return _pooling(folder / modules["Pooling"] / "config.json"), "Normalize" in modules


def _pooling(path: Path) -> str:
    try:
        settings = json.loads(path.read_bytes())
        modes = [name for name, on in settings.items() if name.startswith("pooling_mode") and on]
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidFileError(f"{path} is not the configuration of a pooling: {error!r}") from None
    if len(modes) != 1 or modes[0] not in _MODES:
        raise InvalidFileError(
            f"{path} says {', '.join(modes) or 'nothing'}, expected one of {', '.join(_MODES)}"
        )
    return _MODES[modes[0]]
