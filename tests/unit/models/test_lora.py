"""Adapters: what learns, what stays, and what merging and removing them leaves."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, UnknownNameError
from ferrolm.models import (
    BertConfig,
    BertForSequenceClassification,
    CpuDecoder,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LoraConfig,
    LSTMClassifier,
    LSTMConfig,
    T5Config,
    T5ForConditionalGeneration,
    Transformer,
    TransformerConfig,
    add_lora,
    has_lora,
    load_adapter,
    load_causal_lm,
    merge_lora,
    quantize,
    remove_lora,
    save_adapter,
    unmerge_lora,
)

IDS = torch.randint(3, 60, (3, 12), generator=torch.Generator().manual_seed(3))
DEFAULTS = {
    "gpt2": {"c_attn"},
    "llama": {"q_proj", "v_proj"},
    "bert": {"query", "value"},
    "t5": {"q", "v"},
    "transformer": {"query", "value"},
}


def make(kind: str) -> Any:
    torch.manual_seed(0)
    model: Any
    if kind == "gpt2":
        model = GPT2LMHeadModel(GPT2Config(vocab_size=60, n_positions=16, n_embd=24, n_layer=2, n_head=2))
    elif kind == "llama":
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=60,
                hidden_size=24,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
            )
        )
    elif kind == "bert":
        shape = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        model = BertForSequenceClassification(BertConfig(vocab_size=60, num_labels=3, **shape))
    elif kind == "t5":
        model = T5ForConditionalGeneration(
            T5Config(vocab_size=60, d_model=24, d_kv=12, d_ff=32, num_layers=2, num_heads=2)
        )
    else:
        model = Transformer(
            TransformerConfig(vocab_size=60, hidden_size=24, intermediate_size=32, num_layers=1, num_heads=2)
        )
    return model.eval()


def logits(model: Any) -> Any:
    if isinstance(model, T5ForConditionalGeneration | Transformer):
        return model(IDS, decoder_input_ids=IDS).logits
    return model(IDS).logits


def learned(model: Any) -> Any:
    """As training would leave the adapters."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


@pytest.mark.parametrize("kind", DEFAULTS)
def test_only_adapters_learn_and_they_begin_with_the_model_as_it_was(kind: str) -> None:
    model = make(kind)
    expected, frozen = logits(model), {name: each.clone() for name, each in model.named_parameters()}
    assert add_lora(model, LoraConfig(r=2)) is model
    # Other kernels may be taken where nothing has gradients.
    torch.testing.assert_close(logits(model), expected, atol=1e-5, rtol=1e-5)
    training = {name for name, each in model.named_parameters() if each.requires_grad}
    assert {name.split(".")[-3] for name in training} == DEFAULTS[kind]
    optimizer = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=0.1)
    for _ in range(2):
        logits(model).square().mean().backward()
        optimizer.step()
    assert all(each.any() for name, each in model.named_parameters() if name.endswith("lora_B.weight"))
    now = dict(model.named_parameters())
    assert all(torch.equal(now[name], before) and now[name].grad is None for name, before in frozen.items())


@pytest.mark.parametrize("kind", DEFAULTS)
@torch.no_grad()
def test_merging_is_undone_to_the_bit(kind: str) -> None:
    model = make(kind)
    before = {name: each.clone() for name, each in model.named_parameters()}
    learned(add_lora(model, LoraConfig(r=3, alpha=7, use_rslora=True)))
    adapted = logits(model)
    merge_lora(model)
    assert not has_lora(model)
    torch.testing.assert_close(logits(model), adapted, atol=2e-5, rtol=1e-5)
    assert [type(module) for module in model.modules()] == [type(module) for module in make(kind).modules()]
    unmerge_lora(model)
    assert torch.equal(logits(model), adapted)
    remove_lora(model)
    after = dict(model.named_parameters())
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) and after[name].requires_grad for name in before)


@torch.no_grad()
def test_removing_merged_adapters_keeps_what_they_learned(tmp_path: Path) -> None:
    model = learned(add_lora(make("gpt2")))
    merged = logits(merge_lora(model))
    remove_lora(model).save_pretrained(tmp_path)
    assert torch.equal(logits(load_causal_lm(tmp_path)), merged)
    with pytest.raises(InvalidArgumentError, match="the model has no adapters"):
        merge_lora(model)


def test_the_scale_and_the_product_are_those_of_the_paper() -> None:
    assert LoraConfig(r=4, alpha=8).scaling == 2
    assert LoraConfig(r=4, alpha=8, use_rslora=True).scaling == 4
    model = learned(add_lora(make("llama"), LoraConfig(r=2, alpha=6, target_modules=["q_proj"])))
    layer = model.model.layers[1].self_attn.q_proj
    x = torch.randn(5, 24)
    expected = x @ layer.weight.T + 3 * (x @ layer.lora_A.weight.T) @ layer.lora_B.weight.T
    torch.testing.assert_close(layer(x), expected)


