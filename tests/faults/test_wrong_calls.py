"""Whatever the arguments: a result or an ordinary exception, never a panic, a hang or the end of the process.

Longer, and for the public names of the package too: ``make soak``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent.parent / "wrong_calls.py"


def walk(rounds: int, tmp_path: Path) -> str:
    log = tmp_path / "last"
    command = [sys.executable, str(PROGRAM), "core", "--rounds", str(rounds), "--log", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    last = log.read_text(errors="replace").strip()
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-2000:]}\nthe last call was {last}"
    return done.stdout


def test_the_core_answers_wrong_arguments(tmp_path: Path) -> None:
    callables = re.match(r"(\d+) callables", walk(4, tmp_path))
    assert callables is not None
    assert int(callables[1]) > 380  # every one that the stub names
