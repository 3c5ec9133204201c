"""Colour and progress only where they are wanted."""

from __future__ import annotations

import io

import pytest

from ferrolm.cli.terminal import Terminal, has_colour


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_follows_the_terminal_and_its_environment(monkeypatch, environment, colour):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert has_colour(Screen()) is colour
    assert not has_colour(io.StringIO())
    assert ("\x1b[1m" in Terminal(Screen()).style("x", "bold")) is colour


def test_tokens_are_set_off_by_background_or_bars(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Terminal(io.StringIO()).tokens(["a", " b", "\n"]) == "a| b|↵"
    assert Terminal(Screen()).tokens(["a", " b"]).count("\x1b[30;48;5;") == 2


def test_a_stream_that_lacks_a_character_gets_another():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Terminal(stream).line("│ naïve …")
    assert raw.getvalue() == b"? na?ve ?\n"


def test_streams_are_wrapped_at_spaces():
    pieces = ["one", " two", " three", " four\nfive", " six"]
    text = "".join(Terminal(io.StringIO()).wrapped(pieces, 0, indent="  ", width=10))
    assert text == "one two\n  three four\n  five six"
