"""What a run reports: JSON lines, TensorBoard, Weights & Biases, and a progress bar for who watches."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from ferrolm._extras import require
from ferrolm.training.settings import TrainingConfig

__all__ = ["MetricsFile", "MetricsLog", "ProgressBar", "SilentLog"]


class MetricsFile:
    """``metrics.jsonl``: one object per line, each with its ``step``.

    Opened at step ``start``: lines of later steps, which a resumed run will write again, are dropped, and a last
    line that a crash cut off too.
    """

    def __init__(self, path: Path, start: int) -> None:
        self.path = path
        kept = []
        if start and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:
                    continue
                if record["step"] <= start:
                    kept.append(line + "\n")
        path.write_text("".join(kept), encoding="utf-8")
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def write(self, **values: Any) -> None:
        # JSON has no infinity, which the norm of a gradient in float16 may be.
        written = {name: None if _is_no_number(value) else value for name, value in values.items()}
        self._file.write(json.dumps(written) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _is_no_number(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


class SilentLog:
    """The log of a process that does not write it."""

    def write(self, *, step: int, **values: Any) -> None: ...

    def rewind(self, step: int) -> None: ...

    def close(self) -> None: ...


class MetricsLog:
    """Writes each line of figures to ``metrics.jsonl`` and wherever else the settings say."""

    def __init__(self, folder: Path, start: int, config: TrainingConfig, run: dict[str, Any]) -> None:
        """``run``: the whole configuration, for services that show it. Raises `MissingExtraError`."""
        self._path = folder / "metrics.jsonl"
        self._file = MetricsFile(self._path, start)
        self._tensorboard: Any = None
        self._wandb: Any = None
        if config.tensorboard:
            require("tensorboard", extra="tracking", purpose="training.tensorboard")
            from torch.utils.tensorboard import SummaryWriter

            self._tensorboard = SummaryWriter(str(folder / "tensorboard"), purge_step=start)
        if config.wandb:
            wandb = require("wandb", extra="wandb", purpose="training.wandb")
            # One run of the service for a folder, also when it is resumed, and another for a folder of that name elsewhere.
            place = folder.resolve()
            own = hashlib.sha256(str(place).encode()).hexdigest()[:16]
            self._wandb = wandb.init(
                project=config.wandb, name=place.name, id=own, dir=str(folder), config=run, resume="allow"
            )

    def write(self, *, step: int, **values: Any) -> None:
        self._file.write(step=step, **values)
        numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
        if self._tensorboard is not None:
            for name, value in numbers.items():
                self._tensorboard.add_scalar(name, value, step)
        if self._wandb is not None:
            self._wandb.log(numbers, step=step)

    def rewind(self, step: int) -> None:
        """Forget the lines after ``step``, because the run goes on from there."""
        self._file.close()
        self._file = MetricsFile(self._path, step)

    def close(self) -> None:
        self._file.close()
        if self._tensorboard is not None:
            self._tensorboard.close()
        if self._wandb is not None:
            self._wandb.finish()


class ProgressBar:
    """Progress on standard error: a bar on a terminal, else a line every half a minute."""

    def __init__(
        self, total: int, *, start: int = 0, show: bool = True, stream: IO[str] | None = None
    ) -> None:
        self._stream = stream or sys.stderr
        self._bar = tqdm(
            total=total, initial=start, disable=not show, file=self._stream, unit="step", dynamic_ncols=True,
            mininterval=0.2 if self._stream.isatty() else 30.0,
        )  # fmt: skip

    def update(self, step: int, message: str) -> None:
        self._bar.set_postfix_str(message, refresh=False)
        # After a rollback the step is smaller than before.
        self._bar.update(step - self._bar.n)

    def note(self, message: str) -> None:
        """A line that stays."""
        if not self._bar.disable:
            self._bar.write(message, file=self._stream)

    def close(self) -> None:
        self._bar.close()
