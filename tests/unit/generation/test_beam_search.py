"""Beam search against enumerating all texts, and what drawn beams are drawn from."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.generation import LanguageModel
from ferrolm.generation.beams.constraints import Constraints
from ferrolm.models import GPT2Config, GPT2LMHeadModel
from ferrolm.tokenizers import Tokenizer

VOCAB, END, LENGTH = 4, 3, 4
torch.set_num_threads(1)


def tiny(seed: int, scale: float = 1.0) -> LanguageModel:
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=VOCAB,
        n_positions=16,
        n_embd=8,
        n_layer=1,
        n_head=2,
        eos_token_id=END,
        initializer_range=scale,
    )
    tokenizer = Tokenizer.from_bpe({"a": 0, "b": 1, "c": 2, "d": 3}, [])
    return LanguageModel(GPT2LMHeadModel(config).eval(), tokenizer)


def every_text(
    model: LanguageModel, prompt: list[int], length_penalty: float
) -> dict[tuple[int, ...], float]:
    """The score of each continuation of ``LENGTH`` tokens, or of fewer that end."""
    scores: dict[tuple[int, ...], float] = {}
    for text in itertools.product(range(VOCAB), repeat=LENGTH):
        end = text.index(END) + 1 if END in text else LENGTH
        new = text[:end]
        if new in scores:
            continue
        with torch.inference_mode():
            logs = model.model(torch.tensor([[*prompt, *new]])).logits[0].double().log_softmax(-1)
        total = sum(float(logs[len(prompt) - 1 + place, token]) for place, token in enumerate(new))
        scores[new] = total / len(new) ** length_penalty
    return scores


@given(
    st.integers(0, 10_000),
    st.sampled_from([0.0, 1.0, 2.0]),
    st.lists(st.integers(0, 2), min_size=1, max_size=4),
)
@settings(max_examples=8, deadline=None)
def test_enough_beams_find_the_best_texts(seed: int, length_penalty: float, prompt: list[int]) -> None:
    model = tiny(seed)
    scores = every_text(model, prompt, length_penalty)
    found = model.generate(
        prompt,
        num_beams=3 ** (LENGTH - 1) + 8,
        num_return_sequences=4,
        max_new_tokens=LENGTH,
        length_penalty=length_penalty,
        early_stopping="never",
    )
    best = sorted(scores.values(), reverse=True)[:4]
    np.testing.assert_allclose([each.score for each in found], best, atol=1e-4)
    for each in found:
        assert scores[tuple(each.ids.tolist())] == pytest.approx(each.score, abs=1e-4)


def test_drawn_beams_are_successive_draws() -> None:
    """After one token, the beams are two draws without replacement."""
    model, prompt, draws = tiny(3, 0.5), [0, 1], 1500
    with torch.inference_mode():
        p = model.model(torch.tensor([prompt])).logits[0, -1].softmax(-1).double().numpy()
    how = {"num_beams": 2, "num_return_sequences": 2, "do_sample": True, "top_k": 0, "ignore_eos": True}
    pairs = model.generate([prompt] * draws, max_new_tokens=1, seed=range(draws), **how)
    found = np.bincount([int(each.ids[0]) for pair in pairs for each in pair], minlength=VOCAB) / draws
    second = p[None, :] * p[:, None] / (1 - p[:, None])  # [first, second]
    np.fill_diagonal(second, 0.0)
    np.testing.assert_allclose(found, p + second.sum(0), atol=5 * np.sqrt(0.25 / draws))


@pytest.mark.parametrize("words", [[[1, 2]], [[2], [0, 1]], [[[0, 1, 0], [2, 2]]]], ids=str)
def test_the_best_text_with_the_words_is_found(words: Any) -> None:
    model, prompt = tiny(5), [END]
    constraints = Constraints([[each] if isinstance(each[0], int) else each for each in words], VOCAB)
    texts = list(itertools.product(range(VOCAB), repeat=LENGTH))
    with torch.inference_mode():
        rows = torch.tensor([[*prompt, *text] for text in texts])
        logs = model.model(rows).logits.double().log_softmax(-1)[:, :-1]
    totals = logs.gather(2, rows[:, 1:, None])[..., 0].sum(1) / LENGTH

    def has_all(text: tuple[int, ...]) -> bool:
        progress = constraints.begin()
        for token in text:
            progress = progress if progress.is_complete else progress.after(token)
        return progress.is_complete

    best = max(float(total) for total, text in zip(totals, texts, strict=True) if has_all(text))
    found = model.generate(
        prompt, num_beams=64, force_words_ids=words, max_new_tokens=LENGTH, ignore_eos=True
    )
    assert found.score == pytest.approx(best, abs=1e-4)
    assert has_all(tuple(found.ids.tolist()))
