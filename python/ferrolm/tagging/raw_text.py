"""From a text to the sentences and words that taggers of treebanks know: punctuation is words, contractions are two."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from ferrolm.data import DependencySentence
from ferrolm.text import split_sentences

__all__ = ["split_text"]

# Characters that are words of their own.
_IDEOGRAPHS = "\u3041-\u3096\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_CONTRACTION = re.compile(r"(?i)(?:n['’]t|['’](?:s|m|d|re|ve|ll))$")
_LONGEST_ABBREVIATION = 5


def split_text(text: str) -> Iterator[DependencySentence]:
    """The sentences of a text, split into words, without tags.

    Words are runs of letters and digits; each mark of punctuation is one (``...``, ``--`` and ``?!`` together), addresses of the
    web stay whole, English contractions are cut (``do n't``, ``she 's``), and a full stop inside a sentence stays with
    its abbreviation. A Chinese character is a word. ``metadata["text"]`` has the sentence, ``misc`` says ``SpaceAfter=No``.

    >>> [sentence.words for sentence in split_text("Mr. Lee didn't go. Why?")]
    [('Mr.', 'Lee', 'did', "n't", 'go', '.'), ('Why', '?')]
    """
    for sentence in split_sentences(text):
        line = " ".join(sentence.split())
        spans = list(_spans(line))
        if not spans:
            continue
        nothing = (None,) * len(spans)
        misc = tuple(
            "SpaceAfter=No" if end < len(line) and not line[end].isspace() else None for _, end in spans
        )
        yield DependencySentence(
            tuple(line[start:end] for start, end in spans), nothing, nothing, nothing, ({},) * len(spans),
            nothing, nothing, metadata={"text": line}, misc=misc,
        )  # fmt: skip


def _spans(line: str) -> Iterator[tuple[int, int]]:
    pending: tuple[int, int] | None = None
    for match in _pattern().finditer(line):
        start, end = match.span()
        if pending is not None:
            joins = line[start:end] == "." and pending[1] == start and end < len(line)
            if joins and pending[1] - pending[0] <= _LONGEST_ABBREVIATION and line[end] == " ":
                yield pending[0], end
                pending = None
                continue
            yield from _contracted(line, *pending)
            pending = None
        if match["word"]:
            pending = (start, end)
        else:
            yield start, end
    if pending is not None:
        yield from _contracted(line, *pending)


def _contracted(line: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    found = _CONTRACTION.search(line, start, end)
    if found and found.start() > start:
        yield start, found.start()
        start = found.start()
    yield start, end


@cache
def _pattern() -> re.Pattern[str]:
    """Possessive, and addresses are looked for at the start of a run only: linear whatever the text."""
    marks = _punctuation()
    word = f"[^\\s{marks}{_IDEOGRAPHS}]"
    return re.compile(
        r"(?P<address>(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)\]']|(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++)"
        r"|(?P<smiley>(?<!\S)[:;=][-o*']?[)(\[\]dDpP/\\|](?!\S))"
        r"|(?P<number>\d++(?:[.,:/]\d++)++(?!\w))"
        r"|(?P<initials>(?:[^\W\d_]\.){2,}+)"
        f"|(?P<word>{word}+(?:['’]{word}+)*)"
        f"|[{_IDEOGRAPHS}]"
        r"|\.{2,}|-{2,}|[!?]{2,}|\S"
    )


@cache
def _punctuation() -> str:
    """Ranges of what Unicode calls punctuation and symbols, for a character class."""
    # Beyond these planes there is none.
    points = [point for point in range(0x20000) if unicodedata.category(chr(point))[0] in "PS"]
    parts: list[str] = []
    start = before = points[0]
    for point in [*points[1:], -1]:
        if point != before + 1:
            parts.append(f"{re.escape(chr(start))}-{re.escape(chr(before))}")
            start = point
        before = point
    return "".join(parts)
