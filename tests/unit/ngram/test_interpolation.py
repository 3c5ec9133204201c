"""`interpolate` and `tune_weights`. That the numbers are right is tested in tests/property."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram import NgramLM, interpolate, tune_weights

PETS = [
    f"the {animal} {verb} on the {place}"
    for animal in ("cat", "dog")
    for verb in ("sat", "slept")
    for place in ("mat", "bed", "floor")
]
BANKS = [
    f"the {bank} {verb} the {thing}"
    for bank in ("bank", "fund")
    for verb in ("sold", "kept", "bought")
    for thing in ("house", "bond", "mat")
]
KINDS = ["linear", "log-linear"]
pytestmark = pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")


def train(text: Any, order: int = 3, **options: Any) -> NgramLM:
    return NgramLM.train(text, order, smoothing="witten-bell", **options)


@pytest.fixture(scope="module")
def models() -> list[NgramLM]:
    return [train(PETS), train(BANKS, 2)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_merged_model_knows_all_words_and_is_a_model_like_any_other(
    models: list[NgramLM], kind: Any, tmp_path: Path
) -> None:
    merged = interpolate(models, [0.5, 0.5], kind=kind)
    assert merged.order == 3
    assert all(word in merged for word in ("cat", "fund", "the"))
    assert "zebra" not in merged
    for context in ("", "the", "the cat", "the bank sold", "zebra"):
        logprobs = merged.next_token_logprobs(context).astype(np.float64)
        assert np.exp(logprobs).sum() == pytest.approx(1, abs=1e-5)
    for name in ("m.arpa", "m.flm"):
        merged.save(tmp_path / name)
        again = NgramLM.load(tmp_path / name)
        assert again.num_ngrams == merged.num_ngrams
        assert again.score("the cat sold zebra") == pytest.approx(
            merged.score("the cat sold zebra"), abs=1e-5
        )


def test_linear_mixtures_are_better_than_either_on_both_domains(models: list[NgramLM]) -> None:
    merged = interpolate(models)
    mixed = [*PETS[:3], *BANKS[:3]]
    assert merged.perplexity(mixed) < min(model.perplexity(mixed) for model in models)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("smoothing", ["kneser-ney", "witten-bell"])
def test_a_model_with_itself_is_itself(kind: Any, smoothing: Any) -> None:
    text = [f"{'a' * (i % 7 + 1)} {'b' * (i % 5 + 1)} c {'d' * (i * i % 11)}" for i in range(300)]
    model = NgramLM.train(text, 4, smoothing=smoothing, prune=(0, 0, 0, 1))
    same = interpolate([model, model], [0.3, 0.7], kind=kind)
    assert same.num_ngrams == model.num_ngrams
    for line in [*text[:40], "a zebra c", "c c c"]:
        assert same.score(line) == pytest.approx(model.score(line), abs=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_held_out_text_decides_the_weights(models: list[NgramLM], kind: Any) -> None:
    held_out = [*BANKS[1::4], PETS[2]]
    weights = tune_weights(models, held_out, kind=kind)
    assert weights[1] > weights[0]
    tuned = interpolate(models, held_out=held_out, kind=kind)
    assert tuned.perplexity(held_out) == interpolate(models, weights, kind=kind).perplexity(held_out)
    assert tuned.perplexity(held_out) <= interpolate(models, kind=kind).perplexity(held_out)


@pytest.mark.parametrize("kind", KINDS)
def test_models_over_ids(kind: Any) -> None:
    random = np.random.default_rng(0)
    draw = lambda a: (random.zipf(a, (100, 20)) % 40).astype(np.uint32)  # noqa: E731
    models = [train(draw(1.3), vocab_size=50), train(draw(2.5), 2, vocab_size=50, vocabulary=range(30))]
    held_out = draw(2.0)
    weights = tune_weights(models, held_out, kind=kind)
    merged = interpolate(models, weights, kind=kind)
    assert (merged.is_over_ids, merged.vocab_size) == (True, 53)
    logprobs = merged.next_token_logprobs([3, 1]).astype(np.float64)
    assert np.exp(logprobs).sum() == pytest.approx(1, abs=1e-5)
    assert merged.perplexity(held_out) < max(model.perplexity(held_out) for model in models)


@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_threads_gives_the_same_model(kind: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    ids = [(random.zipf(1.2, (1500, 40)) % 1500).astype(np.uint32) for _ in range(3)]
    models = [train(ids[0], 4, vocab_size=1500), train(ids[1], 3, vocab_size=1500)]
    files, weights = [], []
    for threads in (1, 2, 3):
        ferrolm.set_num_threads(threads)
        weights.append(tune_weights(models, ids[2][:300], kind=kind))
        interpolate(models, [0.3, 0.7], kind=kind).save(tmp_path / "m.flm")
        files.append((tmp_path / "m.flm").read_bytes())
    assert files[0] == files[1] == files[2]
    assert weights[0] == weights[1] == weights[2]


def test_words_that_one_model_does_not_know_come_from_the_others() -> None:
    models = [train(["a b"], 1), train(["a c d"], 1)]
    merged = interpolate(models, [0.25, 0.75])

    def p(model: NgramLM, word: str) -> float:
        return 10 ** model.score(word, bos=False, eos=False)

    assert p(merged, "b") == pytest.approx(0.25 * p(models[0], "b"), rel=1e-5)
    assert p(merged, "c") == pytest.approx(0.75 * p(models[1], "c"), rel=1e-5)
    for word in ("a", "zebra"):
        assert p(merged, word) == pytest.approx(
            0.25 * p(models[0], word) + 0.75 * p(models[1], word), rel=1e-5
        )


@pytest.mark.parametrize(
    ("weights", "kind", "message"),
    [
        ([0.5], "linear", "1 weights for 2 models"),
        ([0.5, 0.6], "linear", "sum to 1"),
        ([-0.5, 1.5], "linear", "not be negative"),
        ([float("nan"), 1.0], "log-linear", "finite"),
        (None, "geometric", 'kind is "geometric"'),
    ],
)
def test_bad_arguments(models: list[NgramLM], weights: Any, kind: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        interpolate(models, weights, kind=kind)


def test_models_that_do_not_go_together(models: list[NgramLM]) -> None:
    ids = train([[1, 2]], vocab_size=5)
    with pytest.raises(InvalidArgumentError, match="model 1 is over ids, but model 0 is not"):
        interpolate([models[0], ids])
    with pytest.raises(InvalidArgumentError, match="model 1 has a vocab_size of 9, but model 0 has 8"):
        interpolate([ids, train([[1, 2]], vocab_size=6)])
    with pytest.raises(InvalidArgumentError, match="models is empty"):
        interpolate([])
    with pytest.raises(InvalidTypeError, match="item 1 is str"):
        interpolate([ids, "model.arpa"])  # type: ignore[list-item]
    with pytest.raises(InvalidArgumentError, match="both given"):
        interpolate(models, [0.5, 0.5], held_out=["a"])
    with pytest.raises(InvalidArgumentError, match="no sentence"):
        tune_weights(models, [])
    with pytest.raises(InvalidArgumentError, match="is ids, but the models are over words"):
        tune_weights(models, [[1, 2]])
