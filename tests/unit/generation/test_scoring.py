"""Scores and perplexity: every token once, with the context that is promised."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from shared_data import read_text, shared
from tiny_language_model import END, TINY, tiny_language_model

import ferrolm
from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation import perplexity
from ferrolm.generation import LanguageModel

model = tiny_language_model()
end = model.tokenizer.token_to_id(END)


def logprob(context: list[int], token: int, model: LanguageModel = model) -> float:
    return model.model(torch.tensor([context])).logits[0, -1].log_softmax(-1)[token].item()


@pytest.mark.parametrize("kind", TINY)
def test_a_short_text_is_scored_from_the_beginning_of_text(kind: str) -> None:
    model = TINY[kind]()
    ids = [end, *model.tokenizer.encode_ids("hello").tolist()]
    expected = [logprob(ids[:n], ids[n], model) for n in range(1, len(ids))]
    score = model.score("hello")
    np.testing.assert_allclose(score.logprobs, expected, rtol=1e-4, atol=1e-5)
    assert score.ids.tolist() == ids[1:]
    assert score.logprob == pytest.approx(sum(expected), rel=1e-5)
    assert score.perplexity == pytest.approx(math.exp(-np.mean(expected)), rel=1e-4)


@pytest.mark.parametrize("length", [47, 48, 49, 60, 96, 97, 131])
@pytest.mark.parametrize("stride", [1, 16, 24, 48, None])
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_windows_score_each_token_once_with_enough_context(
    kind: str, length: int, stride: int | None
) -> None:
    model = TINY[kind]()
    ids = np.random.default_rng(length).integers(0, 256, length)
    sequence = [end, *ids.tolist()]
    logprobs = model.score(ids, stride=stride).logprobs
    starts = [*range(0, max(length - 48, 0), stride or 24), max(length - 48, 0)]
    for n in range(1, length + 1, 7):
        start = next(s for s in starts if n <= s + 48)  # the first window that reaches the token
        assert logprobs[n - 1] == pytest.approx(logprob(sequence[start:n], sequence[n], model), abs=2e-4)
        assert n - start >= min(n, 48 - (stride or 24))


def test_a_model_without_a_beginning_does_not_score_the_first_token() -> None:
    bare = tiny_language_model(bos_token_id=None, eos_token_id=None)
    assert bare.score("hello").num_tokens == 4
    assert bare.score("h").num_tokens == bare.score("").num_tokens == 0
    assert bare.score("").perplexity == 1.0


@pytest.mark.parametrize("stride", [0, 49, -3])
def test_a_stride_beyond_the_context_is_refused(stride: int) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"stride is {stride}, expected 1 to 48"):
        model.score("hello", stride=stride)


def test_perplexity_adds_up_tokens_words_and_bytes() -> None:
    texts = ["hello wide world", "né", ""]
    result = perplexity(model, texts)
    nats = -sum(model.score(text).logprob for text in texts)
    assert (result.tokens, result.words, result.bytes) == (19, 4, 19)
    assert result.per_token == float(result) == pytest.approx(math.exp(nats / 19))
    assert result.per_word == pytest.approx(math.exp(nats / 4))
    assert result.bits_per_byte == pytest.approx(nats / 19 / math.log(2))
    assert model.perplexity(texts) == pytest.approx(result.per_token)
    assert perplexity(model, "hello").per_token == pytest.approx(model.score("hello").perplexity)


def test_nothing_to_predict_is_refused() -> None:
    bare = tiny_language_model(bos_token_id=None, eos_token_id=None)
    for texts in ([], ["", "a"]):
        with pytest.raises(InvalidArgumentError, match="no token to predict"):
            perplexity(bare, texts)
        with pytest.raises(InvalidArgumentError, match="no token to predict"):
            bare.perplexity(texts)


def test_the_shared_checkpoint_has_its_published_perplexity() -> None:
    folder = shared("models/tiny-gpt2-shakespeare")
    language_model = ferrolm.load_model(folder, device="cpu")
    text = read_text(shared("text/tinyshakespeare.txt"))
    ids = language_model.tokenizer.encode_ids(text[int(0.9 * len(text)) :]).astype(np.int64)
    windows = torch.from_numpy(ids[: len(ids) // 129 * 129].reshape(-1, 129))
    losses = []
    with torch.inference_mode():
        for batch in windows.split(32):
            loss = language_model.model(batch[:, :-1], shift_labels=batch[:, 1:]).loss
            losses += [loss.item()] * len(batch)
    assert math.exp(np.mean(losses)) == pytest.approx(66.6715, rel=2e-3)