def test_dropout_is_of_the_input_of_an_adapter_and_in_training_alone() -> None:
    model = learned(add_lora(make("llama"), LoraConfig(dropout=0.5)))
    assert torch.equal(logits(model), logits(model))
    model.train()
    assert not torch.equal(logits(model), logits(model))
    torch.manual_seed(1)
    layer = model.model.layers[0].self_attn.q_proj
    x = torch.ones(1, 24)
    kept = torch.nn.functional.dropout(x, 0.5)
    torch.manual_seed(1)
    expected = x @ layer.weight.T + (kept @ layer.lora_A.weight.T) @ layer.lora_B.weight.T
    torch.testing.assert_close(layer(x), expected)


def test_which_modules_are_meant() -> None:
    def paths(target: Any) -> set[str]:
        model = add_lora(make("gpt2"), LoraConfig(r=1, target_modules=target))
        return {name.removesuffix(".lora_A") for name, _ in model.named_modules() if name.endswith(".lora_A")}

    assert paths(["attn.c_proj"]) == {f"transformer.h.{layer}.attn.c_proj" for layer in (0, 1)}
    assert paths(["transformer.h.1.mlp.c_fc"]) == {"transformer.h.1.mlp.c_fc"}
    assert paths(r"transformer\.h\.0\..*c_proj") == {
        "transformer.h.0.attn.c_proj",
        "transformer.h.0.mlp.c_proj",
    }
    assert len(paths("all-linear")) == 8


@pytest.mark.parametrize("bias", ["none", "lora_only", "all"])
def test_biases_and_other_modules_that_learn(bias: str) -> None:
    model = add_lora(make("gpt2"), LoraConfig(r=1, bias=bias))
    every = sum(p.numel() for name, p in model.named_parameters() if name.endswith("bias"))
    biases = {"none": 0, "lora_only": 2 * 72, "all": every}[bias]
    assert model.num_parameters(trainable=True) == 2 * (24 + 72) + biases
    before = make("bert").classifier.weight
    bert = learned(add_lora(make("bert"), LoraConfig(modules_to_save=["classifier"])))
    assert bert.classifier.weight.requires_grad
    assert not torch.equal(bert.classifier.weight, before)
    assert torch.equal(remove_lora(bert).classifier.weight, before)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_a_compiled_graph_is_whole(kind: str) -> None:
    model = learned(add_lora(make(kind)))
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(IDS).logits, model(IDS).logits, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_step_in_rust_is_taken_only_without_adapters() -> None:
    model = add_lora(make("llama").bfloat16())
    learned(model)
    assert CpuDecoder.of(model) is None
    assert CpuDecoder.instead_of_torch(model) is None
    adapted = logits(model)
    assert adapted.dtype == torch.bfloat16
    assert CpuDecoder.of(merge_lora(model)) is not None
    torch.testing.assert_close(logits(model).float(), adapted.float(), atol=0.03, rtol=0.05)
    assert CpuDecoder.of(unmerge_lora(model)) is None


@torch.no_grad()
def test_a_copy_has_adapters_of_its_own() -> None:
    model = learned(add_lora(make("gpt2")))
    twin = copy.deepcopy(model)
    merge_lora(twin)
    assert has_lora(model)
    assert not has_lora(twin)
    torch.testing.assert_close(logits(unmerge_lora(twin)), logits(model))


