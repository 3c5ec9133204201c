"""``ferrolm generate``: the text on standard output, everything else on standard error."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_language_model import tiny_language_model

from ferrolm.cli import main
from ferrolm.models.catalog import bundled_names

model = tiny_language_model()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model")
    model.save(path)
    return str(path)


def generate(folder: str, *arguments: str) -> int:
    return main(["generate", *arguments, "--model", folder, "--device", "cpu"])


def test_prompt_and_text_on_standard_output_statistics_on_standard_error(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(folder, "hello", "--seed", "3", "--max-new-tokens", "12") == 0
    output = capsys.readouterr()
    text = model.generate(
        "hello", do_sample=True, temperature=0.8, top_k=0, top_p=0.95, seed=3, max_new_tokens=12
    ).text
    assert output.out == f"hello{text}\n"
    assert re.fullmatch(r"12 tokens in [\d.]+ s, first after [\d.]+ s, [\d.]+ tokens/s, seed 3\n", output.err)
    assert "\x1b" not in output.err  # not a terminal


def test_options(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["hello", "--temperature", "0", "--max-new-tokens", "9", "--quiet"]
    expected = model.generate("hello", max_new_tokens=9).text
    for extra, text in [
        (["--no-stream"], "hello" + expected),
        (["--no-prompt"], expected),
        (["--no-prompt", "--stop", expected[3]], expected.partition(expected[3])[0]),
    ]:
        assert generate(folder, *common, *extra) == 0
        output = capsys.readouterr()
        assert (output.out, output.err) == (text + "\n", "")


def test_a_dash_reads_standard_input(
    folder: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello"))
    assert generate(folder, "-", "--temperature", "0", "--max-new-tokens", "3") == 0
    assert capsys.readouterr().out == "hello" + model.generate("hello", max_new_tokens=3).text + "\n"


def test_errors_are_one_line(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(folder, "x" * 49) == 1
    assert generate(folder + "/nothing here", "x") == 1
    output = capsys.readouterr()
    assert output.out == ""
    first, second = output.err.splitlines()
    assert (
        first == "ferrolm generate: error: the prompt has 49 tokens, at most 48 (n_positions) fit the model"
    )
    assert second.startswith("ferrolm generate: error: ")


def test_without_torch_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; from ferrolm.cli import main; sys.exit(main(['generate', 'a']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr
        == "ferrolm generate: error: ferrolm generate needs torch; install it with: pip install 'ferrolm[torch]'\n"
    )


@pytest.mark.skipif("ferrolm-tiny" not in bundled_names(), reason="ferrolm-tiny is not in this tree")
def test_the_bundled_model_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["generate", "Once upon a time", "--seed", "1", "--max-new-tokens", "8", "--device", "cpu"]) == 0
    )
    assert capsys.readouterr().out.startswith("Once upon a time")


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from ferrolm.cli import main; main(['generate', '--help'])"
    )
    assert (
        "--top-p"
        in subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )


def test_the_command_is_run_by_the_module(folder: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ferrolm",
        "generate",
        "-",
        "--model",
        folder,
        "--device",
        "cpu",
        "--temperature",
        "0",
    ]
    done = subprocess.run(command, input="hello", capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("hello")
