"""The settings of a run, each with its meaning: what [data] and [training] of a configuration may say."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ferrolm.errors import InvalidArgumentError, nearest

__all__ = ["DataConfig", "TrainingConfig", "setting"]

OPTIMIZERS = ("adamw", "sgd", "rmsprop", "adafactor", "muon")
SCHEDULES = ("cosine", "linear", "constant", "wsd", "inverse_sqrt")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def setting(default: Any, help_text: str) -> Any:
    """A field of a configuration with its explanation."""
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata={"help": help_text})
    return field(default=default, metadata={"help": help_text})


@dataclass(kw_only=True, frozen=True)
class DataConfig:
    """What the model reads. Relative paths are relative to the working directory."""

    train: str = setting(
        "",
        "token file to learn from (made by `ferrolm prepare`), or text or .jsonl that is tokenized on the way",
    )
    mixture: dict[str, float] = setting(  # noqa: RUF009 - makes a new dictionary each time
        {}, 'instead of train: token files with weights, {"a.tokens" = 0.7, "b.tokens" = 0.3}'
    )
    validation: str = setting("", "token file to evaluate on; empty: no evaluation")
    tokenizer: str = setting(
        "", "tokenizer.json to put beside the final model, and for objectives and samples that need one"
    )
    block_size: int = setting(256, "tokens of context; at most the model's n_positions")


@dataclass(kw_only=True, frozen=True)
class TrainingConfig:
    """How the model learns, what is written on the way, and when it ends."""

    seed: int = setting(0, "of the weights, of dropout and of the order of the data")
    steps: int = setting(1000, "optimizer steps")
    epochs: float = setting(0.0, "instead of steps: how often to see the data; 0: steps counts")
    batch_size: int = setting(32, "rows per forward pass (micro-batch) and process")
    accumulation: int = setting(
        1, "micro-batches per step; the mean gradient of their targets makes one step"
    )
    threads: int = setting(
        0,
        "threads on CPU, of torch and of ours; 0: as many as each finds; sums depend on it in the last digits",
    )

    optimizer: str = setting(
        "adamw", "adamw, sgd, rmsprop, adafactor, or muon (matrices; adamw for the rest)"
    )
    learning_rate: float = setting(1e-3, "peak learning rate")
    final_learning_rate: float = setting(1e-4, "learning rate at the end of the decay")
    head_learning_rate: float = setting(0.0, "peak for the head of a fine-tuned model; 0: learning_rate")
    schedule: str = setting(
        "cosine",
        "after the warm-up: cosine, linear, constant, inverse_sqrt, wsd (constant, then a linear decay)",
    )
    warmup_steps: int = setting(100, "steps of linear warm-up")
    warmup_fraction: float = setting(0.0, "instead of warmup_steps: the share of all steps")
    decay_fraction: float = setting(0.2, "wsd: the share of all steps in which the rate falls")
    weight_decay: float = setting(0.1, "of matrices and embeddings; biases and norms are never decayed")
    l1: float = setting(0.0, "weight of the sum of absolute weights (not of biases and norms) in the loss")
    l2: float = setting(
        0.0, "weight of half the sum of squared weights in the loss: decay that adaptive rates scale"
    )
    momentum: float = setting(0.9, "sgd, rmsprop, muon")
    beta1: float = setting(0.9, "adamw: decay of the mean of gradients")
    beta2: float = setting(0.95, "adamw, rmsprop: decay of the mean of squared gradients")
    epsilon: float = setting(1e-8, "adamw, rmsprop: added to the denominator")
    gradient_clip: float = setting(1.0, "largest norm of the gradient; 0: no clipping")
    ema: float = setting(
        0.0, "decay of a moving average of the weights, which is evaluated and saved; 0: none"
    )

    device: str = setting("auto", "auto (CUDA if there is one), cpu, cuda, cuda:1, ...")
    precision: str = setting(
        "auto",
        "float32, bfloat16 or float16 (autocast; weights stay float32), or auto: where the device has matrix units for it",
    )
    parallel: str = setting(
        "none",
        "several processes, started by torchrun: ddp (each has the model) or fsdp (each has a part of every tensor)",
    )
    compile: bool = setting(False, "torch.compile the model: pays on CUDA and for long runs")
    activation_checkpointing: bool = setting(
        False,
        "compute the activations of each layer again in the backward pass: a third more time, far less memory",
    )

    evaluation_interval: int = setting(500, "steps between evaluations; 0: only at the end")
    evaluation_tokens: int = setting(0, "tokens of the validation file to evaluate on; 0: all")
    early_stopping: int = setting(0, "evaluations without a better one that end the run; 0: never")
    final_model: str = setting(
        "auto",
        "weights of the final model: last, best (by validation), or auto: best where early_stopping is set",
    )
    sample_interval: int = setting(0, "steps between texts that the model writes into samples.jsonl; 0: none")
    sample_prompt: str = setting("", "what those texts start with; needs data.tokenizer")
    sample_tokens: int = setting(64, "length of those texts")

    checkpoint_interval: int = setting(500, "steps between checkpoints; 0: only at the end")
    checkpoint_minutes: float = setting(10.0, "also a checkpoint when so many minutes have passed; 0: never")
    keep_checkpoints: int = setting(2, "newest checkpoints to keep, beside the best one")
    keep_every: int = setting(0, "also keep each checkpoint whose step is a multiple of this; 0: none")
    rollbacks: int = setting(
        3,
        "how often to go back to the last checkpoint, and past the data since, when the loss is no number or a spike",
    )
    spike_deviations: float = setting(
        0.0,
        "a loss so many standard deviations above its moving average is a spike; 0: only what is no number",
    )

    log_interval: int = setting(10, "steps between lines of metrics.jsonl")
    plot: str = setting(
        "auto", "metrics.svg at the end: svg, png, off, or auto: svg where matplotlib is installed"
    )
    tensorboard: bool = setting(False, "write the metrics for TensorBoard too, into tensorboard/")
    wandb: str = setting("", "project of Weights & Biases to report to; empty: none")
    peak_tflops: float = setting(
        0.0, "of the device, for the share of it that is used; 0: by the name of the GPU"
    )

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch_size",
            "accumulation",
            "log_interval",
            "keep_checkpoints",
            "sample_tokens",
        ):
            if getattr(self, name) < 1:
                raise InvalidArgumentError(f"{name} must be at least 1, not {getattr(self, name)}")
        for field_ in dataclasses.fields(self):
            value = getattr(self, field_.name)
            if isinstance(value, int | float) and not value >= 0:
                raise InvalidArgumentError(f"{field_.name} must not be negative: {value}")
        for name, choices in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
            ("final_model", ("auto", "last", "best")),
            ("parallel", ("none", "ddp", "fsdp")),
            ("plot", ("auto", "svg", "png", "off")),
        ):
            _check_choice(name, getattr(self, name), choices)
        for name in ("beta1", "beta2", "momentum", "ema", "warmup_fraction"):
            if getattr(self, name) >= 1:
                raise InvalidArgumentError(f"{name} must be in [0, 1), not {getattr(self, name)}")
        if not 0 < self.decay_fraction <= 1:
            raise InvalidArgumentError(f"decay_fraction must be in (0, 1], not {self.decay_fraction}")

    @property
    def keeps_best(self) -> bool:
        """Whether the final model is the best one that an evaluation found."""
        return self.final_model == "best" or (self.final_model == "auto" and self.early_stopping > 0)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        listed = ", ".join(choices[:-1]) + f" or {choices[-1]}"
        raise InvalidArgumentError(f"{name} must be {listed}, not {value!r}{nearest(value, choices)}")
