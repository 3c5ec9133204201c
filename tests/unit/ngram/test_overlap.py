"""`contamination` and `repeated_spans`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram import ContaminationSearch, contamination, repeated_spans

QUESTION = "What is the airspeed velocity of an unladen swallow, and who asked it first?"


def test_a_shared_13_gram_is_contamination() -> None:
    train = ["Nothing here.", f"He wrote: WHAT is the -- airspeed... {QUESTION[21:]} Nobody."]
    report = contamination(
        train, [QUESTION, "A question of quite other words that nobody has ever asked before now"]
    )
    first, second = report.examples
    assert (first.contaminated, second.contaminated) == (True, False)
    assert (first.words, first.ngrams, first.found_ngrams, first.covered_words) == (14, 2, 2, 14)
    assert (first.longest_span, first.longest_start, first.document) == (14, 0, 1)
    assert first.longest_text == "what is the airspeed velocity of an unladen swallow and who asked it first"
    assert (second.longest_text, second.document, second.word_share) == (None, None, 0.0)
    assert report.share == 0.5
    assert report.num_documents == 2
    assert "1 of 2 examples share 13-grams with 2 documents (50.0%)" in str(report)


def test_short_examples_are_looked_for_as_a_whole_or_not_judged() -> None:
    train = ["it begins: one two three four five six seven eight nine, and goes on"]
    tests = ["One two three four five six seven eight.", "one two three four five six seven x", "one two"]
    report = contamination(train, tests)
    assert [example.contaminated for example in report.examples] == [True, False, False]
    assert [example.ngrams for example in report.examples] == [1, 1, 0]
    assert "1 were too short to tell" in str(report)


def test_the_threshold_is_a_share_of_ngrams() -> None:
    tests = ["a b c d e f g h i j"]
    train = ["x a b c d x"]
    assert [e.found_ngrams for e in contamination(train, tests, 3, min_length=3).examples] == [2]
    for threshold, verdict in [(0.0, True), (0.25, True), (0.26, False), (1.0, False)]:
        report = contamination(train, tests, 3, min_length=3, threshold=threshold)
        assert report.examples[0].contaminated == verdict


def test_exact_words_have_case_and_punctuation() -> None:
    assert contamination(["A b, c"], ["a b c"], 3, normalize=False).contaminated == ()
    assert len(contamination(["A b, c d"], ["x A b, c"], 3, normalize=False).contaminated) == 1


def test_training_documents_go_by() -> None:
    held = []

    def documents() -> Iterator[str]:
        for number in range(70_000):
            held.append(None)
            yield f"document {number} of many" if number != 66_666 else "so one two three it is"

    report = contamination(documents(), ["one two three"], 3, min_length=3)
    assert report.examples[0].document == 66_666
    assert report.num_documents == len(held) == 70_000


def test_ids_are_compared_as_ids() -> None:
    search = ContaminationSearch([[1, 2, 3, 4], [9, 9, 9]], 3, min_length=3)
    search.add([[0, 1, 2, 3], [7]])
    search.add(np.array([[2, 3, 4]]))
    first, second = search.report().examples
    assert (first.found_ngrams, first.longest_span, first.document) == (2, 3, 0)
    assert not second.contaminated
    assert search.num_documents == 3


def test_reports_are_written_as_lines_of_json(tmp_path: Path) -> None:
    report = contamination(["é b c d"], ["É b c", "no"], 3, min_length=3)
    report.save(tmp_path / "report.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text("utf-8").splitlines()]
    assert lines[0]["longest_text"] == "é b c"
    assert (lines[0]["contaminated"], lines[0]["ngram_share"], lines[1]["word_share"]) == (True, 1.0, 0.0)


def test_any_number_of_threads_gives_the_same_report() -> None:
    random = np.random.default_rng(11)
    words = np.array([f"w{i}" for i in range(30)])
    texts = [" ".join(words[random.integers(0, 30, 60)]) for _ in range(3000)]
    results = []
    for threads in (1, 2, 3):
        ferrolm.set_num_threads(threads)
        spans = repeated_spans(texts, 4)
        results.append((contamination(texts[50:], texts[:50], 5, min_length=5), spans.starts.tolist()))
    assert results[0] == results[1] == results[2]
    assert results[0][0].contaminated


def test_bad_arguments() -> None:
    for arguments, message in [
        ({"n": 0}, "n is 0"),
        ({"min_length": 0}, "min_length"),
        ({"threshold": 2}, "threshold"),
    ]:
        with pytest.raises(InvalidArgumentError, match=message):
            contamination(["a"], ["b"], **arguments)
    for train, test in [("text", ["a"]), (["a"], "text")]:
        with pytest.raises(InvalidTypeError, match="one text"):
            contamination(train, test)
    with pytest.raises(InvalidTypeError):
        contamination([[1]], ["a"])
    with pytest.raises(InvalidTypeError):
        contamination(["a"], [[1]])
    with pytest.raises(InvalidArgumentError, match="length is 0"):
        repeated_spans(["a"], 0)


def test_repeated_passages_and_near_duplicates() -> None:
    passage = " ".join(f"word{i}" for i in range(60))
    documents = [f"first {passage} end", "something else entirely", f"Copied: {passage.upper()}!", passage]
    spans = repeated_spans(documents)
    assert spans.documents.tolist() == [2, 3]
    assert spans.starts.tolist() == [1, 0]
    assert spans.lengths.tolist() == [60, 60]
    assert spans.source_documents.tolist() == [0, 0]
    assert spans.source_starts.tolist() == [1, 1]
    assert spans.shares.tolist() == [0, 0, 60 / 61, 1]
    assert len(repeated_spans(documents, normalize=False)) == 1
    assert repeated_spans([]).shares.shape == (0,)
    ids = repeated_spans([[1, 2, 1, 2, 1, 2]], 2)
    assert (ids.starts.tolist(), ids.lengths.tolist(), ids.source_starts.tolist()) == ([2], [4], [0])
