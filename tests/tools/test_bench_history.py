"""`make bench-compare` says which ratios to peers fell beyond noise, and is silent about noise."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

SUMMARY = (
    "rooms compared: 1; beyond noise, ratios that fell: {}, to most peers of their row: {}; that rose: {}"
)
BENCHES = Path(__file__).resolve().parents[2] / "benches"


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHES))
    yield importlib.import_module("history")
    for name in ("history", "tables"):
        sys.modules.pop(name, None)


def run(ours: list[float], peers: list[float], commit: str = "a", **machine: Any) -> dict[str, Any]:
    """A run of one row, as `benches/run.py` stores it: seconds of ours and of the peer in each pass."""
    place = {"cpu": "AMD EPYC", "simd": "avx2", "date": "2026-11-30", "versions": {"peer": "1.0"}}
    passes = [
        [
            {"group": "encode", "library": "ferrolm", "median": one, "bytes": 100},
            {"group": "encode", "library": "ferrolm, same ids", "median": 9.0, "bytes": 100},
            {"group": "encode", "library": "peer", "median": other, "bytes": 200},
            {"group": "alone", "library": "ferrolm", "median": one},
        ]
        for one, other in zip(ours, peers, strict=True)
    ]
    return {
        "room": "tokenization",
        "threads": 1,
        "machine": {**place, "commit": commit, **machine},
        "passes": passes,
    }


def report(history: Any, *runs: dict[str, Any]) -> tuple[str, bool]:
    text, fell = history.report([history.entry(each) for each in runs])
    return text, fell


def test_a_ratio_is_for_a_unit_of_work_and_within_its_pass(history: Any) -> None:
    line = history.entry(run([1.0, 2.0], [6.0, 12.0]))
    assert line["ratios"] == {"encode": {"peer": [3.0, 3.0]}}


def test_a_fall_is_named_with_its_figures(history: Any) -> None:
    text, fell = report(history, run([1.0, 1.0], [6.0, 6.2]), run([1.5, 1.5], [6.0, 6.1]))
    assert fell
    first, summary = text.splitlines()
    assert first.startswith("fell -34%  tokenization: encode, peer 3.05× -> 2.02×, 1 of 1 peers")
    assert summary == SUMMARY.format(1, 1, 0)


def test_a_slower_machine_is_no_fall(history: Any) -> None:
    text, fell = report(history, run([1.0, 1.0], [6.0, 6.0]), run([3.0, 3.0], [18.0, 18.0]))
    assert not fell
    assert text == SUMMARY.format(0, 0, 0)


def test_passes_that_overlap_are_noise(history: Any) -> None:
    _, fell = report(history, run([1.0, 1.0, 1.0], [6.0, 4.0, 6.0]), run([1.0, 1.0, 1.0], [4.2, 4.2, 4.2]))
    assert not fell


def test_a_rise_is_told_and_does_not_fail(history: Any) -> None:
    text, fell = report(history, run([1.0], [6.0]), run([0.5], [6.0]))
    assert not fell
    assert text.startswith("rose +100%")


def test_a_peer_that_changed_is_named(history: Any) -> None:
    text, fell = report(history, run([1.0], [6.0]), run([1.0], [3.0], versions={"peer": "2.0"}))
    assert fell
    assert "(peer was 1.0, is 2.0)" in text.splitlines()[0]


def test_a_fall_to_one_peer_of_three_is_told_and_does_not_fail(history: Any) -> None:
    def with_others(peer: float) -> dict[str, Any]:
        one = run([1.0, 1.0], [peer, peer])
        for records in one["passes"]:
            records += [{"group": "encode", "library": name, "median": 4.0, "bytes": 100} for name in "bc"]
        return one

    text, fell = report(history, with_others(6.0), with_others(3.0))
    assert not fell
    assert "1 of 3 peers" in text
    assert text.endswith(SUMMARY.format(1, 0, 0))


def test_other_machines_are_not_compared(history: Any) -> None:
    text, fell = report(
        history, run([1.0], [6.0]), run([2.0], [6.0], cpu="Xeon"), run([2.0], [6.0], simd="avx512")
    )
    assert not fell
    assert "measured twice" in text


def test_earlier_runs_are_pooled_so_that_one_lucky_run_sets_no_mark(history: Any) -> None:
    usual, lucky = run([1.0, 1.0], [6.0, 6.1]), run([0.7, 0.7], [6.0, 6.0])
    _, fell = report(history, usual, lucky, usual)
    assert not fell


def test_the_run_that_the_repository_has_is_the_first_line(history: Any, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    stored, first, second = (run([1.0], [6.0], commit) for commit in "abc")
    history.append(file, first, before=stored)
    history.append(file, second, before=first)
    with file.open("a") as cut:
        cut.write('{"room": "tok')
    assert [line["commit"] for line in history.read(file)] == ["a", "b", "c"]
    assert all(json.loads(line) for line in file.read_text().splitlines()[:-1])