def test_what_cannot_be_done_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownNameError, match=r"no 'c_atn', expected some of .*c_attn.*; did you mean 'c_attn'"
    ):
        add_lora(make("gpt2"), LoraConfig(target_modules=["c_atn"]))
    with pytest.raises(UnknownNameError, match=r"no path of a module is matched by 'attn'"):
        add_lora(make("gpt2"), LoraConfig(target_modules="attn"))
    with pytest.raises(
        UnknownNameError, match=r"modules_to_save: the model has no 'clasifier'.*did you mean 'classifier'"
    ):
        add_lora(make("bert"), LoraConfig(modules_to_save=["clasifier"]))
    with pytest.raises(
        InvalidArgumentError, match=r"transformer.h.0.ln_1 is a LayerNorm, expected a linear layer"
    ):
        add_lora(make("gpt2"), LoraConfig(target_modules=["ln_1"]))
    with pytest.raises(InvalidArgumentError, match=r"transformer.wte and lm_head are one matrix"):
        add_lora(make("gpt2"), LoraConfig(target_modules=["lm_head"]))
    with pytest.raises(InvalidArgumentError, match="a LSTMClassifier has no default"):
        add_lora(LSTMClassifier(LSTMConfig(vocab_size=10, embedding_size=4, hidden_size=4, num_labels=2)))
    with pytest.raises(InvalidArgumentError, match="the model is quantized"):
        add_lora(quantize(make("gpt2"), "int8"))
    for settings, message in (
        ({"r": 0}, "r is 0, expected a positive integer"),
        ({"alpha": -1}, "alpha is -1"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"bias": "lora"}, "bias is 'lora', expected one of none, all, lora_only; did you mean 'lora_only'"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            LoraConfig(**settings)
    model = add_lora(make("gpt2"))
    with pytest.raises(InvalidArgumentError, match="has adapters already"):
        add_lora(model)
    with pytest.raises(InvalidArgumentError, match="the adapters are not merged"):
        unmerge_lora(model)
    with pytest.raises(InvalidArgumentError, match="use save_adapter, or merge_lora"):
        model.save_pretrained(tmp_path)
    with pytest.raises(InvalidArgumentError, match="merge_lora before it is quantized"):
        quantize(model, "int8")
    with pytest.raises(InvalidArgumentError, match="the model has no adapters"):
        save_adapter(make("gpt2"), tmp_path)


def test_files_that_do_not_fit_leave_the_model_as_it_was(tmp_path: Path) -> None:
    save_adapter(learned(add_lora(make("llama"), LoraConfig(r=2))), tmp_path)
    path = tmp_path / "adapter_config.json"
    settings = json.loads(path.read_text())
    model = make("llama")

    def fails(message: str, **changes: Any) -> None:
        path.write_text(json.dumps({**settings, **changes}))
        with pytest.raises(InvalidFileError, match=message):
            load_adapter(model, tmp_path)
        assert not has_lora(model)
        assert all(parameter.requires_grad for parameter in model.parameters())

    fails(r"lora_A of .*q_proj has shape \[2, 24\], expected \[3, 24\]", r=3)
    fails("adapter_config.json: r is 'two', expected a positive integer", r="two")
    fails("use_dora is True, which these adapters do not have", use_dora=True)
    fails("peft_type is 'IA3', expected 'LORA'", peft_type="IA3")
    fails("adapter_config.json: dropout is 2, expected a number from 0 to below 1", lora_dropout=2)
    path.write_text("{")
    with pytest.raises(InvalidFileError, match="is not JSON"):
        load_adapter(model, tmp_path)
    path.write_text(json.dumps(settings))
    with pytest.raises(InvalidFileError, match=r"q_proj is no linear layer of this model"):
        load_adapter(make("gpt2"), tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    with pytest.raises(InvalidFileError, match="is not a safetensors file"):
        load_adapter(model, tmp_path)
    weights.unlink()
    with pytest.raises(MissingFileError, match="expected the weights of an adapter"):
        load_adapter(model, tmp_path)
    path.unlink()
    with pytest.raises(MissingFileError, match="expected the folder of an adapter"):
        load_adapter(model, tmp_path)


def test_a_merged_model_saves_its_adapters_too(tmp_path: Path) -> None:
    model = learned(add_lora(make("gpt2")))
    expected = logits(model)
    save_adapter(merge_lora(model), tmp_path)
    again = load_adapter(make("gpt2"), tmp_path, trainable=True)
    assert torch.equal(logits(again), expected)
    assert again.num_parameters(trainable=True) == 2 * 8 * (24 + 72)


def test_the_training_loop_changes_adapters_alone(tmp_path: Path) -> None:
    from ferrolm.data import ExampleBatches
    from ferrolm.training import RunConfig, Trainer

    model = make("gpt2")
    frozen = {name: each.clone() for name, each in model.named_parameters()}
    add_lora(model, LoraConfig(r=2))
    rows = IDS.tolist() * 4

    def collate(rows: list[list[int]], random: Any) -> dict[str, Any]:
        return {"input_ids": torch.tensor(rows), "labels": torch.tensor(rows)}

    def loss() -> float:
        with torch.no_grad():
            return float(model.eval()(IDS, labels=IDS).loss)

    before = loss()
    settings = {
        "steps": 30,
        "learning_rate": 0.03,
        "warmup_steps": 0,
        "device": "cpu",
        "plot": "off",
        "precision": "float32",
    }
    config = RunConfig.from_dict({"training": settings})
    batches = ExampleBatches(rows, collate, batch_size=6)
    Trainer(model, config, tmp_path / "run", batches, show_progress=False).train()
    assert loss() < before - 0.05
    now = dict(model.named_parameters())
    assert all(torch.equal(now[name], each) for name, each in frozen.items())
    save_adapter(model, tmp_path / "adapter")
    again = load_adapter(make("gpt2"), tmp_path / "adapter")
    torch.testing.assert_close(logits(again), logits(model), atol=1e-5, rtol=1e-5)
