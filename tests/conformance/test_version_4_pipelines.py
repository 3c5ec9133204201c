"""Question answering, translation and summaries as transformers 4 gave them: its recorded results, and its shapes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

import ferrolm

_GOLDEN = Path(__file__).parent / "golden"
_SPEC = importlib.util.spec_from_file_location("version_4", _GOLDEN / "make_version_4_pipelines.py")
assert _SPEC is not None
assert _SPEC.loader is not None
made = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(made)

GOLDEN = json.loads(made.RESULTS.read_text())


@pytest.fixture(scope="module")
def pipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("checkpoints")
    found = {}
    for kind in ("bert", "roberta"):
        made.question_answering_checkpoint(folder / kind, kind)
        found[kind] = ferrolm.pipeline("question-answering", folder / kind, device="cpu")
    return found


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("name", made.SETTINGS)
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_answers(pipes: dict[str, Any], kind: str, name: str, batch_size: int) -> None:
    settings = made.SETTINGS[name]
    found = pipes[kind](
        question=list(made.QUESTIONS), context=made.CONTEXT, batch_size=batch_size, **settings
    )
    assert len(found) == len(made.QUESTIONS)
    for ours, theirs in zip(found, GOLDEN[kind][name], strict=True):
        assert type(ours) is type(theirs)
        rows = [ours] if isinstance(ours, dict) else ours
        wanted = [theirs] if isinstance(theirs, dict) else theirs
        assert [{**row, "score": None} for row in rows] == [{**row, "score": None} for row in wanted]
        scores = [row["score"] for row in rows]
        assert scores == pytest.approx([row["score"] for row in wanted], abs=1e-6, rel=1e-4)
