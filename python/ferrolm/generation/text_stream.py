"""`TextStream`: the text of tokens that arrive one at a time, cut at stop strings, never in the middle of a character."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

__all__ = ["Decodes", "TextStream"]

# Tokens of the prompt that are decoded along: how a token reads can depend on its neighbours.
_CONTEXT = 5
_INCOMPLETE = "\ufffd"


class Decodes(Protocol):
    """What is needed of a tokenizer."""

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str: ...


class TextStream:
    """Turns new token ids into pieces of text whose concatenation is the text of all of them.

    A token can end within a UTF-8 character: the piece waits for the rest. The end of the text can be the beginning
    of a stop string: it waits too. When a stop string is complete, ``stopped`` turns true, the text ends before it,
    and later tokens are ignored.

    >>> class Bytes:
    ...     def decode(self, ids, skip_special_tokens=True):
    ...         return bytes(ids).decode(errors="replace")
    >>> stream = TextStream(Bytes(), prompt=b"> ", stop=["END"])
    >>> [stream.push(byte) for byte in "née E".encode()], stream.finish()
    (['n', '', 'é', 'e', ' ', ''], 'E')
    """

    def __init__(self, tokenizer: Decodes, prompt: Sequence[int] = (), stop: Iterable[str] = ()) -> None:
        self._decode = tokenizer.decode
        self._ids = [int(token) for token in prompt[-_CONTEXT:]]
        self._context = len(self._ids)  # leading ids whose text, `_shown`, has been given out
        self._shown = self._text().rstrip(_INCOMPLETE)
        self._stop = tuple(stop)
        self._held = ""  # text that may be the beginning of a stop string
        self.stopped = False

    def push(self, *ids: int) -> str:
        """The text that the next tokens complete; often empty."""
        self._ids.extend(ids)
        text = self._text()
        if text.endswith(_INCOMPLETE):
            return ""
        piece = text[len(self._shown) :]
        self._ids = self._ids[self._context :]
        self._context = len(self._ids)
        self._shown = self._text()
        return self._release(piece)

    def finish(self) -> str:
        """What was held back, when no token follows; an incomplete character appears as U+FFFD."""
        piece = self._release(self._text()[len(self._shown) :])
        held, self._held, self._ids, self._shown = self._held, "", [], ""
        return piece if self.stopped else piece + held

    def _text(self) -> str:
        return self._decode(self._ids, skip_special_tokens=True)

    def _release(self, piece: str) -> str:
        if not self._stop or self.stopped:
            return "" if self.stopped else piece
        text = self._held + piece
        ends = [place for place in (text.find(word) for word in self._stop) if place >= 0]
        self.stopped = bool(ends)
        given = min(ends) if ends else len(text) - max(_overlap(text, word) for word in self._stop)
        self._held = "" if ends else text[given:]
        return text[:given]


def _overlap(text: str, word: str) -> int:
    """Length of the longest end of ``text`` that is a beginning of ``word``, but not all of it."""
    return next((n for n in range(min(len(word) - 1, len(text)), 0, -1) if text.endswith(word[:n])), 0)
