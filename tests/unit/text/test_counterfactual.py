"""Women for men and men for women: grammar, capitals, names, labels, and as a step of cleaning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared

from ferrolm.data import Augmented, TextExample, read_conllu
from ferrolm.errors import InvalidArgumentError, InvalidFileError, InvalidTypeError, UnknownNameError
from ferrolm.text.augmentation import GENDER_PAIRS, CounterfactualSwap, read_word_pairs
from ferrolm.text.pipeline import Pipeline, Report

SWAP = CounterfactualSwap()
RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("She saw him.", "He saw her."),
        ("He gave her the book and her coat.", "She gave him the book and his coat."),
        ("I told her. Her brother, with her, said 'Her!'", "I told him. His sister, with him, said 'Him!'"),
        (
            "The book is his, not hers, and his book is hers.",
            "The book is hers, not his, and her book is his.",
        ),
        ("HE'S a king--she isn't his queen.", "SHE'S a queen--he isn't her king."),
        ("Mr. Smith and Mrs Jones; MEN", "Mrs. Smith and Mr Jones; WOMEN"),
        ("A he-man, man-made, a shebang, hers1", "A he-man, man-made, a shebang, hers1"),
        ("his or her choice, his/her choice", "her or his choice, her/his choice"),
        ("her\nhusband", "his\nwife"),
        ("", ""),
    ],
)
def test_sentences(text, other):
    assert SWAP.swap(text) == other


def test_twice_is_once_where_pairs_are_words():
    for first, second in GENDER_PAIRS:
        text = f"a {first}, the {second.capitalize()} ({second.upper()})"
        assert SWAP.swap(SWAP.swap(text)) == text != SWAP.swap(text)


@settings(max_examples=100, deadline=None)
@given(st.text("hersHisimn aeo.,'-\n", max_size=40))
def test_all_but_letters_stay(text):
    def rest(some):
        return [character for character in some if not character.isalpha()]

    assert rest(SWAP.swap(text)) == rest(text)
    words = text.split()
    assert SWAP(words, RANDOM) == SWAP.swap(" ".join(words)).split()


def test_the_rule_for_her_and_his_on_a_treebank():
    right = total = 0
    for part in ("dev", "test"):
        for sentence in read_conllu(shared(f"tasks/pos/ud-english-ewt/{part}.conllu")):
            words, tags = list(sentence.words), sentence.labeled("xpos").labels
            for place, (word, tag) in enumerate(zip(words, tags, strict=True)):
                if word.lower() in ("her", "his") and tag in ("PRP", "PRP$"):
                    found = SWAP(words, RANDOM)[place].lower()
                    expected = {"her": ("him", "his"), "his": ("hers", "her")}[word.lower()][tag == "PRP$"]
                    right += found == expected
                    total += 1
    assert total == 117
    assert right >= 115


def test_names_and_pairs_of_ones_own(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("# names\nWill Rose\n\nwarden matron\n")
    swap = CounterfactualSwap([*GENDER_PAIRS, *read_word_pairs(path)])
    assert (
        swap.swap("Will will see a rose. WILL rose; a Warden, her.")
        == "Rose will see a rose. ROSE rose; a Matron, him."
    )
    assert CounterfactualSwap([("cat", "dog")], pronouns=False).swap("her Cat saw him") == "her Dog saw him"
    path.write_text("a b\na b c\n")
    with pytest.raises(InvalidFileError, match="line 2: 'a b c'"):
        read_word_pairs(path)
    with pytest.raises(InvalidArgumentError, match="'a' with 'b' and with 'c'"):
        CounterfactualSwap([("a", "b"), ("a", "c")])
    with pytest.raises(InvalidArgumentError, match="'two words'"):
        CounterfactualSwap([("two words", "b")])
    for pair in ["ab", ("a",)]:
        with pytest.raises(InvalidArgumentError, match="expected two words that change places"):
            CounterfactualSwap([pair])
    with pytest.raises(InvalidTypeError, match="text is int"):
        SWAP.swap(3)


def test_labels_stay_and_entities_are_not_changed():
    words, labels = SWAP.labeled(["King", "saw", "her", "king"], ["B-PER", "O", "O", "O"], RANDOM)
    assert words == ["King", "saw", "his", "queen"]
    assert labels == ["B-PER", "O", "O", "O"]


def test_within_batches():
    found = Augmented(lambda examples, random: [each.text for each in examples], SWAP)(
        [TextExample("her hat", label=1), TextExample("a hat", label=0)], RANDOM
    )
    assert found == ["his hat", "a hat"]


def test_a_step_of_cleaning():
    texts = [f"He saw {number} men." for number in range(200)] + ["Rain."]
    report = Report()
    found = [document.text for document in Pipeline("counterfactual").apply(texts, report=report)]
    changed = sum(a != b for a, b in zip(texts, found, strict=True))
    assert 70 < changed < 130
    assert report.steps[-1].changes["a counterfactual"].number == changed
    # Each text by itself: another order and other neighbours change nothing.
    assert [document.text for document in Pipeline("counterfactual").apply(texts[::-1])] == found[::-1]
    assert [document.text for document in Pipeline("counterfactual:seed=1").apply(texts)] != found
    assert [d.text for d in Pipeline("counterfactual:mode=double").apply(["He ran.", "Rain."])] == [
        "He ran.\n\nShe ran.",
        "Rain.",
    ]
    for step, error in [
        ("counterfactual:share=2", InvalidArgumentError),
        ("counterfactual:both", UnknownNameError),
    ]:
        with pytest.raises(error, match="counterfactual: "):
            Pipeline(step)


def test_both_forms():
    assert list(SWAP.both(["He.", "It."])) == ["He.", "She.", "It."]
