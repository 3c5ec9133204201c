"""``environment.json``: with what, where and how long a run was made, an entry for each time that it was started or resumed."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import torch

from ferrolm._rust import __version__
from ferrolm.data._atomic import replace_file

__all__ = ["EnvironmentRecord"]

NAME = "environment.json"


class EnvironmentRecord:
    """Notes the surroundings of a run when it begins, and when it ends how far it got and how long that took.

    Names of the machine, of its user and of folders are not noted: cards are published.
    """

    def __init__(self, directory: Path, device: torch.device, step: int, processes: int) -> None:
        self._path = directory / NAME
        self._begun = time.monotonic()
        self._sessions = [
            *_earlier(self._path),
            {
                "started": datetime.now(UTC).isoformat(timespec="seconds"),
                "ferrolm": __version__, "python": platform.python_version(), "torch": torch.__version__,
                "numpy": numpy.__version__, "system": f"{platform.system()} {platform.machine()}",
                "processor": _processor(), "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
                "threads": torch.get_num_threads(), "device": _device(device), "processes": processes,
                "git_commit": _git_commit(), "first_step": step,
            },
        ]  # fmt: skip
        self._write()

    def end(self, step: int) -> None:
        """Note that steps up to ``step`` were taken, and the time since the beginning."""
        seconds = round(time.monotonic() - self._begun, 3)
        self._sessions[-1].update(last_step=step, seconds=seconds)
        self._write()

    def _write(self) -> None:
        with replace_file(self._path) as file:
            file.write(json.dumps({"sessions": self._sessions}, indent=2).encode() + b"\n")


def _earlier(path: Path) -> list[dict[str, Any]]:
    """The sessions before; a file that cannot be read is begun anew, since no run should fail of it."""
    try:
        found = json.loads(path.read_bytes())["sessions"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _git_commit() -> str | None:
    """Of the folder that the run was started in, "+" behind it where tracked files differ; None outside a repository."""
    found = [_git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")]
    if not found[0]:
        return None
    return found[0] + ("+" if found[1] else "")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
