"""Run all fuzz targets, or some, for so many seconds each, and say how often each was run.

python rust/fuzz/run.py --seconds 60 [target ...]

Without a sanitizer unless asked for: it takes two thirds of the speed. Needs nightly Rust and ``cargo install cargo-fuzz``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
DONE = re.compile(r"Done (\d+) runs in (\d+) second")


def run(target: str, seconds: int, sanitizer: str, folder: Path) -> tuple[int, bool]:
    """Runs, and whether all went well. What is found on the way goes to ``folder``; a crash, to artifacts/."""
    found = folder / target
    found.mkdir()
    command = [
        "cargo",
        "+nightly",
        "fuzz",
        "run",
        "--fuzz-dir",
        ".",
        "-s",
        sanitizer,
        "--codegen-units",
        "16",
        target,
    ]
    command += [
        str(found),
        f"corpus/{target}",
        "--",
        f"-max_total_time={seconds}",
        "-timeout=20",
        "-rss_limit_mb=4096",
    ]
    # cargo hands its input on to the compiler, which would read it.
    done = subprocess.run(
        command,
        cwd=HERE,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    runs = DONE.search(done.stderr)
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
    return int(runs[1]) if runs else 0, done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--sanitizer", choices=("none", "address"), default="none")
    parser.add_argument(
        "targets", nargs="*", default=sorted(path.stem for path in (HERE / "fuzz_targets").glob("*.rs"))
    )
    arguments = parser.parse_args()
    total, failed = 0, []
    with tempfile.TemporaryDirectory() as folder:
        for target in arguments.targets:
            runs, ended_well = run(target, arguments.seconds, arguments.sanitizer, Path(folder))
            total += runs
            failed += [] if ended_well else [target]
            print(f"| `{target}` | {runs:,} | {'' if ended_well else 'FAILED'} |", flush=True)
    print(f"{total:,} runs; failed: {', '.join(failed) or 'none'}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
