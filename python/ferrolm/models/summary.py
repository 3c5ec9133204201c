"""`summarize`: what a model consists of and what it costs, counted from its modules.

A matrix of n weights takes 2 n floating-point operations for a token, a multiplication and an addition each. Attention adds
4 for each key that a token sees and each number of a head: the score and the sum. Norms, activations, softmax and looking up an
embedding are left out, which is below a hundredth in models of some size. Training takes three times the forward pass: the
gradients of inputs and of weights are a product each. The 6 N rule is that of Kaplan et al. 2020, "Scaling Laws".
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import ferrolm.models
from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.models.attention_costs import AttentionCosts
from ferrolm.models.auto import ARCHITECTURES, SEQ2SEQ_ARCHITECTURES, load, load_causal_lm
from ferrolm.models.bert_config import MODEL_TYPES as ENCODERS
from ferrolm.models.catalog import gguf_file
from ferrolm.models.causal_lm import CausalLM
from ferrolm.models.config import read_config
from ferrolm.models.gpt2 import Projection
from ferrolm.models.lstm_encoder import LSTMModel
from ferrolm.models.quantized import QuantizedEmbedding, QuantizedLinear
from ferrolm.models.recurrent_config import RecurrentConfig
from ferrolm.models.seq2seq import Seq2SeqModel

__all__ = ["ModelSummary", "summarize", "summarize_checkpoint"]

# Tokens at which attention is counted in a model that has no limit, which is what T5 was trained with.
_UNLIMITED = 512
# Modules that run once for a text, not for each token; the last one in models that classify texts.
_ONCE = ("pooler.dense", "pre_classifier", "seq_relationship")
_ONCE_IN = ("BertForSequenceClassification", "LSTMClassifier")
_LAYER_OF_RNN = re.compile(r"_l(\d+)(_reverse)?$")


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """What a model consists of and what it costs.

    context: tokens that it can take, None if it does not say. counted_context: tokens at which attention is counted. parameters: a weight used twice counts once; they are
    ``embedding_parameters`` (of tokens and of positions), those of each layer (``layer_parameters``, by the name of its
    module) and ``other_parameters`` (norms, a head of its own). bytes_by_dtype: of the weights; "int8" and "int4" with scales.

    forward_flops: floating-point operations for the last token of a full context, ``attention_flops`` of them to look at
    the tokens before it. training_flops: of forward and backward pass, for the mean token of a full context.
    training_flops_6n: 6 times the parameters without embeddings, which leaves out attention and a tied head. Of an
    encoder-decoder, a token is one of the source and one of the target, both of the same length.

    cache_bytes_per_token: that generation keeps for each token, None for a model that does not generate; state_bytes: that it
    keeps for a sequence of any length. notes: what the figures leave out.
    """

    architecture: str
    settings: dict[str, Any]
    context: int | None
    counted_context: int
    parameters: int
    trainable_parameters: int
    embedding_parameters: int
    layer_parameters: dict[str, int]
    other_parameters: int
    bytes_by_dtype: dict[str, int]
    forward_flops: int
    attention_flops: int
    training_flops: int
    training_flops_6n: int
    cache_bytes_per_token: int | None
    state_bytes: int
    notes: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Of all weights."""
        return sum(self.bytes_by_dtype.values())

    def to_dict(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return asdict(self)


def summarize(model: nn.Module, *, context: int | None = None) -> ModelSummary:
    """Count the weights and the work of a model; nothing is computed, so it may be on torch's device "meta".

    context: tokens of the text that costs are those of, by default all that fit the model, and 512 where any number does.
    The models of this package are known exactly. Of any other module the matrices are counted as if each worked once on
    every token, attention is not, and ``notes`` says so. Raises `InvalidArgumentError` for a context that is not positive.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=100, n_positions=16, n_embd=8, n_layer=1, n_head=2))
    >>> summary = summarize(model)
    >>> summary.parameters, summary.embedding_parameters, summary.layer_parameters
    (1816, 928, {'transformer.h.0': 872})
    >>> summary.forward_flops == 2 * (12 * 8 * 8 + 100 * 8) + 4 * 8 * 16
    True
    """
    weights = list(_weights(model))
    total, embeddings = (sum(w.size for w in part) for part in (weights, [w for w in weights if w.embedding]))
    layers = _by_layer(model, weights)
    config: Any = getattr(model, "config", None)
    limit = getattr(config, "n_positions", None)
    limit = None if limit == sys.maxsize else limit
    length = limit or _UNLIMITED if context is None else context
    if length < 1:
        raise InvalidArgumentError(f"context is {context}, expected 1 or more tokens")
    attention = AttentionCosts.of(model)
    matrices = _matrix_flops(model, length)
    last, mean = (0, 0) if attention is None else attention.flops(length)
    sizes: Counter[str] = Counter()
    for weight in weights:
        sizes[weight.dtype] += weight.nbytes
    return ModelSummary(
        architecture=type(model).__name__,
        settings=config.to_dict() if hasattr(config, "to_dict") else {},
        context=limit,
        counted_context=length,
        parameters=total,
        trainable_parameters=sum(weight.size for weight in weights if weight.trainable),
        embedding_parameters=embeddings,
        layer_parameters=layers,
        other_parameters=total - embeddings - sum(layers.values()),
        bytes_by_dtype=dict(sizes),
        forward_flops=matrices + last,
        attention_flops=last,
        training_flops=3 * (matrices + mean),
        training_flops_6n=6 * (total - embeddings),
        cache_bytes_per_token=_cache_bytes(model, attention),
        state_bytes=_state_bytes(model),
        notes=_notes(model, attention),
    )


def _notes(model: nn.Module, attention: AttentionCosts | None) -> tuple[str, ...]:
    if isinstance(model, Seq2SeqModel):
        return ("a token is one of the source and one of the target, both of the same length",)
    if isinstance(model, LSTMModel) and model.config.character_size:
        return ("the work on the letters of words not counted",)
    known = attention is not None or isinstance(model, LSTMModel)
    return () if known else ("each matrix counted once a token, attention not",)


def summarize_checkpoint(directory: Path | str, *, context: int | None = None) -> ModelSummary:
    """The summary of a checkpoint folder or a GGUF file, from its settings and the names and shapes of its tensors.

    context: see `summarize`.

    Raises `UnknownNameError` for an architecture that is not here, and what ``from_pretrained`` raises.
    """
    if gguf_file(directory) is not None:
        return summarize(load_causal_lm(directory, device="meta"), context=context)
    path = Path(directory) / "config.json"
    settings = read_config(path)
    for name in settings.get("architectures") or ():
        # No name from a file reaches more than the models of this package.
        kind = getattr(ferrolm.models, name) if name in ferrolm.models.__all__ else None
        if isinstance(kind, type) and issubclass(kind, nn.Module) and hasattr(kind, "from_pretrained"):
            return summarize(kind.from_pretrained(directory, device="meta"), context=context)
    model_type = settings["model_type"]
    known = sorted({*ARCHITECTURES, *SEQ2SEQ_ARCHITECTURES, *ENCODERS})
    if model_type not in known:
        raise UnknownNameError(
            f"{path}: no model here reads model_type {model_type!r}, only {', '.join(known)}{nearest(model_type, known)}"
        )
    return summarize(load(directory, device="meta"), context=context)


@dataclass(frozen=True)
class _Weight:
    name: str
    size: int
    nbytes: int
    dtype: str
    trainable: bool
    embedding: bool


def _weights(model: nn.Module) -> Iterator[_Weight]:
    """Every weight once, under the first of its names."""
    seen: set[int] = set()
    for path, module in model.named_modules():
        embedding = isinstance(module, nn.Embedding | QuantizedEmbedding)
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                size = parameter.numel()
                dtype = str(parameter.dtype).removeprefix("torch.")
                bytes_each = parameter.element_size()
                yield _Weight(
                    f"{path}.{name}", size, size * bytes_each, dtype, parameter.requires_grad, embedding
                )
        if isinstance(module, QuantizedLinear | QuantizedEmbedding) and id(module.weights) not in seen:
            kept = module.weights
            seen.add(id(kept))
            rows, width = kept.shape
            yield _Weight(f"{path}.weights", rows * width, kept.nbytes, kept.format, False, embedding)


def _by_layer(model: nn.Module, weights: list[_Weight]) -> dict[str, int]:
    """Parameters of each layer: the members of the outermost module lists, and the layers of a recurrent module."""
    lists = [path for path, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    outermost = [path for path in lists if not any(path.startswith(f"{other}.") for other in lists)]
    recurrent = [path for path, module in model.named_modules() if isinstance(module, nn.RNNBase)]
    found: Counter[str] = Counter()
    for weight in weights:
        if weight.embedding:
            continue
        path, _, name = weight.name.rpartition(".")
        if home := next((each for each in outermost if weight.name.startswith(f"{each}.")), None):
            found[f"{home}.{weight.name[len(home) + 1 :].partition('.')[0]}"] += weight.size
        elif path in recurrent and (match := _LAYER_OF_RNN.search(name)):
            found[f"{path}.{match[1]}"] += weight.size
    return dict(found)


def _matrix_flops(model: nn.Module, length: int) -> int:
    """Operations of all matrices for a token, of which those that run once for a text are shared by its tokens."""
    once = (*_ONCE, "classifier") if type(model).__name__ in _ONCE_IN else _ONCE
    work = {path: 2 * _multiplied(module) for path, module in model.named_modules()}
    shared = sum(flops for path, flops in work.items() if path.endswith(once))
    return sum(work.values()) - shared + round(shared / length)


def _multiplied(module: nn.Module) -> int:
    """Weights of the module itself that a token is multiplied by."""
    if isinstance(module, QuantizedLinear):
        rows, width = module.weights.shape
        return rows * width
    if isinstance(module, nn.Linear | Projection):
        return module.weight.numel()
    if isinstance(module, nn.RNNBase):
        return sum(weight.numel() for weight in module.parameters() if weight.dim() == 2)
    return 0


def _cache_bytes(model: nn.Module, attention: AttentionCosts | None) -> int | None:
    if attention is None or not isinstance(model, CausalLM | Seq2SeqModel):
        return None
    return attention.kept * _item_size(model)


def _state_bytes(model: nn.Module) -> int:
    config: Any = getattr(model, "config", None)
    if not isinstance(config, RecurrentConfig):
        return 0
    kinds = 2 if config.cell == "lstm" else 1
    return kinds * sum(outer for _, outer in config.layer_sizes) * _item_size(model)


def _item_size(model: nn.Module) -> int:
    """Bytes of a number that goes through the model."""
    return next((p.element_size() for p in model.parameters()), torch.float32.itemsize)
