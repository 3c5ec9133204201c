"""The training loop, and a run as a folder that can be stopped and resumed.

RUN/config.toml             the configuration, every setting spelled out
RUN/metrics.jsonl           loss, learning rate, gradient norm, tokens per second; figures of the evaluations
RUN/samples.jsonl           texts that the model wrote on the way, where samples are asked for
RUN/environment.json        versions, processor, device, commit and time, of each time that the run was started
RUN/checkpoints/step-N/     see `ferrolm.training.checkpoint`
RUN/metrics.svg             the metrics drawn, where matplotlib is installed
RUN/final/                  the model in the Hugging Face layout, written by `pretrain` and `finetune`
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ferrolm._rust import set_num_threads
from ferrolm.data import BatchSource, TokenFile
from ferrolm.data._atomic import replace_file
from ferrolm.data.token_blocks import TokenBlocks
from ferrolm.errors import InvalidArgumentError
from ferrolm.models import summarize
from ferrolm.training import checkpoint
from ferrolm.training.config import Configuration, RunConfig
from ferrolm.training.distributed import join_world
from ferrolm.training.ema import MovingAverage
from ferrolm.training.environment import EnvironmentRecord
from ferrolm.training.evaluation import Evaluation, HeldOutTokens
from ferrolm.training.feed import Feed, tokens_in
from ferrolm.training.guard import DivergedError
from ferrolm.training.metrics import MetricsFile, MetricsLog, ProgressBar, SilentLog
from ferrolm.training.objectives import ModelLoss, NextToken, Objective
from ferrolm.training.optimizer import build_optimizer
from ferrolm.training.parallel import Parallel
from ferrolm.training.plot import can_plot, plot_runs
from ferrolm.training.precision import resolve_precision
from ferrolm.training.schedule import learning_rate
from ferrolm.training.signals import StopSignal
from ferrolm.training.step import OptimizerStep, OutOfMemoryError, StepResult
from ferrolm.training.throughput import Throughput, peak_tflops

__all__ = ["Trainer", "TrainingResult"]


@dataclass(frozen=True)
class TrainingResult:
    """How a call of `Trainer.train` ended.

    ``step``: steps that are done. ``metrics``: figures of the weights that the model has now, or, where no evaluation was due,
    none. ``signal``: the number of the one that stopped it. ``stopped``: "early" (no better for long) or "callback".
    """

    step: int
    metrics: Mapping[str, float]
    best_step: int = 0
    signal: int | None = None
    stopped: str | None = None

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do, so that the model is the final one."""
        return self.signal is None


class _Unhealthy(Exception):
    """The loss of a step is none to go on from."""


