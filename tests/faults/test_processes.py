"""Processes: forks while threads work, interpreters within one, files that are cut while they are mapped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_while_the_pool_is_busy_do_not_hang() -> None:
    # In a process of its own: a fork copies the threads' locks of all that other tests imported.
    done = subprocess.run(
        [sys.executable, TESTS / "fork_storm.py", "--forks", "18"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "18 forks while the pool was busy, 0 hung or failed\n", done.stderr


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the module has another name there")
def test_a_second_interpreter_is_refused_cleanly() -> None:
    program = (
        "import ferrolm._rust, _xxsubinterpreters as interpreters\n"
        "one = interpreters.create()\n"
        "try:\n    interpreters.run_string(one, 'import ferrolm._rust')\n"
        "except interpreters.RunFailedError as error:\n    print(error)\n"
        "interpreters.destroy(one)\n"
        "print(ferrolm._rust.NgramCounts.of_text('a b', [1]).tokens())"
    )
    done = run(program)
    assert "ImportError" in done.stdout, done.stderr
    assert done.stdout.endswith("2\n")


CUT = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from stored_forms import FORMS, write_token_file
path = Path("stored")
if sys.argv[2] == "mapped":
    from ferrolm.data import TokenFile, TokenFileWriter
    with TokenFileWriter(path, 100) as writer:
        for _ in range(100):
            writer.add([1] * 1000)
    file = TokenFile(path)
    if sys.argv[3] == "replaced":
        with TokenFileWriter(path, 100) as writer:
            writer.add([2])
    else:
        os.truncate(path, 100)
    print(file.tokens.sum())
else:
    import ferrolm
    from ferrolm.embeddings import KeyedVectors
    from ferrolm.ngram import NgramLM, NgramCounts
    for name, load in (("vectors", KeyedVectors.load), ("n-gram model", NgramLM.load), ("n-gram counts", NgramCounts.load)):
        path = Path("stored" + FORMS[name].ending)
        FORMS[name].write(path, 3)
        loaded = load(path)
        os.truncate(path, 10)
        print(name, len(repr(loaded)) > 0)
"""


def test_what_is_read_survives_that_its_file_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(CUT, TESTS, "read")
    assert done.stdout == "vectors True\nn-gram model True\nn-gram counts True\n", done.stderr


def test_a_map_survives_that_its_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Our writers replace; who cuts the file itself, as docs/hardening.md warns, ends the processes that map it.
    monkeypatch.chdir(tmp_path)
    assert run(CUT, TESTS, "mapped", "replaced").stdout == "100000\n"
    assert run(CUT, TESTS, "mapped", "cut").returncode == -signal.SIGBUS
