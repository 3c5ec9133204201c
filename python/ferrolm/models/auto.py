"""`load_causal_lm`, `load_seq2seq_lm`: the model of the architecture that a checkpoint's config.json names."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch

from ferrolm.errors import UnknownNameError, nearest
from ferrolm.models.causal_lm import CausalLM
from ferrolm.models.config import read_config
from ferrolm.models.gpt2 import GPT2LMHeadModel
from ferrolm.models.llama import LlamaForCausalLM
from ferrolm.models.llama_config import MODEL_TYPES as LLAMAS
from ferrolm.models.pretrained import PretrainedModel
from ferrolm.models.seq2seq import Seq2SeqLM
from ferrolm.models.t5 import T5ForConditionalGeneration
from ferrolm.models.transformer import Transformer

__all__ = ["ARCHITECTURES", "SEQ2SEQ_ARCHITECTURES", "load_causal_lm", "load_seq2seq_lm"]

# model_type of config.json -> the class that reads such a checkpoint.
ARCHITECTURES: dict[str, type[CausalLM]] = {
    "gpt2": GPT2LMHeadModel,
    **dict.fromkeys(LLAMAS, LlamaForCausalLM),
}
SEQ2SEQ_ARCHITECTURES: dict[str, type[Seq2SeqLM]] = {
    "t5": T5ForConditionalGeneration,
    "transformer": Transformer,
}


def load_causal_lm(
    directory: Path | str, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> CausalLM:
    """The language model of a checkpoint folder, in evaluation mode.

    Raises `UnknownNameError` for an architecture that is not here, and what `CausalLM.from_pretrained` raises.
    """
    return _load(directory, ARCHITECTURES, dtype, device)


def load_seq2seq_lm(
    directory: Path | str, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Seq2SeqLM:
    """The encoder-decoder of a checkpoint folder, in evaluation mode.

    Raises `UnknownNameError` for an architecture that is not here, and what `Seq2SeqLM.from_pretrained` raises.
    """
    return _load(directory, SEQ2SEQ_ARCHITECTURES, dtype, device)


Model = TypeVar("Model", bound=PretrainedModel)


def _load(
    directory: Path | str,
    architectures: dict[str, type[Model]],
    dtype: torch.dtype | None,
    device: torch.device | str | None,
) -> Model:
    path = Path(directory) / "config.json"
    model_type = read_config(path)["model_type"]
    if model_type not in architectures:
        known = ", ".join(sorted(architectures))
        raise UnknownNameError(
            f"{path}: model_type is {model_type!r}, expected one of: {known}{nearest(model_type, architectures)}"
        )
    return architectures[model_type].from_pretrained(directory, dtype=dtype, device=device)
