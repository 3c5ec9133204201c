"""Twenty steps of transformers' `generate`, two layers of random weights, batch 8, as it is and accelerated, one thread."""

from __future__ import annotations

from typing import Any

import pytest

import ferrolm

BATCH, STEPS = 8, 20
GENERATE: dict[str, dict[str, Any]] = {
    "greedy": {"do_sample": False},
    "top_k": {"do_sample": True, "top_k": 50},
    "top_p": {"do_sample": True, "top_k": 0, "top_p": 0.9},
    "full": {"do_sample": True, "top_k": 50, "top_p": 0.9, "min_p": 0.02, "repetition_penalty": 1.1},
}


@pytest.mark.parametrize("library", ["ferrolm", "ferrolm, same ids", "transformers"])
@pytest.mark.parametrize("settings", GENERATE)
@pytest.mark.parametrize("vocab", [50_257, 151_936])
def test_generate(benchmark: Any, vocab: int, settings: str, library: str) -> None:
    torch, hub = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from ferrolm.integrations.transformers import accelerate_generation

    torch.set_num_threads(1)
    ferrolm.set_num_threads(1)
    config = hub.GPT2Config(vocab_size=vocab, n_layer=2, n_embd=256, n_head=4, n_positions=256)
    torch.manual_seed(0)
    model = hub.GPT2LMHeadModel(config).eval()
    if library != "transformers":
        model = accelerate_generation(model, same_ids=library != "ferrolm")
    model.generation_config.pad_token_id, model.generation_config.eos_token_id = 0, None
    ids = torch.randint(0, vocab, (BATCH, 16))
    benchmark.group = f"{STEPS} steps of generate, vocabulary {vocab}, {settings}"
    benchmark.pedantic(
        lambda: model.generate(ids, max_new_tokens=STEPS, min_new_tokens=STEPS, **GENERATE[settings]),
        rounds=2,
        warmup_rounds=1,
    )
