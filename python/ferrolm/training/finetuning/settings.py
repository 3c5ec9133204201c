"""The configuration of a fine-tuning run: `RunConfig`'s sections with other defaults, and [task] and [lora].

[task]       `TaskConfig`: what the model is to learn
[model]      ``checkpoint``, a folder or a name of the hub; or ``type`` (ferrolm-lstm, transformer, t5, bert, gpt2, ...) and
             settings of a model that begins with random weights; of a ferrolm-lstm also ``embeddings``, see
             `ferrolm.training.finetuning.starting_embeddings`
[data]       `TaskDataConfig`
[training]   `FinetuningSettings`
[lora]       settings of `ferrolm.models.LoraConfig`; no section: all weights learn
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ferrolm.errors import InvalidArgumentError, nearest
from ferrolm.models.bert_config import POOLINGS
from ferrolm.training.config import Configuration
from ferrolm.training.settings import TrainingConfig, setting

__all__ = ["TASKS", "FinetuningConfig", "FinetuningSettings", "TaskConfig", "TaskDataConfig"]

# Names of transformers' pipelines -> the kind of task; several names are one kind.
TASKS = {
    "text-classification": "text-classification",
    "token-classification": "token-classification",
    "question-answering": "question-answering",
    "text2text-generation": "text2text-generation",
    "translation": "text2text-generation",
    "summarization": "text2text-generation",
    "text-generation": "text-generation",
    "dialogue": "text-generation",
    "sentence-similarity": "sentence-similarity",
}


@dataclass(kw_only=True, frozen=True)
class TaskConfig:
    """What the model is to learn."""

    type: str = setting("text-classification", f"one of {', '.join(TASKS)}")
    problem_type: str = setting(
        "single_label_classification",
        "of texts: single_label_classification, multi_label_classification, or regression",
    )
    metric: str = setting("", "figure that decides which model is best; empty: the usual one of the task")
    label_smoothing: float = setting(
        0.0, "of classes and of written tokens: probability that the loss spreads over all of them"
    )
    crf: bool = setting(False, "of labels of words: score whole sequences of labels")
    pooling: str = setting(
        "",
        "of encoders, what of a text is classified or embedded: mean, cls or max of its tokens; empty: cls to classify, mean to embed",
    )
    temperature: float = setting(0.05, "of sentence embeddings: divides similarities in the loss")
    freeze: bool = setting(False, "learn the head alone, on an encoder that stays as it is")
    generate: bool = setting(
        True, "evaluate written texts (BLEU or ROUGE) of validation data, not the loss alone"
    )

    def __post_init__(self) -> None:
        if self.type not in TASKS:
            raise InvalidArgumentError(
                f"task.type is {self.type!r}, expected one of {', '.join(TASKS)}{nearest(self.type, TASKS)}"
            )
        if self.pooling not in ("", *POOLINGS):
            raise InvalidArgumentError(
                f"task.pooling is {self.pooling!r}, expected one of {', '.join(POOLINGS)}{nearest(self.pooling, POOLINGS)}"
            )
        if not 0 <= self.label_smoothing < 1:
            raise InvalidArgumentError(f"label_smoothing must be in [0, 1), not {self.label_smoothing}")
        if not self.temperature > 0:
            raise InvalidArgumentError(f"temperature must be above 0, not {self.temperature}")

    @property
    def kind(self) -> str:
        """The task, whichever of its names it was given."""
        return TASKS[self.type]


@dataclass(kw_only=True, frozen=True)
class TaskDataConfig:
    """The labelled examples, and how they become tokens. Relative paths are relative to the working directory."""

    train: str = setting(
        "", "file or folder to learn from; .csv, .tsv, .jsonl, .conll, .conllu, .json (SQuAD); two by a comma"
    )
    validation: str = setting(
        "", "to evaluate on during the run; empty: a share of train, see validation_fraction"
    )
    test: str = setting("", "to evaluate the final model on, once; its figures go into test.json")
    validation_fraction: float = setting(0.1, "held out of train where validation is empty; 0: no evaluation")
    format: str = setting(
        "", "csv, tsv, jsonl, folder, conll, conllu, squad, parallel; empty: by the ending of the file"
    )
    encoding: str = setting("utf-8", "of text files")
    text: str = setting("text", "column or field of the text (a name, or a number from 0)")
    text_pair: str = setting("", "column or field of a second text; empty: none")
    label: str = setting("label", "column or field of the label; of treebanks upos, xpos or relations")
    label_separator: str = setting("", "between several labels of a text")
    source: str = setting(
        "source", "column or field of the source, prompt or anchor of generated text and of similar sentences"
    )
    target: str = setting("target", "column or field of the target, completion or positive")
    negative: str = setting(
        "", "column or field of a hard negative (in JSON lines one or several) of sentence-similarity"
    )
    messages: str = setting(
        "messages", "field of a dialogue's messages, each with role and content, in JSON lines"
    )
    tokenizer: str = setting("", "tokenizer.json, or a folder that has one; empty: that of model.checkpoint")
    max_length: int = setting(
        128, "tokens of a text at most; more are cut (answers are looked for in windows)"
    )
    max_target_length: int = setting(128, "tokens of a target at most")
    stride: int = setting(64, "tokens that neighbouring windows of question-answering share")
    prefix: str = setting("", "text before each source, such as 'summarize: ' for a T5")
    label_all: bool = setting(False, "score all tokens of a word, not its first alone")
    group_by_length: bool = setting(True, "put texts of like length into one batch: less padding")
    augmentation: str = setting(
        "",
        "of texts in training, by a comma, with the share of words: swap:0.1, deletion:0.1, synonyms:0.1, masking:0.1; "
        "counterfactual:0.5 swaps men and women in that share of the texts",
    )

    def __post_init__(self) -> None:
        for name in ("max_length", "max_target_length"):
            if getattr(self, name) < 2:
                raise InvalidArgumentError(f"{name} must be at least 2, not {getattr(self, name)}")
        if not 0 <= self.validation_fraction < 1:
            raise InvalidArgumentError(
                f"validation_fraction must be in [0, 1), not {self.validation_fraction}"
            )


@dataclass(kw_only=True, frozen=True)
class FinetuningSettings(TrainingConfig):
    """`TrainingConfig` with the defaults that fine-tuning usually has (Devlin et al. 2019, appendix A.3)."""

    epochs: float = setting(3.0, "how often to see the data; 0: steps counts")
    batch_size: int = setting(32, "rows per forward pass (micro-batch) and process")
    batch_tokens: int = setting(
        0,
        "instead of batch_size, in training: tokens per forward pass at most, with those of targets and padding, in rows of like length",
    )
    learning_rate: float = setting(5e-5, "peak learning rate")
    final_learning_rate: float = setting(0.0, "learning rate at the end of the decay")
    schedule: str = setting("linear", "after the warm-up: cosine, linear, constant, inverse_sqrt, wsd")
    warmup_fraction: float = setting(0.1, "share of all steps with linear warm-up; 0: warmup_steps counts")
    weight_decay: float = setting(0.01, "of matrices and embeddings; biases and norms are never decayed")
    beta2: float = setting(0.999, "adamw, rmsprop: decay of the mean of squared gradients")
    evaluation_interval: int = setting(200, "steps between evaluations; 0: only at the end")
    checkpoint_interval: int = setting(
        0, "steps between checkpoints; 0: at the end, and every checkpoint_minutes"
    )
    keep_checkpoints: int = setting(1, "newest checkpoints to keep, beside the best one")
    final_model: str = setting("best", "weights of the final model: last, best (by validation)")


@dataclass(kw_only=True, frozen=True)
class FinetuningConfig(Configuration):
    """A whole fine-tuning run; `model` and `lora` go on as they are.

    >>> config = FinetuningConfig.from_dict({"task": {"type": "translation"}})
    >>> config.task.kind, config.training.epochs
    ('text2text-generation', 3.0)
    """

    task: TaskConfig = field(default_factory=TaskConfig)
    model: dict[str, Any] = field(default_factory=dict)
    data: TaskDataConfig = field(default_factory=TaskDataConfig)
    training: FinetuningSettings = field(default_factory=FinetuningSettings)
    lora: dict[str, Any] = field(default_factory=dict)
