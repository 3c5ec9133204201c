"""Our generation against transformers': the same ids, the same results of pipelines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from shared_data import shared
from tiny_language_model import tiny_language_model

import ferrolm
from ferrolm.generation import LanguageModel

transformers = pytest.importorskip("transformers")

PROMPTS = [[5], [200, 17, 3, 90], [7, 7, 7, 7, 7, 7, 7, 8, 9]]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, transformers.GPT2LMHeadModel]:
    ours = tiny_language_model()
    folder: Path = tmp_path_factory.mktemp("checkpoint")
    ours.save(folder)
    return ours, transformers.GPT2LMHeadModel.from_pretrained(folder).eval()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"repetition_penalty": 1.4},
        {"max_length": 24},
        {"max_new_tokens": 33},
        {"eos_token_id": [50, 181, 202]},
    ],
    ids=str,
)
@pytest.mark.parametrize("prompt", PROMPTS, ids=len)
def test_greedy_ids(
    pair: tuple[LanguageModel, transformers.GPT2LMHeadModel], prompt: list[int], settings: dict[str, object]
) -> None:
    ours, theirs = pair
    ids = torch.tensor([prompt])
    expected = theirs.generate(
        ids, attention_mask=torch.ones_like(ids), pad_token_id=0, do_sample=False, **settings
    )
    assert ours.generate(prompt, **settings).ids.tolist() == expected[0, len(prompt) :].tolist()


def test_drawn_tokens_have_their_distribution(
    pair: tuple[LanguageModel, transformers.GPT2LMHeadModel],
) -> None:
    """First tokens of many draws against the distribution that transformers' processors leave."""
    ours, theirs = pair
    prompt, settings = PROMPTS[1], {"temperature": 1.5, "top_k": 8, "top_p": 0.9}
    drawn = ours.generate(
        prompt, max_new_tokens=1, do_sample=True, num_return_sequences=4000, seed=0, **settings
    )
    found = np.bincount([int(result.ids[0]) for result in drawn], minlength=257) / len(drawn)
    ids = torch.tensor([prompt])
    processed = theirs.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        pad_token_id=0,
        max_new_tokens=1,
        do_sample=True,
        return_dict_in_generate=True,
        output_scores=True,
        **settings,
    ).scores[0][0]
    probabilities = processed.softmax(-1).numpy()
    assert (found > 0).sum() > 2
    assert not found[probabilities == 0].any()
    np.testing.assert_allclose(found, probabilities, atol=5 * np.sqrt(0.25 / len(drawn)))


def test_the_shared_checkpoint_continues_as_recorded() -> None:
    folder = shared("models/tiny-gpt2-shakespeare")
    golden = json.loads((folder / "golden.json").read_text())
    model = ferrolm.load_model(folder, device="cpu")
    prompts = golden["prompts"]
    for prompt in prompts:
        result = model.generate(prompt["text"], max_new_tokens=80)
        assert prompt["ids"] + result.ids.tolist() == prompt["greedy80"]
        assert prompt["text"] + result.text == prompt["greedy_text"]
    batch = model.generate([prompt["text"] for prompt in prompts], max_new_tokens=30)
    for result, row in zip(batch, golden["left_padded_batch_greedy30"], strict=True):
        assert result.ids.tolist() == row[-30:]


@pytest.mark.parametrize(
    "settings",
    [{}, {"return_full_text": False}, {"max_length": 30}, {"batch_size": 2}],
    ids=str,
)
def test_pipelines_answer_alike(settings: dict[str, object]) -> None:
    folder = shared("models/tiny-gpt2-shakespeare")
    ours = ferrolm.pipeline("text-generation", model=folder, device="cpu")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), padding_side="left"
    )
    tokenizer.pad_token_id = 0
    theirs = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer, device="cpu")
    length = {} if "max_length" in settings else {"max_new_tokens": 12}
    for inputs in ("ROMEO:\nI", ["KING RICHARD", "What", "First Citizen:\nBefore we proceed"]):
        expected = theirs(inputs, do_sample=False, **(settings | length))
        assert ours(inputs, do_sample=False, **(settings | length)) == expected
