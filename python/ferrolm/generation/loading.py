"""`load_model`: a `LanguageModel` from a folder, the hub, or the package itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ferrolm.errors import InvalidArgumentError, InvalidFileError, nearest
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.language_model import LanguageModel
from ferrolm.models import load_causal_lm, locate, quantize
from ferrolm.tokenizers import Tokenizer

__all__ = ["load_model"]

_QUANTIZED = ("int8", "int4")
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_model(
    name_or_directory: Path | str,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
) -> LanguageModel:
    """A language model with its tokenizer and its generation defaults.

    name_or_directory: the folder of a Hugging Face checkpoint, a GGUF file (or a folder with one), which has its tokenizer
    inside, a bundled model ("ferrolm-tiny"), or a name on the hub, from which only settings, vocabulary and safe weights are downloaded (at ``revision``, with ``token``).
    device: by default the CUDA device where there is one, else the CPU. dtype: of the weights, a torch dtype or its
    name; by default that of the file. "int8" and "int4" keep the matrices in so many bits, for a CPU (see
    `ferrolm.models.quantize`).

    Raises `MissingFileError` and `FileAccessError` for what is not there, `InvalidFileError` for files that are
    corrupt or do not fit each other, `UnknownNameError` for another architecture.
    """
    quantized: Any = dtype if dtype in _QUANTIZED else None
    if quantized is not None:
        device, dtype = device or "cpu", torch.float32
    if isinstance(dtype, str):
        if dtype not in _DTYPES:
            raise InvalidArgumentError(
                f"dtype is {dtype!r}, expected one of {', '.join((*_DTYPES, *_QUANTIZED))}"
                f"{nearest(dtype, (*_DTYPES, *_QUANTIZED))}"
            )
        dtype = _DTYPES[dtype]
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = locate(name_or_directory, revision=revision, token=token)
    model = load_causal_lm(folder, dtype=dtype, device=device)
    if quantized is not None:
        model = quantize(model, quantized)
    tokenizer = Tokenizer.from_pretrained(str(folder))
    defaults = folder / "generation_config.json"
    try:
        return LanguageModel(
            model, tokenizer, GenerationConfig.from_file(defaults) if defaults.is_file() else None
        )
    except InvalidFileError:
        raise
    except InvalidArgumentError as error:
        raise InvalidFileError(f"{folder}: {error}") from None
