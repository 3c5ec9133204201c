"""The real texts, vocabularies and checkpoints that tests read when they are there.

They live in a folder beside the repository (or where FERROLM_SHARED says) and are never copied into it; a clone
without the folder skips the tests that need it.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
ROOT = Path(os.environ.get("FERROLM_SHARED", REPOSITORY.parent / "shared")) / "data"


def shared(relative: str) -> Path:
    """Path of a file or folder of the shared data; skips the test when it is absent."""
    path = ROOT / relative
    if not path.exists():
        pytest.skip(f"needs {relative} of the shared data, which is not here (set FERROLM_SHARED)")
    return path


def all_texts() -> list[Path]:
    """Every text file, sorted; empty when the data is absent."""
    folder = ROOT / "text"
    return sorted(path for path in folder.rglob("*") if path.is_file() and "LICENSE" not in path.name)


def read_text(path: Path) -> str:
    """The text of a file; books (``.jsonl.gz``) are joined by blank lines."""
    if path.name.endswith(".jsonl.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            return "\n\n".join(json.loads(line)["text"] for line in lines)
    return path.read_text(encoding="utf-8", errors="replace")
