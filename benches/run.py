"""Run the benchmarks against the installed peers and turn them into tables.

    python benches/run.py                     all rooms, three passes, tables to standard output
    python benches/run.py tokenization        one room (benches/python/bench_tokenization.py)
    python benches/run.py --update-readme     also renew the tables between the markers in README.md

Every pass runs ours and the peers' one after the other, pass after pass, so that they alternate while the machine's
speed drifts. A row shows the median over passes; a ratio is taken within each pass, then its median. The raw
figures, with CPU, versions, threads and commit, go to benches/results/.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tables import markdown, renew_readme

HERE = Path(__file__).resolve().parent
PEERS = (
    "tokenizers",
    "tiktoken",
    "gigatoken",
    "transformers",
    "torch",
    "numpy",
    "kenlm",
    "scikit-learn",
    "gensim",
)


def run_pass(files: list[Path], threads: int) -> list[dict[str, Any]]:
    """One pass over the benchmark files; the list of pytest-benchmark's records."""
    environment = {
        **os.environ,
        "FERROLM_NUM_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false" if threads == 1 else "true",
        "HF_HUB_OFFLINE": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "pass.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            *map(str, files),
            "-q",
            "--benchmark-only",
            "--benchmark-enable",
        ]
        # The time of this process: what else the machine does then hardly counts. Threads would be counted twice.
        timer = "process_time" if threads == 1 else "perf_counter"
        command += [
            f"--benchmark-timer=time.{timer}",
            "--benchmark-max-time=0.5",
            "--benchmark-min-rounds=3",
            "--benchmark-disable-gc",
            "--benchmark-warmup=off",
            f"--benchmark-json={output}",
            "-p",
            "no:cacheprovider",
        ]
        status = subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode
        if status:
            raise SystemExit(f"benches/run.py: pytest ended with status {status}")
        records: list[dict[str, Any]] = json.loads(output.read_text())["benchmarks"]
    return records


def machine() -> dict[str, Any]:
    """What a reader needs to know about where the figures come from."""
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    versions = {}
    for name in ("ferrolm", *PEERS):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    commit = subprocess.run(
        ["git", "-C", str(HERE), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    from ferrolm import _rust

    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "simd": _rust.simd_level(),
        "python": platform.python_version(),
        "versions": versions,
        "commit": commit,
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
    }


def main() -> None:
    known = {path.stem.removeprefix("bench_"): path for path in sorted((HERE / "python").glob("bench_*.py"))}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "rooms", nargs="*", metavar="ROOM", help=f"which benchmarks: {', '.join(known)} (default: all)"
    )
    parser.add_argument("--passes", type=int, default=3, help="how often each pair alternates (default: 3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of every library (default: 1)")
    parser.add_argument("--update-readme", action="store_true", help="renew the tables in README.md")
    arguments = parser.parse_args()
    unknown = set(arguments.rooms) - set(known)
    if unknown:
        parser.error(f"unknown room: {', '.join(sorted(unknown))} (known: {', '.join(known)})")

    for room in arguments.rooms or known:
        passes = [run_pass([known[room]], arguments.threads) for _ in range(arguments.passes)]
        result = {
            "room": room,
            "threads": arguments.threads,
            "machine": machine(),
            "passes": [slim(p) for p in passes],
        }
        target = HERE / "results" / f"{room}.json"
        target.write_text(json.dumps(result, indent=1) + "\n")
        print(markdown(result))
        if arguments.update_readme:
            renew_readme(HERE.parent / "README.md", result)


def work(record: dict[str, Any]) -> str:
    """The group, with the parameters that it does not name."""
    parameters = record.get("params") or {}
    others = [(name, str(value)) for name, value in parameters.items() if name != "library"]
    rest = [f"{name} {value}" for name, value in others if value not in record["group"]]
    return ", ".join([record["group"], *rest])


def slim(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is kept of pytest-benchmark's records: names, medians and what a rate is made of."""
    return [
        {
            "group": work(record),
            "library": (record.get("params") or {}).get("library")
            or record["extra_info"].get("library", "ferrolm"),
            "median": record["stats"]["median"],
            "rounds": record["stats"]["rounds"],
            **{
                key: record["extra_info"][key]
                for key in ("bytes", "tokens", "items")
                if key in record["extra_info"]
            },
        }
        for record in records
    ]


if __name__ == "__main__":
    main()
