"""Writers killed at any moment: what is there is whole, and what was finished is not lost.

``python tests/kill_writers.py --kills 1000`` kills that many, over all forms in turn.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

from stored_forms import FORMS, Form

LONGEST = 0.03
"""Seconds that a writer may write before it is killed; one write takes a hundredth of it, or some."""


def kill_one(form: Form, path: Path, pipe: tuple[int, int], first: int, wait: float) -> int:
    """Fork, write numbers from ``first`` on until killed; the last number that was finished."""
    child = os.fork()
    if child == 0:
        number = first
        while True:
            form.write(path, number)
            os.write(pipe[1], number.to_bytes(8, "little"))
            number += 1
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the writer ended by itself, with {status}"
    finished = first - 1
    while told := read_all(pipe[0]):
        finished = told
    return finished


def read_all(descriptor: int) -> int:
    try:
        told = os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return 0
    return int.from_bytes(told[-8:], "little")


def kill(name: str, form: Form, folder: Path, kills: int, seed: int) -> int:
    """How many of the kills came within a write: a temporary file was left."""
    random_waits = random.Random(seed)
    path = folder / f"stored{form.ending}"
    pipe = os.pipe2(os.O_NONBLOCK)
    form.write(path, 0)
    assert form.read(path) == 0, name
    finished, within = 0, 0
    try:
        for _ in range(kills):
            before = finished
            finished = max(
                before, kill_one(form, path, pipe, before + 1, random_waits.uniform(0.001, LONGEST))
            )
            found = form.read(path)
            # The last one may have been killed after its file was whole, and before it could say so.
            assert finished <= found <= finished + 1, f"{name}: {found} is there, and {finished} was finished"
            finished = found
            left = [one for one in folder.iterdir() if one != path]
            within += bool(left)
            remove(left)
    finally:
        for end in pipe:
            os.close(end)
    return within


def remove(paths: list[Path]) -> None:
    for path in paths:
        if path.is_dir():
            remove(list(path.iterdir()))
            path.rmdir()
        else:
            path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to write, such as a small tmpfs")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    share = -(-arguments.kills // len(FORMS))
    total = 0
    for name, form in FORMS.items():
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            within = kill(name, form, Path(folder), share, arguments.seed)
        total += share
        print(f"{name}: {share} kills, {within} of them within a write, nothing lost", flush=True)
    print(f"{total} kills")


if __name__ == "__main__":
    main()
