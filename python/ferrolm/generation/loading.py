"""`load_model`: a `LanguageModel` from a folder, the hub, or the package itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ferrolm.errors import InvalidArgumentError, InvalidFileError, nearest
from ferrolm.generation.chat_template import ChatTemplate
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.language_model import LanguageModel
from ferrolm.generation.ngram_model import NgramLanguageModel
from ferrolm.generation.seq2seq_model import Seq2SeqLanguageModel
from ferrolm.models import load_causal_lm, load_seq2seq_lm, locate, quantize
from ferrolm.models.auto import SEQ2SEQ_ARCHITECTURES
from ferrolm.models.config import read_config
from ferrolm.tokenizers import Tokenizer

__all__ = ["load_model"]

_QUANTIZED = ("int8", "int4")
# Where a checkpoint has its chat template.
_TEMPLATES = ("chat_template.jinja", "tokenizer_config.json")
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_model(
    name_or_directory: Path | str,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    tokenizer: Tokenizer | None = None,
) -> LanguageModel:
    """A language model with its tokenizer, its generation defaults and its chat template.

    name_or_directory: the folder of a Hugging Face checkpoint, a GGUF file (or a folder with one), which has its tokenizer
    inside, a bundled model ("ferrolm-tiny"), or a name on the hub, from which only settings, vocabulary and safe weights are downloaded (at ``revision``, with ``token``).
    An encoder-decoder becomes a `Seq2SeqLanguageModel`, a folder that `NgramLanguageModel.save` wrote an
    `NgramLanguageModel`, which has no device and no dtype.
    device: by default the CUDA device where there is one, else the CPU. dtype: of the weights, a torch dtype or its
    name; by default that of the file. "int8" and "int4" keep the matrices in so many bits, for a CPU (see
    `ferrolm.models.quantize`). tokenizer: in place of the one that the folder has.

    Raises `MissingFileError` and `FileAccessError` for what is not there, `InvalidFileError` for files that are
    corrupt or do not fit each other, `UnknownNameError` for another architecture.
    """
    if (Path(name_or_directory) / "model.flm").is_file():
        found = NgramLanguageModel.load(name_or_directory)
        return found if tokenizer is None else NgramLanguageModel(found.ngrams, tokenizer, found.defaults)
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
    return _assembled(folder, dtype, device, quantized, tokenizer)


def _assembled(
    folder: Path,
    dtype: torch.dtype | None,
    device: torch.device | str,
    quantized: Any,
    tokenizer: Tokenizer | None,
) -> LanguageModel:
    settings = folder / "config.json"
    is_seq2seq = settings.is_file() and read_config(settings)["model_type"] in SEQ2SEQ_ARCHITECTURES
    model: Any = (load_seq2seq_lm if is_seq2seq else load_causal_lm)(folder, dtype=dtype, device=device)
    if quantized is not None:
        model = quantize(model, quantized)
    tokenizer = tokenizer or Tokenizer.from_pretrained(str(folder))
    path = folder / "generation_config.json"
    kind = Seq2SeqLanguageModel if is_seq2seq else LanguageModel
    try:
        defaults = GenerationConfig.from_file(path) if path.is_file() else None
        language_model = kind(model, tokenizer, defaults)
    except InvalidFileError:
        raise
    except InvalidArgumentError as error:
        raise InvalidFileError(f"{folder}: {error}") from None
    language_model.chat_template = _chat_template(folder)
    return language_model


def _chat_template(folder: Path) -> ChatTemplate | None:
    """The checkpoint's template; it needs Jinja only where there is one."""
    if folder.suffix != ".gguf" and not any((folder / name).is_file() for name in _TEMPLATES):
        return None
    return ChatTemplate.of(folder)
