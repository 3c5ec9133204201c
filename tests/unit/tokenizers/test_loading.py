"""Finding a tokenizer on the hub, or without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ferrolm.models import bundled

LOAD = """
import sys
from ferrolm.errors import MissingFileError
from ferrolm.tokenizers import Tokenizer
try:
    print(Tokenizer.from_pretrained("someone/tokenizer").encode("a watch").tokens)
except MissingFileError as error:
    print("missing:", error)
"""


def load_without_hub(cache: Path) -> str:
    """What a program prints that loads while nothing listens where the hub should be."""
    settings = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": str(cache), "HF_TOKEN": ""}
    command = [sys.executable, "-c", LOAD]
    result = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=True)
    return result.stdout


def test_what_the_cache_has_loads_without_the_hub(tmp_path: Path) -> None:
    repository = tmp_path / "models--someone--tokenizer"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    shutil.copy(bundled("ferrolm-tiny") / "tokenizer.json", snapshot)
    assert "watch" in load_without_hub(tmp_path)


def test_neither_hub_nor_cache_is_one_error_of_ours(tmp_path: Path) -> None:
    assert load_without_hub(tmp_path).startswith("missing: 'someone/tokenizer' is not a folder here")
