"""``ferrolm demo``: all parts run, and those without their extra say so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from shared_data import shared

from ferrolm.cli import main

MODEL = "models/tiny-gpt2-shakespeare"


def run_demo(*arguments: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.modules.update(dict.fromkeys({without!r})); from ferrolm.cli import main; sys.exit(main())"
    command = [
        sys.executable,
        "-c",
        code,
        "demo",
        "--model",
        str(shared(MODEL)),
        "--seconds",
        "2",
        *arguments,
    ]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )


def test_all_parts_run_and_ids_are_those_of_the_peers():
    pytest.importorskip("torch")
    result = run_demo("--prompt", "ROMEO:")
    assert (result.returncode, result.stderr) == (0, "")
    headings = [line for line in result.stdout.splitlines() if line[:1].isdigit()]
    assert [heading[:3] for heading in headings] == [f"{number}  " for number in range(1, 7)]
    assert "How a language model reads" in result.stdout
    assert "other ids" not in result.stdout
    assert "\x1b" not in result.stdout
    assert "   ROMEO:" in result.stdout


def test_without_extras_it_says_what_to_install(tmp_path):
    text = tmp_path / "my.txt"
    text.write_text("\n\n".join(f"Paragraph {i} has words, and some more words." for i in range(200)))
    missing = ("torch", "tokenizers", "tiktoken")
    result = run_demo("--text", str(text), without=missing)
    assert (result.returncode, result.stderr) == (0, "")
    assert "pip install 'ferrolm[torch]'" in result.stdout
    assert "of my.txt" in result.stdout
    assert "tiktoken" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--page", "no/such/page.html"], "cannot read no/such/page.html"),
        (["--text", "no/such/text.txt"], "cannot read no/such/text.txt"),
        (["--text", os.devnull], "the demo needs more than"),
        (["--seconds", "0"], "--seconds is 0, expected 1 to 3600"),
        (["--model", "no/such/model"], "no/such/model does not exist"),
    ],
)
def test_mistakes_are_one_line(arguments, message, capsys):
    model = [] if "--model" in arguments else ["--model", str(shared(MODEL))]
    assert main(["demo", "--quiet", *model, *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("ferrolm demo: error: ")
    assert error.count("\n") == 1
