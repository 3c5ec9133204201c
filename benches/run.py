"""Run the benchmarks against the installed peers and turn them into tables.

    python benches/run.py                     all rooms, three passes, tables to standard output
    python benches/run.py tokenization        one room (benches/python/bench_tokenization.py and bench_tokenization_*.py)
    python benches/run.py --quick             a first look: one pass, fewer rows, nothing stored
    python benches/run.py --update-readme     also renew the tables between the markers in README.md
    python benches/run.py --compare           run nothing; which ratios to peers fell since the runs before (history.py)

Every pass runs ours and the peers' one after the other, pass after pass, so that they alternate while the machine's
speed drifts. A row shows the median over passes; a ratio is taken within each pass, then its median. The raw
figures, with CPU, versions, threads and commit, go to benches/results/, all tables to docs/benchmarks.md, and the ratios to
this machine's history.
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

import history
from tables import markdown, renew_readme, write_page

HERE = Path(__file__).resolve().parent
HISTORY = HERE / "results" / "history.jsonl"
PEERS = (
    "tokenizers",
    "ctranslate2",
    "tiktoken",
    "sentencepiece",
    "transformers",
    "torch",
    "numpy",
    "blingfire",
    "bpeasy",
    "datasketch",
    "fastokens",
    "gensim",
    "gigabpe",
    "gigatoken",
    "iree-tokenizer",
    "jieba",
    "kenlm",
    "kitoken",
    "nltk",
    "python-crfsuite",
    "rensa",
    "rjieba",
    "rustbpe",
    "scikit-learn",
    "snaptokens",
    "splintr-rs",
    "tokie",
    "tuetoken",
)


def rooms() -> dict[str, list[Path]]:
    """Benchmark files by room: `bench_NAME.py` opens one, `bench_NAME_*.py` belong to it."""
    files = {path.stem.removeprefix("bench_"): path for path in sorted((HERE / "python").glob("bench_*.py"))}
    found: dict[str, list[Path]] = {}
    for name, path in files.items():
        found.setdefault(
            next(room for room in files if name == room or name.startswith(f"{room}_")), []
        ).append(path)
    return found


def run_pass(files: list[Path], threads: int, quick: bool) -> list[dict[str, Any]]:
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
            *(["-m", "not full"] if quick else []),
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


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def main() -> None:
    known = rooms()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "rooms", nargs="*", metavar="ROOM", help=f"which benchmarks: {', '.join(known)} (default: all)"
    )
    parser.add_argument(
        "--passes", type=positive, default=3, help="how often each pair alternates (default: 3)"
    )
    parser.add_argument("--threads", type=positive, default=1, help="threads of every library (default: 1)")
    parser.add_argument("--quick", action="store_true", help="one pass over fewer rows; nothing is stored")
    parser.add_argument("--update-readme", action="store_true", help="renew the tables in README.md")
    parser.add_argument(
        "--compare", action="store_true", help="run nothing; say which ratios fell beyond noise"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.rooms) - set(known)
    if unknown:
        parser.error(f"unknown room: {', '.join(sorted(unknown))} (known: {', '.join(known)})")

    if arguments.compare:
        compare(arguments.rooms)
        return
    for room in arguments.rooms or known:
        count = 1 if arguments.quick else arguments.passes
        passes = [run_pass(known[room], arguments.threads, arguments.quick) for _ in range(count)]
        result = {
            "room": room,
            "threads": arguments.threads,
            "machine": machine(),
            "passes": [slim(p) for p in passes],
        }
        print(markdown(result))
        if not arguments.quick:
            store(result, arguments.update_readme)


def store(result: dict[str, Any], update_readme: bool) -> None:
    """Figures of several threads stand beside those of one, and only on the page."""
    suffix = "" if result["threads"] == 1 else "_threads"
    target = HERE / "results" / f"{result['room']}{suffix}.json"
    history.append(HISTORY, result, before=json.loads(target.read_text()) if target.exists() else None)
    target.write_text(one_record_a_line(result))
    write_page(HERE.parent / "docs" / "benchmarks.md", HERE / "results")
    if update_readme and result["threads"] == 1:
        renew_readme(HERE.parent / "README.md", result)


def compare(rooms: list[str]) -> None:
    """Print the rows that changed beyond noise; the status is 1 if any fell."""
    text, fell = history.report(
        [line for line in history.read(HISTORY) if not rooms or line["room"] in rooms]
    )
    print(text)
    if fell:
        raise SystemExit(1)


def one_record_a_line(result: dict[str, Any]) -> str:
    """JSON whose differences can be read, at a third of the size that indenting every field gives."""
    head = json.dumps({key: value for key, value in result.items() if key != "passes"}, indent=1)[:-2]
    passes = ["[\n" + ",\n".join(map(json.dumps, records)) + "\n]" for records in result["passes"]]
    return f'{head},\n "passes": [{", ".join(passes)}]\n}}\n'


def work(record: dict[str, Any]) -> str:
    """The group, with the parameters that it does not name; a benchmark that tells a family names all."""
    if "family" in record["extra_info"]:
        return str(record["group"])
    parameters = record.get("params") or {}
    others = [(name, str(value)) for name, value in parameters.items() if name != "library"]
    rest = [f"{name} {value}" for name, value in others if value not in record["group"]]
    return ", ".join([record["group"], *rest])


def slim(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is kept of pytest-benchmark's records: names, medians and what a rate is made of."""
    return [
        {
            "group": work(record),
            "library": record["extra_info"].get("library")
            or (record.get("params") or {}).get("library", "ferrolm"),
            "median": float(f"{record['stats']['median']:.5g}"),
            "rounds": record["stats"]["rounds"],
            **{
                key: record["extra_info"][key]
                for key in ("bytes", "tokens", "items", "family", "inexact")
                if key in record["extra_info"]
            },
        }
        for record in records
    ]


if __name__ == "__main__":
    main()
