"""Whatever the arguments: a result or an ordinary exception, never a panic, a hang or the end of the process.

Longer: ``python tests/wrong_calls.py core --rounds 300 --seed 7``, and ``make soak``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent.parent / "wrong_calls.py"


def walk(surface: str, rounds: int, tmp_path: Path) -> str:
    log = tmp_path / "last"
    command = [sys.executable, str(PROGRAM), surface, "--rounds", str(rounds), "--log", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    last = log.read_text(errors="replace").strip()
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-2000:]}\nthe last call was {last}"
    return done.stdout


def test_the_core_answers_wrong_arguments(tmp_path: Path) -> None:
    assert "387 callables" in walk("core", 4, tmp_path)


def test_the_package_answers_wrong_arguments(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    walk("package", 2, tmp_path)
