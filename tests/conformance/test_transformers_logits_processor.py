"""Our logits processor inside transformers' ``generate`` against transformers' own processors."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from ferrolm import SamplingParams
from ferrolm.errors import InvalidArgumentError
from ferrolm.integrations.transformers import FerrolmLogitsProcessor


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=101, n_positions=64, n_embd=16, n_layer=1, n_head=2, initializer_range=0.5
    )
    return transformers.GPT2LMHeadModel(config).eval()


def generated(model, prompt, **settings):
    torch.manual_seed(5)
    return model.generate(
        prompt, do_sample=True, max_new_tokens=20, pad_token_id=0, eos_token_id=None, **settings
    )


def test_generate_draws_the_same_tokens_as_with_transformers_processors(model):
    prompt = torch.tensor([[5, 6, 7], [8, 9, 10]])
    theirs = generated(model, prompt, temperature=0.7, top_k=20, top_p=0.9, repetition_penalty=1.3)
    params = SamplingParams(temperature=0.7, top_k=20, top_p=0.9, repetition_penalty=1.3)
    ours = generated(model, prompt, top_k=0, logits_processor=[FerrolmLogitsProcessor(params)])
    assert ours.tolist() == theirs.tolist()


def test_a_second_generation_counts_its_own_tokens_only(model):
    processor = FerrolmLogitsProcessor(SamplingParams(presence_penalty=2.0, frequency_penalty=2.0))
    prompt = torch.tensor([[5, 6, 7]])
    first, second = (generated(model, prompt, top_k=0, logits_processor=[processor]) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_nan_scores_are_refused_by_row():
    scores = torch.tensor([[0.0, 1.0], [float("nan"), 0.0]])
    with pytest.raises(InvalidArgumentError, match=r"row 1.*NaN"):
        FerrolmLogitsProcessor(SamplingParams(top_k=1))(torch.zeros(2, 1, dtype=torch.long), scores)
