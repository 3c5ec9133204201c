"""`register_attention`: models of transformers compute with our attention what they compute with theirs."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import ferrolm.integrations.transformers.attention as integration
from ferrolm.integrations.transformers import register_attention

VOCAB = 90
SMALL = {"vocab_size": VOCAB, "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2}
GROUPED = {**SMALL, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}

DECODERS: dict[str, Any] = {
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=VOCAB, n_embd=48, n_layer=2, n_head=4, n_positions=128, **TOKENS
    ),
    "llama": lambda: transformers.LlamaConfig(**GROUPED, **TOKENS),
    "mistral": lambda: transformers.MistralConfig(**GROUPED, sliding_window=7, head_dim=12, **TOKENS),
    "qwen2": lambda: transformers.Qwen2Config(
        **GROUPED, use_sliding_window=True, sliding_window=5, max_window_layers=1, **TOKENS
    ),
    "gemma2": lambda: transformers.Gemma2Config(
        **GROUPED,
        sliding_window=6,
        head_dim=16,
        attn_logit_softcapping=3.0,
        query_pre_attn_scalar=5,
        **TOKENS,
    ),
    "gpt_oss": lambda: transformers.GptOssConfig(
        **GROUPED, sliding_window=6, head_dim=12, num_local_experts=2, num_experts_per_tok=1, **TOKENS
    ),
}
ENCODERS: dict[str, Any] = {
    "bert": lambda: transformers.BertConfig(**SMALL, num_attention_heads=4, **TOKENS),
    "t5": lambda: transformers.T5Config(
        vocab_size=VOCAB, d_model=48, d_kv=12, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0
    ),
    "bart": lambda: transformers.BartConfig(
        vocab_size=VOCAB,
        d_model=48,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        decoder_start_token_id=2,
        forced_eos_token_id=None,
        **TOKENS,
    ),
}


@pytest.fixture(autouse=True, scope="module")
def registered() -> None:
    register_attention()
    register_attention()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What our kernel has been asked for, call by call."""
    asked: list[dict[str, Any]] = []
    kernel = integration.scaled_dot_product_attention

    def spy(query: Any, key: Any, value: Any, attn_mask: Any = None, **options: Any) -> Any:
        asked.append({"queries": query.shape[2], "keys": key.shape[2], "mask": attn_mask, **options})
        return kernel(query, key, value, attn_mask, **options)

    monkeypatch.setattr(integration, "scaled_dot_product_attention", spy)
    return asked


def pair(name: str, theirs: str = "eager") -> tuple[Any, Any]:
    """The same model with weights large enough to matter: with our attention, and with theirs."""
    kind = {
        "bert": transformers.AutoModelForMaskedLM,
        "t5": transformers.AutoModelForSeq2SeqLM,
        "bart": transformers.AutoModelForSeq2SeqLM,
    }.get(name, transformers.AutoModelForCausalLM)
    torch.manual_seed(0)
    config = {**DECODERS, **ENCODERS}[name]()
    ours = kind.from_config(copy.deepcopy(config), attn_implementation="ferrolm").eval()
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model = kind.from_config(config, attn_implementation=theirs).eval()
    model.load_state_dict(ours.state_dict())
    return ours, model


def padded(side: str) -> tuple[Any, Any]:
    ids = torch.randint(3, VOCAB, (3, 21), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    for row, padding in ((1, 4), (2, 13)):
        where = slice(None, padding) if side == "left" else slice(21 - padding, None)
        mask[row, where] = 0
        ids[row, where] = 0
    return ids, mask


def logits(model: Any, ids: Any, mask: Any = None) -> Any:
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            return model(
                input_ids=ids, attention_mask=mask, decoder_input_ids=ids[:, 3:12].clamp(min=3)
            ).logits
        return model(ids, attention_mask=mask).logits


@pytest.mark.parametrize("side", ["none", "left", "right"])
@pytest.mark.parametrize("name", [*DECODERS, *ENCODERS])
def test_logits_are_those_of_eager(name: str, side: str, calls: list[dict[str, Any]]) -> None:
    ours, theirs = pair(name)
    ids, mask = padded(side)
    mask = None if side == "none" else mask
    expected = logits(theirs, ids, mask)
    assert not calls
    found = logits(ours, ids, mask)
    assert calls
    if mask is not None and not theirs.config.is_encoder_decoder:
        found, expected = found[mask.bool()], expected[mask.bool()]
    assert expected.std() > 0.02
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_grouped_keys_are_not_expanded_and_causal_order_needs_no_mask(
    name: str, calls: list[dict[str, Any]]
) -> None:
    ours, _ = pair(name)
    logits(ours, torch.randint(3, VOCAB, (2, 6)))  # within the window of mistral
    assert all(call["mask"] is None and call["is_causal"] and call["enable_gqa"] for call in calls)


def test_set_attn_implementation_switches_a_loaded_model(calls: list[dict[str, Any]]) -> None:
    _, model = pair("llama")
    ids, mask = padded("left")
    expected = logits(model, ids, mask)
    model.set_attn_implementation("ferrolm")
    found = logits(model, ids, mask)
    assert len(calls) == 2  # a call per layer
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=2e-5, rtol=2e-5)


