"""`QualityFilter`: the rules of Gopher and of C4."""

from __future__ import annotations

import itertools

import pytest
from shared_data import read_text, shared

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from ferrolm.text import C4Rules, GopherRules, QualityFilter

PARTS = ["harbour", "lantern", "sailor", "window", "morning", "letter", "garden", "winter", "market", "river"]
GOOD = " ".join(
    f"The {a} of the {b} was to be seen with {c}." for a in PARTS for b, c in itertools.pairwise(PARTS)
)


def test_a_chapter_of_a_book_passes():
    text = read_text(shared("text/books/sherlock-holmes.txt"))[20_000:40_000]
    assert QualityFilter("gopher")(text) == (text, [])


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("min_words", "to be or not to be"),
        ("max_words", "to be " + "word " * 100_001),
        ("min_mean_word_length", "a b to of " * 20),
        ("max_mean_word_length", "incomprehensibilities " * 60),
        ("max_hash_ratio", "#tag and the other " * 20),
        ("max_ellipsis_ratio", "wait... and the other " * 20),
        ("max_bullet_lines", "- and the\n" * 20),
        ("max_ellipsis_lines", "and the rest…\nof it\n" * 20),
        ("min_alphabetic_words", "the of 1 2 3 4 " * 20),
        ("min_stop_words", "Lorem ipsum dolor sit amet " * 20),
        ("max_duplicate_lines", "one of the\n" * 20),
        ("max_duplicate_paragraphs", "one of the\n\n" * 20),
        ("max_duplicate_line_characters", "one of the\n" * 20),
        ("max_duplicate_paragraph_characters", "one of the\n\n" * 20),
        ("max_top_2_gram", "one thing " * 30),
        ("max_top_4_gram", "one of the things " * 30),
        ("max_duplicate_5_grams", "one of the things that be " * 30),
        ("max_duplicate_10_grams", "one of the things that have to be seen here now " * 30),
    ],
)
def test_a_document_breaks_the_rules_that_are_named(rule, text):
    cleaned, reasons = QualityFilter("gopher")(text)
    assert cleaned is None
    assert rule in reasons
    assert rule not in QualityFilter("gopher", **{rule: None})(text).reasons


def test_reasons_are_in_the_order_of_the_rules():
    names = list(GopherRules.__dataclass_fields__)
    reasons = QualityFilter("gopher")("# # # #").reasons
    assert len(reasons) > 3
    assert reasons == sorted(reasons, key=names.index)


def test_an_empty_document_has_too_few_words():
    assert QualityFilter("gopher")("").reasons == [
        "min_words",
        "min_mean_word_length",
        "min_alphabetic_words",
        "min_stop_words",
    ]
    assert QualityFilter("c4")("").reasons == ["min_sentences"]


def test_thresholds_are_allowed_values():
    keep = {"min_words": 4, "max_words": 4, "max_top_2_gram": None, "min_stop_words": 0}
    assert QualityFilter("gopher", **keep)("three four five sixth").reasons == []
    assert QualityFilter("gopher", **keep)("three four five").reasons == ["min_words"]
    assert QualityFilter("gopher", **keep)("three four five six seven").reasons == ["max_words"]


def test_another_language_has_its_own_stop_words():
    text = "Der alte Mann und das Meer, von dem er nicht mehr sprach, war an diesem Tag sehr ruhig. "
    rules = {"min_words": 5, "max_top_2_gram": None}
    assert QualityFilter("gopher", **rules)(text).reasons == ["min_stop_words"]
    assert QualityFilter("gopher", language="de", **rules)(text).reasons == []
    assert QualityFilter("gopher", stop_words=["MANN", "Meer"], **rules)(text).reasons == []


def test_words_of_unspaced_scripts_come_from_a_dictionary():
    statistics = QualityFilter("gopher", language="ja", stop_words=["は", "猫"]).statistics(
        "吾輩は猫である。"
    )
    assert (statistics["words"], statistics["stop_words"]) == (5, 2)


def test_c4_keeps_the_lines_that_are_sentences():
    page = "\n".join(
        [
            "Home | About | Contact",
            "The cat sat on the mat.[1][citation needed]",
            "Please enable JavaScript to see this page.",
            "By using this site you accept our Privacy Policy.",
            "She asked: “Where did the dog go?”",
            "Click here to read more about it...",
            "It was gone.",
            "Nobody in the house had seen it leave!",
        ]
    )
    text, reasons = QualityFilter("c4")(page)
    assert reasons == []
    assert text == "\n".join(
        [
            "The cat sat on the mat.",
            "She asked: “Where did the dog go?”",
            "Nobody in the house had seen it leave!",
        ]
    )
    assert QualityFilter("c4", min_sentences=4)(page) == (None, ["min_sentences"])
    assert "It was gone." in (QualityFilter("c4", min_line_words=3)(page).text or "")
    assert "read more" in (QualityFilter("c4", terminal_punctuation="")(page).text or "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Lorem Ipsum is a text of printers.", "lorem_ipsum"),
        ("function f() { return the cat now; }.", "curly_bracket"),
        ("The word Heck is on this page.", "bad_words"),
        ("Such a thing as dang it all.", "bad_words"),
    ],
)
def test_c4_removes_pages(text, reason):
    keeps = QualityFilter("c4", min_sentences=0, bad_words=["heck", "dang it"])
    assert keeps(text) == (None, [reason])
    assert keeps("Checking the dangit of it all.").reasons == []


def test_a_batch_is_judged_like_its_texts():
    texts = [GOOD, "", "#", "The cat sat on the mat.", "{"]
    for rules in (GopherRules(), C4Rules(min_sentences=1)):
        keeps = QualityFilter(rules)
        assert keeps.batch(texts) == [keeps(text) for text in texts]
        assert keeps.batch([]) == []


def test_rules_are_shown():
    assert repr(QualityFilter("gopher", min_words=5)) == "QualityFilter('gopher', language='en', min_words=5)"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"rules": "gofer"},
            UnknownNameError,
            r"rules 'gofer' are not one of gopher, c4; did you mean 'gopher'\?",
        ),
        ({"min_wrods": 3}, UnknownNameError, r"GopherRules have no 'min_wrods'; did you mean 'min_words'\?"),
        ({"min_words": "3"}, InvalidArgumentError, "min_words is '3', expected a number or None"),
        ({"max_words": float("nan")}, InvalidArgumentError, "max_words is nan"),
        ({"rules": "c4", "min_sentences": -1}, InvalidArgumentError, "min_sentences is -1"),
        ({"rules": "c4", "bad_words": "heck"}, InvalidTypeError, "bad_words is a str"),
        ({"language": "eng"}, UnknownNameError, "no stop words for 'eng'"),
    ],
)
def test_wrong_rules_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        QualityFilter(**arguments)


def test_only_gopher_has_statistics():
    with pytest.raises(InvalidArgumentError, match="C4Rules"):
        QualityFilter("c4").statistics("text")
