"""`CachedNgramLM`. Its scores equal a plain twin's in tests/property."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram import CachedNgramLM, NgramLM

ANIMALS = ["cat", "dog", "cow", "hen", *(f"animal{number}" for number in range(40))]
SENTENCES = [f"the {animal} {verb}" for animal in ANIMALS for verb in ("sat", "ran", "ate")]


@pytest.fixture(scope="module")
def model() -> NgramLM:
    return NgramLM.train(SENTENCES, 2, smoothing="witten-bell")


@pytest.fixture(scope="module")
def id_model() -> NgramLM:
    return NgramLM.train([[1, 2, 3, 4], [4, 3, 2, 1]], 2, smoothing="witten-bell", vocab_size=8)


def test_a_document_about_one_animal_becomes_likely(model: NgramLM) -> None:
    documents = [
        "the hen sat\nthe hen ran\nthe hen ate\nthe hen sat",
        "the cow ate\nthe cow sat\nthe cow ran",
    ]
    cached = CachedNgramLM(model, weight=0.2)
    assert cached.perplexity(documents) < model.perplexity("\n".join(documents))
    scores = cached.score_documents(documents)
    assert [score.num_tokens for score in scores] == [16, 12]
    assert cached.score_texts(documents).log10 == pytest.approx(sum(score.log10 for score in scores))
    # Every document starts with an empty cache.
    assert cached.score_documents(documents[::-1]) == scores[::-1]


def test_no_weight_is_the_model_itself(model: NgramLM) -> None:
    plain = CachedNgramLM(model, weight=0.0)
    text = "the hen zebra\nthe hen sat"
    assert plain.score_texts(text).log10 == pytest.approx(model.score_texts(text).log10, abs=1e-5)
    assert plain.score_texts(text).num_unknown == 1
    assert plain.next_token_logprobs("the hen sat\nthe") == pytest.approx(
        model.next_token_logprobs("the"), abs=1e-5
    )


def test_a_line_feed_begins_a_new_sentence(model: NgramLM) -> None:
    cached = CachedNgramLM(model, weight=0.3)
    started, ended = cached.next_token_logprobs("the hen\n"), cached.next_token_logprobs(["the hen", ""])
    assert (started == ended).all()
    assert started[model.ids("the")[0]] > started[model.ids("sat")[0]]
    assert np.exp(started.astype(np.float64)).sum() == pytest.approx(1, abs=1e-6)
    assert (cached.next_token_logprobs() == model.next_token_logprobs()).all()


@pytest.mark.parametrize("half_life", [None, 5.0])
def test_old_words_are_forgotten(model: NgramLM, half_life: float | None) -> None:
    cached = CachedNgramLM(model, 0.3, size=6, half_life=half_life)
    hen = model.ids("hen")[0]
    contexts = ["hen", "hen cat cat", "hen cat cat cat cat cat", "hen cat cat cat cat cat cat"]
    found = [cached.next_token_logprobs([context, "the"], eos=False)[hen] for context in contexts]
    assert found[0] > found[1] > found[2]
    assert found[2] >= found[3]


def test_tuning_finds_the_weight_and_keeps_the_rest(model: NgramLM) -> None:
    documents = [
        "the hen sat\nthe hen ran\nthe hen ate\nthe hen sat",
        "the cow ate\nthe cow sat\nthe cow ran",
    ]
    tuned = CachedNgramLM(model, 0.01, size=50, half_life=20.0).tune(documents)
    assert (tuned.size, tuned.half_life) == (50, 20.0)
    for weight in (tuned.weight / 2, tuned.weight - 0.02, tuned.weight + 0.02):
        other = CachedNgramLM(model, weight, size=50, half_life=20.0)
        assert tuned.perplexity(documents) <= other.perplexity(documents)
    with pytest.raises(InvalidArgumentError, match="two words"):
        tuned.tune([])


def test_ids_in_all_forms(id_model: NgramLM) -> None:
    cached = CachedNgramLM(id_model, 0.3)
    expected = cached.score_documents([[1, 1, 1], [2, 3]])
    ragged = SimpleNamespace(ids=np.array([1, 1, 1, 2, 3], np.uint32), offsets=np.array([0, 3, 5], np.int64))
    assert cached.score_documents([np.array([1, 1, 1]), np.array([2, 3])]) == expected
    assert cached.score_documents([[[1, 1, 1]], [[2, 3]]]) == expected
    assert cached.score_documents(ragged) == expected
    both = cached.score_documents([[[1, 1], [1, 2]], []])
    assert [score.num_tokens for score in both] == [6, 0]
    assert both[0].log10 > id_model.score_texts([[1, 1], [1, 2]]).log10
    assert cached.next_token_logprobs([[1, 1], [1]]).shape == (11,)
    assert cached.next_token_logprobs([1, 1])[1] > id_model.next_token_logprobs([1, 1])[1]
    with pytest.raises(InvalidTypeError, match="some are text and some are ids"):
        cached.score_documents([[1, 2], "a b"])


def test_any_number_of_threads_gives_the_same_scores() -> None:
    random = np.random.default_rng(0)
    ids = (random.zipf(1.3, (400, 30)) % 200).astype(np.uint32)
    model = NgramLM.train(ids, 3, smoothing="witten-bell")
    documents = [ids[i : i + 10].tolist() for i in range(0, 400, 10)]
    found = []
    for threads in (1, 2, 3):
        ferrolm.set_num_threads(threads)
        cached = CachedNgramLM(model, 0.1, size=50, half_life=30.0)
        found.append((cached.score_documents(documents), cached.tune(documents).weight))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": 1.0}, "weight is 1"),
        ({"weight": -0.1}, "weight"),
        ({"size": 0}, "size is 0"),
        ({"half_life": 0.0}, "half_life is 0"),
    ],
)
def test_bad_arguments(model: NgramLM, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        CachedNgramLM(model, **arguments)
