"""The methods of `NgramLM.train`, their options, and the limited vocabulary."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, MissingFileError
from ferrolm.ngram import DiscountFallbackWarning, NgramLM

METHODS = ["kneser-ney", "witten-bell", "absolute", "add-k", "stupid-backoff"]
SENTENCES = [
    f"the {'big ' if i % 3 else ''}{animal} {verb}"
    for i in range(6)
    for animal in ("cat", "dog", "cow")
    for verb in ("sat", "ran")
]
quiet = pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")


def total(model: NgramLM, context: str) -> float:
    return float(np.exp(model.next_token_logprobs(context).astype(np.float64)).sum())


@quiet
@pytest.mark.parametrize("smoothing", METHODS)
@pytest.mark.parametrize("prune", [0, (0, 0, 1), 1])
def test_every_method_makes_a_model_like_any_other(tmp_path: Path, smoothing: str, prune: object) -> None:
    sentences = [*SENTENCES, "once upon a time", "the cat upon"]
    model = NgramLM.train(sentences, 3, smoothing=smoothing, prune=prune)
    contexts = ["", "the", "the cat", "once upon", "zebra", "the big"]
    if smoothing != "stupid-backoff":
        assert [total(model, context) for context in contexts] == pytest.approx([1] * len(contexts), abs=1e-6)
    assert model.score("the big cat sat") > model.score("sat cat big the")
    assert np.isfinite(model.score("the zebra sat"))
    for name in ("m.arpa", "m.arpa.gz", "m.flm"):
        model.save(tmp_path / name)
        again = NgramLM.load(tmp_path / name)
        assert again.num_ngrams == model.num_ngrams
        assert again.score("the big cat upon zebra") == pytest.approx(
            model.score("the big cat upon zebra"), abs=1e-5
        )
    assert len(model.generate("the", max_tokens=5, seed=1)) <= 5


@quiet
@pytest.mark.parametrize("smoothing", METHODS)
def test_ids_and_words_give_the_same_model(smoothing: str) -> None:
    words = NgramLM.train(SENTENCES, 3, smoothing=smoothing)
    over_ids = NgramLM.train([[n - 3 for n in words.ids(s)] for s in SENTENCES], 3, smoothing=smoothing)
    expected = words.next_token_logprobs("the big")
    found = over_ids.next_token_logprobs([n - 3 for n in words.ids("the big")])
    assert np.roll(found, 3) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("smoothing", METHODS)
def test_any_number_of_threads_gives_the_same_model(tmp_path: Path, smoothing: str) -> None:
    ids = (np.random.default_rng(2).zipf(1.2, (2000, 40)) % 2000).astype(np.uint32)
    files = []
    for threads in (1, 2, 3):
        ferrolm.set_num_threads(threads)
        NgramLM.train(ids, 4, smoothing=smoothing, prune=(0, 0, 1), vocabulary=range(1500)).save(
            tmp_path / "m.flm"
        )
        files.append((tmp_path / "m.flm").read_bytes())
    assert files[0] == files[1] == files[2]


def test_textbook_values() -> None:
    text = ["a b", "a b", "a c"]
    # After <s>: a three times, one type; below it a, b, c and </s> with counts 3, 2, 1, 3, V = a b c <unk> </s>.
    bell = NgramLM.train(text, 2, smoothing="witten-bell")
    unigram = (3 + 4 / 5) / (9 + 4)
    assert 10 ** bell.score("a", eos=False) == pytest.approx((3 + unigram) / (3 + 1), rel=1e-6)
    absolute = NgramLM.train(text, 2, smoothing="absolute", discount=(0.25, 0.5))
    unigram = (3 - 0.25) / 9 + 0.25 * 4 / 9 / 5
    assert 10 ** absolute.score("a", eos=False) == pytest.approx((3 - 0.5) / 3 + 0.5 / 3 * unigram, rel=1e-6)
    add = NgramLM.train(text, 2, smoothing="add-k", k=0.5)
    assert 10 ** add.score("a", eos=False) == pytest.approx((3 + 0.5) / (3 + 0.5 * 5), rel=1e-6)
    assert 10 ** add.score("zebra", eos=False) == pytest.approx(0.5 / (3 + 0.5 * 5), rel=1e-6)
    stupid = NgramLM.train(text, 2, smoothing="stupid-backoff", backoff_factor=0.25)
    assert 10 ** stupid.score("a", eos=False) == pytest.approx(1, rel=1e-6)
    assert 10 ** stupid.score("c", eos=False) == pytest.approx(0.25 * 1 / 9, rel=1e-6)


def test_the_discount_is_estimated_for_each_order() -> None:
    model = NgramLM.train(["a a b", "c", "d e", "a b"], 1, smoothing="absolute")
    # Counts: a 3, b 2, c 1, d 1, e 1, </s> 4.
    assert model.report[0].discounts == pytest.approx([3 / (3 + 2 * 1)] * 3)
    with pytest.warns(DiscountFallbackWarning, match="order 1: no n-gram has a count of 2"):
        model = NgramLM.train(["a b"], 1, smoothing="absolute", discount_fallback=(0.3, 1, 1.5))
    assert model.report[0].discounts == (0.3, 0.3, 0.3)
    with pytest.raises(InvalidArgumentError, match="cannot be estimated for order 1"):
        NgramLM.train(["a b"], 1, smoothing="absolute", discount_fallback=None)


@pytest.mark.parametrize("smoothing", ["witten-bell", "add-k", "stupid-backoff"])
def test_methods_without_discounts_report_none(smoothing: str) -> None:
    model = NgramLM.train(["a b", "b a"], 2, smoothing=smoothing)
    assert [(order.discounts, order.fallback) for order in model.report] == [((0, 0, 0), None)] * 2


def test_special_symbols_are_skipped_with_any_method() -> None:
    skipped = NgramLM.train(["a <s> b </s> <unk>", "b"], 2, smoothing="witten-bell", skip_symbols=True)
    assert skipped.score("a b") == NgramLM.train(["a b", "b"], 2, smoothing="witten-bell").score("a b")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"smoothing": "good-turing"}, 'smoothing is "good-turing"'),
        ({"smoothing": "absolute", "discount": 1.5}, "discount is 1.5"),
        ({"smoothing": "absolute", "discount": ()}, "discount is empty"),
        (
            {"smoothing": "absolute", "discount": (0.1, 0.2, 0.3, 0.4)},
            "4 numbers, but the model only 3 orders",
        ),
        ({"smoothing": "add-k", "k": 0}, "k is 0"),
        ({"smoothing": "add-k", "k": math.nan}, "k is NaN"),
        ({"smoothing": "add-k", "interpolate_unigrams": False}, "interpolate_unigrams"),
        ({"smoothing": "stupid-backoff", "backoff_factor": 0.0}, "backoff_factor is 0"),
        ({"discount": 0.5}, "discount is 0.5, but the smoothing is 'kneser-ney'"),
        ({"smoothing": "witten-bell", "k": 1}, "k is 1, but the smoothing is 'witten-bell'"),
    ],
)
def test_options_that_do_not_fit(arguments: dict, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        NgramLM.train(["a b c"], 3, **arguments)


@quiet
class TestVocabulary:
    def test_other_words_are_counted_but_unknown(self) -> None:
        full = NgramLM.train(SENTENCES, 3)
        limited = NgramLM.train(SENTENCES, 3, vocabulary=["the", "cat", "sat", "unicorn"])
        assert "cat" in limited
        assert "dog" not in limited
        assert "unicorn" not in limited  # listed, but it never occurs
        assert limited.num_ngrams[0] == 6
        # Discounts come from all n-grams, those left out too.
        assert [order.discounts for order in limited.report] == [order.discounts for order in full.report]
        assert [order.seen for order in limited.report] == [order.seen for order in full.report]
        assert limited.report[1].kept < full.report[1].kept
        assert limited.score("the dog sat") == limited.score("the zebra sat")
        for context in ("", "the", "the dog", "the cat"):
            assert total(limited, context) == pytest.approx(1, abs=1e-6)

    def test_from_a_file_and_together_with_pruning(self, tmp_path: Path) -> None:
        path = tmp_path / "words.txt"
        path.write_text("the cat\nsat\tran\n\n")
        models = [
            NgramLM.train(SENTENCES, 3, vocabulary=vocabulary, prune=(0, 0, 2))
            for vocabulary in (path, str(path), ["the", "cat", "sat", "ran"], iter(["sat cat", "ran the"]))
        ]
        scores = [model.next_token_logprobs("the cat").tolist() for model in models]
        assert scores[0] == scores[1] == scores[2] == scores[3]
        assert total(models[0], "the cat") == pytest.approx(1, abs=1e-6)

    def test_of_ids(self) -> None:
        model = NgramLM.train([[1, 2, 3], [3, 2, 1]], 2, vocabulary=np.array([1, 2]), vocab_size=5)
        assert (1 in model, 3 in model) == (True, False)
        assert model.num_ngrams[0] == 5
        logprobs = model.next_token_logprobs([1])
        assert np.isinf(logprobs[[0, 3, 4]]).all()
        assert np.exp(logprobs.astype(np.float64)).sum() == pytest.approx(1, abs=1e-6)

    def test_what_is_no_vocabulary(self, tmp_path: Path) -> None:
        with pytest.raises(MissingFileError):
            NgramLM.train(SENTENCES, 2, vocabulary=tmp_path / "missing")
        with pytest.raises(InvalidTypeError, match="item 1 is float"):
            NgramLM.train(SENTENCES, 2, vocabulary=["a", 2.5])
