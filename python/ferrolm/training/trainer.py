"""The training loop of causal language models, and a run as a folder that can be stopped and resumed.

RUN/config.toml             the configuration, every setting spelled out
RUN/metrics.jsonl           loss, learning rate, gradient norm, tokens per second; validation loss
RUN/checkpoints/step-N/     see `ferrolm.training.checkpoint`
RUN/final/                  the model in the Hugging Face layout
"""

from __future__ import annotations

import hashlib
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ferrolm.data import BlockSampler, TokenFile
from ferrolm.data._atomic import replace_file
from ferrolm.errors import FerrolmError, InvalidArgumentError
from ferrolm.training import checkpoint
from ferrolm.training.config import RunConfig
from ferrolm.training.evaluation import HeldOutLoss, evaluate
from ferrolm.training.loss import next_token_loss
from ferrolm.training.metrics import MetricsFile, ProgressBar
from ferrolm.training.optimizer import build_optimizer
from ferrolm.training.precision import autocast, resolve_device, resolve_precision
from ferrolm.training.schedule import cosine_with_warmup

__all__ = ["DivergedError", "Trainer", "TrainingResult"]


class DivergedError(FerrolmError, ArithmeticError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True)
class TrainingResult:
    """How a call of `Trainer.train` ended: after ``step`` steps, by ``signal`` if one stopped it."""

    step: int
    validation: HeldOutLoss | None
    signal: int | None = None

    @property
    def finished(self) -> bool:
        return self.signal is None


