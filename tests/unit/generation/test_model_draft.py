"""A small model guesses for a large one: the same texts, in fewer passes, and told how many guesses were right."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from tiny_language_model import TINY, tiny_language_model, tiny_recurrent

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation import DraftReport, LanguageModel, ModelDraft, NgramDraft, NgramLanguageModel
from ferrolm.models import GPT2Config, GPT2LMHeadModel
from ferrolm.ngram import NgramLM
from ferrolm.sampling import SamplingParams, filtered_probabilities

pytestmark = pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")
model = tiny_language_model()


def near(language_model: LanguageModel, noise: float) -> LanguageModel:
    """The same model with a little noise in its weights: a draft that is often right."""
    other = tiny_language_model()
    other.model.load_state_dict(language_model.model.state_dict())
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in other.model.parameters():
            weight += noise * weight.std() * torch.randn(weight.shape, generator=generator)
    return other


SETTINGS = [
    {},
    {"max_new_tokens": 45},
    {"do_sample": True, "top_k": 0, "seed": 5, "max_new_tokens": 30},
    {"do_sample": True, "temperature": 0.3, "top_p": 0.9, "seed": 6, "repetition_penalty": 1.3},
    {"frequency_penalty": 1.5, "presence_penalty": 0.5, "max_new_tokens": 30},
    {"do_sample": True, "seed": 7, "num_return_sequences": 3, "temperature": 0.5},
    {"params": SamplingParams(draw="gumbel", seed=4)},
    {"params": SamplingParams(mirostat=2, seed=4)},
    {"params": SamplingParams(no_repeat_ngram_size=2, min_tokens=3, stop_token_ids=[256], seed=1)},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_tokens_are_those_of_the_model_alone(settings: dict) -> None:
    prompts = ["a", "abcabcabc", "hello hello he"]
    plain = model.generate(prompts, **settings)
    for draft in (
        ModelDraft(model),
        ModelDraft(near(model, 0.1), guess_cost=0),
        ModelDraft(near(model, 0.1).model, num_draft_tokens=1),
        ModelDraft(tiny_language_model(n_layer=1, n_positions=20), num_draft_tokens=8, guess_cost=0),
        ModelDraft(tiny_recurrent(), guess_cost=0),
    ):
        drafted = model.generate(prompts, draft=draft, **settings)
        for mine, theirs in zip(np.ravel(drafted), np.ravel(plain), strict=True):
            assert (mine.ids.tolist(), mine.text) == (theirs.ids.tolist(), theirs.text)


@pytest.mark.parametrize("kind", ["llama", "mistral", "recurrent"])
def test_any_model_verifies(kind: str) -> None:
    target = TINY[kind]()
    for settings in ({}, {"do_sample": True, "top_k": 0, "seed": 5}):
        plain = target.generate("abcabc", max_new_tokens=40, **settings)
        for draft in (ModelDraft(target, guess_cost=0), ModelDraft(model, guess_cost=0)):
            drafted = target.generate("abcabc", max_new_tokens=40, draft=draft, **settings)
            assert drafted.ids.tolist() == plain.ids.tolist()


def test_the_draws_have_the_probabilities_of_the_model() -> None:
    torch.manual_seed(3)
    large, small = (
        GPT2LMHeadModel(
            GPT2Config(vocab_size=260, n_positions=8, n_embd=8, n_layer=1, n_head=1, initializer_range=1.0)
        ).eval()
        for _ in range(2)
    )
    target = LanguageModel(large, model.tokenizer)
    bias = dict.fromkeys(range(4, 260), -100.0)  # four tokens, 64 texts
    prompt, draws = [1, 2], 2000
    found = Counter(
        tuple(result.ids.tolist())
        for result in target.generate(
            [prompt] * draws,
            SamplingParams(logit_bias=bias),
            draft=ModelDraft(small, guess_cost=0),
            max_new_tokens=3,
            ignore_eos=True,
        )
    )
    expected = {}
    for text in np.ndindex(4, 4, 4):
        with torch.inference_mode():
            logits = large(torch.tensor([prompt + list(text[:2])])).logits[0, 1:]
        rows = filtered_probabilities(logits, SamplingParams(logit_bias=bias))
        expected[text] = draws * float(
            np.prod([float(row[token]) for row, token in zip(rows, text, strict=True)])
        )
    # Cells below 5 are joined, as the test of Pearson wants; 99.99 % of its statistic with up to 63 degrees is below 120.
    cells = [(found[text], count) for text, count in expected.items() if count >= 5]
    rest = (draws - sum(seen for seen, _ in cells), draws - sum(count for _, count in cells))
    statistic = sum((seen - count) ** 2 / count for seen, count in [*cells, rest] if count > 1)
    assert len(cells) > 8
    assert statistic < 120


def test_a_perfect_draft_saves_passes_and_says_so() -> None:
    drafted = model.generate(
        "abc", max_new_tokens=40, ignore_eos=True, draft=ModelDraft(model, num_draft_tokens=4, guess_cost=0)
    )
    report = drafted.draft_report
    assert (report.tokens, report.passes) == (40, 9)
    assert report.acceptance_rate == 1.0
    assert report.tokens_per_pass == pytest.approx(40 / 9)
    assert str(report).endswith("(100 %), 4.4 tokens a pass")
    assert model.generate("abc").draft_report is None


def test_reports_count_what_was_verified() -> None:
    stream = model.stream(
        "hello hello he", max_new_tokens=30, ignore_eos=True, draft=NgramDraft(guess_cost=0)
    )
    text = "".join(stream)
    report = stream.draft_report
    assert text
    assert report.tokens == 30 == len(stream.ids)
    assert report.passes == 30 - report.accepted
    assert 0 < report.accepted < report.drafted
    assert DraftReport().acceptance_rate == 0.0


def test_a_draft_that_is_always_wrong_is_asked_seldom() -> None:
    calls: list[int] = []
    wrong = tiny_language_model(n_layer=1, initializer_range=0.9)
    hook = wrong.model.register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        drafted = model.generate(
            "abc",
            max_new_tokens=45,
            ignore_eos=True,
            do_sample=True,
            seed=3,
            draft=ModelDraft(wrong, guess_cost=0.5),
        )
    finally:
        hook.remove()
    assert (
        drafted.ids.tolist()
        == model.generate("abc", max_new_tokens=45, ignore_eos=True, do_sample=True, seed=3).ids.tolist()
    )
    assert drafted.draft_report.drafted < 15


def test_bad_drafts_are_named() -> None:
    for arguments in ({"num_draft_tokens": 0}, {"guess_cost": -1.0}, {"guess_cost": float("nan")}):
        with pytest.raises(InvalidArgumentError):
            ModelDraft(model, **arguments)
    other = GPT2LMHeadModel(GPT2Config(vocab_size=4000, n_embd=8, n_layer=1, n_head=1))
    with pytest.raises(InvalidArgumentError, match="vocab_size of 4000, the model one of 257"):
        model.generate("a", draft=ModelDraft(other))
    with pytest.raises(InvalidTypeError, match="draft is str"):
        model.generate("a", draft="small")


def test_a_model_serves_as_assistant_under_the_name_of_transformers() -> None:
    plain = model.generate("abcabc", max_new_tokens=20, ignore_eos=True)
    ngrams = NgramLM.train([plain.ids] * 9, 3, vocab_size=257)
    for assistant in (model, model.model, NgramLanguageModel(ngrams, model.tokenizer)):
        drafted = model.generate(
            "abcabc", max_new_tokens=20, ignore_eos=True, assistant_model=assistant, num_assistant_tokens=3
        )
        assert drafted.ids.tolist() == plain.ids.tolist()
        assert drafted.draft_report.accepted > 0
