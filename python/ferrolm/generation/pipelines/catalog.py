"""`pipeline`: the pipeline of a task by its name, with a model by its name; which tasks there are, and which models serve them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError, nearest
from ferrolm.generation.language_model import LanguageModel
from ferrolm.generation.ngram_model import NgramLanguageModel
from ferrolm.generation.pipelines.base import Pipeline
from ferrolm.generation.pipelines.feature_extraction import FeatureExtractionPipeline
from ferrolm.generation.pipelines.fill_mask import FillMaskPipeline
from ferrolm.generation.pipelines.question_answering import QuestionAnsweringPipeline
from ferrolm.generation.pipelines.sentence_similarity import SentenceSimilarityPipeline
from ferrolm.generation.pipelines.text2text_generation import (
    SummarizationPipeline,
    Text2TextGenerationPipeline,
    TranslationPipeline,
)
from ferrolm.generation.pipelines.text_classification import TextClassificationPipeline
from ferrolm.generation.pipelines.text_encoder import TextEncoder
from ferrolm.generation.pipelines.text_generation import TextGenerationPipeline
from ferrolm.generation.pipelines.token_classification import TokenClassificationPipeline
from ferrolm.generation.pipelines.zero_shot_classification import ZeroShotClassificationPipeline
from ferrolm.generation.pipelines.zero_shot_likelihood import LikelihoodClassificationPipeline
from ferrolm.models import BertModel, CausalLM, PretrainedModel, Seq2SeqLM, bundled, locate
from ferrolm.models.auto import ARCHITECTURES, ENCODER_TASKS, LSTM_TASKS, SEQ2SEQ_ARCHITECTURES
from ferrolm.models.bert import BertPretrainedModel
from ferrolm.models.bert_config import MODEL_TYPES as ENCODERS
from ferrolm.models.config import read_config
from ferrolm.models.lstm_config import MODEL_TYPE as LSTM
from ferrolm.tokenizers import Tokenizer

__all__ = ["ALIASES", "DEFAULT_MODEL", "TASKS", "pipeline"]

DEFAULT_MODEL = "ferrolm-tiny"

# What a model can be, and the types of checkpoints that are it.
_KINDS: dict[str, tuple[str, ...]] = {
    "language model": tuple(ARCHITECTURES),
    "n-gram model": (),
    "encoder-decoder": tuple(SEQ2SEQ_ARCHITECTURES),
    "encoder": ENCODERS,
    "recurrent classifier": (LSTM,),
}
_Pipelines = Mapping[str, type[Pipeline[Any]]]

#: The tasks: for each kind of model that serves it, the pipeline.
TASKS: dict[str, _Pipelines] = {
    "feature-extraction": {"encoder": FeatureExtractionPipeline},
    "fill-mask": {"encoder": FillMaskPipeline},
    "question-answering": {"encoder": QuestionAnsweringPipeline},
    "sentence-similarity": {"encoder": SentenceSimilarityPipeline},
    "summarization": {"encoder-decoder": SummarizationPipeline},
    "text-classification": dict.fromkeys(("encoder", "recurrent classifier"), TextClassificationPipeline),
    "text-generation": dict.fromkeys(("language model", "n-gram model"), TextGenerationPipeline),
    "text2text-generation": {"encoder-decoder": Text2TextGenerationPipeline},
    "token-classification": dict.fromkeys(("encoder", "recurrent classifier"), TokenClassificationPipeline),
    "translation": {"encoder-decoder": TranslationPipeline},
    "zero-shot-classification": {
        "encoder": ZeroShotClassificationPipeline,
        "language model": LikelihoodClassificationPipeline,
    },
}
#: Other names of tasks.
ALIASES = {
    "conversational": "text-generation",
    "ner": "token-classification",
    "sentiment-analysis": "text-classification",
}
_DEFAULT_MODELS = dict.fromkeys(("text-generation", "zero-shot-classification"), DEFAULT_MODEL)
_LANGUAGES = re.compile(r"translation_(?P<src_lang>[^_]+)_to_(?P<tgt_lang>[^_]+)")
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
    batch_size: int = 1,
    **settings: Any,
) -> Any:
    """What does a task, called and answering as in transformers (version 4 where version 5 has the task no more).

    task: "text-generation" ("conversational"), "fill-mask", "text-classification" ("sentiment-analysis"),
    "token-classification" ("ner"), "question-answering", "summarization", "translation" ("translation_en_to_fr"),
    "text2text-generation", "zero-shot-classification", "feature-extraction", "sentence-similarity"; by default what the
    model was saved for.
    model: the folder of a checkpoint, such as ``ferrolm finetune`` writes, a GGUF file, the name of a bundled model or of
    one on the hub (``revision``, ``token``), or a model itself. "ferrolm-tiny" by default for the tasks that it serves.
    tokenizer: in place of the model's; needed beside a model that is no `LanguageModel`.
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
        task, languages = _task(task)
        if chosen is None:
            chosen = _default(task)
    where = _device(device)
    given = _tokenizer(tokenizer)
    options = {"batch_size": batch_size, **languages, **settings}
    if isinstance(chosen, Path | str):
        folder = _folder(chosen, revision, token)
        made = _class(task or _saved_for(folder), _kind_of_folder(folder), str(chosen))
        result = made.load(folder, given, _dtype(dtype, made), where, **options)  # type: ignore[attr-defined]
    else:
        result = _around(chosen, task, given, where if device is not None else None, options)
    if languages:  # task_specific_params of checkpoints have the whole name
        result.task = f"translation_{languages['src_lang']}_to_{languages['tgt_lang']}"
    return result