def test_saved_models_are_loaded_with_it(tmp_path: Any, calls: list[dict[str, Any]]) -> None:
    ours, _ = pair("gpt2")
    ours.save_pretrained(tmp_path)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="ferrolm").eval()
    ids, _ = padded("none")
    assert torch.equal(logits(loaded, ids), logits(ours, ids))
    assert calls


@pytest.mark.parametrize("cache", [None, "static"])
@pytest.mark.parametrize("name", [*DECODERS, "t5", "bart"])
def test_generation_with_a_cache_gives_the_same_ids(name: str, cache: str | None) -> None:
    ours, theirs = pair(name)
    ids, mask = padded("left")
    settings = {"max_new_tokens": 9, "do_sample": False, "cache_implementation": cache, "pad_token_id": 0}
    if cache == "static":
        settings["disable_compile"] = True
    expected = theirs.generate(ids, attention_mask=mask, **settings)
    assert torch.equal(ours.generate(ids, attention_mask=mask, **settings), expected)


@pytest.fixture
def every_size_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferrolm.attention.operator._LEAST_WORK", 0)


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2", "gemma2", "gpt_oss", "t5"])
@pytest.mark.usefixtures("every_size_pays")
def test_gradients_are_those_of_eager(name: str, calls: list[dict[str, Any]]) -> None:
    ours, theirs = pair(name)
    ids, mask = padded("left")
    # Neither padding is learned, nor what comes first after it: what padding attends to is anybody's guess.
    labels = ids.masked_fill((mask == 0) | (mask.roll(1, -1) == 0), -100)
    for model in (ours, theirs):
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
            if name == "t5" and hasattr(module, "dropout") and isinstance(module.dropout, float):
                module.dropout = 0.0
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
    assert bool(calls) == (name != "gpt_oss")  # whose sinks are learned, and written out
    for (parameter, own), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if other.grad is not None:
            torch.testing.assert_close(
                own.grad, other.grad, atol=1e-4, rtol=1e-3, msg=lambda m, p=parameter: p + m
            )


def test_short_steps_of_training_go_to_sdpa_and_long_ones_do_not(calls: list[dict[str, Any]]) -> None:
    ours, _ = pair("gpt2")
    for length, expected in ((20, 0), (128, 2)):
        calls.clear()
        ours(torch.randint(3, VOCAB, (24, length))).logits.sum().backward()
        assert len(calls) == expected


def test_dropout_in_training_is_drawn_by_torch(calls: list[dict[str, Any]]) -> None:
    ours, theirs = pair("gpt2", theirs="sdpa")
    ids, mask = padded("right")
    found = []
    for model in (ours, theirs):
        model.train()
        torch.manual_seed(3)
        found.append(model(ids, attention_mask=mask).logits)
    assert torch.equal(*found)
    assert not calls


def test_double_precision_goes_to_sdpa(calls: list[dict[str, Any]]) -> None:
    ours, theirs = (model.double() for model in pair("llama", theirs="sdpa"))
    ids, mask = padded("left")
    assert torch.equal(logits(ours, ids, mask), logits(theirs, ids, mask))
    assert not calls


@pytest.mark.usefixtures("every_size_pays")
@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_compiled_models_agree(name: str) -> None:
    ours, _ = pair(name)
    ids, mask = padded("left")
    compiled = torch.compile(ours, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(logits(compiled, ids, mask), logits(ours, ids, mask))
    (ours(ids, attention_mask=mask).logits[mask.bool()] ** 2).sum().backward()
    expected = [parameter.grad.clone() for parameter in ours.parameters()]
    ours.zero_grad()
    (compiled(ids, attention_mask=mask).logits[mask.bool()] ** 2).sum().backward()
    for parameter, gradient in zip(ours.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-3, rtol=1e-3)
