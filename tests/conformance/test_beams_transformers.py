"""Beam search against transformers' own, token by token, on decoders and encoder-decoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shared_data import shared
from tiny_language_model import byte_tokenizer, tiny_language_model, tiny_llama

import ferrolm
from ferrolm.generation import LanguageModel, Seq2SeqLanguageModel
from ferrolm.models import T5Config, T5ForConditionalGeneration

transformers = pytest.importorskip("transformers")

PROMPTS = [[5], [200, 17, 3, 90], [7, 7, 7, 7, 7, 7, 7, 8, 9]]
SETTINGS: list[dict[str, Any]] = [
    {"num_beams": 2},
    {"num_beams": 4, "num_return_sequences": 4, "max_new_tokens": 12},
    {"num_beams": 3, "early_stopping": True, "eos_token_id": [50, 181, 202]},
    {"num_beams": 4, "early_stopping": "never", "length_penalty": 1.7, "eos_token_id": [20, 50, 181]},
    {"num_beams": 4, "length_penalty": -0.5, "eos_token_id": 181, "num_return_sequences": 3},
    {"num_beams": 3, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    {"num_beams": 3, "min_new_tokens": 5, "bad_words_ids": [[9], [4, 8]], "eos_token_id": [9, 181]},
    {"num_beams": 3, "forced_eos_token_id": 7, "suppress_tokens": [1, 2, 3], "max_new_tokens": 6},
    {"num_beams": 3, "sequence_bias": {(4,): 2.0, (8, 9): -3.0}, "begin_suppress_tokens": [17]},
    {"num_beams": 3, "renormalize_logits": True, "repetition_penalty": 1.2},
]


def _pair(ours: LanguageModel, folder: Path, kind: str) -> tuple[LanguageModel, Any]:
    ours.save(folder)
    return ours, getattr(transformers, kind).from_pretrained(folder).eval()


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def decoders(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, Any]:
    make = {"gpt2": tiny_language_model, "llama": tiny_llama}[request.param]
    return _pair(make(), tmp_path_factory.mktemp("checkpoint"), "AutoModelForCausalLM")


def tiny_t5() -> Seq2SeqLanguageModel:
    torch.manual_seed(1)
    config = T5Config(
        vocab_size=257, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, eos_token_id=256
    )
    model = T5ForConditionalGeneration(config)
    with torch.no_grad():
        model.shared.weight.mul_(2.0)
    return Seq2SeqLanguageModel(model.eval(), byte_tokenizer())


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, Any]:
    return _pair(tiny_t5(), tmp_path_factory.mktemp("t5"), "T5ForConditionalGeneration")


def trimmed(rows: Any, start: int, eos: Any) -> list[list[int]]:
    """New tokens, without what is after the end."""
    ends = [eos] if isinstance(eos, int) else list(eos)
    found = []
    for row in rows.tolist():
        new = row[start:]
        at = next((place + 1 for place, token in enumerate(new) if token in ends), len(new))
        found.append(new[:at])
    return found


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_beams_of_decoders(decoders: tuple[LanguageModel, Any], settings: dict[str, Any]) -> None:
    ours, theirs = decoders
    settings = {"max_new_tokens": 15, **settings}
    for prompt in PROMPTS:
        ids = torch.tensor([prompt])
        expected = theirs.generate(ids, attention_mask=torch.ones_like(ids), pad_token_id=0, **settings)
        found = ours.generate(prompt, **settings)
        rows = [each.ids.tolist() for each in (found if isinstance(found, list) else [found])]
        eos = settings.get("eos_token_id", 256)
        assert rows == trimmed(expected, len(prompt), eos)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_beams_of_an_encoder_decoder(t5: tuple[LanguageModel, Any], settings: dict[str, Any]) -> None:
    ours, theirs = t5
    settings = {"max_new_tokens": 15, **settings}
    for prompt in PROMPTS:
        expected = theirs.generate(torch.tensor([prompt]), **settings)
        found = ours.generate(prompt, **settings)
        rows = [each.ids.tolist() for each in (found if isinstance(found, list) else [found])]
        assert rows == trimmed(expected, 1, settings.get("eos_token_id", 256))


@pytest.mark.parametrize("settings", [{}, {"repetition_penalty": 1.3}, {"min_length": 6}], ids=str)
def test_greedy_decoding_of_an_encoder_decoder(
    t5: tuple[LanguageModel, Any], settings: dict[str, Any]
) -> None:
    ours, theirs = t5
    ids = torch.tensor([[0, 0, 0, 5, 6], [9, 8, 7, 6, 5]])
    mask = torch.tensor([[0, 0, 0, 1, 1], [1, 1, 1, 1, 1]])
    settings = {"max_new_tokens": 12, "eos_token_id": [181, 256, 30], **settings}
    expected = theirs.generate(ids, attention_mask=mask, **settings)
    assert ours.generate(input_ids=ids, attention_mask=mask, **settings).tolist() == expected.tolist()


@pytest.mark.parametrize("settings", SETTINGS[:4], ids=str)
def test_scores_and_beam_indices(decoders: tuple[LanguageModel, Any], settings: dict[str, Any]) -> None:
    ours, theirs = decoders
    ids = torch.tensor(PROMPTS[1:2])
    common = {"max_new_tokens": 8, "pad_token_id": 0, "return_dict_in_generate": True, "output_scores": True}
    expected = theirs.generate(ids, attention_mask=torch.ones_like(ids), **(common | settings))
    found = ours.generate(input_ids=ids, **(common | settings))
    torch.testing.assert_close(found.sequences_scores, expected.sequences_scores, atol=1e-4, rtol=1e-4)
    assert found.beam_indices.tolist() == expected.beam_indices.tolist()
    assert len(found.scores) == len(expected.scores)
    torch.testing.assert_close(found.scores[0], expected.scores[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS[:4], ids=str)
def test_the_shared_checkpoint(settings: dict[str, Any]) -> None:
    folder = shared("models/stories260K-hf")
    ours = ferrolm.load_model(folder, device="cpu")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder)
    settings = {**settings, "eos_token_id": 2, "max_new_tokens": 24}
    for text in ("Once upon a time", "The little dog"):
        ids = torch.from_numpy(ours.tokenizer.encode_ids(text).astype(np.int64))[None]
        expected = theirs.generate(ids, attention_mask=torch.ones_like(ids), pad_token_id=0, **settings)
        found = ours.generate(text, **settings)
        rows = [each.ids.tolist() for each in (found if isinstance(found, list) else [found])]
        assert rows == trimmed(expected, ids.shape[1], 2)
