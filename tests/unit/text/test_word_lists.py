"""Word lists: whole words in any case, against a plain twin; as a step of cleaning and in generation."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, MissingFileError, UnknownNameError
from ferrolm.text import WordListFilter, WordMatch
from ferrolm.text.pipeline import Pipeline, Report


def texts_of(matches, text):
    return [text[match.start : match.end] for match in matches]


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("ass", "class Ass's ass-backwards _ass_ assess ASS1 (ass)", ["Ass", "ass", "ass", "ass"]),
        ("Straße", "STRASSE strasse Strasse straße", ["STRASSE", "strasse", "Strasse", "straße"]),
        ("éclair", "e\u0301clair ÉCLAIR eclair", ["e\u0301clair", "ÉCLAIR"]),
        ("東京", "東京タワー 東 京", ["東京", "東 京"]),
        ("don't", "don’t DON'T dont", ["don’t", "DON'T"]),
        ("son of a gun", "Son-of-a-gun, son of\na gun; son, of a gun", ["Son-of-a-gun", "son of\na gun"]),
        ("ΣΑΣ", "σας ΣΑς", ["σας", "ΣΑς"]),
        ("नमस्ते", "नमस्ते नमस्", ["नमस्ते"]),
    ],
)
def test_whole_words_in_any_case(word, text, found):
    assert texts_of(WordListFilter([word]).find(text), text) == found


def test_places_are_those_of_the_text_as_it_was():
    # A letter that becomes two, and two that become one: of the same length together.
    text = "ß e\u0301 darn"
    assert WordListFilter(["darn"]).find(text) == [WordMatch(5, 9, "darn")]
    assert WordListFilter(["darn"]).find("ß J\u030c darn")[0].start == 5


def test_exact_case_the_longest_phrase_and_counts():
    assert WordListFilter(["Rose"], fold_case=False).counts("Rose rose ROSE") == {"Rose": 1}
    words = WordListFilter(["a", "a b c", "b"])
    assert [match.word for match in words.find("a b c a b d")] == ["a b c", "a", "b"]
    assert words.mask("a b c, a x") == "<word>, <word> x"
    assert words.mask("xyz") == "xyz"


LETTERS = "aAbBßé\u0301İJ\u030c東_1'- \n"


@settings(max_examples=150, deadline=None)
@given(
    st.text(LETTERS, max_size=30),
    st.lists(st.text("abßé1東", min_size=1, max_size=2), min_size=1, max_size=4),
)
def test_a_plain_twin(text, words):
    def fold(run):
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", run).casefold())

    # Runs by the definition: letters and digits with their marks, ideographs alone.
    pattern = re.compile("東\u0301*(?:\u030c\u0301*)*|(?:[^\\W_東][\u0301\u030c]*)+")
    singles = {fold(word): word for word in reversed(words) if len(pattern.findall(word)) == 1}
    expected = [match.span() for match in pattern.finditer(text) if fold(match[0]) in singles]
    found = WordListFilter([*singles.values()]).find(text) if singles else []
    assert [(match.start, match.end) for match in found] == expected


def test_many_words_and_long_texts_take_linear_time():
    import time

    words = WordListFilter([f"word{number}" for number in range(5000)] + ["a b"])

    def seconds(text):
        begun = time.process_time()
        words.find(text)
        return time.process_time() - begun

    for piece in ("a ", "é'-", "a-", "word12 "):
        seconds(piece * 10_000)
        assert seconds(piece * 100_000) < 40 * max(seconds(piece * 10_000), 0.005)


def test_a_file_of_words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeff# ours\nDarn\n\n heck \n".encode())
    assert WordListFilter.from_file(path).words == ["Darn", "heck"]
    assert repr(WordListFilter.from_file(path)) == "WordListFilter(2 words, fold_case=True)"
    path.write_text("# nothing\n")
    with pytest.raises(InvalidArgumentError, match="has no word"):
        WordListFilter.from_file(path)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InvalidEncodingError, match="not UTF-8"):
        WordListFilter.from_file(path)
    with pytest.raises(MissingFileError, match="expected a file with a word a line"):
        WordListFilter.from_file(tmp_path / "none")
    with pytest.raises(InvalidArgumentError, match=r"'--'.*letters or digits"):
        WordListFilter(["--"])
    with pytest.raises(InvalidArgumentError, match="expected a list"):
        WordListFilter("darn")


def cleaned(steps, texts):
    report = Report()
    return [document.text for document in Pipeline(steps).apply(texts, report=report)], report.steps[-1]


def test_a_step_of_cleaning_counts_each_word(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("darn\nheck\n")
    texts = ["Darn it.\nWhat the heck?\nFine.", "Good.", "darn darn"]
    left, step = cleaned(f"word-list:file={path}", texts)
    assert left == ["Good."]
    assert {reason: count.number for reason, count in step.changes.items()} == {
        "word darn": 3,
        "word heck": 1,
    }
    assert step.removed["words of the list"].number == 2
    assert cleaned(f"word-list:file={path},min=3", texts)[0] == texts
    assert cleaned(f"word-list:file={path},action=count", texts)[0] == texts
    assert cleaned(f"word-list:file={path},action=lines", texts)[0] == ["Fine.", "Good."]
    masked = ["<word> it.\nWhat the <word>?\nFine.", "Good.", "<word> <word>"]
    assert cleaned(f"word-list:file={path},action=mask", texts)[0] == masked
    assert cleaned(f"word-list:file={path},fold_case=false", texts)[0] == ["Good."]


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        ("word-list", InvalidArgumentError, "file is missing"),
        ("word-list:file=none.txt", MissingFileError, "none.txt does not exist"),
        ("word-list:file=x,action=hide", UnknownNameError, "expected one of remove, lines, mask, count"),
        ("word-list:file=x,min=0", InvalidArgumentError, "min is 0"),
    ],
)
def test_wrong_steps_are_refused_before_a_text_is_read(step, error, message):
    with pytest.raises(error, match=message):
        Pipeline(step)


def test_a_model_does_not_write_banned_words():
    pytest.importorskip("torch")
    import ferrolm

    model = ferrolm.load_model("ferrolm-tiny", device="cpu")
    settings = {"max_new_tokens": 12, "do_sample": False}
    free = str(model.generate("Once upon a time there was a little", **settings))
    words = WordListFilter(re.findall(r"\w+", free)[:3])
    kept = str(
        model.generate(
            "Once upon a time there was a little",
            bad_words_ids=words.bad_words_ids(model.tokenizer),
            **settings,
        )
    )
    assert words.find(free)
    assert not words.find(kept)
