"""`load`, `load_causal_lm`, `load_seq2seq_lm`, `load_encoder`: the model that a checkpoint's config.json names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.models.bert import CLASS_NAMES, BertModel, BertPretrainedModel
from ferrolm.models.bert_config import MODEL_TYPES as ENCODERS
from ferrolm.models.catalog import gguf_file
from ferrolm.models.causal_lm import CausalLM
from ferrolm.models.config import read_config
from ferrolm.models.gguf_loading import load_gguf
from ferrolm.models.gpt2 import GPT2LMHeadModel
from ferrolm.models.heads import (
    BertCrfForTokenClassification,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
)
from ferrolm.models.llama import LlamaForCausalLM
from ferrolm.models.llama_config import MODEL_TYPES as LLAMAS
from ferrolm.models.lstm_classifier import LSTMClassifier
from ferrolm.models.lstm_config import MODEL_TYPE as LSTM
from ferrolm.models.lstm_encoder import LSTMModel
from ferrolm.models.lstm_tagger import BiLSTMTagger
from ferrolm.models.pretrained import PretrainedModel
from ferrolm.models.pretraining_heads import (
    BertForMaskedLM,
    BertForNextSentencePrediction,
    BertForPreTraining,
)
from ferrolm.models.recurrent import RecurrentLM
from ferrolm.models.recurrent_config import MODEL_TYPE as RECURRENT
from ferrolm.models.sentence_encoder import BertForSentenceEmbedding
from ferrolm.models.seq2seq import Seq2SeqLM
from ferrolm.models.t5 import T5ForConditionalGeneration
from ferrolm.models.transformer import Transformer

__all__ = [
    "ARCHITECTURES",
    "ENCODER_TASKS",
    "LSTM_TASKS",
    "SEQ2SEQ_ARCHITECTURES",
    "load",
    "load_causal_lm",
    "load_encoder",
    "load_seq2seq_lm",
]

# model_type of config.json -> the class that reads such a checkpoint.
ARCHITECTURES: dict[str, type[CausalLM]] = {
    "gpt2": GPT2LMHeadModel,
    **dict.fromkeys(LLAMAS, LlamaForCausalLM),
    RECURRENT: RecurrentLM,
}
SEQ2SEQ_ARCHITECTURES: dict[str, type[Seq2SeqLM]] = {
    "t5": T5ForConditionalGeneration,
    "transformer": Transformer,
}

# Tasks by their names in transformers' pipelines and on the hub -> the encoder with the head for it.
ENCODER_TASKS: dict[str, type[BertPretrainedModel]] = {
    "feature-extraction": BertModel,
    "fill-mask": BertForMaskedLM,
    "next-sentence-prediction": BertForNextSentencePrediction,
    "pretraining": BertForPreTraining,
    "question-answering": BertForQuestionAnswering,
    "sentence-similarity": BertForSentenceEmbedding,
    "text-classification": BertForSequenceClassification,
    "token-classification": BertForTokenClassification,
}
# The same of recurrent models.
LSTM_TASKS: dict[str, type[LSTMModel]] = {
    "text-classification": LSTMClassifier,
    "token-classification": BiLSTMTagger,
}


def load_causal_lm(
    directory: Path | str, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> CausalLM:
    """The language model of a checkpoint folder or of a GGUF file, in evaluation mode.

    Raises `UnknownNameError` for an architecture that is not here, and what `CausalLM.from_pretrained` raises, or
    `ferrolm.models.gguf_loading.load_gguf`.
    """
    if (file := gguf_file(directory)) is not None:
        return load_gguf(file, dtype=dtype, device=device)
    model_type = _model_type(directory, ARCHITECTURES)
    return ARCHITECTURES[model_type].from_pretrained(directory, dtype=dtype, device=device)


def load_seq2seq_lm(
    directory: Path | str, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Seq2SeqLM:
    """The encoder-decoder of a checkpoint folder, in evaluation mode.

    Raises `UnknownNameError` for an architecture that is not here, and what `Seq2SeqLM.from_pretrained` raises.
    """
    model_type = _model_type(directory, SEQ2SEQ_ARCHITECTURES)
    return SEQ2SEQ_ARCHITECTURES[model_type].from_pretrained(directory, dtype=dtype, device=device)


def load_encoder(
    directory: Path | str,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    **changes: Any,
) -> BertModel:
    """The encoder of a BERT, RoBERTa or DistilBERT checkpoint folder, without its head, in evaluation mode.

    Raises `UnknownNameError` for an architecture that is not here, and what `BertPretrainedModel.from_pretrained` raises,
    which takes the ``changes``.
    """
    _model_type(directory, ENCODERS)
    return BertModel.from_pretrained(directory, dtype=dtype, device=device, **changes)


def load(
    directory: Path | str,
    task: str | None = None,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    **changes: Any,
) -> PretrainedModel:
    """The model of a checkpoint folder (or a GGUF file) for a task, in evaluation mode.

    task: "text-generation", "text2text-generation" for an encoder-decoder, or one of ``ENCODER_TASKS``, of which recurrent
    models have those of ``LSTM_TASKS``; by default what the checkpoint was saved as (``architectures`` of its config.json). changes: settings that differ from the file's, for encoders; see `BertPretrainedModel.from_pretrained`.

    Raises `UnknownNameError` for an architecture or a task that is not here, `InvalidArgumentError` for a task that the
    architecture is not made for, and what the model's ``from_pretrained`` raises.
    """
    tasks = ("text-generation", "text2text-generation", *ENCODER_TASKS)
    if task is not None and task not in tasks:
        raise UnknownNameError(f"task is {task!r}, expected one of {', '.join(tasks)}{nearest(task, tasks)}")
    if task in (None, "text-generation") and gguf_file(directory) is not None and not changes:
        return load_causal_lm(directory, dtype=dtype, device=device)
    generators: dict[str, type[CausalLM] | type[Seq2SeqLM]] = {**ARCHITECTURES, **SEQ2SEQ_ARCHITECTURES}
    model_type = _model_type(directory, (*generators, *ENCODERS, LSTM))
    own = "text-generation" if model_type in ARCHITECTURES else "text2text-generation"
    fits = ENCODER_TASKS if model_type in ENCODERS else LSTM_TASKS if model_type == LSTM else (own,)
    if task is not None and task not in fits:
        fitting = ", ".join(fits)
        raise InvalidArgumentError(
            f"task is {task!r}, but {directory} holds a {model_type}, made for {fitting}"
        )
    if model_type not in ENCODERS:
        if changes:
            raise InvalidArgumentError(
                f"{', '.join(changes)} cannot be changed in a {model_type}, which is no encoder"
            )
        made_for = (
            LSTM_TASKS[task or _lstm_task(Path(directory))] if model_type == LSTM else generators[model_type]
        )
        return made_for.from_pretrained(directory, dtype=dtype, device=device)
    saved_as = _saved_as(Path(directory), model_type)
    chosen = saved_as if task is None else ENCODER_TASKS[task]
    if issubclass(saved_as, chosen):  # a token classifier with a CRF stays one
        chosen = saved_as
    return chosen.from_pretrained(directory, dtype=dtype, device=device, **changes)


def _saved_as(directory: Path, model_type: str) -> type[BertPretrainedModel]:
    """The class that config.json names; the encoder alone where it names none of ours."""
    names = read_config(directory / "config.json").get("architectures")
    every: list[type[BertPretrainedModel]] = [
        *ENCODER_TASKS.values(),
        BertCrfForTokenClassification,
        BertModel,
    ]
    classes = {CLASS_NAMES[model_type] + each.architecture: each for each in every}
    return classes.get(names[0], BertModel) if isinstance(names, list) and names else BertModel


def _lstm_task(directory: Path) -> str:
    """What config.json says that a recurrent model was saved for."""
    names = read_config(directory / "config.json").get("architectures")
    tagger = isinstance(names, list) and BiLSTMTagger.__name__ in names
    return "token-classification" if tagger else "text-classification"


def _model_type(directory: Path | str, known: Iterable[str]) -> str:
    path = Path(directory) / "config.json"
    model_type: str = read_config(path)["model_type"]
    known = sorted(known)
    if model_type not in known:
        raise UnknownNameError(
            f"{path}: model_type is {model_type!r}, expected one of: {', '.join(known)}{nearest(model_type, known)}"
        )
    return model_type
