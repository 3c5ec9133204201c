"""Weights that depend on a model's names and shapes alone: the same in every library and version."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

# Small models whose names and shapes ours and transformers' have in common.
SHAPES: dict[str, dict[str, Any]] = {
    "gpt2": {
        "vocab_size": 60,
        "n_positions": 64,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "bos_token_id": 58,
        "eos_token_id": 59,
    },
    "llama": {
        "vocab_size": 60,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 58,
        "eos_token_id": 59,
        "tie_word_embeddings": False,
    },
    "t5": {
        "vocab_size": 60,
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 48,
        "num_layers": 2,
        "num_heads": 4,
        "pad_token_id": 0,
        "decoder_start_token_id": 0,
        "eos_token_id": 59,
    },
}


def fill(model: Any) -> Any:
    """The torch model with new weights, in evaluation mode."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            values = rng.normal(size=tuple(parameter.shape))
            is_norm = "norm" in name or ".ln_" in f".{name}"
            values = 1 + 0.1 * values if is_norm and name.endswith("weight") else 0.35 * values
            parameter.copy_(torch.from_numpy(values).float())
    return model.eval()