class Trainer:
    """Trains ``model`` on the tokens of ``train`` as ``config`` says, in the folder ``directory``.

    ``model(input_ids)`` must return an object whose ``logits`` are [batch, time, vocab]. A second call of `train`
    on the same folder with ``resume=True`` goes on from the newest checkpoint; on CPU, with the same number of
    threads, the result is the same to the bit as that of a run that was never stopped.
    """

    def __init__(
        self,
        model: nn.Module,
        config: RunConfig,
        directory: str | Path,
        train: TokenFile,
        validation: TokenFile | None = None,
        *,
        show_progress: bool = True,
    ) -> None:
        self.config = config
        self.directory = Path(directory)
        self.validation = validation
        self.show_progress = show_progress
        settings = config.training
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self.device = resolve_device(settings.device)
        self.precision = resolve_precision(settings.precision, self.device)
        self.model = model.to(self.device)
        self._forward: Any = torch.compile(self.model) if settings.compile else self.model
        self.optimizer = build_optimizer(self.model, settings)
        self.sampler = BlockSampler(
            train.tokens, config.data.block_size, settings.batch_size, seed=settings.seed
        )
        self.progress = checkpoint.Progress(data_fingerprint=self._data_fingerprint(train))
        self._checkpoints = self.directory / "checkpoints"
        self._stop_signal: int | None = None
        self._last_save = time.monotonic()

    def train(self, *, resume: bool = False) -> TrainingResult:
        """Take the remaining steps. Ctrl-C and SIGTERM end it after a step, with a checkpoint.

        Raises `DivergedError` when the loss is not finite, and `InvalidArgumentError` when ``directory`` has
        checkpoints already and ``resume`` is not set, or when they belong to other data or another order of it.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._restore(resume)
        with replace_file(self.directory / "config.toml") as file:
            file.write(self.config.to_toml().encode())
        metrics = MetricsFile(self.directory / "metrics.jsonl", self.progress.step)
        bar = ProgressBar(self.config.training.steps, start=self.progress.step, show=self.show_progress)
        try:
            with self._watch_signals():
                held_out = self._steps(metrics, bar)
        finally:
            metrics.close()
            bar.close()
        return TrainingResult(self.progress.step, held_out, self._stop_signal)

    def _steps(self, metrics: MetricsFile, bar: ProgressBar) -> HeldOutLoss | None:
        settings = self.config.training
        tokens_per_step = settings.batch_size * settings.accumulation * self.config.data.block_size
        held_out = None
        since, since_step = time.perf_counter(), self.progress.step
        self._last_save = time.monotonic()
        while self.progress.step < settings.steps and self._stop_signal is None:
            loss, norm, rate = self._step(self.progress.step)
            step = self.progress.step = self.progress.step + 1
            last = step == settings.steps
            if step % settings.log_interval == 0 or last:
                value = self._finite(loss)
                speed = (step - since_step) * tokens_per_step / (time.perf_counter() - since)
                since, since_step = time.perf_counter(), step
                metrics.write(
                    step=step, loss=value, learning_rate=rate, gradient_norm=float(norm),
                    epoch=self.sampler.epoch(step * settings.accumulation), tokens_per_second=round(speed),
                )  # fmt: skip
                bar.update(step, f"loss {value:.4f}, {speed:,.0f} tokens/s")
            if self.validation is not None and (last or _due(step, settings.evaluation_interval)):
                held_out = self._evaluate(metrics, bar)
                since, since_step = time.perf_counter(), step
            if last or self._checkpoint_due(step):
                self._finite(loss)
                self._save()
        if self._stop_signal is not None and self.progress.step < settings.steps:
            self._save()
        return held_out

    def _step(self, step: int) -> tuple[Tensor, Tensor, float]:
        """One optimizer step: mean loss, norm of the gradient before clipping, learning rate."""
        settings = self.config.training
        rate = cosine_with_warmup(
            step, steps=settings.steps, warmup_steps=settings.warmup_steps,
            peak=settings.learning_rate, final=settings.final_learning_rate,
        )  # fmt: skip
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        total = torch.zeros((), device=self.device)
        for micro_batch in range(settings.accumulation):
            rows = torch.from_numpy(self.sampler.batch(step * settings.accumulation + micro_batch))
            rows = rows.to(self.device, non_blocking=True)
            with autocast(self.device, self.precision):
                logits = self._forward(rows[:, :-1]).logits
            loss = next_token_loss(logits, rows[:, 1:]) / settings.accumulation
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        limit = settings.gradient_clip or math.inf
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total, norm, rate

    def _evaluate(self, metrics: MetricsFile, bar: ProgressBar) -> HeldOutLoss:
        assert self.validation is not None
        settings = self.config.training
        held_out = evaluate(
            self.model, self.validation, block_size=self.config.data.block_size,
            batch_size=settings.batch_size, limit=settings.evaluation_tokens, precision=self.precision,
        )  # fmt: skip
        step = self.progress.step
        metrics.write(step=step, validation_loss=held_out.loss, bits_per_byte=held_out.bits_per_byte)
        bar.note(
            f"step {step}: validation loss {held_out.loss:.4f}, {held_out.bits_per_byte:.4f} bits per byte"
        )
        if self.progress.best_loss is None or held_out.loss < self.progress.best_loss:
            self.progress.best_loss, self.progress.best_step = held_out.loss, step
        return held_out

    def _finite(self, loss: Tensor) -> float:
        value = float(loss)
        if not math.isfinite(value):
            message = f"the loss is {value} at step {self.progress.step}"
            raise DivergedError(
                f"{message}: lower training.learning_rate or training.gradient_clip, or use precision float32"
            )
        return value

    def _checkpoint_due(self, step: int) -> bool:
        minutes = self.config.training.checkpoint_minutes
        too_long = minutes > 0 and time.monotonic() - self._last_save > 60 * minutes
        return too_long or _due(step, self.config.training.checkpoint_interval)

    def _save(self) -> None:
        checkpoint.save_checkpoint(self._checkpoints, self.model, self.optimizer, self.progress)
        checkpoint.prune(self._checkpoints, self.config.training.keep_checkpoints, self.progress.best_step)
        self._last_save = time.monotonic()

    def _restore(self, resume: bool) -> None:
        newest = checkpoint.latest_checkpoint(self._checkpoints)
        if newest is None:
            torch.manual_seed(self.config.training.seed)
            return
        if not resume:
            raise InvalidArgumentError(
                f"{self.directory} has checkpoints (up to {newest.name}): resume it, or use another folder"
            )
        progress = checkpoint.load_checkpoint(newest, self.model, self.optimizer)
        if progress.data_fingerprint != self.progress.data_fingerprint:
            raise InvalidArgumentError(
                f"{newest} was made with other data, or another seed, block_size, batch_size or accumulation: "
                "it cannot be resumed with these"
            )
        self.progress = progress

    def _data_fingerprint(self, train: TokenFile) -> str:
        """Names what the order of the data depends on."""
        settings = self.config.training
        parts = (
            len(train), train.tokenizer_hash, train.text_bytes, settings.seed,
            self.config.data.block_size, settings.batch_size, settings.accumulation,
        )  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    @contextmanager
    def _watch_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM set a flag that the loop reads; a second one acts at once."""
        self._stop_signal = None
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def stop(number: int, frame: object) -> None:
            self._stop_signal = number
            for other, handler in previous.items():
                signal.signal(other, handler)

        for number in previous:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0
