"""Tokens to text, one at a time: whole characters, nothing of a stop string."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferrolm.generation.text_stream import TextStream


class Bytes:
    """A tokenizer whose tokens are bytes."""

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        return bytes(ids).decode(errors="replace")


def run(content: bytes, prompt: bytes = b"", stop: Sequence[str] = ()) -> tuple[list[str], bool]:
    stream = TextStream(Bytes(), list(prompt), stop)
    pieces = []
    for byte in content:
        pieces.append(stream.push(byte))
        if stream.stopped:
            break
    return [*pieces, stream.finish()], stream.stopped


def test_a_character_appears_with_its_last_byte() -> None:
    pieces, _ = run("né€🦀!".encode())
    assert [piece for piece in pieces if piece] == ["n", "é", "€", "🦀", "!"]


@given(st.text(), st.text(max_size=5))
def test_pieces_join_to_the_text(text: str, prompt: str) -> None:
    pieces, _ = run(text.encode(), prompt.encode())
    assert "".join(pieces) == text


@given(st.binary(max_size=30))
def test_bytes_that_are_no_text_decode_as_a_whole(content: bytes) -> None:
    pieces, _ = run(content)
    assert "".join(pieces) == content.decode(errors="replace")


def test_an_incomplete_character_is_shown_at_the_end_alone() -> None:
    pieces, _ = run("ab€".encode()[:-1])
    assert pieces == ["a", "b", "", "", "\ufffd"]


def test_a_character_begun_in_the_prompt_is_completed() -> None:
    assert run("€".encode()[1:], prompt="x€".encode()[:2])[0] == ["", "€", ""]


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3))
def test_the_text_ends_before_the_first_stop_string(text: str, stop: list[str]) -> None:
    pieces, stopped = run(text.encode(), stop=stop)
    ends = [n for n, word in itertools.product(range(len(text) + 1), stop) if text[:n].endswith(word)]
    assert stopped == bool(ends)
    if ends:
        text = min((text[: min(ends)].removesuffix(word) for word in stop), key=len)
    assert "".join(pieces) == text


@given(st.text("ab", max_size=30), st.text("ab", min_size=1, max_size=4))
def test_no_part_of_a_stop_string_is_ever_shown(text: str, word: str) -> None:
    stream, shown = TextStream(Bytes(), [], [word]), ""
    for byte in text.encode():
        shown += stream.push(byte)
        if stream.stopped:
            break
    assert word not in shown
    assert text.startswith(shown + word if stream.stopped else shown)


@pytest.mark.parametrize(("text", "at_once"), [("abx", "abx"), ("abS", "ab"), ("abST", "ab")])
def test_only_a_possible_beginning_of_a_stop_string_waits(text: str, at_once: str) -> None:
    stream = TextStream(Bytes(), [], ["STOP"])
    assert "".join(stream.push(byte) for byte in text.encode()) == at_once
    assert stream.finish() == text[len(at_once) :]
