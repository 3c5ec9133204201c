"""The long version of what tests/faults has a short one of: ``make soak MINUTES=60``.

Kills of writers, forks while the pool is busy, flipped bits, wrong arguments, random tokenizer files against the reference, and
the main calls over and over while memory is watched. Ends with what failed, and how much was done; see docs/hardening.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS))


def program(name: str, *arguments: str) -> bool:
    """Run a script of tests/; whether it ended well."""
    print(f"-- {name} {' '.join(arguments)}", flush=True)
    start = time.monotonic()
    code = subprocess.run(
        [sys.executable, "-W", "ignore", str(TESTS / name), *arguments], check=False
    ).returncode
    print(
        f"   {'ended well' if code == 0 else f'FAILED with {code}'} after {time.monotonic() - start:.0f} s",
        flush=True,
    )
    return code == 0


def flips(count: int) -> bool:
    """As many random bit flips in the forms with a checksum, by the test."""
    environment = {**os.environ, "FERROLM_FLIPS": str(count)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        str(TESTS / "faults/test_stored_forms.py"),
        "-k",
        "flipped",
    ]
    return subprocess.run(command, env=environment, check=False).returncode == 0


def resident() -> float:
    """MB of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def memory(seconds: float) -> bool:
    """All main calls over and over; memory must not rise from the second third of the time to the end."""
    from fork_storm import calls

    work: list[Callable[[], object]] = [*calls(), *stored_calls()]
    end, marks, rounds = time.monotonic() + seconds, [], 0
    while time.monotonic() < end:
        for call in work:
            call()
        rounds += 1
        marks.append(resident())
    third = len(marks) // 3
    before, after = max(marks[third : 2 * third], default=0.0), max(marks[2 * third :], default=0.0)
    print(
        f"-- memory: {rounds} rounds of {len(work)} calls, at most {before:.1f} MB in the second third and {after:.1f} MB in the last"
    )
    return after < before * 1.02 + 2


def stored_calls() -> list[Callable[[], object]]:
    """Every form, written and read."""
    import tempfile

    from stored_forms import FORMS

    folder = Path(tempfile.mkdtemp())

    def call(name: str) -> Callable[[], object]:
        form, path = FORMS[name], folder / f"{name}{FORMS[name].ending}"
        return lambda: (form.write(path, 3), form.read(path))

    return [call(name) for name in FORMS]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    share = arguments.minutes / 60
    seed = str(arguments.seed)
    parts: dict[str, Callable[[], bool]] = {
        "kills": lambda: program(
            "kill_writers.py", "--kills", str(max(17, int(1000 * share))), "--seed", seed
        ),
        "forks": lambda: program("fork_storm.py", "--forks", str(max(18, int(1000 * share)))),
        "flips": lambda: flips(max(10, int(1000 * share))),
        "core": lambda: program(
            "wrong_calls.py", "core", "--rounds", str(max(1, int(200 * share))), "--seed", seed
        ),
        "package": lambda: program(
            "wrong_calls.py", "package", "--rounds", str(max(1, int(20 * share))), "--seed", seed
        ),
        "tokenizers": lambda: program(
            "faults/test_generated_tokenizers.py",
            "--count",
            str(max(100, int(20_000 * share))),
            "--first",
            str(10**6 * arguments.seed),
        ),
        "memory": lambda: memory(60 * arguments.minutes / 4),
    }
    failed = [name for name, part in parts.items() if not part()]
    print(f"failed: {', '.join(failed) or 'nothing'}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
