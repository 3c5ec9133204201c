"""GGUF files of checkpoint folders, as llama.cpp's convert_hf_to_gguf.py writes them, by its own package ``gguf``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

gguf = pytest.importorskip("gguf")
from safetensors.numpy import load_file

MATRICES_BY_ROWS = ("c_attn.weight", "c_proj.weight", "c_fc.weight")


def write_gguf(
    folder: Path, path: Path, kind: str = "F32", *, alignment: int | None = None, **keys: Any
) -> None:
    """Write the model in ``folder`` with matrices of type ``kind``, and its tokenizer if there is one.

    keys: further ones of the architecture, or others than the configuration says.
    """
    config = json.loads((folder / "config.json").read_text())
    architecture = {"mistral": "llama"}.get(config["model_type"], config["model_type"])
    writer = gguf.GGUFWriter(path, architecture)
    if alignment is not None:
        writer.add_custom_alignment(alignment)
    settings = (_gpt2_keys if architecture == "gpt2" else _llama_keys)(config) | keys
    for name, value in settings.items():
        add = {
            bool: writer.add_bool,
            int: writer.add_uint32,
            float: writer.add_float32,
            str: writer.add_string,
        }
        if isinstance(value, list):
            writer.add_array(f"{architecture}.{name}", value)
        elif value is not None:
            add[type(value)](f"{architecture}.{name}", value)
    if (folder / "tokenizer.json").is_file():
        _tokenizer(writer, json.loads((folder / "tokenizer.json").read_text()))
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    names = gguf.get_tensor_name_map(
        {value: key for key, value in gguf.MODEL_ARCH_NAMES.items()}[architecture], settings["block_count"]
    )
    for name, numbers in load_file(folder / "model.safetensors").items():
        numbers = _converted(name, numbers, config, architecture)
        own = "F32" if numbers.ndim == 1 else kind
        number = gguf.GGMLQuantizationType[own]
        writer.add_tensor(
            names.get_name(name, try_suffixes=(".weight", ".bias")),
            gguf.quantize(numbers, number),
            raw_dtype=number,
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _converted(name: str, numbers: Any, config: dict[str, Any], architecture: str) -> Any:
    numbers = numbers.astype(np.float32)
    if architecture == "gpt2" and name.endswith(MATRICES_BY_ROWS):
        return numbers.T.copy()
    for part, heads in (("q_proj", "num_attention_heads"), ("k_proj", "num_key_value_heads")):
        if architecture == "llama" and f".{part}." in name:  # LlamaModel.permute of the converter
            count = config[heads]
            shape = (count, 2, numbers.shape[0] // count // 2, *numbers.shape[1:])
            return numbers.reshape(shape).swapaxes(1, 2).reshape(numbers.shape).copy()
    return numbers


def _gpt2_keys(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "block_count": config["n_layer"],
        "context_length": config["n_positions"],
        "embedding_length": config["n_embd"],
        "feed_forward_length": config.get("n_inner") or 4 * config["n_embd"],
        "attention.head_count": config["n_head"],
        "attention.layer_norm_epsilon": config["layer_norm_epsilon"],
    }


def _llama_keys(config: dict[str, Any]) -> dict[str, Any]:
    rope = config["rope_parameters"]
    return {
        "block_count": config["num_hidden_layers"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": config["num_attention_heads"],
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.key_length": config.get("head_dim"),
        "attention.value_length": config.get("head_dim"),
        "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "rope.freq_base": float(rope["rope_theta"]),
        "rope.scaling.type": rope["rope_type"] if rope["rope_type"] in ("linear", "yarn") else None,
        "rope.scaling.factor": rope.get("factor"),
        "rope.scaling.original_context_length": rope.get("original_max_position_embeddings"),
        "rope.scaling.yarn_beta_fast": rope.get("beta_fast"),
        "attention.sliding_window": config.get("sliding_window"),
    }


def _tokenizer(writer: Any, document: dict[str, Any]) -> None:
    vocab = document["model"]["vocab"]
    tokens = sorted(vocab, key=vocab.__getitem__)
    special = {token["content"] for token in document["added_tokens"]}
    types = [6 if t.startswith("<0x") else 2 if t == "<unk>" else 3 if t in special else 1 for t in tokens]
    if document["model"]["byte_fallback"]:
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([-float(index) for index in range(len(tokens))])
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        merges = document["model"]["merges"]
        writer.add_token_merges([each if isinstance(each, str) else " ".join(each) for each in merges])
    writer.add_token_list(tokens)
    writer.add_token_types(types)
