"""BERT and its heads: what a caller sees of the models. Equality with transformers is in tests/conformance."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch

from ferrolm.errors import (
    InvalidArgumentError,
    InvalidFileError,
    ShapeError,
    UnknownNameError,
)
from ferrolm.models import (
    BertConfig,
    BertCrfForTokenClassification,
    BertForMaskedLM,
    BertForNextSentencePrediction,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    load,
    load_causal_lm,
    load_encoder,
)

IDS = torch.randint(2, 61, (3, 12), generator=torch.Generator().manual_seed(1))
FAMILIES = ["bert", "roberta", "distilbert"]


def config(model_type: str = "bert", **settings: object) -> BertConfig:
    shape = {
        "vocab_size": 61,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 24,
        "max_position_embeddings": 24,
        "type_vocab_size": 0 if model_type == "distilbert" else 2,
        "pad_token_id": 1 if model_type == "roberta" else 0,
        "initializer_range": 0.3,
    }
    return BertConfig(model_type=model_type, **shape | settings)


def made(cls: type = BertModel, model_type: str = "bert", **settings: object):
    torch.manual_seed(0)
    return cls(config(model_type, **settings)).eval()


@pytest.mark.parametrize("model_type", FAMILIES)
@torch.no_grad()
def test_a_row_does_not_depend_on_its_padding(model_type: str) -> None:
    model = made(model_type=model_type)
    short = IDS[:1, :7]
    padded = torch.cat([short, torch.full((1, 5), model.config.pad_token_id)], dim=1)
    mask = (torch.arange(12) < 7).long()[None]
    alone, beside = model(short).last_hidden_state, model(padded, mask).last_hidden_state[:, :7]
    torch.testing.assert_close(alone, beside, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(model(padded).last_hidden_state[:, :7], alone, atol=1e-2)


@torch.no_grad()
def test_a_token_sees_those_after_it() -> None:
    model = made()
    changed = IDS.clone()
    changed[:, -1] = (changed[:, -1] + 1) % 61
    assert not torch.allclose(
        model(IDS).last_hidden_state[:, 0], model(changed).last_hidden_state[:, 0], atol=1e-4
    )


@torch.no_grad()
def test_order_and_token_types_matter() -> None:
    model = made()
    plain = model(IDS).last_hidden_state
    types = torch.zeros_like(IDS)
    assert torch.equal(model(IDS, token_type_ids=types).last_hidden_state, plain)
    types[:, 6:] = 1
    assert not torch.allclose(model(IDS, token_type_ids=types).last_hidden_state, plain, atol=1e-2)
    turned = model(IDS, position_ids=torch.arange(11, -1, -1)[None]).last_hidden_state
    assert not torch.allclose(turned, plain, atol=1e-2)


@torch.no_grad()
def test_a_row_of_padding_alone_is_finite() -> None:
    mask = torch.ones_like(IDS)
    mask[1] = 0
    model = made()
    assert torch.isfinite(model(IDS, mask).last_hidden_state).all()
    with torch.enable_grad():
        model(IDS, mask).last_hidden_state.sum().backward()
    assert all(torch.isfinite(each.grad).all() for each in model.parameters() if each.grad is not None)


def test_dropout_is_for_training_alone() -> None:
    model = made(BertForSequenceClassification, hidden_dropout_prob=0.5)
    assert torch.equal(model(IDS).logits, model(IDS).logits)
    model.train()
    assert not torch.equal(model(IDS).logits, model(IDS).logits)


def test_inputs_that_do_not_fit_are_errors() -> None:
    with pytest.raises(InvalidArgumentError, match="25 tokens, at most 24"):
        made()(torch.zeros(1, 25, dtype=torch.long))
    with pytest.raises(InvalidArgumentError, match="23 tokens, at most 22"):
        made(model_type="roberta")(torch.zeros(1, 23, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"attention_mask has shape \[3, 11\], expected \[3, 12\]"):
        made()(IDS, torch.ones(3, 11))
    with pytest.raises(InvalidArgumentError, match="token_type_ids are given, but a distilbert has no"):
        made(model_type="distilbert")(IDS, token_type_ids=torch.zeros_like(IDS))
    for head in (BertForPreTraining, BertForNextSentencePrediction):
        with pytest.raises(InvalidArgumentError, match="model_type is 'roberta', which predicts no next"):
            made(head, "roberta")


@pytest.mark.parametrize(
    ("initializer", "furthest"),
    [("normal", 3.0), ("truncated_normal", 2.0)],
)
def test_weights_start_as_the_configuration_says(initializer: str, furthest: float) -> None:
    model = made(BertForMaskedLM, initializer=initializer, hidden_size=64, vocab_size=200)
    weight = model.bert.embeddings.word_embeddings.weight
    assert not weight[0].any()  # padding
    assert (weight.abs().max() > 3 * 0.3) == (initializer == "normal")
    assert weight.abs().max() >= (furthest - 0.2) * 0.3
    dense = model.cls["predictions"].transform
    assert dense["dense"].weight.std().item() == pytest.approx(0.3 if furthest == 3 else 0.88 * 0.3, rel=0.05)
    assert not dense["dense"].bias.any()
    assert (dense["LayerNorm"].weight == 1).all()


def test_the_decoder_is_the_embedding_unless_untied() -> None:
    tied, untied = made(BertForMaskedLM), made(BertForMaskedLM, tie_word_embeddings=False)
    assert untied.num_parameters() - tied.num_parameters() == 61 * 16
    tied(IDS, labels=IDS).loss.backward()
    unused = sorted(set(range(61)) - set(IDS.flatten().tolist()) - {0})[0]
    assert tied.bert.embeddings.word_embeddings.weight.grad[unused].any()  # as a word not to be predicted


def test_pretraining_losses_add_up() -> None:
    model = made(BertForPreTraining)
    follows = torch.tensor([0, 1, 0])
    words = model(IDS, labels=IDS).loss
    sentences = model(IDS, next_sentence_label=follows).loss
    both = model(IDS, labels=IDS, next_sentence_label=follows).loss
    torch.testing.assert_close(both, words + sentences)
    assert model(IDS).loss is None


def test_labels_of_minus_100_are_not_scored() -> None:
    model = made(BertForTokenClassification, num_labels=5)
    labels = IDS % 5
    partly = labels.clone()
    partly[:, 4:] = -100
    by_hand = torch.nn.functional.cross_entropy(
        model(IDS).logits[:, :4].reshape(-1, 5), labels[:, :4].flatten()
    )
    torch.testing.assert_close(model(IDS, labels=partly).loss, by_hand)


def test_a_crf_tags_the_labelled_tokens(tmp_path: Path) -> None:
    model = made(BertCrfForTokenClassification, num_labels=3)
    labels = (IDS % 3).masked_fill(
        torch.arange(12) % 2 == 1, -100
    )  # every other token is the first of a word
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        model(IDS, labels=labels).loss.backward()
        optimizer.step()
    tags = model.decode(model(IDS).logits, labels != -100)
    assert torch.equal(tags, labels)
    model.save_pretrained(tmp_path)
    again = load(tmp_path, task="token-classification")
    assert isinstance(again, BertCrfForTokenClassification)
    assert torch.equal(again(IDS, labels=labels).loss, model(IDS, labels=labels).loss)


def test_a_new_head_is_drawn_and_named_once(tmp_path: Path) -> None:
    encoder = made()
    encoder.save_pretrained(tmp_path)
    torch.manual_seed(1)
    with pytest.warns(
        UserWarning, match=r"lacks classifier.bias, classifier.weight: newly initial"
    ) as caught:
        model = BertForSequenceClassification.from_pretrained(tmp_path, num_labels=4)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert model.config.num_labels == 4
    assert model.classifier.weight.std().item() == pytest.approx(0.3, rel=0.4)
    assert not model.classifier.bias.any()
    assert torch.equal(model.bert(IDS).last_hidden_state, encoder(IDS).last_hidden_state)


@pytest.mark.parametrize("model_type", FAMILIES)
@pytest.mark.parametrize(
    "head",
    [BertForMaskedLM, BertForSequenceClassification, BertForTokenClassification, BertForQuestionAnswering],
)
def test_what_is_saved_is_loaded_without_a_word(head: type, model_type: str, tmp_path: Path) -> None:
    model = made(head, model_type)
    model.save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = load(tmp_path)
    assert type(again) is head
    assert again.config.hidden_size == 16
    expected = dict(model.named_parameters())
    for name, parameter in again.named_parameters():
        assert torch.equal(parameter, expected.pop(name)), name
    assert not expected


def test_the_encoder_of_a_checkpoint_with_a_head(tmp_path: Path) -> None:
    model = made(BertForPreTraining)
    model.save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = load_encoder(tmp_path)
        assert type(load(tmp_path, task="fill-mask")) is BertForMaskedLM
    assert torch.equal(encoder(IDS).pooler_output, model.bert(IDS).pooler_output)


def test_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    made().save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())

    def change(**changes: object) -> None:
        (tmp_path / "config.json").write_text(json.dumps(settings | changes))

    change(num_hidden_layers=3)
    with pytest.raises(InvalidFileError, match=r"encoder.layer.2.attention.output.LayerNorm.bias is missing"):
        load(tmp_path)
    change(num_hidden_layers=1)
    with pytest.raises(InvalidFileError, match=r"encoder.layer.1.attention\S+ is not expected"):
        load(tmp_path)
    change(intermediate_size=32)
    with pytest.raises(InvalidFileError, match=r"intermediate.dense.bias has shape \[24\], expected \[32\]"):
        load(tmp_path)


def test_a_head_of_another_size_is_an_error(tmp_path: Path) -> None:
    made(BertForSequenceClassification, num_labels=3).save_pretrained(tmp_path)
    with pytest.raises(InvalidFileError, match=r"classifier.bias has shape \[3\], expected \[5\]"):
        load(tmp_path, num_labels=5)


def test_tasks_and_architectures_that_do_not_fit(tmp_path: Path) -> None:
    made().save_pretrained(tmp_path / "bert")
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(vocab_size=61, n_positions=8, n_embd=8, n_layer=1, n_head=2)).save_pretrained(
        tmp_path / "gpt2"
    )
    with pytest.raises(UnknownNameError, match=r"task is 'fill-masks'.*did you mean 'fill-mask'"):
        load(tmp_path / "bert", task="fill-masks")
    with pytest.raises(InvalidArgumentError, match="holds a bert, made for feature-extraction"):
        load(tmp_path / "bert", task="text-generation")
    with pytest.raises(InvalidArgumentError, match="holds a gpt2, made for text-generation"):
        load(tmp_path / "gpt2", task="fill-mask")
    with pytest.raises(InvalidArgumentError, match="num_labels cannot be changed in a gpt2"):
        load(tmp_path / "gpt2", num_labels=3)
    with pytest.raises(
        UnknownNameError, match="model_type is 'bert', expected one of: ferrolm-recurrent, gpt2"
    ):
        load_causal_lm(tmp_path / "bert")
    with pytest.raises(UnknownNameError, match="model_type is 'gpt2', expected one of: bert"):
        load_encoder(tmp_path / "gpt2")
    assert isinstance(load(tmp_path / "gpt2"), GPT2LMHeadModel)


def test_fine_tuning_learns_a_rule() -> None:
    torch.manual_seed(0)
    model = BertForSequenceClassification(config(initializer_range=0.1, num_labels=2)).train()
    draw = torch.Generator().manual_seed(2)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def examples(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        ids = torch.randint(3, 61, (rows, 8), generator=draw)
        has = torch.randint(0, 2, (rows,), generator=draw)
        place = torch.randint(1, 8, (rows,), generator=draw)
        ids[torch.arange(rows), place] = torch.where(has == 1, 2, ids[torch.arange(rows), place])
        return ids, has

    for _ in range(120):
        ids, labels = examples(16)
        optimizer.zero_grad()
        model(ids, labels=labels).loss.backward()
        optimizer.step()
    ids, labels = examples(200)
    accuracy = (model.eval()(ids).logits.argmax(1) == labels).float().mean().item()
    assert accuracy > 0.95
