"""`summarize`: figures that add up, and agree with what torch counts and with arithmetic by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ferrolm.errors import InvalidArgumentError, InvalidFileError, UnknownNameError
from ferrolm.models import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BiLSTMTagger,
    CausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LSTMClassifier,
    LSTMConfig,
    RecurrentConfig,
    RecurrentLM,
    Seq2SeqLM,
    T5Config,
    T5ForConditionalGeneration,
    Transformer,
    TransformerConfig,
    load_causal_lm,
    quantize,
    summarize,
    summarize_checkpoint,
)

GPT2 = {"vocab_size": 100, "n_positions": 16, "n_embd": 32, "n_layer": 3, "n_head": 4}
LLAMA = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 16,
}
RECURRENT = {"vocab_size": 100, "n_positions": 16, "embedding_size": 32, "hidden_size": 64, "num_layers": 2}

MODELS = {
    "gpt2": lambda **settings: GPT2LMHeadModel(GPT2Config(**{**GPT2, **settings})),
    "llama": lambda **settings: LlamaForCausalLM(LlamaConfig(**{**LLAMA, **settings})),
    "mistral": lambda **settings: LlamaForCausalLM(
        LlamaConfig(**{**LLAMA, "model_type": "mistral", "sliding_window": 5, **settings})
    ),
    "recurrent": lambda **settings: RecurrentLM(RecurrentConfig(**{**RECURRENT, **settings})),
}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("tied", [True, False])
def test_the_parts_add_up_to_the_parameters(kind: str, tied: bool) -> None:
    model: CausalLM = MODELS[kind](tie_word_embeddings=tied)
    summary = summarize(model)
    assert summary.parameters == model.num_parameters() == summary.trainable_parameters
    layers = summary.layer_parameters
    assert len(layers) == model.config.num_layers
    parts = summary.embedding_parameters + sum(layers.values()) + summary.other_parameters
    assert parts == summary.parameters
    for name, size in layers.items():
        assert size == sum(p.numel() for p in model.get_submodule(name).parameters())
    assert summary.bytes_by_dtype == {"float32": 4 * summary.parameters}
    assert summary.training_flops_6n == 6 * (summary.parameters - summary.embedding_parameters)


def test_the_figures_of_gpt2_small_are_the_known_ones() -> None:
    with torch.device("meta"):
        summary = summarize(GPT2LMHeadModel(GPT2Config()).to(torch.float16))
    assert summary.parameters == 124_439_808
    assert summary.embedding_parameters == 50257 * 768 + 1024 * 768
    assert set(summary.layer_parameters.values()) == {12 * 768 * 768 + 13 * 768}
    matrices = 12 * 12 * 768 * 768 + 50257 * 768
    assert summary.attention_flops == 12 * 4 * 768 * 1024
    assert summary.forward_flops == 2 * matrices + summary.attention_flops
    # The mean token of a full context sees 512.5 tokens.
    assert summary.training_flops == 3 * (2 * matrices + 12 * 2 * 768 * 1025)
    assert summary.cache_bytes_per_token == 12 * 2 * 768 * 2
    assert (summary.context, summary.state_bytes, summary.bytes) == (1024, 0, 2 * 124_439_808)


def test_grouped_heads_keep_less_and_windows_see_less() -> None:
    full, windowed = summarize(MODELS["llama"]()), summarize(MODELS["mistral"]())
    # 2 layers, keys and values of 2 heads of 8 numbers in 4 bytes
    assert full.cache_bytes_per_token == windowed.cache_bytes_per_token == 2 * 2 * 2 * 8 * 4
    matrices = 2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64) + 100 * 32
    assert full.forward_flops == 2 * matrices + 2 * 4 * 32 * 16
    assert windowed.forward_flops == 2 * matrices + 2 * 4 * 32 * 5
    assert full.training_flops == 3 * (2 * matrices + 2 * 4 * 32 * 17 // 2)
    # 1 + 2 + 3 + 4 + 12 times 5 keys, over 16 tokens
    assert windowed.training_flops == 3 * (2 * matrices + 2 * 4 * 32 * 70 // 16)


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_a_recurrent_model_keeps_a_state_of_fixed_size(cell: str, gates: int) -> None:
    model = MODELS["recurrent"](cell=cell)
    summary = summarize(model)
    matrices = gates * (64 * (32 + 64) + 32 * (64 + 32)) + 100 * 32
    assert summary.forward_flops == 2 * matrices
    assert summary.training_flops == 6 * matrices
    assert (summary.attention_flops, summary.cache_bytes_per_token) == (0, 0)
    cache = model.new_cache()
    model(torch.tensor([[1, 2, 3]]), cache=cache)
    assert summary.state_bytes == sum(part.nbytes for state in cache.states for part in state)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@torch.no_grad()
def test_the_operations_are_those_that_torch_counts(kind: str) -> None:
    model = MODELS[kind]().eval()
    ids = torch.zeros(1, 16, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        model(ids)
    summary = summarize(model)
    # Torch does not count our attention.
    assert counter.get_total_flops() == 16 * (summary.forward_flops - summary.attention_flops)


ENCODER = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 16,
}
T5 = {
    "vocab_size": 100,
    "d_model": 32,
    "d_kv": 12,
    "d_ff": 48,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 4,
}
TRANSFORMER = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_layers": 2,
    "num_decoder_layers": 3,
}
LSTM = {"vocab_size": 100, "embedding_size": 32, "hidden_size": 24, "num_labels": 3, "num_layers": 2}
OTHERS: dict[str, Callable[[], nn.Module]] = {
    "gpt2": MODELS["gpt2"],
    "llama": MODELS["llama"],
    "recurrent lstm": MODELS["recurrent"],
    "recurrent gru": lambda: MODELS["recurrent"](cell="gru"),
    "bert": lambda: BertModel(BertConfig(**ENCODER)),
    "bert for texts": lambda: BertForSequenceClassification(BertConfig(**ENCODER, num_labels=3)),
    "bert for tokens": lambda: BertForTokenClassification(BertConfig(**ENCODER, num_labels=3)),
    "bert for masks": lambda: BertForMaskedLM(BertConfig(**ENCODER)),
    "t5": lambda: T5ForConditionalGeneration(T5Config(**T5)),
    "t5 v1.1": lambda: T5ForConditionalGeneration(
        T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    ),
    "transformer": lambda: Transformer(TransformerConfig(**TRANSFORMER)),
    "transformer of features": lambda: Transformer(TransformerConfig(**TRANSFORMER, feature_size=7)),
    "lstm classifier": lambda: LSTMClassifier(LSTMConfig(**LSTM, pooling="attention")),
    "lstm tagger": lambda: BiLSTMTagger(LSTMConfig(**LSTM)),
}


@pytest.mark.parametrize("kind", OTHERS)
@torch.no_grad()
def test_all_operations_with_attention_are_those_that_torch_counts(kind: str) -> None:
    # In float64 attention goes through torch, whose plain kernel computes all scores, as of a last token.
    model = OTHERS[kind]().eval().double()
    ids = torch.ones(1, 16, dtype=torch.long)
    inputs: dict[str, torch.Tensor] = {"input_ids": ids}
    if isinstance(model, Seq2SeqLM):
        inputs["decoder_input_ids"] = ids
    if model.config.to_dict().get("feature_size"):
        inputs["input_features"] = torch.ones(1, 16, 7, dtype=torch.float64)
        del inputs["input_ids"]
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(**inputs)
    summary = summarize(model, context=16)
    # What runs once for a text is shared by its tokens, rounded to whole operations.
    assert abs(counter.get_total_flops() - 16 * summary.forward_flops) <= 8
    assert (summary.attention_flops > 0) == (kind.split()[0] not in ("recurrent", "lstm"))
    assert summary.counted_context == 16
    assert not any("not" in note for note in summary.notes)


def test_training_sees_as_much_as_the_mean_token() -> None:
    encoder = summarize(OTHERS["bert"]())
    assert encoder.attention_flops == 3 * 4 * 32 * 16
    assert encoder.training_flops == 3 * encoder.forward_flops
    pair = summarize(OTHERS["t5"](), context=10)
    assert (pair.context, pair.counted_context) == (None, 10)
    assert pair.attention_flops == 4 * 48 * 10 * (2 + 3 + 3)
    # The decoder to itself: 5.5 of 10 keys on average.
    assert pair.training_flops == 3 * (pair.forward_flops - 4 * 48 * 3 * 4.5)
    # Keys and values of the decoder to itself and to the source, in 4 bytes.
    assert pair.cache_bytes_per_token == 3 * 2 * 2 * 48 * 4
    assert "source" in pair.notes[0]
    with pytest.raises(InvalidArgumentError, match="context is 0, expected 1 or more tokens"):
        summarize(OTHERS["t5"](), context=0)


@pytest.mark.parametrize("kind", ["bert", "bert for texts", "t5", "transformer", "lstm classifier"])
def test_checkpoints_of_other_models_are_summarized(kind: str, tmp_path: Path) -> None:
    model = OTHERS[kind]()
    model.save_pretrained(tmp_path)
    expected, found = summarize(model).to_dict(), summarize_checkpoint(tmp_path).to_dict()
    for each in (expected, found):
        each.pop("settings")
    assert found == expected


def test_relatives_of_bert_are_summarized_by_their_type(tmp_path: Path) -> None:
    config = BertConfig(**ENCODER, model_type="roberta", pad_token_id=1, num_labels=3)
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    assert summarize_checkpoint(tmp_path).architecture == "BertForSequenceClassification"


def test_frozen_weights_are_not_trainable() -> None:
    model = MODELS["gpt2"]()
    model.token_embedding.weight.requires_grad_(False)
    summary = summarize(model)
    assert summary.parameters - summary.trainable_parameters == 100 * 32


@pytest.mark.parametrize(("format", "bits"), [("int8", 8.5), ("int4", 4.5)])
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_quantized_weights_are_the_same_in_number_and_fewer_bytes(
    kind: str, format: str, bits: float
) -> None:
    # Rows and widths that fill the groups, so that nothing is added to them.
    before = summarize(MODELS[kind](vocab_size=104))
    after = summarize(quantize(MODELS[kind](vocab_size=104).eval(), format))
    for name in ("parameters", "embedding_parameters", "layer_parameters", "forward_flops", "training_flops"):
        assert getattr(after, name) == getattr(before, name), name
    left = after.bytes_by_dtype["float32"] // 4
    assert after.bytes_by_dtype[format] == (before.parameters - left) * bits / 8
    assert after.trainable_parameters == 0


def test_other_modules_are_counted_with_a_note() -> None:
    model = nn.Sequential(nn.Embedding(50, 8), nn.LSTM(8, 6, 2, bidirectional=True), nn.Linear(12, 3))
    summary = summarize(model)
    assert summary.parameters == sum(p.numel() for p in model.parameters())
    assert list(summary.layer_parameters) == ["1.0", "1.1"]
    assert sum(summary.layer_parameters.values()) == sum(p.numel() for p in model[1].parameters())
    assert summary.embedding_parameters == 400
    assert summary.other_parameters == 39
    first, second = 2 * 24 * (8 + 6), 2 * 24 * (12 + 6)
    assert summary.forward_flops == 2 * (first + second + 36)
    assert summary.cache_bytes_per_token is None
    assert "attention not" in summary.notes[0]


@pytest.mark.parametrize("kind", MODELS)
def test_a_checkpoint_has_the_summary_of_its_model(kind: str, tmp_path: Path) -> None:
    model = MODELS[kind]().to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    expected, found = summarize(model).to_dict(), summarize_checkpoint(tmp_path).to_dict()
    for each in (expected, found):
        settings = each.pop("settings")
        assert settings["vocab_size"] == 100
    assert found == expected
    assert json.loads(json.dumps(found))["bytes_by_dtype"] == {"bfloat16": 2 * expected["parameters"]}


def test_a_checkpoint_is_checked_though_its_weights_are_not_read(tmp_path: Path) -> None:
    MODELS["gpt2"]().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "n_inner": 40}))
    with pytest.raises(InvalidFileError, match=r"c_fc.weight has shape \[32, 128\], expected \[32, 40\]"):
        summarize_checkpoint(tmp_path)
    path.write_text(json.dumps({**settings, "model_type": "gpt3", "architectures": ["GPT3"]}))
    with pytest.raises(UnknownNameError, match=r"config.json: no model here reads model_type 'gpt3'.*'gpt2'"):
        summarize_checkpoint(tmp_path)
    path.write_text(json.dumps(settings))
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(InvalidFileError, match="is not a safetensors file"):
        summarize_checkpoint(tmp_path)


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_on_the_device_meta_has_names_and_shapes_alone(kind: str, tmp_path: Path) -> None:
    model = MODELS[kind]()
    model.save_pretrained(tmp_path)
    shapes = load_causal_lm(tmp_path, device="meta")
    assert {parameter.device.type for parameter in shapes.parameters()} == {"meta"}
    assert shapes.token_embedding.weight is shapes.lm_head.weight or kind in ("llama", "mistral")
    expected = {name: parameter.shape for name, parameter in model.named_parameters()}
    assert {name: parameter.shape for name, parameter in shapes.named_parameters()} == expected


def test_older_files_of_weights_are_described_too(tmp_path: Path) -> None:
    model = MODELS["gpt2"]()
    model.save_pretrained(tmp_path)
    expected = summarize_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(dict(model.named_parameters()), tmp_path / "pytorch_model.bin")
    assert summarize_checkpoint(tmp_path) == expected
