"""Phrases: finding them, joining them, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ferrolm.embeddings import FrozenPhrases, Phraser, Phrases
from ferrolm.errors import InvalidArgumentError, InvalidFileError, InvalidTypeError, MissingFileError

TEXT = [
    *(f"a{number} new york times b{number}" for number in range(10)),
    *(f"c{number} new d{number}" for number in range(5)),
    "the new york",
]


def test_phrases_of_phrases() -> None:
    pairs = Phrases(TEXT, min_count=1, threshold=2)
    assert pairs["in new york times"] == ["in", "new_york", "times"]
    triples = Phrases(pairs[[line.split() for line in TEXT]], min_count=1, threshold=2)
    assert triples[pairs["the new york times"]] == ["the", "new_york_times"]
    found = pairs.analyze_sentence("in new york")
    assert found[0] == ("in", None)
    assert found[1][0] == "new_york"
    assert found[1][1] == pytest.approx((11 - 1) / 16 / 11 * len(pairs))
    assert pairs.find_phrases(TEXT).items() <= pairs.export_phrases().items()


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "phrases.json"
    phrases = Phrases(TEXT, min_count=2, threshold=1.0, delimiter="·", connector_words=["the"])
    phrases.save(path)
    loaded = Phrases.load(path)
    assert loaded.vocab == phrases.vocab
    assert repr(loaded) == repr(phrases)
    loaded.add_vocab(TEXT)
    phrases.add_vocab(TEXT)
    assert loaded.export_phrases() == phrases.export_phrases()
    frozen = Phraser(phrases)
    frozen.save(path)
    assert FrozenPhrases.load(path).phrasegrams == frozen.phrasegrams
    assert FrozenPhrases.load(path)[TEXT[0]] == phrases[TEXT[0]]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"kind": "Phrases"}', '{"kind": "Phrases", "settings": {"mincount": 3}}']
)
def test_wrong_files_are_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)
    with pytest.raises(InvalidFileError, match=r"wrong\.json"):
        Phrases.load(path)
    with pytest.raises(InvalidFileError, match=r"wrong\.json"):
        FrozenPhrases.load(path)
    with pytest.raises(MissingFileError):
        Phrases.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scoring": "npm"}, "scoring is 'npm'.*did you mean 'npmi'"),
        ({"threshold": 0}, "threshold is 0"),
        ({"threshold": 10, "scoring": "npmi"}, "threshold is 10: expected -1 to 1"),
        ({"min_count": 0}, "min_count is 0"),
        ({"delimiter": ""}, "delimiter is empty"),
    ],
)
def test_wrong_settings_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        Phrases(TEXT, **options)


def test_wrong_sentences_are_named() -> None:
    with pytest.raises(InvalidTypeError, match="sentence 1 has a word of type"):
        Phrases([["a"], [3]])  # type: ignore[list-item]
    with pytest.raises(InvalidArgumentError, match="sentences is a string"):
        Phrases("a b c")
    assert Phrases([])["nothing here"] == ["nothing", "here"]
