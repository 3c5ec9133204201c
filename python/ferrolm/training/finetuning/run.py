"""From a configuration and labelled files to a fine-tuned model: what ``ferrolm finetune`` does."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch

from ferrolm.data import BatchSource, ExampleBatches, TokenBudgetBatches, split
from ferrolm.data._atomic import replace_file
from ferrolm.errors import InvalidArgumentError, InvalidFileError, UnknownNameError, nearest
from ferrolm.models import LoraConfig, PretrainedModel, add_lora, locate, merge_lora, save_adapter
from ferrolm.tokenizers import Tokenizer
from ferrolm.training.distributed import World, join_world
from ferrolm.training.finetuning.augmentation import augmented, parse_augmentation
from ferrolm.training.finetuning.question_answering import QuestionAnswering
from ferrolm.training.finetuning.sentence_similarity import SentenceSimilarity
from ferrolm.training.finetuning.settings import FinetuningConfig
from ferrolm.training.finetuning.task import Task, TaskEvaluation
from ferrolm.training.finetuning.text_classification import TextClassification
from ferrolm.training.finetuning.text_generation import TextGeneration
from ferrolm.training.finetuning.text_to_text import TextToText
from ferrolm.training.finetuning.token_classification import TokenClassification
from ferrolm.training.trainer import Trainer, TrainingResult

__all__ = ["finetune"]

_TASKS: dict[str, type[Task]] = {
    "text-classification": TextClassification,
    "token-classification": TokenClassification,
    "question-answering": QuestionAnswering,
    "text2text-generation": TextToText,
    "text-generation": TextGeneration,
    "sentence-similarity": SentenceSimilarity,
}


def finetune(
    config: FinetuningConfig,
    directory: str | Path,
    *,
    resume: bool = False,
    on_evaluation: Callable[[int, Mapping[str, float]], bool] | None = None,
    show_progress: bool = True,
) -> TrainingResult:
    """Train a model on the labelled examples that ``config`` names, in ``directory``, and write ``directory/final``.

    The final folder has the model in the Hugging Face layout with names of labels, and its tokenizer; of a dialogue also the
    chat template; with [lora], the
    adapter is merged into it and also written alone, into ``directory/adapter``. ``directory/test.json`` has the figures on
    ``data.test``. ``on_evaluation(step, metrics)`` ends the run when it returns True.

    Raises errors that name the setting or the file and line, before anything is trained.
    """
    _check_parallel(config)
    world = join_world(config.training.parallel, config.training.device)
    torch.manual_seed(config.training.seed)
    task = _TASKS[config.task.kind](config, _tokenizer(config))
    train, validation, test = _examples(task)
    model = task.build()
    _check_sizes(model, task)
    head = task.head_parameters(model)
    if config.task.freeze:
        _freeze(model, head)
    if config.lora:
        _add_lora(model, config.lora, head)
    train = task.training_examples(train)
    rows = task.encode(train)
    if not rows:
        raise InvalidFileError(f"{config.data.train}: there is nothing to learn in it")
    evaluation = TaskEvaluation(task, validation) if validation else None
    trainer = Trainer(
        model, config, directory, _batches(task, train, rows, world), evaluation, objective=task.objective(),
        new_parameters=head, on_evaluation=on_evaluation, show_progress=show_progress,
    )  # fmt: skip
    result = trainer.train(resume=resume)
    if result.finished and world.is_main:
        trained = cast(
            PretrainedModel, trainer.model.to(world.device)
        )  # no longer `model`, where that was sharded
        _write(Path(directory), task, trained, test, trainer.precision)
    return result


def _check_parallel(config: FinetuningConfig) -> None:
    writes = config.task.kind == "text2text-generation" and config.task.generate
    if config.training.parallel == "fsdp" and (writes or config.task.crf):
        needs = "task.crf" if config.task.crf else "task.generate"
        raise InvalidArgumentError(
            f"{needs} needs the whole model in evaluations: set training.parallel to ddp"
        )


def _tokenizer(config: FinetuningConfig) -> Tokenizer:
    source = config.data.tokenizer
    if source and Path(source).is_file():
        return Tokenizer.from_file(source)
    if source:
        return Tokenizer.from_pretrained(source)
    if "checkpoint" not in config.model:
        raise InvalidArgumentError(
            "there is no tokenizer: set data.tokenizer to a tokenizer.json, or model.checkpoint to a folder that has one"
        )
    tokenizer = Tokenizer.from_pretrained(str(locate(config.model["checkpoint"])))
    # Published files pad and cut every text to one length; a batch pads its own rows.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _examples(task: Task) -> tuple[list[Any], list[Any], list[Any]]:
    """For training, validation and test; the last two may be empty."""
    data = task.config.data
    if not data.train:
        raise InvalidArgumentError("data.train must name the file or folder of examples to learn from")
    train = task.read(data.train)
    if not train:
        raise InvalidFileError(f"{data.train}: there is nothing to learn in it")
    task.learn(train)
    # What cannot be measured is better said before the training than after it.
    test = _measurable(task, data.test) if data.test else []
    if data.validation:
        return train, _measurable(task, data.validation), test
    if not data.validation_fraction:
        return train, [], test
    fractions = (1.0 - data.validation_fraction, data.validation_fraction)
    try:
        kept, validation = split(train, fractions, task.config.training.seed, stratify=task.stratify)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            f"data.validation_fraction is {data.validation_fraction}: {error}"
        ) from None
    return kept, validation, test


def _measurable(task: Task, path: str) -> list[Any]:
    """The examples of a file, whose labels must be those of training."""
    examples = task.read(path)
    try:
        task.encode(examples)
    except UnknownNameError as error:
        raise UnknownNameError(f"{path}: {error}") from None
    return examples


def _check_sizes(model: PretrainedModel, task: Task) -> None:
    """The model must have room for all tokens of the tokenizer and for texts of the allowed length, which can be padded."""
    task.collate.pad_token_id  # noqa: B018 - raises where there is none
    known = model.config.vocab_size
    if known < task.vocab_size:
        raise InvalidArgumentError(
            f"the tokenizer has ids up to {task.vocab_size - 1}, but the model embeddings for {known} tokens: "
            "set data.tokenizer to the one that the model was trained with"
        )
    length, places = task.config.data.max_length, getattr(model.config, "n_positions", None)
    if places is not None and length > places:
        raise InvalidArgumentError(
            f"data.max_length is {length}, but the model has positions for {places} tokens"
        )


def _batches(task: Task, examples: list[Any], rows: list[Any], world: World) -> BatchSource:
    settings, data = task.config.training, task.config.data
    rates = parse_augmentation(data.augmentation)
    if rates and not task.augments:
        raise InvalidArgumentError(
            f"data.augmentation is {data.augmentation!r}, which this task does not have"
        )
    content, collate = (examples, augmented(task, rates)) if rates else (rows, task.collate)
    named = f"{data.augmentation} {_fingerprint(rows)}"
    if settings.batch_tokens:
        return TokenBudgetBatches(
            content, collate, settings.batch_tokens, task.lengths(rows), settings.seed,
            fingerprint=named, rank=world.rank, world_size=world.size,
        )  # fmt: skip
    return ExampleBatches(
        content, collate, settings.batch_size, settings.seed,
        lengths=task.lengths(rows) if data.group_by_length else None,
        fingerprint=named, rank=world.rank, world_size=world.size,
    )  # fmt: skip


def _fingerprint(rows: list[Any]) -> str:
    """Names the tokens of all rows, so that a run is not resumed with others."""
    content = hashlib.sha256()
    for row in rows:
        content.update(row["input_ids"].tobytes())
    return content.hexdigest()[:16]


def _freeze(model: PretrainedModel, head: list[str]) -> None:
    if not head:
        raise InvalidArgumentError("task.freeze leaves nothing to learn: this model has no head of its own")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in head)


def _add_lora(model: PretrainedModel, settings: Mapping[str, Any], head: list[str]) -> None:
    known = [field.name for field in dataclasses.fields(LoraConfig)]
    for name in settings:
        if name not in known:
            raise UnknownNameError(f"unknown setting lora.{name}{nearest(name, known)}")
    # A new head knows nothing yet: it learns as a whole, beside the adapters.
    heads = sorted({name.rpartition(".")[0] for name in head})
    add_lora(model, LoraConfig(**{"modules_to_save": heads, **settings}))


def _write(directory: Path, task: Task, model: PretrainedModel, test: list[Any], precision: str) -> None:
    if test:
        figures = TaskEvaluation(task, test)(model, precision)
        with replace_file(directory / "test.json") as file:
            file.write((json.dumps({**figures, "examples": len(test)}, indent=2) + "\n").encode())
    if task.config.lora:
        save_adapter(model, directory / "adapter")
        merge_lora(model)
    final = directory / "final"
    model.cpu().eval().save_pretrained(final)
    task.save_tokenizer(final)
