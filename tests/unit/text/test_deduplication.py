"""`Deduplicator`, `LineDeduplicator` and `deduplicate`."""

from __future__ import annotations

import gzip
import json
import random
import threading

import numpy as np
import pytest
from shared_data import shared

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidFileError, InvalidTypeError, MissingFileError
from ferrolm.text import Deduplicator, LineDeduplicator, deduplicate, words


def passages(count: int, length: int = 150) -> list[str]:
    """Passages of different books."""
    found: list[str] = []
    with gzip.open(shared("text/books/novels.jsonl.gz"), "rt", encoding="utf-8") as lines:
        for line in lines:
            parts = json.loads(line)["text"].split()[:40_000]
            starts = range(0, len(parts) - length, length)
            found += [" ".join(parts[start : start + length]) for start in starts]
            if len(found) >= count:
                return found[:count]
    return found


def changed(text: str, edits: int, generator: random.Random) -> str:
    """A text with ``edits`` words replaced, dropped or doubled, in other case and punctuation."""
    parts = text.split()
    for _ in range(edits):
        place = generator.randrange(len(parts))
        parts[place : place + 1] = generator.choice([["changed"], [], [parts[place], parts[place]]])
    return " ".join(parts).upper().replace(".", " ;")


def jaccard(left: str, right: str, ngram: int) -> float:
    def ngrams(text: str) -> set[tuple[str, ...]]:
        found = [part for word in words(text, lowercase=True) for part in word.replace("’", "'").split("'")]
        return {tuple(found[start : start + ngram]) for start in range(len(found) - ngram + 1)}

    a, b = ngrams(left), ngrams(right)
    return len(a & b) / len(a | b)


def test_equal_texts_are_found_up_to_case_and_white_space():
    texts = ["One text.", "one  TEXT.\n", "One text", "Ünder", "üNDER", ""]
    assert deduplicate(texts).tolist() == [0, 2, 3, 5]
    assert deduplicate(texts, verbatim=True).tolist() == [0, 1, 2, 3, 4, 5]
    assert deduplicate(texts).dtype == np.int64
    assert deduplicate([]).tolist() == []


def test_adding_one_by_one_is_adding_all():
    texts = [f"text number {index % 7} of it" for index in range(20)]
    for threshold in (None, 0.9):
        one_by_one = Deduplicator(threshold, **({} if threshold is None else {"ngram": 2}))
        expected = [one_by_one.add(text) for text in texts]
        together = Deduplicator(threshold, **({} if threshold is None else {"ngram": 2}))
        assert together.add_all(texts).tolist() == expected
        assert len(together) == len(one_by_one) == sum(expected) == 7


def test_near_duplicates_of_books_are_found_and_others_are_not():
    originals = passages(600)
    generator = random.Random(7)
    copies = [changed(text, generator.randrange(1, 6), generator) for text in originals]
    near = [jaccard(a, b, 3) >= 0.8 for a, b in zip(originals, copies, strict=True)]
    kept = Deduplicator(0.8, ngram=3)
    assert kept.add_all(originals).all()
    found = ~kept.add_all(copies)
    assert sum(near) > 300
    assert found[near].mean() >= 0.95
    far = np.array([jaccard(a, b, 3) < 0.7 for a, b in zip(originals, copies, strict=True)])
    assert not found[far].any()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_nothing(threads):
    generator = random.Random(3)
    texts = [" ".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=40)) for _ in range(200)] * 2
    before = ferrolm.num_threads()
    ferrolm.set_num_threads(threads)
    try:
        assert deduplicate(texts, 0.8).tolist() == list(range(200))
    finally:
        ferrolm.set_num_threads(before)


def test_scripts_without_spaces_have_ngrams_of_characters():
    first = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所で泣いていた。"
    kept = Deduplicator(0.7)
    assert kept.add(first)
    assert not kept.add(first.replace("薄暗い", "暗い"))
    assert kept.add("何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。")


def test_a_text_without_words_is_a_duplicate_of_another():
    assert Deduplicator(0.8).add_all(["...", "", "one", "!"]).tolist() == [True, False, True, False]


@pytest.mark.parametrize("threshold", [None, 0.8])
def test_a_saved_deduplicator_goes_on(tmp_path, threshold):
    texts = [f"this is the text with number {index} and words that are {index * 7}" for index in range(50)]
    kept = Deduplicator(threshold)
    kept.add_all(texts[:30])
    kept.save(tmp_path / "seen.bin")
    again = Deduplicator.load(tmp_path / "seen.bin")
    assert repr(again) == repr(kept)
    assert again.threshold == threshold
    expected = kept.add_all(texts)
    assert again.add_all(texts).tolist() == expected.tolist()
    assert len(again) == len(kept)


@pytest.mark.parametrize("threshold", [None, 0.8])
def test_a_damaged_file_is_named(tmp_path, threshold):
    path = tmp_path / "seen.bin"
    kept = Deduplicator(threshold)
    kept.add_all(["one", "two of them"])
    kept.save(path)
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(InvalidFileError, match=r"seen\.bin"):
            Deduplicator.load(path)
        path.write_bytes(content[:place])
        with pytest.raises(InvalidFileError, match=r"seen\.bin"):
            Deduplicator.load(path)
    with pytest.raises(MissingFileError, match=r"none\.bin"):
        Deduplicator.load(tmp_path / "none.bin")


def test_threads_may_share_a_deduplicator():
    kept = Deduplicator(0.8)
    texts = [[f"{worker} and {index} are the words of a text" for index in range(300)] for worker in "abcd"]
    workers = [threading.Thread(target=kept.add_all, args=(part,)) for part in texts]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    assert not kept.add_all([text for part in texts for text in part]).any()


def test_repeated_lines_are_taken_out():
    without = LineDeduplicator(min_characters=5)
    assert without("Home | Login\nA cat.\n}\n}") == "Home | Login\nA cat.\n}\n}"
    assert without("home |  login\n\nA dog.\nA cat.\n}") == "\nA dog.\n}"
    assert len(without) == 3


def test_repeated_paragraphs_are_taken_out(tmp_path):
    without = LineDeduplicator("paragraph", min_characters=0)
    assert without("One\nline.\n\nTwo.\n\nOne\nline.") == "One\nline.\n\nTwo."
    without.save(tmp_path / "lines.bin")
    again = LineDeduplicator.load(tmp_path / "lines.bin", "paragraph", min_characters=0)
    assert again("Two.\n\nThree.") == "Three."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 0}, "threshold is 0, expected 0 < threshold <= 1"),
        ({"threshold": float("nan")}, "threshold is NaN"),
        ({"threshold": 0.8, "bins": 100}, "bins is 100, expected a power of two"),
        ({"threshold": 0.8, "ngram": 0}, "ngram is 0"),
        ({"threshold": 0.8, "ngram": 2.5}, r"ngram is 2\.5"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(InvalidArgumentError, match=message):
        Deduplicator(**arguments)


def test_a_wrong_unit_is_named():
    with pytest.raises(
        InvalidArgumentError, match="unit is 'lines', expected 'line' or 'paragraph'; did you mean 'line'"
    ):
        LineDeduplicator("lines")


def test_one_text_is_not_several():
    with pytest.raises(InvalidTypeError, match="texts is str"):
        deduplicate("one text")
