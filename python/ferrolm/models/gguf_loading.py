"""`load_gguf`: the language model of a GGUF file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import torch

from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.models.causal_lm import CausalLM
from ferrolm.models.config import GPT2Config
from ferrolm.models.gguf import GgufFile
from ferrolm.models.gguf_names import array_of, config_of, parameter_names
from ferrolm.models.gpt2 import GPT2LMHeadModel
from ferrolm.models.llama import LlamaForCausalLM
from ferrolm.models.llama_config import LlamaConfig
from ferrolm.models.uninitialized import uninitialized

__all__ = ["load_gguf"]

_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16}


def load_gguf(
    path: Path | str, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> CausalLM:
    """The GPT-2, Llama, Mistral, Qwen2 or Qwen3 of a GGUF file, in evaluation mode.

    dtype: of the weights, by default that of most of the file's, which for quantized ones (Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K,
    Q5_K, Q6_K) is float32; `ferrolm.models.quantize` makes them small again. device: "meta" checks names and shapes alone.

    Raises `MissingFileError`, `InvalidFileError`, which names the file and the byte, the key or the tensors that do not
    fit, and `UnknownNameError` for another architecture.
    """
    file = GgufFile(path)
    if not file.tensors:
        raise InvalidFileError(f"{path} has no tensors; expected those of a model")
    try:
        config = config_of(file)
    except InvalidArgumentError as error:
        raise InvalidFileError(f"{path}: {error}") from None
    names = parameter_names(file, config)
    # Before memory is asked for: the sizes are those of the file's own tensors then.
    try:
        shapes = _empty(config, torch.device("meta"))
    except (RuntimeError, OverflowError, TypeError) as error:  # sizes that no tensor can have
        raise InvalidFileError(f"{path}: the keys describe no model: {error}") from None
    _check(file, config, names, shapes)
    where = torch.device(device or "cpu")
    dtype = dtype or _dtype(file)
    if where.type == "meta":
        return shapes.to(dtype).eval()
    model = _empty(config, where).to(dtype)
    model.lay_out()
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for tensor, name in names.items():
            parameters[name].copy_(torch.from_numpy(array_of(file, tensor, config)))
    return model.eval()


def _empty(config: GPT2Config | LlamaConfig, where: torch.device) -> CausalLM:
    with uninitialized(), where:
        return GPT2LMHeadModel(config) if isinstance(config, GPT2Config) else LlamaForCausalLM(config)


def _check(file: GgufFile, config: GPT2Config | LlamaConfig, names: dict[str, str], shapes: CausalLM) -> None:
    """Raise `InvalidFileError` unless the tensors are just what the parameters need."""
    parameters = dict(shapes.named_parameters())
    problems = [f"no tensor for {name}" for name in parameters.keys() - names.values()]
    for tensor, name in names.items():
        have = list(file.tensors[tensor].shape)
        if name not in parameters:
            problems.append(f"{tensor} is not expected")
            continue
        want = list(parameters[name].shape)
        if isinstance(config, GPT2Config) and tensor.startswith("blk."):
            want.reverse()
        if have != want:
            problems.append(f"{tensor} has shape {have}, expected {want}")
    if problems:
        more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise InvalidFileError(
            f"{file.path}: keys and tensors do not fit: {'; '.join(sorted(problems)[:8])}{more}"
        )


def _dtype(file: GgufFile) -> torch.dtype:
    sizes: Counter[str] = Counter()
    for tensor in file.tensors.values():
        sizes[tensor.type.name] += tensor.size
    return _DTYPES.get(sizes.most_common(1)[0][0], torch.float32)
