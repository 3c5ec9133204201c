"""`PassageIndex`: the spans of a slow twin, in texts and token files, within documents."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferrolm import Tokenizer
from ferrolm.data import TokenFile, write_token_file
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, MissingFileError
from ferrolm.explain import PassageIndex, nearest_passages

WORDS = st.lists(st.sampled_from("abc"), max_size=14)


def twin(text: list[str], documents: list[list[str]], n: int) -> list[int]:
    """The longest span of a document that each word of the text is in, by trying all."""
    longest = [0] * len(text)
    for first in range(len(text)):
        for last in range(first + n, len(text) + 1):
            size = last - first
            for words in documents:
                if any(words[at : at + size] == text[first:last] for at in range(len(words) - size + 1)):
                    longest[first:last] = [max(size, each) for each in longest[first:last]]
    return longest


@given(WORDS, st.lists(WORDS, max_size=4), st.integers(1, 4))
def test_spans_equal_those_of_a_slow_twin(text: list[str], documents: list[list[str]], n: int) -> None:
    index = PassageIndex([" ".join(words) for words in documents], n=n)
    found = index.nearest(" ".join(text), 100)
    expected = twin(text, documents, n)
    assert found.longest.tolist() == expected
    assert (found.passages[0].length if found.passages else 0) == max(expected, default=0)
    for each in found.passages:
        match = " ".join(text)[each.text_start : each.text_end]
        assert each.match == match
        assert " ".join(documents[each.document])[each.start : each.end] == match
        places = [
            at
            for words in documents
            for at in range(len(words) - each.length + 1)
            if words[at : at + each.length] == match.split()
        ]
        assert 1 <= each.occurrences <= len(places)


def test_words_are_compared_without_case_and_punctuation() -> None:
    corpus = ["Nothing here.", "“Zoë's naïve; she went to LONDON, by train!” 日本語 is far"]
    found = nearest_passages("zoë's naïve she went... to 'London'? By train", corpus, n=2)
    first, second = found.passages
    assert first.match == "Zoë's naïve; she went to"  # then an apostrophe makes another word
    assert (first.document, first.start, first.end) == (1, 1, 25)
    assert corpus[1][first.start : first.end] == first.match
    assert first.after == " LONDON, by train!” 日本語 is far"
    assert second.match == "by train"
    assert "".join(found.tokens) == "zoë's naïve she went... to 'London'? By train"
    assert found.covered == pytest.approx(7 / 8)


@given(st.text(alphabet="aZ' 0é世“—«\xa0。\u3000🐇\n", max_size=30), st.integers(1, 9))
def test_words_are_those_between_spaces_and_punctuation(text: str, at_once: int) -> None:
    from ferrolm.explain import corpus as module

    expected = re.findall(r"[aZ'0é世🐇]+", text)
    content = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BYTES_AT_ONCE", at_once)
        starts, ends = module._bounds(np.frombuffer(content, np.uint8))
    found = [content[s:e].decode() for s, e in zip(starts.tolist(), ends.tolist(), strict=True)]
    assert found == expected


def test_documents_of_a_text_file_are_between_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("one two three\n\n\n\nfour five six\nseven eight\n\nnine", encoding="utf-8")
    index = PassageIndex(path, n=2)
    assert repr(index) == "PassageIndex(9 words, 3 documents, n=2)"
    assert not index.nearest("three four").passages  # not across documents
    (passage,) = index.nearest("so five six seven").passages
    assert (passage.document, passage.start, passage.end, passage.match) == (1, 5, 19, "five six\nseven")
    assert (passage.before, passage.after) == ("four ", " eight")
    for text in ("", "a", "..."):
        assert index.nearest(text).passages == ()
    path.write_bytes(b"")
    assert PassageIndex(path).nearest("one two three four").passages == ()


def test_tokens_of_a_token_file(tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_bpe({letter: number for number, letter in enumerate("abcdefgh ")}, [])
    documents = ["abcdefgh", "hgfedcba", "abcabcabcd"]
    path = tmp_path / "corpus.tok"
    write_token_file(path, documents, tokenizer, end_of_text=None)
    with pytest.raises(InvalidArgumentError, match="tokenizer is None, but the corpus is a token file"):
        PassageIndex(path)
    for corpus in (path, TokenFile(path)):
        found = PassageIndex(corpus, tokenizer=tokenizer).nearest("xxhgfedabcabcd"[2:], context=2)
        assert [(each.match, each.document, each.start) for each in found.passages] == [
            ("abcabcd", 2, 3),
            ("hgfed", 1, 0),
        ]
        assert found.passages[0].before == "bc"
        assert found.unit == "token"
        assert found.longest.tolist() == [5] * 5 + [7] * 7


def test_a_span_is_counted_and_one_within_another_is_not_shown() -> None:
    corpus = ["to be or not to be", "x to be or not", "y to be or not z"]
    found = nearest_passages("to be or not to be", corpus)
    assert [(each.length, each.occurrences) for each in found.passages] == [(6, 1)]
    found = nearest_passages("say to be or not so", corpus)
    assert [(each.length, each.occurrences, each.document) for each in found.passages] == [(4, 3, 0)]


def test_common_words_alone_begin_no_span_but_are_in_some() -> None:
    corpus = ["the of " * 9000, "seven the of the of the"]
    found = nearest_passages("seven the of the of", corpus, n=2)
    assert found.passages[0].match == "seven the of the of"
    assert PassageIndex(corpus, n=2).nearest("the of the of").passages == ()


def test_large_files_are_cut_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from ferrolm.explain import corpus as module

    random = np.random.default_rng(0)
    text = " ".join("abcdefghij"[:size] for size in random.integers(1, 10, 500).tolist()) + " end"
    whole = PassageIndex([text], n=3)
    monkeypatch.setattr(module, "_BYTES_AT_ONCE", 7)
    pieces = PassageIndex([text], n=3)
    assert (whole.corpus.units == pieces.corpus.units).all()
    assert len(pieces) == 501
    assert pieces.nearest(text).passages[0].length == 501


def test_what_is_no_corpus_or_text(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"missing\.txt does not exist"):
        PassageIndex(tmp_path / "missing.txt")
    with pytest.raises(InvalidTypeError, match="corpus is int, expected a token file"):
        PassageIndex(5)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="n is 0"):
        PassageIndex(["a"], n=0)
    with pytest.raises(InvalidTypeError, match="text is int"):
        PassageIndex(["a"]).nearest(5)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="k is 0"):
        PassageIndex(["a"]).nearest("a", 0)
    with pytest.raises(InvalidArgumentError, match="compared word by word"):
        PassageIndex(["a"], tokenizer=Tokenizer.from_bpe({"a": 0}, []))