def _task(name: str) -> tuple[str, dict[str, str]]:
    """The task of a name, and the languages that are in it."""
    found = _LANGUAGES.fullmatch(name)
    if found is not None:
        return "translation", found.groupdict()
    task = ALIASES.get(name, name)
    if task not in TASKS:
        known = sorted([*TASKS, *ALIASES, "translation_XX_to_YY"])
        raise UnknownNameError(
            f"unknown task {name!r}, expected one of: {', '.join(known)}{nearest(name, known)}"
        )
    return task, {}


def _default(task: str) -> str:
    if task in _DEFAULT_MODELS:
        return _DEFAULT_MODELS[task]
    kinds = " or ".join(_described(kind) for kind in TASKS[task])
    tuned = f", such as `ferrolm finetune` with task.type = {task!r} makes" if task in _FINETUNED else ""
    raise InvalidArgumentError(
        f"no model for {task} comes with ferrolm: name one as model=..., {kinds}{tuned}"
    )


_FINETUNED = (
    "question-answering", "sentence-similarity", "summarization", "text-classification", "text2text-generation",
    "token-classification", "translation",
)  # fmt: skip


def _described(kind: str) -> str:
    """A kind of model with the types that are it."""
    types = _KINDS[kind]
    article = "an" if kind[0] in "aeiou" else "a"
    return f"{article} {kind}" + (f" ({', '.join(types)})" if types else "")


def _class(task: str, kind: str, name: str) -> type[Pipeline[Any]]:
    """The pipeline that does the task with such a model."""
    if kind not in TASKS[task]:
        serves = ", ".join(sorted(other for other, kinds in TASKS.items() if kind in kinds))
        wanted = " or ".join(_described(each) for each in TASKS[task])
        raise InvalidArgumentError(
            f"{name} is a model of the kind {kind!r}, which serves {serves}; {task} takes {wanted}"
        )
    return TASKS[task][kind]


def _folder(model: Path | str, revision: str | None, token: str | bool | None) -> Path:
    if (Path(model) / "model.flm").is_file():
        return Path(model)
    return locate(model, revision=revision, token=token)


def _kind_of_folder(folder: Path) -> str:
    if (folder / "model.flm").is_file():
        return "n-gram model"
    if folder.suffix == ".gguf":
        return "language model"
    model_type = read_config(folder / "config.json")["model_type"]
    for kind, types in _KINDS.items():
        if model_type in types:
            return kind
    known = sorted({each for types in _KINDS.values() for each in types})
    raise UnknownNameError(
        f"{folder / 'config.json'}: model_type is {model_type!r}, expected one of: {', '.join(known)}"
        f"{nearest(model_type, known)}"
    )


