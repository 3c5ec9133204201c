"""`PerplexityFilter` and `rerank`."""

from __future__ import annotations

import math

import numpy as np
import pytest

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.ngram import NgramLM, PerplexityFilter, rerank
from ferrolm.tokenizers import Tokenizer

pytestmark = pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")
SENTENCES = ["the cat sat on the mat", "the dog sat", "a cat ran to the dog", "the mat"] * 5


@pytest.fixture(scope="module")
def model() -> NgramLM:
    return NgramLM.train(SENTENCES, 3, discount_fallback=(0.5, 1.0, 1.5))


def test_perplexities_are_those_of_the_lines(model: NgramLM) -> None:
    documents = ["the cat sat\n\n a dog ran\n", "zebra", "", " \n "]
    perplexities = PerplexityFilter(model).perplexities(documents)
    assert perplexities[0] == pytest.approx(model.perplexity(["the cat sat", "a dog ran"]), rel=1e-6)
    assert perplexities[1] == pytest.approx(model.perplexity("zebra"), rel=1e-6)
    assert perplexities[2:].tolist() == [math.inf, math.inf]
    assert PerplexityFilter(model).perplexities([]).shape == (0,)


def test_buckets_are_cut_at_quantiles_of_the_sample(model: NgramLM) -> None:
    sample = [*SENTENCES[:4], "cat the the", "mat dog a", "xx yy zz", ""]
    chosen = PerplexityFilter(model).fit(sample)
    perplexities = chosen.perplexities(sample)[:-1]
    assert chosen.thresholds == pytest.approx(np.quantile(perplexities, [1 / 3, 2 / 3]))
    result = chosen(sample)
    low, high = chosen.thresholds
    expected = ["head" if p <= low else "middle" if p <= high else "tail" for p in perplexities]
    assert result.names.tolist() == [*expected, "tail"]
    assert set(expected) == {"head", "middle", "tail"}
    assert (result.keep == (result.names != "tail")).all()
    head = PerplexityFilter(model, thresholds=chosen.thresholds, keep="head")
    assert head.keep == ("head",)
    assert (head(sample).keep == (result.buckets == 0)).all()
    # A document at a threshold is below it.
    exact = PerplexityFilter(model, thresholds=(float(perplexities[0]), float(perplexities[0])))
    assert exact(sample[:1]).names.tolist() == ["head"]


def test_a_model_over_ids_takes_a_tokenizer() -> None:
    tokenizer = Tokenizer.from_bpe({"a": 0, "b": 1, "c": 2}, [])
    model = NgramLM.train([[0, 1] * 5] * 3, 2, vocab_size=3)
    chosen = PerplexityFilter(model, tokenizer)
    perplexities = chosen.perplexities(["abab", "", "cc"])
    assert perplexities[0] == pytest.approx(model.perplexity([[0, 1, 0, 1]]), rel=1e-6)
    assert perplexities[1] == math.inf
    assert perplexities[0] < perplexities[2]


def test_lines_are_sentences_with_a_tokenizer_too() -> None:
    tokenizer = Tokenizer.from_bpe({"a": 0, "b": 1, "c": 2, " ": 3}, [])
    lines = ["abab", "abc", "a b"]
    encoded = [tokenizer.encode_ids(line) for line in lines]
    model = NgramLM.train(encoded * 3, 3, vocab_size=4)
    chosen = PerplexityFilter(model, tokenizer)
    # White space around a line, also of Windows, and lines of nothing else change nothing.
    document = "abab\n\n abc \r\n  \na b\n"
    perplexities = chosen.perplexities([document, "\n \n", "\n".join(lines), *lines])
    assert perplexities[0] == pytest.approx(model.perplexity(encoded), rel=1e-6)
    assert perplexities[1] == math.inf
    assert perplexities[2] == perplexities[0]
    # The sum over the lines, each with its end.
    tokens = np.array([len(ids) + 1 for ids in encoded])
    mean = (tokens * np.log(perplexities[3:])).sum() / tokens.sum()
    assert perplexities[0] == pytest.approx(np.exp(mean))


def test_filters_are_checked(model: NgramLM) -> None:
    for arguments, message in [
        ({"keep": ["best"]}, "keep has 'best'"),
        ({"thresholds": (3.0, 2.0)}, "thresholds"),
        ({"tokenizer": object()}, "no tokenizer"),
    ]:
        with pytest.raises(InvalidArgumentError, match=message):
            PerplexityFilter(model, **arguments)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="needs a tokenizer"):
        PerplexityFilter(NgramLM.train([[1]], 1))
    with pytest.raises(InvalidArgumentError, match="no thresholds"):
        PerplexityFilter(model)(["a"])
    with pytest.raises(InvalidArgumentError, match="no words"):
        PerplexityFilter(model).fit(["", " "])
    with pytest.raises(InvalidArgumentError, match="quantiles"):
        PerplexityFilter(model).fit(["a"], (0.9, 0.1))
    with pytest.raises(InvalidTypeError, match="one text"):
        PerplexityFilter(model).perplexities("text")


def test_candidates_are_ordered_by_both_scores(model: NgramLM) -> None:
    lists = [["sat cat the", "the cat sat", "the the"], [], ["mat"]]
    result = rerank(model, lists)
    assert result.best == [1, -1, 0]
    logprobs = [model.score(candidate) * math.log(10) for candidate in lists[0]]
    assert result.logprobs[0] == pytest.approx(logprobs, rel=1e-5)
    assert result.order[0].tolist() == np.argsort([-p for p in logprobs]).tolist()
    scores = [[100.0, 0.0, 0.0], [], [1.0]]
    weighed = rerank(model, lists, scores, weight=0.5, length_normalization=1.0)
    assert weighed.best == [0, -1, 0]
    expected = [s + 0.5 * p / n for s, p, n in zip(scores[0], logprobs, (4, 4, 3), strict=True)]
    assert weighed.scores[0] == pytest.approx(expected, rel=1e-5)
    # Without the model, candidates of equal score stay in their order; an empty candidate is the end alone.
    assert rerank(model, [["b", "a", "c"]], weight=0).order[0].tolist() == [0, 1, 2]
    assert rerank(model, [[""]]).logprobs[0] == pytest.approx([model.score("") * math.log(10)], rel=1e-5)
    assert rerank(model, []).best == []


def test_candidates_may_be_ids() -> None:
    model = NgramLM.train([[1, 2, 3]] * 9, 3, discount_fallback=(0.1, 0.1, 0.1))
    assert rerank(model, [[[3, 2, 1], [1, 2, 3]], [[1], [2, 2]]]).best == [1, 0]


def test_scores_must_fit(model: NgramLM) -> None:
    with pytest.raises(ShapeError, match="scores has lists of"):
        rerank(model, [["a", "b"]], [[1.0]])
    with pytest.raises(InvalidArgumentError, match="not numbers"):
        rerank(model, [["a"]], [[math.nan]])


def test_any_number_of_threads_gives_the_same_perplexities(model: NgramLM) -> None:
    documents = [f"the cat {i}\nsat on {i % 7}" for i in range(2000)]
    results = []
    for threads in (1, 2, 3):
        ferrolm.set_num_threads(threads)
        results.append(PerplexityFilter(model).perplexities(documents).tolist())
    assert results[0] == results[1] == results[2]
