"""Random tokenizer files, some with one field wrong: accepted as by the reference, with the same results.

A longer run, whose failures name the seed of the file: ``python tests/faults/test_generated_tokenizers.py --count 100000``
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

import pytest
import tokenizer_outcomes as outcomes
from generated_tokenizers import Generator

# Reasons why ferrolm refuses what the reference loads.
REFUSED = (
    "ids but",  # of a special token with as many tokens as not ids
    "beyond the limit",
    "expected at least 1",
    "expected 1 or more",
)


def verdict(ours: Any, theirs: Any, nulled: bool) -> tuple[str, list[str]]:
    """What became of a file, and what is wrong about that."""
    defects = outcomes.defects(ours)
    if defects:
        return "defect", defects
    if not outcomes.loads(ours):
        if outcomes.loads(theirs) and not any(reason in ours["error"] for reason in REFUSED):
            return "refused by ferrolm alone", [ours["error"]]
        return "refused", []
    if not outcomes.loads(theirs):
        # Null is what is missing for ferrolm; a panic is no refusal.
        meant = "error" not in theirs or nulled
        return "loaded by ferrolm alone", [] if meant else [theirs["error"]]
    if theirs["unclear"]:
        return "loaded, with tokens that share an id or a normalized form, or have none", []
    if "special tokens that are added" in str(ours["encodings"]):
        return "loaded, truncated to less than the special tokens", []
    found = outcomes.differences(ours, theirs)
    return "different" if found else "equal", found


def run(first: int, count: int, report: Any) -> Counter[str]:
    tally: Counter[str] = Counter()
    ours, theirs = outcomes.Library(outcomes.OURS), outcomes.Library(outcomes.THEIRS)
    try:
        for seed in range(first, first + count):
            content, texts, nulled = Generator(seed).case()
            for library in (ours, theirs):
                library.start(content, texts)
            kind, wrong = verdict(ours.finish(), theirs.finish(), nulled)
            tally[kind] += 1
            if wrong:
                report(seed, kind, wrong)
    finally:
        ours.close()
        theirs.close()
    return tally


def test_random_files() -> None:
    pytest.importorskip("tokenizers")
    failures: list[Any] = []
    tally = run(0, 500, lambda *failure: failures.append(failure))
    assert failures == []
    assert tally["equal"] > 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first file")
    arguments = parser.parse_args()
    failures = []

    def report(seed: int, kind: str, wrong: list[str]) -> None:
        failures.append(seed)
        print(f"seed {seed}: {kind}: {str(wrong)[:500]}", flush=True)

    tally = run(arguments.first, arguments.count, report)
    for kind, count in tally.most_common():
        print(f"{count:8,} {kind}")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
