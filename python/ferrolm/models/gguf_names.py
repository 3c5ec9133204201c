"""What a GGUF file calls the settings and the tensors of a model, in the words of our configurations and parameters.

As convert_hf_to_gguf.py of llama.cpp writes them. Matrices are [outputs, inputs]; the rows of query and key of a Llama are in
another order there, because llama.cpp turns neighbouring numbers of a head, and we turn those half a head apart.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidFileError, UnknownNameError, nearest
from ferrolm.models.config import GPT2Config
from ferrolm.models.gguf import GgufArray, GgufFile
from ferrolm.models.llama_config import LlamaConfig

__all__ = ["GGUF_ARCHITECTURES", "array_of", "config_of", "parameter_names"]

GGUF_ARCHITECTURES = ("gpt2", "llama", "qwen2", "qwen3")

_BLOCK = re.compile(r"blk\.(\d+)\.(\w+)\.(weight|bias)")
_GPT2 = {
    "token_embd": "transformer.wte",
    "position_embd": "transformer.wpe",
    "output_norm": "transformer.ln_f",
    "output": "lm_head",
    "attn_norm": "ln_1",
    "attn_qkv": "attn.c_attn",
    "attn_output": "attn.c_proj",
    "ffn_norm": "ln_2",
    "ffn_up": "mlp.c_fc",
    "ffn_down": "mlp.c_proj",
}
_LLAMA = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
# Divisors of the rotary frequencies, which become settings; and their old spelling, which follows from rope.freq_base.
_NO_PARAMETERS = re.compile(
    r"rope_freqs\.weight|rope_factors_(long|short)\.weight|blk\.\d+\.attn_rot_embd\.weight"
)
# Keys that change the numbers, and that our models do not have.
_UNSUPPORTED = (
    *("expert_count", "attention.scale", "attention.clamp_kqv", "attention.max_alibi_bias", "logit_scale"),
    *("attn_logit_softcapping", "final_logit_softcapping", "embedding_scale", "residual_scale"),
    *("rope.scaling.yarn_log_multiplier", "rope.scaling.alpha"),
)


class _Settings:
    """The keys of one architecture, checked for their types."""

    def __init__(self, file: GgufFile, architecture: str) -> None:
        self.file, self.architecture = file, architecture

    def fail(self, message: str) -> InvalidFileError:
        return InvalidFileError(f"{self.file.path}: {message}")

    def get(self, name: str) -> Any:
        return self.file.metadata.get(f"{self.architecture}.{name}")

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.get(name)
        if isinstance(value, GgufArray):  # of each layer; ours are alike
            same = value.values is not None and value.count and (value.values == value.values[0]).all()
            value = value.values[0].item() if same and value.values is not None else value
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.fail(f"{self.architecture}.{name} is {value!r}, expected a positive integer")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self.get(name)
        value = default if value is None else value
        if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
            raise self.fail(f"{self.architecture}.{name} is {value!r}, expected a positive number")
        return _shortest(value)

    def has(self, tensor: str) -> bool:
        return tensor in self.file.tensors

    def shape(self, tensor: str) -> tuple[int, ...]:
        if not self.has(tensor):
            raise self.fail(f"{tensor} is missing")
        shape = self.file.tensors[tensor].shape
        if len(shape) != 2:
            raise self.fail(f"{tensor} has shape {list(shape)}, expected two dimensions")
        return shape


def config_of(file: GgufFile) -> GPT2Config | LlamaConfig:
    """The configuration that the keys describe.

    Raises `UnknownNameError` for another architecture and `InvalidFileError` for keys that are missing, of a wrong type, or
    that our models do not have.
    """
    name = file.metadata.get("general.architecture")
    if name not in GGUF_ARCHITECTURES:
        raise UnknownNameError(
            f"{file.path}: general.architecture is {name!r}, expected one of {', '.join(GGUF_ARCHITECTURES)}"
            f"{nearest(str(name), GGUF_ARCHITECTURES)}"
        )
    settings = _Settings(file, name)
    for key in _UNSUPPORTED:
        if settings.get(key):
            raise settings.fail(f"{name}.{key} is {settings.get(key)!r}, which this model does not have")
    blocks = {int(match[1]) for each in file.tensors if (match := _BLOCK.fullmatch(each))}
    if blocks != set(range(len(blocks))) or len(blocks) != settings.integer("block_count"):
        raise settings.fail(
            f"{name}.block_count is {settings.get('block_count')}, but tensors of {len(blocks)} blocks are there"
        )
    return _gpt2(settings) if name == "gpt2" else _llama(settings)


def _gpt2(settings: _Settings) -> GPT2Config:
    vocab_size, width = settings.shape("token_embd.weight")
    return GPT2Config(
        vocab_size=vocab_size,
        n_positions=settings.integer("context_length"),
        n_embd=width,
        n_layer=settings.integer("block_count"),
        n_head=settings.integer("attention.head_count"),
        n_inner=settings.integer("feed_forward_length", 4 * width),
        layer_norm_epsilon=settings.number("attention.layer_norm_epsilon"),
        tie_word_embeddings=_is_tied(settings),
        **_special_ids(settings),
    )


def _llama(settings: _Settings) -> LlamaConfig:
    vocab_size, width = settings.shape("token_embd.weight")
    heads = settings.integer("attention.head_count")
    head_dim = settings.integer("attention.key_length", max(width // heads, 1))
    for name in ("attention.value_length", "rope.dimension_count"):
        if settings.integer(name, head_dim) != head_dim:
            raise settings.fail(
                f"{settings.architecture}.{name} is {settings.get(name)!r}, expected {head_dim}, the size of a head"
            )
    return LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        intermediate_size=settings.integer("feed_forward_length"),
        num_hidden_layers=settings.integer("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=settings.integer("attention.head_count_kv", heads),
        head_dim=head_dim,
        max_position_embeddings=settings.integer("context_length"),
        rms_norm_eps=settings.number("attention.layer_norm_rms_epsilon"),
        rope_parameters=_rope(settings),
        tie_word_embeddings=_is_tied(settings),
        **_family(settings),
        **_special_ids(settings),
    )


def _family(settings: _Settings) -> dict[str, Any]:
    """The type, which says whether there are biases, norms of queries and keys, and a window."""
    window = settings.get("attention.sliding_window")
    if settings.architecture != "llama":
        if window:
            raise settings.fail(
                f"{settings.architecture}.attention.sliding_window is {window!r}, which only a llama has here"
            )
        bias = settings.architecture == "qwen3" and settings.has("blk.0.attn_q.bias")
        return {"model_type": settings.architecture, **({"attention_bias": True} if bias else {})}
    if window:
        return {"model_type": "mistral", "sliding_window": settings.integer("attention.sliding_window")}
    return {
        "attention_bias": settings.has("blk.0.attn_q.bias"),
        "mlp_bias": settings.has("blk.0.ffn_gate.bias"),
    }


def _rope(settings: _Settings) -> dict[str, Any]:
    kind = settings.get("rope.scaling.type") or "none"
    rope: dict[str, Any] = {"rope_theta": settings.number("rope.freq_base", 10000.0)}
    short, long = (_divisors(settings, f"rope_factors_{length}.weight") for length in ("short", "long"))
    if settings.has("rope_freqs.weight"):
        # Llama 3.1: the divisors are stored, not the numbers that they come from; the same for texts of any length.
        short = long = _divisors(settings, "rope_freqs.weight")
        scaling: dict[str, Any] = {"rope_type": "longrope", "factor": 1.0, "attention_factor": 1.0}
        return {**rope, **scaling, "short_factor": short, "long_factor": long}
    if kind == "none":
        return {**rope, "rope_type": "default"}
    if kind not in ("linear", "yarn", "longrope"):
        raise settings.fail(f"rope.scaling.type is {kind!r}, expected none, linear, yarn or longrope")
    rope |= {"rope_type": kind, "factor": settings.number("rope.scaling.factor", 1.0)}
    if kind == "linear":
        return rope
    rope["original_max_position_embeddings"] = settings.integer(
        "rope.scaling.original_context_length", settings.integer("context_length")
    )
    scale = settings.get("rope.scaling.attn_factor")
    if kind == "longrope":
        extent = settings.integer("context_length") / rope["original_max_position_embeddings"]
        rope |= {"factor": extent, "short_factor": short, "long_factor": long}
        return rope if scale is None else {**rope, "attention_factor": _shortest(scale)}
    for name in ("beta_fast", "beta_slow"):
        if settings.get(f"rope.scaling.yarn_{name}") is not None:
            rope[name] = settings.number(f"rope.scaling.yarn_{name}")
    if scale is not None and scale != 1:
        # llama.cpp multiplies with what the paper says.
        rope["attention_factor"] = scale * (0.1 * float(np.log(max(rope["factor"], 1))) + 1)
    return rope


def _divisors(settings: _Settings, tensor: str) -> list[float] | None:
    return settings.file.read(tensor).reshape(-1).tolist() if settings.has(tensor) else None


def _is_tied(settings: _Settings) -> bool:
    """Whether the head is the token embedding, of which some files have a copy."""
    head, embedding = "output.weight", "token_embd.weight"
    return not settings.has(head) or settings.file.same_bytes(head, embedding)


def _special_ids(settings: _Settings) -> dict[str, Any]:
    """Ids of the keys tokenizer.ggml.*; a text ends with that of a turn, too."""

    def get(name: str) -> int | None:
        value = settings.file.metadata.get(f"tokenizer.ggml.{name}_token_id")
        return value if isinstance(value, int) and 0 <= value < 2**32 - 1 else None

    ends = list(dict.fromkeys(each for each in (get("eos"), get("eot")) if each is not None))
    eos = ends if len(ends) > 1 else ends[0] if ends else None
    return {"bos_token_id": get("bos"), "eos_token_id": eos, "pad_token_id": get("padding")}


def _shortest(value: float) -> float:
    """A float32 of the file as the number that was meant: 1e-05, not 9.999999747378752e-06."""
    return float(str(np.float32(value))) if isinstance(value, float) else value


def parameter_names(file: GgufFile, config: GPT2Config | LlamaConfig) -> dict[str, str]:
    """The parameter's name by that of the tensor, for all tensors that are one.

    Raises `InvalidFileError` for a tensor that no parameter of such a model takes.
    """
    is_gpt2 = isinstance(config, GPT2Config)
    names, layers = (_GPT2, "transformer.h") if is_gpt2 else (_LLAMA, "model.layers")
    found = {}
    for tensor in file.tensors:
        if _NO_PARAMETERS.fullmatch(tensor) or (tensor == "output.weight" and config.tie_word_embeddings):
            continue
        stem, _, kind = tensor.rpartition(".")
        if match := _BLOCK.fullmatch(tensor):
            stem, kind = match[2], match[3]
        if stem not in names:
            raise InvalidFileError(f"{file.path}: the tensor {tensor} is not expected in such a model")
        found[tensor] = f"{layers}.{match[1]}.{names[stem]}.{kind}" if match else f"{names[stem]}.{kind}"
    return found


def array_of(file: GgufFile, tensor: str, config: GPT2Config | LlamaConfig) -> NDArray[Any]:
    """The numbers of a tensor in the order of the parameter."""
    numbers = file.read(tensor)
    match = _BLOCK.fullmatch(tensor)
    if isinstance(config, GPT2Config):
        return numbers.T if match and numbers.ndim == 2 else numbers  # `Projection` keeps [inputs, outputs]
    if match and match[2] in ("attn_q", "attn_k") and file.metadata["general.architecture"] == "llama":
        heads = config.num_heads if match[2] == "attn_q" else config.num_key_value_heads
        return _halves_apart(numbers, heads or 1)
    return numbers


def _halves_apart(rows: NDArray[Any], heads: int) -> NDArray[Any]:
    """Rows whose pairs are neighbours, with the first numbers of all pairs of a head before the second ones."""
    return rows.reshape(heads, -1, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)