def _saved_for(folder: Path) -> str:
    """The task that a checkpoint was saved for."""
    kind = _kind_of_folder(folder)
    if kind in ("language model", "n-gram model"):
        return "text-generation"
    if kind == "encoder-decoder":
        return "text2text-generation"
    names = read_config(folder / "config.json").get("architectures")
    name = str(names[0]) if isinstance(names, list) and names else ""
    if kind == "recurrent classifier":
        return (
            "text-classification"
            if name == LSTM_TASKS["text-classification"].__name__
            else "token-classification"
        )
    endings = {"ForPreTraining": "fill-mask", "ForTokenClassification": "token-classification"}
    endings |= {made.architecture: task for task, made in ENCODER_TASKS.items() if task in TASKS}
    found = [task for ending, task in endings.items() if name.endswith(ending)]
    return found[0] if found else "feature-extraction"


def _around(
    model: Any, task: str | None, tokenizer: Tokenizer | None, device: torch.device | None, options: dict[str, Any]
) -> Pipeline[Any]:  # fmt: skip
    """The pipeline of a model that is there."""
    if isinstance(model, TextEncoder):
        model, tokenizer = model.model, tokenizer or model.tokenizer
    if not isinstance(model, LanguageModel | PretrainedModel):
        raise InvalidTypeError(
            f"model is {type(model).__name__}, expected a name, a folder, a LanguageModel, or a model of ferrolm.models"
        )
    kind, name = _kind_of_model(model), type(model).__name__
    made = _class(task or _own_task(model, kind), kind, name)
    if isinstance(model, LanguageModel):
        if tokenizer is not None:
            model = type(model)(model.model, tokenizer, model.defaults)
        if device is not None:
            model.model.to(device)
        return made(model, **options)
    if tokenizer is None:
        raise InvalidArgumentError(f"tokenizer is None, expected the one of the {name}")
    model = model.to(device).eval() if device is not None else model.eval()
    if kind in ("language model", "encoder-decoder"):
        return made(LanguageModel(model, tokenizer), **options)
    _check_head(model, made)
    return made(TextEncoder(model, tokenizer), **options)


def _kind_of_model(model: Any) -> str:
    if isinstance(model, NgramLanguageModel):
        return "n-gram model"
    inner = model.model if isinstance(model, LanguageModel) else model
    if isinstance(inner, Seq2SeqLM):
        return "encoder-decoder"
    if isinstance(inner, CausalLM):
        return "language model"
    return "encoder" if isinstance(inner, BertPretrainedModel) else "recurrent classifier"


def _own_task(model: Any, kind: str) -> str:
    """The task of a model that is there."""
    if kind in ("language model", "n-gram model", "encoder-decoder"):
        return "text2text-generation" if kind == "encoder-decoder" else "text-generation"
    tasks: dict[str, Any] = {**ENCODER_TASKS} if kind == "encoder" else {**LSTM_TASKS}
    found = [task for task, made in tasks.items() if isinstance(model, made) and task in TASKS]
    return found[0] if found else "feature-extraction"


def _check_head(model: Any, made: Any) -> None:
    """Raise `InvalidArgumentError` for a model whose head is another task's."""
    fitting: Iterable[Any] = [tasks[made.head] for tasks in (ENCODER_TASKS, LSTM_TASKS) if made.head in tasks]
    if made is FeatureExtractionPipeline:
        fitting = (*fitting, BertModel)
    if not isinstance(model, tuple(fitting)):
        names = " or ".join(each.__name__ for each in fitting)
        raise InvalidArgumentError(f"model is a {type(model).__name__}, but {made.task} takes a {names}")


def _tokenizer(given: Tokenizer | Path | str | None) -> Tokenizer | None:
    if given is None or isinstance(given, Tokenizer):
        return given
    path = Path(given)
    if path.is_file() and path.suffix == ".json":
        return Tokenizer.from_file(path)
    return Tokenizer.from_pretrained(str(bundled(str(given)) if given == DEFAULT_MODEL else given))


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
