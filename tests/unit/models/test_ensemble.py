"""Ensembles answer with the average of their models, and averaged weights are the average of theirs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F
from tiny_language_model import byte_tokenizer
from torch import nn

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation import LanguageModel
from ferrolm.models import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BiLSTMTagger,
    CausalLM,
    Ensemble,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LSTMClassifier,
    LSTMConfig,
    RecurrentConfig,
    RecurrentLM,
    T5Config,
    T5ForConditionalGeneration,
    average_weights,
    quantize,
)

IDS = torch.randint(3, 60, (3, 12), generator=torch.Generator().manual_seed(3))


def gpt2(seed: int = 0, **settings: Any) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    shape = {
        "vocab_size": 257,
        "n_positions": 48,
        "n_embd": 16,
        "n_layer": 1,
        "n_head": 2,
        "initializer_range": 0.5,
    }
    return GPT2LMHeadModel(GPT2Config(**{**shape, **settings})).eval()


def llama() -> LlamaForCausalLM:
    shape = {"vocab_size": 257, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    shape |= {"num_attention_heads": 2, "max_position_embeddings": 32}
    return LlamaForCausalLM(LlamaConfig(**shape, initializer_range=0.5)).eval()


def bert(kind: type, seed: int, **settings: Any) -> Any:
    torch.manual_seed(seed)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    return kind(
        BertConfig(vocab_size=60, initializer_range=0.5, **shape, **{"num_labels": 3, **settings})
    ).eval()


def lstm(kind: type, seed: int, **settings: Any) -> Any:
    torch.manual_seed(seed)
    return kind(LSTMConfig(vocab_size=60, embedding_size=8, hidden_size=8, num_labels=3, **settings)).eval()


MAKERS = {
    "texts": lambda seed: bert(BertForSequenceClassification, seed),
    "tokens": lambda seed: bert(BertForTokenClassification, seed),
    "lstm texts": lambda seed: lstm(LSTMClassifier, seed),
    "lstm tokens": lambda seed: lstm(BiLSTMTagger, seed),
    "language": lambda seed: gpt2(seed),
}


@pytest.mark.parametrize("kind", MAKERS)
@torch.no_grad()
def test_probabilities_or_logits_are_averaged(kind: str) -> None:
    models = [MAKERS[kind](seed) for seed in (1, 2, 3)]
    outputs = [model(IDS) for model in models]
    shares = [0.5, 0.25, 0.25]
    by_probability = Ensemble(models, weights=[2, 1, 1])(IDS)
    assert type(by_probability) is type(outputs[0])
    expected = sum(share * each.logits.softmax(-1) for share, each in zip(shares, outputs, strict=True))
    torch.testing.assert_close(by_probability.logits.exp(), expected)
    by_logit = Ensemble(models, weights=[2, 1, 1], combine="logits")(IDS)
    torch.testing.assert_close(
        by_logit.logits, sum(share * each.logits for share, each in zip(shares, outputs, strict=True))
    )
    assert isinstance(Ensemble(models), CausalLM) == (kind == "language")


@torch.no_grad()
def test_losses_are_those_of_the_combined_logits() -> None:
    texts = Ensemble([MAKERS["texts"](seed) for seed in (1, 2)])
    labels = torch.tensor([0, 2, -100])
    output = texts(IDS, labels=labels)
    torch.testing.assert_close(output.loss, F.nll_loss(output.logits, labels))
    tokens = Ensemble([MAKERS["lstm tokens"](seed) for seed in (1, 2)])
    labels = (IDS % 3).masked_fill(IDS % 5 == 0, -100)
    output = tokens(input_ids=IDS, labels=labels)
    torch.testing.assert_close(output.loss, F.nll_loss(output.logits.flatten(0, 1), labels.flatten()))
    language = Ensemble([gpt2(1), gpt2(2)])
    output = language(IDS, labels=IDS)
    torch.testing.assert_close(
        output.loss, F.nll_loss(output.logits[:, :-1].flatten(0, 1), IDS[:, 1:].flatten())
    )


@torch.no_grad()
def test_labels_that_hold_together_and_numbers() -> None:
    several = [
        bert(BertForSequenceClassification, s, problem_type="multi_label_classification") for s in (1, 2)
    ]
    output = Ensemble(several, weights=[1, 3])(IDS, labels=torch.ones(3, 3))
    expected = several[0](IDS).logits.sigmoid() / 4 + several[1](IDS).logits.sigmoid() * 3 / 4
    torch.testing.assert_close(output.logits.sigmoid(), expected)
    torch.testing.assert_close(output.loss, -expected.log().mean())
    numbers = [bert(BertForSequenceClassification, seed, num_labels=1) for seed in (1, 2)]
    output = Ensemble(numbers)(IDS, labels=torch.zeros(3))
    torch.testing.assert_close(output.logits, (numbers[0](IDS).logits + numbers[1](IDS).logits) / 2)
    torch.testing.assert_close(output.loss, output.logits.square().mean())


def test_an_ensemble_learns_as_one_model() -> None:
    ensemble = Ensemble([MAKERS["texts"](seed) for seed in (1, 2)]).train()
    ensemble(IDS, labels=torch.tensor([0, 1, 2])).loss.backward()
    used = [each.classifier.weight.grad.abs().sum() > 0 for each in ensemble.models]
    assert used == [True, True]


def test_a_language_model_of_several_architectures_generates() -> None:
    recurrent = RecurrentLM(RecurrentConfig(vocab_size=257, hidden_size=16, initializer_range=0.5)).eval()
    ensemble = Ensemble([gpt2(), llama(), recurrent], weights=[3, 2, 1])
    model = LanguageModel(ensemble, byte_tokenizer())  # type: ignore[arg-type]
    prompts = ["Once upon", "a"]
    results = model.generate(prompts, max_new_tokens=8)
    for prompt, result in zip(prompts, results, strict=True):
        ids = model.tokenizer.encode_list(prompt)
        for token in result.ids.tolist():  # without a cache, and each row alone
            with torch.no_grad():
                logits = ensemble(torch.tensor([ids])).logits[0, -1]
            assert token == int(logits.argmax())
            ids.append(token)
    assert ensemble.config.n_positions == 32
    assert model.score("Once upon a time").logprob < 0
    assert list(model.stream("Once", max_new_tokens=3))
    drawn = [model.generate("Once", max_new_tokens=6, do_sample=True, seed=1).text for _ in range(2)]
    assert drawn[0] == drawn[1]
    twin = copy.deepcopy(ensemble)
    assert torch.equal(twin(IDS).logits, ensemble(IDS).logits)


def test_what_does_not_fit_together_is_named(tmp_path: Path) -> None:
    for models, message in (
        ([], "there are no models"),
        ([gpt2(), gpt2(vocab_size=300)], r"vocab_size of the models is \[257, 300\]"),
        ([MAKERS["texts"](1), gpt2()], "some models are language models and some are not"),
        (
            [MAKERS["texts"](1), bert(BertForSequenceClassification, 1, num_labels=4)],
            r"num_labels of the models is \[3, 4\]",
        ),
        ([lstm(BiLSTMTagger, 1, tag_decoder="crf")], "a BiLSTMTagger has a CRF"),
        ([bert(BertForQuestionAnswering, 1)], "BertForQuestionAnswering is none of the models expected"),
        (
            [
                T5ForConditionalGeneration(
                    T5Config(vocab_size=9, d_model=4, d_kv=2, d_ff=4, num_layers=1, num_heads=2)
                )
            ],
            "a T5For",
        ),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            Ensemble(models)
    for settings, message in (
        ({"weights": [1]}, "weights has 1 values for 2 models"),
        ({"weights": [1, 0]}, "weights has 0, expected positive numbers"),
        ({"combine": "probability"}, "combine is 'probability', expected .*; did you mean 'probabilities'"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            Ensemble([gpt2(), gpt2()], **settings)
    with pytest.raises(InvalidArgumentError, match="an ensemble has no checkpoint"):
        Ensemble([gpt2()]).save_pretrained(tmp_path)  # type: ignore[operator]


def test_weights_are_averaged(tmp_path: Path) -> None:
    models = [gpt2(seed) for seed in (1, 2, 3)]
    folders = [tmp_path / str(number) for number in range(3)]
    for model, folder in zip(models, folders, strict=True):
        model.save_pretrained(folder)
    before = [copy.deepcopy(model.state_dict()) for model in models]
    shares = [0.5, 0.3, 0.2]
    for sources in (models, folders, [models[0], folders[1], str(folders[2])]):
        soup = average_weights(sources, weights=[5, 3, 2])
        assert isinstance(soup, GPT2LMHeadModel)
        assert not soup.training
        for name, found in soup.state_dict().items():
            expected = sum(s * each[name].double() for s, each in zip(shares, before, strict=True))
            torch.testing.assert_close(found.double(), expected, atol=1e-7, rtol=1e-6)
        assert soup.lm_head.weight is soup.transformer.wte.weight
    for model, kept in zip(models, before, strict=True):
        assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())
    same = average_weights([models[0], models[0], folders[0]], weights=[1, 2, 4])
    assert all(torch.equal(tensor, before[0][name]) for name, tensor in same.state_dict().items())
    half = average_weights([model.to(torch.bfloat16) for model in models])
    assert half.dtype == torch.bfloat16


def test_buffers_of_integers_have_to_be_the_same() -> None:
    norms = [nn.BatchNorm1d(3).train() for _ in range(2)]
    for number, norm in enumerate(norms, 1):
        norm(torch.randn(4, 3) * number)
    expected = (norms[0].running_var + norms[1].running_var) / 2
    torch.testing.assert_close(average_weights(norms).running_var, expected)
    norms[1](torch.randn(4, 3))
    with pytest.raises(
        InvalidArgumentError, match=r"sources\[1\]: num_batches_tracked, which is not floating-point"
    ):
        average_weights(norms)


def test_models_that_cannot_be_averaged_are_named(tmp_path: Path) -> None:
    gpt2(n_layer=2).save_pretrained(tmp_path)
    with pytest.raises(
        InvalidArgumentError, match=f"{tmp_path}: n_layer is 2, expected 1, that of the first"
    ):
        average_weights([gpt2(), tmp_path])
    with pytest.raises(
        InvalidArgumentError, match=r"sources\[1\] is a LlamaForCausalLM, expected a GPT2LMHeadModel"
    ):
        average_weights([gpt2(), llama()])
    with pytest.raises(
        InvalidArgumentError, match=r"bias has shape \[3\], expected \[2\], that of the first"
    ):
        average_weights([nn.Linear(2, 2), nn.Linear(2, 3)])
    with pytest.raises(InvalidArgumentError, match="a model is quantized to int8"):
        average_weights([gpt2(), quantize(gpt2(), "int8")])
    with pytest.raises(InvalidArgumentError, match="there are no models"):
        average_weights([])
    with pytest.raises(InvalidArgumentError, match="weights has nan"):
        average_weights([gpt2()], weights=[np.nan])
