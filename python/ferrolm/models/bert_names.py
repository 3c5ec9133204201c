"""The names that the tensors of BERT, RoBERTa and DistilBERT checkpoints have, and those of our parameters.

Ours are BERT's. Checkpoints may have the prefix of the model without its head or not, the names of TensorFlow for a norm's
weight and bias (gamma, beta), and the tied decoder of the head, all of which are understood.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from ferrolm.models.bert_config import BertConfig

__all__ = ["in_base_model", "published_names", "read"]

_PREFIXES = {
    "bert": "bert.",
    "roberta": "roberta.",
    "xlm-roberta": "roberta.",
    "distilbert": "distilbert.",
}
# Starts of our names -> theirs; the first that fits counts.
_ROBERTA_HEADS = {
    "cls.predictions.transform.dense.": "lm_head.dense.",
    "cls.predictions.transform.LayerNorm.": "lm_head.layer_norm.",
    "cls.predictions.": "lm_head.",
    "pre_classifier.": "classifier.dense.",
}
_HEADS: dict[str, dict[str, str]] = {
    "bert": {},
    "roberta": _ROBERTA_HEADS,
    "xlm-roberta": _ROBERTA_HEADS,
    "distilbert": {
        "cls.predictions.transform.dense.": "vocab_transform.",
        "cls.predictions.transform.LayerNorm.": "vocab_layer_norm.",
        "cls.predictions.decoder.": "vocab_projector.",
        "cls.predictions.": "vocab_projector.",
    },
}
# What the parts of a layer are called in DistilBERT.
_DISTILBERT_LAYER = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
_LAYER = re.compile(r"bert\.encoder\.(layer\.\d+)\.(.+)\.(weight|bias)")
_OLD_NORM = re.compile(r"(LayerNorm|layer_norm)\.(gamma|beta)$")
# Buffers that older checkpoints store.
_NOT_WEIGHTS = ("embeddings.position_ids", "embeddings.token_type_ids")
_BASE_MODEL = ("embeddings.", "encoder.", "transformer.")


def in_base_model(name: str) -> bool:
    """Whether every checkpoint of the family has this parameter, which the pooler and the heads are not."""
    return name.removeprefix("bert.").startswith(_BASE_MODEL)


def published_names(names: Collection[str], config: BertConfig) -> dict[str, str]:
    """The name in a checkpoint of each of our ``names``; those of a model without a head have no prefix.

    >>> published_names(["bert.encoder.layer.0.output.dense.bias"], BertConfig(model_type="distilbert", type_vocab_size=0))
    {'bert.encoder.layer.0.output.dense.bias': 'distilbert.transformer.layer.0.ffn.lin2.bias'}
    """
    prefix, heads = _PREFIXES[config.model_type], _HEADS[config.model_type]
    if config.counts_from_padding and "pre_classifier.weight" in names:
        heads = {**heads, "classifier.": "classifier.out_proj."}

    def published(name: str) -> str:
        if not name.startswith("bert."):
            start = next((start for start in heads if name.startswith(start)), "")
            return heads.get(start, "") + name.removeprefix(start)
        layer = _LAYER.fullmatch(name) if config.is_distilbert else None
        if layer is not None:
            return f"{prefix}transformer.{layer[1]}.{_DISTILBERT_LAYER[layer[2]]}.{layer[3]}"
        return prefix + name.removeprefix("bert.")

    def without_head(name: str) -> str:
        return published(f"bert.{name}").removeprefix(prefix)

    bare = "embeddings.word_embeddings.weight" in names
    return {name: without_head(name) if bare else published(name) for name in names}


def read(by_name: Mapping[str, Tensor], names: Collection[str], config: BertConfig) -> dict[str, Tensor]:
    """The tensors of a checkpoint under our ``names``, and under its own those of the base model that no name fits.

    Left out are the heads that ``names`` do not have: a checkpoint may be read into another task's model.
    """
    prefix = _PREFIXES[config.model_type]
    ours = {theirs.removeprefix(prefix): name for name, theirs in published_names(names, config).items()}
    found: dict[str, Tensor] = {}
    for theirs, tensor in by_name.items():
        name = _OLD_NORM.sub(_new_norm, theirs.removeprefix(prefix))
        if name in ours:
            found[ours[name]] = tensor
        elif name.startswith(_BASE_MODEL) and name not in _NOT_WEIGHTS:
            found[theirs] = tensor
    _read_decoder_bias(by_name, found, ours, config)
    return found


def _new_norm(old: re.Match[str]) -> str:
    return f"{old[1]}.{'weight' if old[2] == 'gamma' else 'bias'}"


def _read_decoder_bias(
    by_name: Mapping[str, Tensor], found: dict[str, Tensor], ours: Mapping[str, str], config: BertConfig
) -> None:
    """Take the bias from the decoder, where there is no other; where it is not tied, it is the decoder's that counts."""
    for theirs, name in ours.items():
        if name != "cls.predictions.bias":
            continue
        tensor = by_name.get(theirs.removesuffix("bias") + "decoder.bias")
        if tensor is not None and (name not in found or not config.tie_word_embeddings):
            found[name] = tensor