class Trainer:
    """Trains ``model`` as ``config`` says, in the folder ``directory``.

    ``train``: a token file, whose next tokens are learnt, or any `BatchSource`, whose batches ``objective`` turns into a loss
    (by default the one that the model computes from ``labels``). ``validation``: a token file or an `Evaluation`.

    A second call of `train` on the same folder with ``resume=True`` goes on from the newest checkpoint; on CPU, with the
    same number of threads, the result is the same to the bit as that of a run that was never stopped.

    >>> import tempfile
    >>> from ferrolm.data import ExampleBatches
    >>> from ferrolm.models import BertConfig, BertForSequenceClassification
    >>> model = BertForSequenceClassification(BertConfig(
    ...     vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, num_labels=2))
    >>> def collate(rows, random):
    ...     ids = torch.tensor(rows)
    ...     return {"input_ids": ids, "labels": ids[:, 0] % 2}
    >>> batches = ExampleBatches([[1, 2], [2, 2], [3, 2], [4, 2]], collate, batch_size=2)
    >>> config = RunConfig.from_dict({"training": {"steps": 3, "device": "cpu", "plot": "off"}})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Trainer(model, config, folder, batches, show_progress=False).train().step
    3
    """

    def __init__(
        self,
        model: nn.Module,
        config: Configuration,
        directory: str | Path,
        train: TokenFile | BatchSource,
        validation: TokenFile | Evaluation | None = None,
        *,
        objective: Objective | None = None,
        new_parameters: Collection[str] = (),
        sample: Callable[[Any], str] | None = None,
        on_evaluation: Callable[[int, Mapping[str, float]], bool] | None = None,
        show_progress: bool = True,
    ) -> None:
        """``new_parameters``: names of those that learn at ``training.head_learning_rate``. ``sample`` writes a text with the model,
        every ``training.sample_interval`` steps. ``on_evaluation(step, metrics)`` ends the run when it returns True.
        """
        self.config = config
        self.directory = Path(directory)
        self.show_progress = show_progress
        settings = config.training
        if settings.threads:
            torch.set_num_threads(settings.threads)
            set_num_threads(settings.threads)  # attention and activations of the core
        self.world = join_world(settings.parallel, settings.device)
        self.device = self.world.device
        self.precision = resolve_precision(settings.precision, self.device)
        self.model = model.to(self.device)
        self._parallel = Parallel(
            self.model, self.world, settings.parallel, precision=self.precision,
            activation_checkpointing=settings.activation_checkpointing,
        )  # fmt: skip
        source, default = self._source(train)
        self.evaluation = self._evaluation(validation)
        self._feed = Feed(source, settings.accumulation, self.device)
        self.steps = self._number_of_steps(source)
        forward = torch.compile(self._parallel.forward) if settings.compile else self._parallel.forward
        self._take_step = OptimizerStep(
            self.model, forward, objective or default, build_optimizer(self.model, settings, new_parameters),
            settings, self.precision, self._parallel,
        )  # fmt: skip
        average = MovingAverage(self.model, settings.ema) if settings.ema else None
        self._state = checkpoint.RunState(
            self.model, self._take_step.optimizer, self._take_step.scaler, average, self._parallel
        )
        self.progress = checkpoint.Progress(data_fingerprint=self._fingerprint(source))
        self._checkpoints = self.directory / "checkpoints"
        self._sample = sample
        self._on_evaluation = on_evaluation
        self._stop = StopSignal()
        self._signal: int | None = None
        self._stopped: str | None = None
        self._unchecked: list[Tensor] = []
        self._last_save = time.monotonic()

    def train(self, *, resume: bool = False) -> TrainingResult:
        """Take the remaining steps. Ctrl-C and SIGTERM end it after a step, with a checkpoint.

        At the end the model has its final weights: the last ones, their moving average, or the best ones. Raises
        `DivergedError` when the loss is not finite and going back did not help, `OutOfMemoryError`, and `InvalidArgumentError`
        when ``directory`` has checkpoints already and ``resume`` is not set, or when they belong to other data.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._restore(resume)
        log = self._open_log()
        record = (
            EnvironmentRecord(self.directory, self.device, self.progress.step, self.world.size)
            if self.world.is_main
            else None
        )
        bar = ProgressBar(
            self.steps, start=self.progress.step, show=self.show_progress and self.world.is_main
        )
        try:
            with self._stop.watched():
                metrics = self._run(log, bar)
        finally:
            log.close()
            bar.close()
            self._feed.close()
            if record is not None:
                record.end(self.progress.step)
        if self._signal is None:
            metrics = self._finish() or metrics
        return TrainingResult(
            self.progress.step, metrics, self.progress.best_step, self._signal, self._stopped
        )

    def _open_log(self) -> MetricsLog | SilentLog:
        if not self.world.is_main:
            return SilentLog()
        with replace_file(self.directory / "config.toml") as file:
            file.write(self.config.to_toml().encode())
        return MetricsLog(
            self.directory, self.progress.step, self.config.training, dataclasses.asdict(self.config)
        )

    def _run(self, log: MetricsLog | SilentLog, bar: ProgressBar) -> Mapping[str, float]:
        peak = self.config.training.peak_tflops or peak_tflops(self.device)
        throughput = Throughput(
            summarize(self.model).training_flops if peak else 0, peak * self.world.size if peak else peak
        )
        metrics: Mapping[str, float] = {}
        self._last_save = time.monotonic()
        while not self._is_stopping() and self.progress.step < self.steps and self._stopped is None:
            try:
                metrics = self._advance(log, bar, throughput) or metrics
            except _Unhealthy as trouble:
                self._roll_back(str(trouble), log, bar)
        if self._signal is not None and self.progress.step < self.steps:
            with suppress(_Unhealthy):  # then the checkpoint before is the one to go on from
                self._save()
        return metrics

    def _is_stopping(self) -> bool:
        """Whether any process got a signal; all end after the same step."""
        self._signal = int(self.world.largest(self._stop.number or 0)) or None
        return self._signal is not None

    def _advance(
        self, log: MetricsLog | SilentLog, bar: ProgressBar, throughput: Throughput
    ) -> Mapping[str, float] | None:
        """A step and whatever is due after it; the figures of an evaluation, if that was."""
        settings = self.config.training
        outcome, tokens = self._step(self.progress.step)
        step = self.progress.step = self.progress.step + 1
        self._unchecked.append(outcome.loss)
        throughput.add(tokens)
        last = step == self.steps
        if last or _due(step, settings.log_interval):
            self._check()
            figures: dict[str, Any] = {
                "loss": float(outcome.loss), "learning_rate": self._take_step.optimizer.param_groups[0]["lr"],
                "gradient_norm": float(outcome.gradient_norm), "epoch": self._epoch(step), **throughput.read(),
            }  # fmt: skip
            log.write(step=step, **figures)
            bar.update(step, _line(figures))
        metrics, better = None, False
        if self.evaluation is not None and (last or _due(step, settings.evaluation_interval)):
            metrics, better = self._evaluate(self.evaluation, log, bar)
        if self._sample is not None and _due(step, settings.sample_interval):
            self._write_sample(self._sample, bar)
        if last or self._checkpoint_due(step) or (better and settings.keeps_best) or self._stopped:
            self._save()
        if metrics is not None or last:
            throughput.restart()
        return metrics

    def _step(self, step: int) -> tuple[StepResult, int]:
        """One optimizer step (from 0), and how many tokens it read."""
        settings = self.config.training
        batches = self._feed.step(step * settings.accumulation + self.progress.skipped)
        try:
            outcome = self._take_step(batches, learning_rate(step, settings, self.steps))
        except OutOfMemoryError:
            if step and self.world.size == 1:  # else the others are in the middle of the step
                self._save()
            raise
        if self._state.average is not None:
            self._state.average.update(step)
        return outcome, self.world.size * sum(map(tokens_in, batches))

    def _evaluate(
        self, evaluation: Evaluation, log: MetricsLog | SilentLog, bar: ProgressBar
    ) -> tuple[Mapping[str, float], bool]:
        """Figures of the weights (or of their average), and whether they are the best so far."""
        self._check()
        metrics = self._measure(evaluation)
        step, progress = self.progress.step, self.progress
        log.write(step=step, **metrics)
        shown = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())
        bar.note(f"step {step}: {shown}")
        value, best = float(metrics[evaluation.metric]), progress.best_value
        better = best is None or (value > best if evaluation.higher_is_better else value < best)
        if better:
            progress.best_value, progress.best_step, progress.stale = value, step, 0
        else:
            progress.stale += 1
        patience = self.config.training.early_stopping
        if patience and progress.stale >= patience and step < self.steps:
            self._stopped = "early"
        if self._on_evaluation is not None and self._on_evaluation(step, metrics):
            self._stopped = "callback"
        return metrics, better

    def _measure(self, evaluation: Evaluation) -> Mapping[str, float]:
        if self._state.average is None:
            return self.world.from_main(evaluation(self.model, self.precision))
        with self._state.average.applied():
            return self.world.from_main(evaluation(self.model, self.precision))

    def _write_sample(self, sample: Callable[[Any], str], bar: ProgressBar) -> None:
        if not (self.world.is_main or self._parallel.sharded):
            return
        text = sample(self.model)  # of a sharded model, all processes hold a part
        if not self.world.is_main:
            return
        samples = MetricsFile(self.directory / "samples.jsonl", self.progress.step - 1)
        samples.write(step=self.progress.step, text=text)
        samples.close()
        bar.note(f"step {self.progress.step}: {text}")

    def _check(self) -> None:
        """Look at the losses since the last look: one wait for the device instead of one for each step."""
        losses = torch.stack(self._unchecked).tolist() if self._unchecked else []
        self._unchecked.clear()
        for loss in losses:
            trouble = self.progress.guard.see(loss, self.config.training.spike_deviations)
            if trouble:
                raise _Unhealthy(f"{trouble} at step {self.progress.step}")

    def _roll_back(self, trouble: str, log: MetricsLog | SilentLog, bar: ProgressBar) -> None:
        """Go on from the newest checkpoint with other data than the steps since have seen."""
        settings, progress = self.config.training, self.progress
        newest = checkpoint.latest_checkpoint(self._checkpoints)
        if newest is None or progress.rollbacks >= settings.rollbacks:
            went_back = f" after going back {progress.rollbacks} times" if progress.rollbacks else ""
            raise DivergedError(
                f"{trouble}{went_back}: lower training.learning_rate or training.gradient_clip, or use precision float32"
            )
        self._unchecked.clear()
        self.progress = checkpoint.load_checkpoint(newest, self._state)
        lost = progress.step - self.progress.step
        self.progress.rollbacks = progress.rollbacks + 1
        self.progress.skipped += lost * settings.accumulation
        self._restore_data()
        log.rewind(self.progress.step)
        log.write(step=self.progress.step, rollback=trouble, steps_lost=lost)
        bar.note(f"{trouble}: back to step {self.progress.step}, past the data since")

    def _checkpoint_due(self, step: int) -> bool:
        minutes = self.config.training.checkpoint_minutes
        too_long = minutes > 0 and time.monotonic() - self._last_save > 60 * minutes
        return bool(self.world.largest(too_long)) or _due(step, self.config.training.checkpoint_interval)

    def _save(self) -> None:
        self._check()
        settings = self.config.training
        self.progress.data_state = self.world.gather(self._feed.state())
        checkpoint.save_checkpoint(self._checkpoints, self._state, self.progress)
        if self.world.is_main:
            checkpoint.prune(
                self._checkpoints, settings.keep_checkpoints, self.progress.best_step, settings.keep_every
            )
        self._last_save = time.monotonic()

    def _restore(self, resume: bool) -> None:
        newest = checkpoint.latest_checkpoint(self._checkpoints)
        if newest is None:
            torch.manual_seed(self.config.training.seed + self.world.rank)
            return
        if not resume:
            raise InvalidArgumentError(
                f"{self.directory} has checkpoints (up to {newest.name}): resume it, or use another folder"
            )
        progress = checkpoint.load_checkpoint(newest, self._state)
        if progress.data_fingerprint != self.progress.data_fingerprint:
            raise InvalidArgumentError(
                f"{newest} was made with other data, or another seed, block_size, batch_size or accumulation: "
                "it cannot be resumed with these"
            )
        self.progress = progress
        self._restore_data()
        if 0 < self.config.training.early_stopping <= progress.stale:
            self._stopped = "early"

    def _restore_data(self) -> None:
        states = self.progress.data_state
        if any(state is not None for state in states) and len(states) != self.world.size:
            raise InvalidArgumentError(
                f"the run read a stream in {len(states)} processes, and cannot go on with {self.world.size}"
            )
        self._feed.restore(states[self.world.rank] if len(states) == self.world.size else None)

    def _finish(self) -> Mapping[str, float] | None:
        """Give the model its final weights, and draw the run; figures of those weights, if they are not the last ones."""
        settings, best = self.config.training, self.progress.best_step
        averaged = self._state.average is not None
        path = checkpoint.checkpoint_path(self._checkpoints, best)
        chosen = settings.keeps_best and best not in (0, self.progress.step)
        if chosen and not path.exists():
            # A run that began with other settings, or a folder that someone tidied up.
            warnings.warn(
                f"{path} is not there: the final model has the last weights, not the best", stacklevel=2
            )
            chosen = False
        if chosen:
            checkpoint.load_weights(path, self.model, averaged=averaged)
        elif self._state.average is not None:
            checkpoint.copy_weights(self._state.average.tensors, self.model)
        kind = settings.plot if self.world.is_main else "off"
        if kind in ("svg", "png") or (kind == "auto" and can_plot()):
            plot_runs([self.directory], self.directory / f"metrics.{'svg' if kind == 'auto' else kind}")
        figures = None
        if chosen and self.evaluation is not None:
            figures = self.world.from_main(self.evaluation(self.model, self.precision))
        self.model = self._parallel.gathered()
        return figures

    def _source(self, train: TokenFile | BatchSource) -> tuple[BatchSource, Objective]:
        if not isinstance(train, TokenFile):
            return train, ModelLoss()
        settings = self.config.training
        blocks = TokenBlocks(
            train, self._block_size(train), settings.batch_size, settings.seed,
            rank=self.world.rank, world_size=self.world.size,
        )  # fmt: skip
        return blocks, NextToken()

    def _evaluation(self, validation: TokenFile | Evaluation | None) -> Evaluation | None:
        if not isinstance(validation, TokenFile):
            return validation
        settings = self.config.training
        return HeldOutTokens(
            validation, block_size=self._block_size(validation), batch_size=settings.batch_size,
            limit=settings.evaluation_tokens,
        )  # fmt: skip

    def _block_size(self, file: TokenFile) -> int:
        if not isinstance(self.config, RunConfig):
            raise InvalidArgumentError(f"{file.path}: a token file needs the data.block_size of a RunConfig")
        return self.config.data.block_size

    def _number_of_steps(self, source: BatchSource) -> int:
        settings = self.config.training
        if not settings.epochs:
            return settings.steps
        each = source.epoch(1)
        if not each > 0:
            raise InvalidArgumentError("training.epochs needs data of known size: set training.steps instead")
        return max(1, math.ceil(settings.epochs / each / settings.accumulation - 1e-9))

    def _epoch(self, step: int) -> float:
        return self._feed.source.epoch(step * self.config.training.accumulation + self.progress.skipped)

    def _fingerprint(self, source: BatchSource) -> str:
        """Names what the order of the data depends on."""
        parts = (source.fingerprint, self.config.training.accumulation)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _line(figures: Mapping[str, Any]) -> str:
    share = f", {figures['mfu']:.1%} of the peak" if "mfu" in figures else ""
    return f"loss {figures['loss']:.4f}, {figures['tokens_per_second']:,.0f} tokens/s{share}"


def _due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0
