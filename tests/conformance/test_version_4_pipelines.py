"""Question answering, translation and summaries as transformers 4 gave them: its recorded results, and its shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from version_4_pipelines import (
    CONTEXT,
    QUESTIONS,
    RESULTS,
    SETTINGS,
    SOURCES,
    WRITTEN,
    question_answering_checkpoint,
    t5_checkpoint,
)

import ferrolm

GOLDEN = json.loads(RESULTS.read_text())


@pytest.fixture(scope="module")
def pipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("checkpoints")
    found = {}
    for kind in ("bert", "roberta"):
        question_answering_checkpoint(folder / kind, kind)
        found[kind] = ferrolm.pipeline("question-answering", folder / kind, device="cpu")
    return found


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_answers(pipes: dict[str, Any], kind: str, name: str, batch_size: int) -> None:
    settings = SETTINGS[name]
    found = pipes[kind](question=list(QUESTIONS), context=CONTEXT, batch_size=batch_size, **settings)
    assert len(found) == len(QUESTIONS)
    for ours, theirs in zip(found, GOLDEN[kind][name], strict=True):
        assert type(ours) is type(theirs)
        rows = [ours] if isinstance(ours, dict) else ours
        wanted = [theirs] if isinstance(theirs, dict) else theirs
        assert [{**row, "score": None} for row in rows] == [{**row, "score": None} for row in wanted]
        scores = [row["score"] for row in rows]
        assert scores == pytest.approx([row["score"] for row in wanted], abs=1e-6, rel=1e-4)


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("t5")
    t5_checkpoint(folder)
    return folder


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("name", WRITTEN)
def test_texts_from_texts(t5: Path, name: str, batch_size: int) -> None:
    task, settings, several = WRITTEN[name]
    pipe = ferrolm.pipeline(task, t5, device="cpu")
    found = pipe(list(SOURCES) if several else SOURCES[0], batch_size=batch_size, **settings)
    if name == "ids":
        found = [{key: ids.tolist() for key, ids in each.items()} for each in found]
    assert found == GOLDEN["t5"][name]
