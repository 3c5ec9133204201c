"""Sentence boundaries against those that people marked in Universal Dependencies treebanks."""

from __future__ import annotations

from itertools import accumulate

import pytest
from shared_data import shared

from ferrolm.text import split_sentences


def documents(treebank: str) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in shared(f"tasks/pos/{treebank}/test.conllu").read_text(encoding="utf-8").splitlines():
        if line.startswith(("# newdoc", "# newpar")):
            found.append([])
        elif line.startswith("# text = "):
            found[-1].append(line[9:].strip())
    return [sentences for sentences in found if sentences]


def boundaries(sentences: list[str]) -> set[int]:
    """Where sentences end, counted in visible characters; without the end of the text."""
    ends = list(accumulate(len("".join(sentence.split())) for sentence in sentences))
    return set(ends[:-1])


# Half of what is missed in English lacks a stop or a capital letter: the treebank is made of e-mail and web forums.
@pytest.mark.parametrize(
    ("treebank", "between", "precision", "recall"),
    [("ud-english-ewt", " ", 0.97, 0.7), ("ud-chinese-gsd", "", 0.99, 0.99)],
)
def test_boundaries(treebank, between, precision, recall):
    right = found = marked = 0
    for sentences in documents(treebank):
        expected, got = boundaries(sentences), boundaries(split_sentences(between.join(sentences)))
        right, found, marked = right + len(expected & got), found + len(got), marked + len(expected)
    assert right / found >= precision
    assert right / marked >= recall
