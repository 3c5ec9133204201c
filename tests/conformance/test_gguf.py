"""Models of GGUF files against the checkpoints that they were made of, and against transformers' reading of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
gguf = pytest.importorskip("gguf")

from gguf_files import write_gguf
from shared_data import shared

import ferrolm
from ferrolm.models import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    load,
    load_causal_lm,
    summarize_checkpoint,
)
from ferrolm.models.gguf import GgufFile
from ferrolm.models.gguf_types import BLOCK_TYPES

IDS = torch.randint(0, 67, (3, 40), generator=torch.Generator().manual_seed(3))
LLAMA = {
    "vocab_size": 67,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
YARN = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 16}
LINEAR = {"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.0}
VARIANTS: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama tied": {"tie_word_embeddings": True},
    "llama biases": {"attention_bias": True, "mlp_bias": True},
    "llama wide heads": {"head_dim": 16, "rope_parameters": {"rope_theta": 50.0}},
    "llama linear": {"rope_parameters": LINEAR},
    "llama yarn": {"head_dim": 32, "rope_parameters": {**YARN, "beta_fast": 8.0}},
    "mistral": {"model_type": "mistral", "sliding_window": 5},
    "qwen2": {"model_type": "qwen2"},
    "qwen3": {"model_type": "qwen3", "head_dim": 16, "tie_word_embeddings": True},
    "gpt2": {},
    "gpt2 untied": {"tie_word_embeddings": False, "n_inner": 96},
}


def checkpoint(folder: Path, variant: str) -> Any:
    """A random model with weights large enough for differences to show, saved in ``folder``."""
    torch.manual_seed(0)
    settings = VARIANTS[variant]
    model: Any
    if variant.startswith("gpt2"):
        shape = {"vocab_size": 67, "n_positions": 64, "n_embd": 32, "n_layer": 3, "n_head": 4}
        model = GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=1, eos_token_id=2, **settings))  # type: ignore[arg-type]
    else:
        model = LlamaForCausalLM(LlamaConfig(**{**LLAMA, **settings}))  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_float32_gives_the_logits_of_the_checkpoint(variant: str, tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "hf", variant)
    write_gguf(tmp_path / "hf", tmp_path / "model.gguf")
    model = load_causal_lm(tmp_path / "model.gguf")
    assert not model.training
    assert type(model) is type(source)
    assert torch.equal(model(IDS).logits, source(IDS).logits)
    expected, found = source.config.to_dict(), model.config.to_dict()
    # What GGUF has no key for is drawn from the defaults.
    for each in (expected, found):
        each.pop("initializer_range")
    assert found == expected


@pytest.mark.parametrize("variant", ["llama biases", "qwen3", "gpt2 untied"])
@pytest.mark.parametrize(("kind", "bound"), [("F16", 5e-4), ("BF16", 4e-3), ("Q8_0", 5e-3), ("Q4_0", 0.13)])
@torch.no_grad()
def test_other_types_give_the_weights_up_to_their_rounding(
    variant: str, kind: str, bound: float, tmp_path: Path
) -> None:
    source = checkpoint(tmp_path / "hf", variant)
    write_gguf(tmp_path / "hf", tmp_path / "model.gguf", kind)
    model = load_causal_lm(tmp_path / "model.gguf")
    assert model.dtype == {"F16": torch.float16, "BF16": torch.bfloat16}.get(kind, torch.float32)
    wide = load_causal_lm(tmp_path, dtype=torch.float32)  # a folder with one file
    for (name, weight), (_, found) in zip(source.named_parameters(), wide.named_parameters(), strict=True):
        error = (found - weight).abs().max() / weight.abs().max()
        assert error <= (bound if weight.dim() == 2 else 0), name
    # And the logits are those of the rounded weights, whatever read them.
    source.load_state_dict(wide.state_dict())
    assert torch.equal(wide(IDS).logits, source(IDS).logits)


@pytest.mark.parametrize("number", BLOCK_TYPES, ids=[each.name for each in BLOCK_TYPES.values()])
def test_blocks_are_decoded_to_the_bit(number: int) -> None:
    kind = BLOCK_TYPES[number]
    raw = np.random.default_rng(0).integers(0, 256, (50, kind.nbytes), dtype=np.uint8)
    with np.errstate(invalid="ignore"):  # some scales are no numbers
        expected = gguf.dequantize(raw, gguf.GGMLQuantizationType(number)).astype(np.float32)
        found = kind.decode(raw).astype(np.float32)
    np.testing.assert_array_equal(found.reshape(-1), expected.reshape(-1))
    assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(number)] == (kind.numbers, kind.nbytes)


@pytest.mark.parametrize("variant", ["llama", "qwen2", "gpt2"])
@torch.no_grad()
def test_transformers_reads_the_same_model(variant: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    checkpoint(tmp_path / "hf", variant)
    write_gguf(tmp_path / "hf", tmp_path / "model.gguf", "Q8_0", vocab_size=67)
    ours = load_causal_lm(tmp_path / "model.gguf")
    # Of GPT-2 it does not read the sizes.
    sizes = {"config": transformers.AutoConfig.from_pretrained(tmp_path / "hf")} if variant == "gpt2" else {}
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="model.gguf", dtype=torch.float32, **sizes
    ).eval()
    torch.testing.assert_close(ours(IDS).logits, theirs(input_ids=IDS).logits, atol=5e-5, rtol=1e-5)


@torch.no_grad()
def test_frequencies_that_the_file_divides(tmp_path: Path) -> None:
    """Llama 3.1 in GGUF: the divisors of the frequencies are a tensor."""
    source = checkpoint(tmp_path / "hf", "llama")
    llama3 = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    }
    config = LlamaConfig(**{**LLAMA, "rope_parameters": llama3})  # type: ignore[arg-type]
    expected = LlamaForCausalLM(config).eval()
    expected.load_state_dict(source.state_dict())
    divisors = source.model.rotary.frequencies / expected.model.rotary.frequencies
    write_gguf(tmp_path / "hf", tmp_path / "plain.gguf")
    plain = gguf.GGUFReader(tmp_path / "plain.gguf")
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    for field in plain.fields.values():
        if field.name.startswith("llama."):
            writer.add_key_value(field.name, field.contents(), field.types[0])
    for tensor in plain.tensors:
        writer.add_tensor(tensor.name, np.array(tensor.data))
    writer.add_tensor("rope_freqs.weight", divisors.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = load_causal_lm(tmp_path / "model.gguf")
    torch.testing.assert_close(model(IDS).logits, expected(IDS).logits, atol=5e-5, rtol=1e-5)
    assert ferrolm.models.CpuDecoder.of(model) is not None
    model.save_pretrained(tmp_path / "again")
    assert torch.equal(load_causal_lm(tmp_path / "again")(IDS).logits, model(IDS).logits)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("alignment", [8, 256])
@torch.no_grad()
def test_versions_and_alignments(version: int, alignment: int, tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "hf", "llama")
    write_gguf(tmp_path / "hf", tmp_path / "model.gguf", alignment=alignment)
    content = bytearray((tmp_path / "model.gguf").read_bytes())
    content[4] = version
    (tmp_path / "model.gguf").write_bytes(content)
    assert GgufFile(tmp_path / "model.gguf").version == version
    assert torch.equal(load_causal_lm(tmp_path / "model.gguf")(IDS).logits, source(IDS).logits)


@torch.no_grad()
def test_a_head_that_is_stored_though_it_is_the_embedding_becomes_tied(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "hf", "gpt2 untied")
    source.lm_head.weight.copy_(source.transformer.wte.weight)
    source.save_pretrained(tmp_path / "hf")
    write_gguf(tmp_path / "hf", tmp_path / "model.gguf")
    model = load_causal_lm(tmp_path / "model.gguf")
    assert model.config.tie_word_embeddings
    assert torch.equal(model(IDS).logits, source(IDS).logits)


def test_settings_of_each_layer_that_are_alike_are_one(tmp_path: Path) -> None:
    checkpoint(tmp_path / "hf", "llama")
    counts: dict[str, Any] = {"attention.head_count_kv": [2, 2, 2]}
    write_gguf(tmp_path / "hf", tmp_path / "model.gguf", **counts)
    assert load_causal_lm(tmp_path / "model.gguf", device="meta").config.num_key_value_heads == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["F32", "Q8_0"])
@pytest.mark.parametrize(
    ("name", "golden"), [("stories260K-hf", "greedy60"), ("tiny-gpt2-shakespeare", "greedy80")]
)
def test_shared_checkpoints_give_their_golden_texts(
    name: str, golden: str, kind: str, tmp_path: Path
) -> None:
    folder = shared(f"models/{name}")
    write_gguf(folder, tmp_path / "model.gguf", kind if name != "stories260K-hf" or kind == "F32" else "F16")
    named = tmp_path if kind == "F32" else tmp_path / "model.gguf"  # a folder with one file will do
    from_gguf = ferrolm.load_model(named, device="cpu", dtype="float32")
    from_folder = ferrolm.load_model(folder, device="cpu")
    for prompt in json.loads((folder / "golden.json").read_text())["prompts"]:
        text, ids = prompt["text"], prompt["ids"]
        assert from_gguf.tokenizer.encode_list(text) == ids
        result = from_gguf.generate(text, max_new_tokens=len(prompt[golden]) - len(ids))
        if kind == "F32":
            assert ids + result.ids.tolist() == prompt[golden]
            assert result.text == from_folder.generate(ids, max_new_tokens=len(result.ids)).text
    text = json.loads((folder / "golden.json").read_text())["prompts"][0]["text"] + " and then"
    # Rounding to 8 bits costs a few thousandths of a nat.
    assert from_gguf.perplexity(text) == pytest.approx(from_folder.perplexity(text), rel=0.02)


def test_a_gguf_file_is_loaded_by_task_and_summarized(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "hf", "mistral")
    path = tmp_path / "model.gguf"
    write_gguf(tmp_path / "hf", path, "Q8_0")
    assert isinstance(load(path, "text-generation"), LlamaForCausalLM)
    summary = summarize_checkpoint(path)
    assert summary.parameters == source.num_parameters()
    assert {each.device.type for each in load_causal_lm(path, device="meta").parameters()} == {"meta"}
