"""`pipeline`: the pipeline of a task by its name, with a model by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, nearest
from ferrolm.generation.language_model import LanguageModel
from ferrolm.generation.pipelines.base import Pipeline
from ferrolm.generation.pipelines.tasks import (
    check_head,
    default_model,
    find_task,
    kind_of_folder,
    kind_of_model,
    pipeline_class,
    task_of_folder,
    task_of_model,
)
from ferrolm.generation.pipelines.text_encoder import TextEncoder
from ferrolm.generation.seq2seq_model import Seq2SeqLanguageModel
from ferrolm.models import PretrainedModel, bundled, locate
from ferrolm.models.catalog import bundled_names
from ferrolm.tokenizers import Tokenizer

__all__ = ["pipeline"]

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def pipeline(
    task: str | None = None,
    model: LanguageModel | TextEncoder | PretrainedModel | Path | str | None = None,
    *,
    tokenizer: Tokenizer | Path | str | None = None,
    device: torch.device | str | int | None = None,
    dtype: torch.dtype | str | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    batch_size: int | None = None,
    **settings: Any,
) -> Any:
    """What does a task, called and answering as in transformers (version 4 where version 5 has the task no more).

    task: "text-generation" ("conversational"), "fill-mask", "text-classification" ("sentiment-analysis"),
    "token-classification" ("ner"), "question-answering", "summarization", "translation" ("translation_en_to_fr"),
    "text2text-generation", "zero-shot-classification", "feature-extraction", "sentence-similarity"; by default what the
    model was saved for.
    model: the folder of a checkpoint, such as ``ferrolm finetune`` writes, a GGUF file, the name of a bundled model or of
    one on the hub (``revision``, ``token``), or a model itself. "ferrolm-tiny" by default for the tasks that it serves.
    tokenizer: one, or where it is, in place of the folder's; needed beside a model of `ferrolm.models`.
    device: a torch device or its name, or the number of a CUDA device (-1: the CPU); by default CUDA where there is one.
    dtype: of the weights, a torch dtype or its name; by default ("auto") that of the file; see `ferrolm.load_model`.
    batch_size: rows that the model sees at a time, see `Pipeline`. settings: those of the task.

    Raises `UnknownNameError` for an unknown task, `InvalidArgumentError` for a model that does not serve the task and for
    unknown settings, and what loading the model raises.

    >>> import ferrolm
    >>> write = ferrolm.pipeline("text-generation")  # doctest: +SKIP
    >>> write("Once upon a time", max_new_tokens=20)  # doctest: +SKIP
    [{'generated_text': 'Once upon a time, ...'}]
    """
    if task is None and model is None:
        raise InvalidArgumentError("task and model are None, expected one of them")
    chosen: Any = model
    languages: dict[str, str] = {}
    if task is not None:
        task, languages = find_task(task)
        if chosen is None:
            chosen = default_model(task)
    where = _device(device)
    given = _tokenizer(tokenizer)
    options = {"batch_size": batch_size, **languages, **settings}
    if isinstance(chosen, Path | str):
        folder = _folder(chosen, revision, token)
        made: Any = pipeline_class(task or task_of_folder(folder), kind_of_folder(folder), str(chosen))
        result = made.load(folder, given, _dtype(dtype, made), where, **options)
    else:
        result = _around(chosen, task, given, where if device is not None else None, options)
    if languages:  # task_specific_params of checkpoints have the whole name
        result.task = f"translation_{languages['src_lang']}_to_{languages['tgt_lang']}"
    return result


def _folder(model: Path | str, revision: str | None, token: str | bool | None) -> Path:
    if (Path(model) / "model.flm").is_file():
        return Path(model)
    return locate(model, revision=revision, token=token)


def _around(
    model: Any, task: str | None, tokenizer: Tokenizer | None, device: torch.device | None, options: dict[str, Any]
) -> Pipeline[Any]:  # fmt: skip
    """The pipeline of a model that is there."""
    encoder = None
    if isinstance(model, TextEncoder):
        encoder = model if tokenizer is None else None  # which has settings beside its tokenizer
        model, tokenizer = model.model, tokenizer or model.tokenizer
    if not isinstance(model, LanguageModel | PretrainedModel):
        raise InvalidTypeError(
            f"model is {type(model).__name__}, expected a name, a folder, a LanguageModel, or a model of ferrolm.models"
        )
    kind, name = kind_of_model(model), type(model).__name__
    made: Any = pipeline_class(task or task_of_model(model, kind), kind, name)
    if isinstance(model, LanguageModel):
        if tokenizer is not None:
            raise InvalidArgumentError(f"tokenizer is given beside a {name}, which has its own")
        if device is not None and kind != "n-gram model":
            model.model.to(device)
        return made(model, **options)  # type: ignore[no-any-return]
    if tokenizer is None:
        raise InvalidArgumentError(f"tokenizer is None, expected the one of the {name}")
    model = model.to(device).eval() if device is not None else model.eval()
    if kind == "encoder-decoder":
        return made(Seq2SeqLanguageModel(model, tokenizer), **options)  # type: ignore[no-any-return]
    if kind == "language model":
        return made(LanguageModel(model, tokenizer), **options)  # type: ignore[no-any-return]
    check_head(model, made)
    return made(encoder or TextEncoder(model, tokenizer), **options)  # type: ignore[no-any-return]


def _tokenizer(given: Tokenizer | Path | str | None) -> Tokenizer | None:
    if given is None or isinstance(given, Tokenizer):
        return given
    known = str(given) in bundled_names()
    return Tokenizer.from_pretrained(bundled(str(given)) if known else given)


def _device(device: torch.device | str | int | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if isinstance(device, int):
        return torch.device("cpu" if device < 0 else f"cuda:{device}")
    try:
        return torch.device(device)
    except RuntimeError:
        raise InvalidArgumentError(
            f"device is {device!r}, expected one of torch such as 'cpu' or 'cuda:0'"
        ) from None


def _dtype(dtype: torch.dtype | str | None, made: Any) -> torch.dtype | str | None:
    """What the loader of the pipeline takes: names are `ferrolm.load_model`'s, which has "int8" and "int4" too."""
    if dtype == "auto":
        return None
    if not isinstance(dtype, str) or not hasattr(made, "head"):
        return dtype
    if dtype not in _DTYPES:
        raise InvalidArgumentError(
            f"dtype is {dtype!r}, expected one of {', '.join(_DTYPES)} for {made.task}{nearest(dtype, _DTYPES)}"
        )
    return _DTYPES[dtype]
