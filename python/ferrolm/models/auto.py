"""`load_causal_lm`: the model of the architecture that a checkpoint's config.json names."""

from __future__ import annotations

from pathlib import Path

import torch

from ferrolm.errors import UnknownNameError, nearest
from ferrolm.models.causal_lm import CausalLM
from ferrolm.models.config import read_config
from ferrolm.models.gpt2 import GPT2LMHeadModel
from ferrolm.models.llama import LlamaForCausalLM
from ferrolm.models.llama_config import MODEL_TYPES as LLAMAS
from ferrolm.models.recurrent import RecurrentLM
from ferrolm.models.recurrent_config import MODEL_TYPE as RECURRENT

__all__ = ["ARCHITECTURES", "load_causal_lm"]

# model_type of config.json -> the class that reads such a checkpoint.
ARCHITECTURES: dict[str, type[CausalLM]] = {
    "gpt2": GPT2LMHeadModel,
    **dict.fromkeys(LLAMAS, LlamaForCausalLM),
    RECURRENT: RecurrentLM,
}


def load_causal_lm(
    directory: Path | str, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> CausalLM:
    """The language model of a checkpoint folder, in evaluation mode.

    Raises `UnknownNameError` for an architecture that is not here, and what `CausalLM.from_pretrained` raises.
    """
    path = Path(directory) / "config.json"
    model_type = read_config(path)["model_type"]
    if model_type not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise UnknownNameError(
            f"{path}: model_type is {model_type!r}, expected one of: {known}{nearest(model_type, ARCHITECTURES)}"
        )
    return ARCHITECTURES[model_type].from_pretrained(directory, dtype=dtype, device=device)
