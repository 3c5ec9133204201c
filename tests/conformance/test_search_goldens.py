"""Group, constrained and contrastive search against what transformers 4 gave (see goldens/make_search_goldens.py)."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from seeded_weights import SHAPES, fill

from ferrolm.generation import LanguageModel, Seq2SeqLanguageModel
from ferrolm.models import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)
from ferrolm.tokenizers import Tokenizer

CASES = json.loads((Path(__file__).parent / "goldens" / "search.json").read_text())
KINDS: dict[str, tuple[Any, Any, Any]] = {
    "gpt2": (GPT2Config, GPT2LMHeadModel, LanguageModel),
    "llama": (LlamaConfig, LlamaForCausalLM, LanguageModel),
    "t5": (T5Config, T5ForConditionalGeneration, Seq2SeqLanguageModel),
}


@functools.cache
def language_model(kind: str) -> Any:
    config_class, model_class, language_model_class = KINDS[kind]
    tokenizer = Tokenizer.from_bpe({chr(65 + token): token for token in range(26)}, [])
    return language_model_class(fill(model_class(config_class(**SHAPES[kind]))), tokenizer)


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case['model']} {case['prompt']} {case['settings']}"
)
def test_the_same_tokens(case: dict[str, Any]) -> None:
    found = language_model(case["model"]).generate(case["prompt"], max_new_tokens=12, **case["settings"])
    found = found if isinstance(found, list) else [found]
    ends = case["settings"].get("eos_token_id", 59)
    for result, expected in zip(found, case["new"], strict=True):
        # transformers 4 wrote the first of the ids that end a text, whichever it was.
        assert _before_the_end(result.ids.tolist(), ends) == _before_the_end(expected, ends)
    if case["scores"] is not None:
        np.testing.assert_allclose([each.score for each in found], case["scores"], atol=2e-4)


def _before_the_end(ids: list[int], ends: int | list[int]) -> list[int]:
    every = [ends] if isinstance(ends, int) else ends
    return ids[: next((place for place, token in enumerate(ids) if token in every), len(ids))]
