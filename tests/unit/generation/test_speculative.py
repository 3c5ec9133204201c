"""Drafts change the speed, never the result; n-gram models generate as other models do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_language_model import TINY, byte_tokenizer, tiny_language_model

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation import NgramDraft, NgramLanguageModel
from ferrolm.generation.drafts.acceptance import Acceptance
from ferrolm.ngram import NgramLM
from ferrolm.sampling import SamplingParams

pytestmark = pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")
model = tiny_language_model()


@pytest.fixture(scope="module")
def ngrams() -> NgramLM:
    """A model of what the neural model says, so that its guesses are often right."""
    prompts = [bytes([letter]).decode() for letter in range(97, 123)]
    texts = [result.ids for result in model.generate(prompts, max_new_tokens=40)]
    return NgramLM.train(texts, 3, vocab_size=257)


def drafts(ngrams: NgramLM) -> list[NgramDraft]:
    return [
        NgramDraft(),
        NgramDraft(ngrams),
        NgramDraft(ngrams, num_draft_tokens=1, prompt_order=0),
        NgramDraft(num_draft_tokens=30, prompt_order=2),
        NgramDraft(ngrams, guess_cost=0),
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_new_tokens": 45},
        {"do_sample": True, "top_k": 0, "seed": 5, "max_new_tokens": 30},
        {"do_sample": True, "temperature": 0.3, "top_p": 0.9, "seed": 6, "repetition_penalty": 1.3},
        {"frequency_penalty": 1.5, "presence_penalty": 0.5, "max_new_tokens": 30},
        {"do_sample": True, "seed": 7, "num_return_sequences": 3, "temperature": 0.5},
        {"ignore_eos": True, "max_new_tokens": 47},
    ],
)
def test_the_tokens_are_those_of_decoding_without_a_draft(ngrams: NgramLM, settings: dict) -> None:
    prompts = ["a", "abcabcabc", "hello hello he"]
    plain = model.generate(prompts, **settings)
    for draft in drafts(ngrams):
        drafted = model.generate(prompts, draft=draft, **settings)
        for mine, theirs in zip(np.ravel(drafted), np.ravel(plain), strict=True):
            assert (mine.ids.tolist(), mine.text, mine.finish_reason) == (
                theirs.ids.tolist(),
                theirs.text,
                theirs.finish_reason,
            )


@pytest.mark.parametrize("kind", ["llama", "mistral"])
@pytest.mark.parametrize(
    "settings", [{}, {"do_sample": True, "top_k": 0, "seed": 5}], ids=["greedy", "drawn"]
)
def test_another_architecture_keeps_its_tokens_too(
    ngrams: NgramLM, kind: str, settings: dict[str, object]
) -> None:
    model = TINY[kind]()
    prompts = ["a", "abcabcabc", "hello hello he"]
    plain = model.generate(prompts, max_new_tokens=45, **settings)
    for draft in drafts(ngrams):
        drafted = model.generate(prompts, draft=draft, max_new_tokens=45, **settings)
        assert [result.ids.tolist() for result in drafted] == [result.ids.tolist() for result in plain]


def test_stop_strings_and_streams(ngrams: NgramLM) -> None:
    text = model.generate("hello", max_new_tokens=30).text
    stop = text[10:12]
    plain = model.generate("hello", max_new_tokens=30, stop=stop)
    drafted = model.generate("hello", max_new_tokens=30, stop=stop, draft=NgramDraft(ngrams))
    assert (drafted.text, drafted.finish_reason) == (plain.text, plain.finish_reason)
    stream = model.stream("hello", max_new_tokens=30, draft=NgramDraft(ngrams))
    assert "".join(stream) == text
    assert stream.finish_reason == "length"


def test_right_guesses_save_passes() -> None:
    passes: list[int] = []
    plain = model.generate("abc", max_new_tokens=40, ignore_eos=True)
    said = [*model.tokenizer.encode_ids("abc"), *plain.ids]
    draft = NgramDraft(NgramLM.train([said] * 9, 6, vocab_size=257), prompt_order=0)
    hook = model.model.register_forward_hook(lambda *_: passes.append(1))
    try:
        drafted = model.generate("abc", max_new_tokens=40, ignore_eos=True, draft=draft)
    finally:
        hook.remove()
    assert drafted.ids.tolist() == plain.ids.tolist()
    # Five guesses and the draw after them in each pass.
    assert len(passes) < 12


def test_wrong_guesses_are_soon_not_verified() -> None:
    fed: list[int] = []
    plain = model.generate("abc", max_new_tokens=40, ignore_eos=True, do_sample=True, seed=3)
    never = next(token for token in range(257) if token not in plain.ids)
    draft = NgramDraft(NgramLM.train([[never] * 30] * 9, 2, vocab_size=257), prompt_order=0)
    hook = model.model.register_forward_pre_hook(
        lambda _, args: fed.append(args[0].shape[1]), with_kwargs=False
    )
    try:
        drafted = model.generate(
            "abc", max_new_tokens=40, ignore_eos=True, do_sample=True, seed=3, draft=draft
        )
    finally:
        hook.remove()
    assert drafted.ids.tolist() == plain.ids.tolist()
    assert len(fed) == 40
    assert fed[-20:] == [1] * 20
    # All of them where they cost nothing.
    assert (
        NgramDraft(draft.model, prompt_order=0, guess_cost=0).begin(np.array([never])).propose(9)
        == [never] * 5
    )


def test_guesses_that_become_right_are_verified_again() -> None:
    acceptance = Acceptance(cost=0.1)
    lengths = []
    for right in [False] * 30 + [True] * 10 + [False] * 30:
        lengths.append(acceptance.length("text", 5))
        acceptance.note("text", right)
    assert lengths[0] > 0
    assert lengths[20:30] == [0] * 10
    assert lengths[39] == 5
    assert lengths[-1] == 0
    # Each source has its own frequencies.
    assert acceptance.length("model", 5) > 0


def test_drafts_guess_from_the_text_first_and_then_from_the_model(ngrams: NgramLM) -> None:
    running = NgramDraft(num_draft_tokens=3, guess_cost=0).begin(np.array([1, 2, 3, 4, 1, 2]))
    assert running.propose(9) == [3, 4, 1]
    assert running.propose(1) == [3]
    assert running.propose(-1) == []
    running.accept([9])
    assert running.propose(9) == []
    context = np.array([97])
    best = int(ngrams.next_token_logprobs(context)[:257].argmax())
    assert NgramDraft(ngrams).begin(context).propose(1) in ([best], [])


def test_bad_drafts_are_named() -> None:
    for arguments in (
        {"num_draft_tokens": 0},
        {"prompt_order": 1},
        {"model": NgramLM.train(["a"], 1)},
        {"guess_cost": -0.1},
    ):
        with pytest.raises(InvalidArgumentError):
            NgramDraft(**arguments)


@pytest.fixture(scope="module")
def byte_model() -> NgramLanguageModel:
    tokenizer = byte_tokenizer()
    texts = ["the cat sat on the mat", "the dog sat", "a cat ran"] * 20
    ids = [tokenizer.encode_ids(text) for text in texts]
    return NgramLanguageModel(NgramLM.train(ids, 6, vocab_size=257), tokenizer)


def test_an_ngram_model_generates(byte_model: NgramLanguageModel) -> None:
    greedy = byte_model.generate("the d", max_new_tokens=30)
    assert (greedy.text, greedy.finish_reason) == ("og sat", "eos")
    assert greedy.ids[-1] == byte_model.ngrams.eos_id
    # Step by step, from the distributions themselves.
    ids = byte_model.tokenizer.encode_ids("the d").tolist()
    for expected in greedy.ids.tolist():
        logprobs = byte_model.ngrams.next_token_logprobs(ids)
        assert int(logprobs.argmax()) == expected
        ids.append(expected)
    results = byte_model.generate(
        ["", "a c", "the"], SamplingParams(temperature=0.7, seed=3), max_new_tokens=12
    )
    again = byte_model.generate("a c", SamplingParams(temperature=0.7, seed=3), max_new_tokens=12)
    assert results[1].text == again.text
    assert "".join(byte_model.stream("the d", max_new_tokens=30)) == "og sat"
    assert byte_model.generate("the", stop="at", max_new_tokens=40).finish_reason in ("stop", "eos")


def test_an_ngram_model_scores_and_is_saved(byte_model: NgramLanguageModel, tmp_path: Path) -> None:
    score = byte_model.score("the cat")
    ids = byte_model.tokenizer.encode_ids("the cat")
    assert score.logprob == pytest.approx(byte_model.ngrams.score(ids, eos=False) * np.log(10), rel=1e-5)
    assert byte_model.perplexity(["the cat"]) == pytest.approx(score.perplexity)
    byte_model.save(tmp_path / "model")
    again = NgramLanguageModel.load(tmp_path / "model")
    assert again.generate("the d", max_new_tokens=30).text == "og sat"
    assert again.generate("x" * 5000, max_new_tokens=3).ids.size <= 3


def test_ngram_models_that_do_not_fit_are_refused(byte_model: NgramLanguageModel) -> None:
    with pytest.raises(InvalidArgumentError, match="vocab_size of 5"):
        NgramLanguageModel(NgramLM.train([[1]], 1, vocab_size=5), byte_model.tokenizer)
    with pytest.raises(InvalidArgumentError, match="over words"):
        NgramLanguageModel(NgramLM.train(["a"], 1), byte_model.tokenizer)
    with pytest.raises(InvalidArgumentError, match="its own draft"):
        byte_model.generate("a", draft=NgramDraft())
