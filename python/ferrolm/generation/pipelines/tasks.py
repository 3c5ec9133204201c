"""The tasks by their names, and which models serve them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
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
from ferrolm.generation.pipelines.text_generation import TextGenerationPipeline
from ferrolm.generation.pipelines.token_classification import TokenClassificationPipeline
from ferrolm.generation.pipelines.zero_shot_classification import ZeroShotClassificationPipeline
from ferrolm.generation.pipelines.zero_shot_likelihood import LikelihoodClassificationPipeline
from ferrolm.models import BertModel, CausalLM, Seq2SeqLM
from ferrolm.models.auto import ARCHITECTURES, ENCODER_TASKS, LSTM_TASKS, SEQ2SEQ_ARCHITECTURES
from ferrolm.models.bert import BertPretrainedModel
from ferrolm.models.bert_config import MODEL_TYPES as ENCODERS
from ferrolm.models.config import read_config
from ferrolm.models.lstm_config import MODEL_TYPE as LSTM

__all__ = [
    "ALIASES",
    "DEFAULT_MODEL",
    "TASKS",
    "check_head",
    "default_model",
    "find_task",
    "kind_of_folder",
    "kind_of_model",
    "pipeline_class",
    "task_of_folder",
    "task_of_model",
]

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
# Those that `ferrolm finetune` makes models for.
_FINETUNED = (
    "question-answering", "sentence-similarity", "summarization", "text-classification", "text2text-generation",
    "token-classification", "translation",
)  # fmt: skip
_LANGUAGES = re.compile(r"translation_(?P<src_lang>[^_]+)_to_(?P<tgt_lang>[^_]+)")


def find_task(name: str) -> tuple[str, dict[str, str]]:
    """The task of a name, and the languages that are in it."""
    found = _LANGUAGES.fullmatch(name)
    if found is not None:
        return "translation", found.groupdict()
    if name.startswith("translation_"):
        raise UnknownNameError(
            f"unknown task {name!r}, expected the languages of a translation as in 'translation_en_to_fr'"
        )
    task = ALIASES.get(name, name)
    if task not in TASKS:
        known = sorted([*TASKS, *ALIASES, "translation_XX_to_YY"])
        raise UnknownNameError(
            f"unknown task {name!r}, expected one of: {', '.join(known)}{nearest(name, known)}"
        )
    return task, {}


def default_model(task: str) -> str:
    if task in _DEFAULT_MODELS:
        return _DEFAULT_MODELS[task]
    kinds = " or ".join(_described(kind) for kind in TASKS[task])
    tuned = f", such as `ferrolm finetune` with task.type = {task!r} makes" if task in _FINETUNED else ""
    raise InvalidArgumentError(
        f"no model for {task} comes with ferrolm: name one as model=..., {kinds}{tuned}"
    )


def _described(kind: str) -> str:
    """A kind of model with the types that are it."""
    types = _KINDS[kind]
    article = "an" if kind[0] in "aeiou" else "a"
    return f"{article} {kind}" + (f" ({', '.join(types)})" if types else "")


def pipeline_class(task: str, kind: str, name: str) -> type[Pipeline[Any]]:
    """The pipeline that does the task with such a model."""
    if kind not in TASKS[task]:
        serves = ", ".join(sorted(other for other, kinds in TASKS.items() if kind in kinds))
        wanted = " or ".join(_described(each) for each in TASKS[task])
        raise InvalidArgumentError(
            f"{name} is a model of the kind {kind!r}, which serves {serves}; {task} takes {wanted}"
        )
    return TASKS[task][kind]


def kind_of_folder(folder: Path) -> str:
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


def task_of_folder(folder: Path) -> str:
    """The task that a checkpoint was saved for."""
    kind = kind_of_folder(folder)
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


def kind_of_model(model: Any) -> str:
    if isinstance(model, NgramLanguageModel):
        return "n-gram model"
    inner = model.model if isinstance(model, LanguageModel) else model
    if isinstance(inner, Seq2SeqLM):
        return "encoder-decoder"
    if isinstance(inner, CausalLM):
        return "language model"
    return "encoder" if isinstance(inner, BertPretrainedModel) else "recurrent classifier"


def task_of_model(model: Any, kind: str) -> str:
    """The task of a model that is there."""
    if kind in ("language model", "n-gram model", "encoder-decoder"):
        return "text2text-generation" if kind == "encoder-decoder" else "text-generation"
    tasks: dict[str, Any] = {**ENCODER_TASKS} if kind == "encoder" else {**LSTM_TASKS}
    found = [task for task, made in tasks.items() if isinstance(model, made) and task in TASKS]
    return found[0] if found else "feature-extraction"


def check_head(model: Any, made: Any) -> None:
    """Raise `InvalidArgumentError` for a model whose head is another task's."""
    fitting: Iterable[Any] = [tasks[made.head] for tasks in (ENCODER_TASKS, LSTM_TASKS) if made.head in tasks]
    if made is FeatureExtractionPipeline:
        fitting = (*fitting, BertModel)
    if not isinstance(model, tuple(fitting)):
        names = " or ".join(each.__name__ for each in fitting)
        raise InvalidArgumentError(f"model is a {type(model).__name__}, but {made.task} takes a {names}")
