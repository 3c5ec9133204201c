"""``ferrolm chat``, by lines on its standard input: answers on standard output, the rest on standard error."""

from __future__ import annotations

import io
import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable

import pytest

pytest.importorskip("torch")

from tiny_language_model import tiny_language_model

from ferrolm.cli import main
from ferrolm.generation import ChatTemplate

model = tiny_language_model(n_positions=128)
TEMPLATE = "{% for m in messages %}<{{ m.role[0] }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
SETTINGS = {"do_sample": True, "temperature": 0.8, "top_p": 0.95, "top_k": 0, "max_new_tokens": 6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model")
    model.save(path)
    (path / "chat_template.jinja").write_text(TEMPLATE)
    return str(path)


@pytest.fixture
def talk(folder, monkeypatch, capsys):
    def run(*lines: str, arguments: tuple[str, ...] = ("--seed", "7")) -> tuple[str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        common = ["--model", folder, "--device", "cpu", "--max-new-tokens", "6"]
        assert main(["chat", *common, *arguments]) == 0
        return tuple(capsys.readouterr())

    return run


def answer(messages: list[tuple[str, str]], seed: int) -> str:
    turns = [{"role": role, "content": content} for role, content in messages]
    text = ChatTemplate(TEMPLATE).render(turns, add_generation_prompt=True)
    return model.generate(model.tokenizer.encode_list(text, False), seed=seed, **SETTINGS).text


def test_the_dialogue_goes_on_with_what_was_said(talk):
    first = answer([("user", "hello")], 3)
    second = answer([("user", "hello"), ("assistant", first), ("user", "and?")], 4)
    output, errors = talk("hello", "and?", arguments=("--seed", "3"))
    assert output == f"{first}\n{second}\n"
    assert re.findall(r"seed (\d)", errors) == ["3", "4"]
    assert re.search(r"first after [\d.]+ s, [\d.]+ tokens/s", errors)
    assert "\x1b" not in errors
    assert talk("hello", "and?", arguments=("--seed", "3", "--quiet")) == (output, "")


def test_commands(talk, tmp_path):
    path = tmp_path / "talk.json"
    lines = ["/system be kind", "hello", "/undo", "hi \\", "there", f"/save {path}"]
    output, errors = talk(*lines)
    asked = [("system", "be kind"), ("user", "hello")]
    again = [("system", "be kind"), ("user", "hi \nthere")]
    said = answer(again, 8)
    assert output == f"{answer(asked, 7)}\n{said}\n"
    assert "taken back" in errors
    saved = json.loads(path.read_text())
    assert saved == [
        *({"role": role, "content": content} for role, content in again),
        {"role": "assistant", "content": said},
    ]
    more, _ = talk("more", arguments=("--seed", "1", "--load", str(path)))
    assert more == answer([*again, ("assistant", said), ("user", "more")], 1) + "\n"
    reset, _ = talk("hello", "/reset", "hello")
    assert reset == answer([("user", "hello")], 7) + "\n" + answer([("user", "hello")], 8) + "\n"
    repeated, _ = talk("hello", "/again")
    assert repeated == reset


def test_settings_can_be_changed(talk):
    output, errors = talk(
        "/set temperature 0", "hello", "/set seed 5", "/set temperature=0.8", "/undo", "hello"
    )
    greedy = model.generate(model.tokenizer.encode_list("<u>hello<a>", False), max_new_tokens=6).text
    assert output == f"{greedy}\n{answer([('user', 'hello')], 5)}\n"
    assert "temperature 0.0" in errors


def test_mistakes_are_told_and_the_dialogue_goes_on(talk):
    lines = [
        "/rset",
        "/set temprature 1",
        "/set top_p 7",
        "/set top_k x",
        "/save",
        "/load nowhere.json",
        "/undo",
        "hello",
    ]
    output, errors = talk(*lines, "/quit", "unheard")
    assert output == answer([("user", "hello")], 7) + "\n"
    for words in (
        "did you mean 'reset'?",
        "did you mean 'temperature'?",
        "top_p",
        "expected a whole number",
        "expected the name of a file",
        "nowhere.json does not exist",
        "nothing to take back",
    ):
        assert words in errors


def test_what_no_longer_fits_is_left_out(talk):
    output, errors = talk("a" * 50, "b" * 50, "c" * 50)
    assert "the oldest 2 messages" in errors
    assert "the oldest 4 messages" in errors or errors.count("the oldest 2 messages") == 2
    assert len(output.splitlines()) >= 3
    _, errors = talk("d" * 500)
    assert "error: the message has" in errors


def test_a_model_without_a_template_is_asked_in_plain_text(tmp_path, monkeypatch, capsys):
    model.save(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n"))
    arguments = [
        "--model",
        str(tmp_path),
        "--device",
        "cpu",
        "--seed",
        "7",
        "--max-new-tokens",
        "6",
        "--quiet",
    ]
    assert main(["chat", *arguments, "--system", "A talk."]) == 0
    prompt = "A talk.\n\nUser: hello\nAssistant:"
    assert capsys.readouterr().out == model.generate(prompt, seed=7, **SETTINGS).text.lstrip() + "\n"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal of Unix")
def test_in_a_terminal_ctrl_c_stops_the_answer_and_ctrl_d_the_program(tmp_path):
    """The real command in a terminal: with a prompt, colours, and a history for the arrow keys."""
    pty = pytest.importorskip("pty")
    long = tiny_language_model(n_positions=50_000)
    long.save(tmp_path / "long")
    command = [sys.executable, "-m", "ferrolm", "chat", "--model", str(tmp_path / "long"), "--device", "cpu"]
    settings = ["--max-new-tokens", "40000", "--temperature", "2", "--seed", "1"]
    environment = {**os.environ, "TERM": "xterm", "XDG_STATE_HOME": str(tmp_path), "NO_COLOR": "1"}
    process, terminal = pty.fork()
    if process == 0:
        os.execve(command[0], [*command, *settings], environment)
    seen = b""

    def wait_until(done: Callable[[], bool]) -> None:
        nonlocal seen
        end = time.monotonic() + 60
        while not done():
            ready = select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]
            assert ready, seen
            seen += os.read(terminal, 4096)

    def wait_for(words: bytes, start: int) -> int:
        """The end of the words, after ``start``."""
        wait_until(lambda: words in seen[start:])
        return seen.index(words, start) + len(words)

    try:
        # What is written before there is a prompt may get lost, as the terminal changes its mode.
        at = wait_for(b"> ", 0)
        os.write(terminal, b"hello\n")
        at = wait_for(b"hello\r\n", at)
        wait_until(lambda: len(seen) > at + 60)  # an answer, not the control codes of the end of a line
        os.write(terminal, b"\x03")
        at = wait_for(b"tokens/s, seed 1", wait_for(b"(stopped)", at))
        at = wait_for(b"> ", at)
        os.write(terminal, b"/set top_k 3\n")
        at = wait_for(b"> ", wait_for(b"top_k 3\r\n", at))
        os.write(terminal, b"\x04")
        end = time.monotonic() + 30
        status = 0
        while not status:
            found, code = os.waitpid(process, os.WNOHANG)
            if found:
                assert os.waitstatus_to_exitcode(code) == 0
                break
            assert time.monotonic() < end
            time.sleep(0.05)
        assert (
            b"\x1b" not in seen.partition(b"hello\r\n")[2].partition(b"(stopped)")[0]
        )  # whatever the model says
    finally:
        try:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # it has ended
        os.close(terminal)
    assert "hello" in (tmp_path / "ferrolm" / "chat_history").read_text()
