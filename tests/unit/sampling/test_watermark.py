"""Watermarks: favoured tokens and scores are those of transformers, whose detector finds them."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
process = pytest.importorskip("transformers.generation.logits_process")

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.sampling import Sampler, SamplingParams, Watermark, filtered_probabilities, sample

VOCAB = 1000
KINDS = [
    Watermark(),
    Watermark(bias=5.0, greenlist_ratio=0.6, hashing_key=77, context_width=3),
    Watermark(seeding_scheme="selfhash", bias=-3.0, context_width=2),
    Watermark(seeding_scheme="selfhash", greenlist_ratio=0.5, context_width=4),
]


def theirs(watermark: Watermark) -> Any:
    return process.WatermarkLogitsProcessor(VOCAB, "cpu", **vars(watermark))


@pytest.mark.parametrize("watermark", KINDS, ids=str)
def test_distributions_are_those_of_transformers(watermark: Watermark) -> None:
    rng = np.random.default_rng(0)
    logits = (3 * rng.standard_normal((4, VOCAB))).astype(np.float32)
    past = rng.integers(0, VOCAB, (4, 9))
    filters = {"temperature": 1.7, "top_k": 300, "top_p": 0.95}
    scores = torch.from_numpy(logits)
    for step in (
        process.TemperatureLogitsWarper(1.7),
        process.TopKLogitsWarper(300),
        process.TopPLogitsWarper(0.95),
        theirs(watermark),
    ):
        scores = step(torch.from_numpy(past), scores)
    params = SamplingParams(**filters, watermark=watermark, seed=4)
    found = filtered_probabilities(logits, params, prompt=past)
    np.testing.assert_allclose(found, scores.softmax(-1).numpy(), rtol=2e-5, atol=1e-9)
    ids, logs = sample(logits, params, prompt=past, logprobs="processed")
    np.testing.assert_allclose(logs, np.log(found[np.arange(4), ids]), atol=1e-4)
    greedy = sample(logits, SamplingParams(temperature=0, watermark=watermark), prompt=past)
    expected = theirs(watermark)(torch.from_numpy(past), torch.from_numpy(logits)).argmax(-1)
    assert greedy.tolist() == expected.tolist()


def test_the_detector_of_transformers_finds_it() -> None:
    watermark, rows = Watermark(bias=3.0), 4
    rng = np.random.default_rng(1)
    sampler = Sampler(SamplingParams(watermark=watermark, seed=2).split(rows), prompt=[[1]] * rows)
    plain = Sampler(SamplingParams(seed=2).split(rows), prompt=[[1]] * rows)
    texts: list[list[Any]] = [[], []]
    for _ in range(60):
        logits = rng.standard_normal((rows, VOCAB)).astype(np.float32)
        for text, own in zip(texts, (sampler, plain), strict=True):
            ids = own.sample(logits)
            own.accept(ids)
            text.append(ids.astype(np.int64))
    config = transformers.WatermarkingConfig(**vars(watermark))
    model_config = types.SimpleNamespace(vocab_size=VOCAB, is_encoder_decoder=False, bos_token_id=0)
    detector = transformers.WatermarkDetector(model_config, "cpu", config)
    marked, unmarked = (detector(torch.from_numpy(np.stack(text, axis=1))) for text in texts)
    assert marked.all()
    assert not unmarked.any()
    assert Watermark.like(config) == watermark


def test_without_enough_context_nothing_is_favoured() -> None:
    logits = np.random.default_rng(2).standard_normal((1, VOCAB)).astype(np.float32)
    params = SamplingParams(watermark=Watermark(context_width=3))
    short = filtered_probabilities(logits, params, prompt=[[1, 2]])
    np.testing.assert_allclose(short, filtered_probabilities(logits), rtol=1e-6)
    assert not np.allclose(filtered_probabilities(logits, params, prompt=[[1, 2, 3]]), short, rtol=0.1)


def test_fields_are_checked() -> None:
    with pytest.raises(InvalidArgumentError, match="seeding_scheme must be 'lefthash' or 'selfhash'"):
        Watermark(seeding_scheme="other")
    with pytest.raises(InvalidArgumentError, match="greenlist_ratio must be above 0 and below 1, found 1"):
        SamplingParams(watermark=Watermark(greenlist_ratio=1.0))
    with pytest.raises(InvalidArgumentError, match="context_width must be at least 1, found 0"):
        SamplingParams(watermark=Watermark(context_width=0))
    with pytest.raises(InvalidTypeError, match="watermark must be a Watermark, found bool"):
        SamplingParams(watermark=True)
