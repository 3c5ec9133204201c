"""Classes, several labels and numbers of texts, from a file to a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from finetuning_runs import ENCODER, RECURRENT, figures_of, settings, tune, word_tokenizer

from ferrolm.models import BertConfig, BertModel, LSTMClassifier, load
from ferrolm.models.lora_files import load_adapter
from ferrolm.tokenizers import Tokenizer

FILLERS = [f"w{number}" for number in range(12)]
GOOD, BAD = ["good", "fine"], ["bad", "dull"]
WORDS = [*FILLERS, *GOOD, *BAD]


def sentence(random: np.random.Generator, *words: str) -> str:
    """The words among some that mean nothing."""
    given = [*random.choice(FILLERS, random.integers(2, 6)), *words]
    return " ".join(random.permutation(given))


def table(
    path: Path, rows: int, label: Callable[[np.random.Generator], tuple[list[str], str]], seed: int = 0
) -> str:
    random = np.random.default_rng(seed)
    lines = ["text,label"]
    for _ in range(rows):
        words, value = label(random)
        lines.append(f"{sentence(random, *words)},{value}")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def polarity(random: np.random.Generator) -> tuple[list[str], str]:
    good = bool(random.integers(2))
    return [str(random.choice(GOOD if good else BAD))], "positive" if good else "negative"


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    return {
        "train": table(tmp_path / "train.csv", 240, polarity),
        "test": table(tmp_path / "test.csv", 50, polarity, 1),
        "tokenizer": word_tokenizer(tmp_path / "tokenizer.json", WORDS),
    }


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    """A folder with a random encoder and its tokenizer."""
    folder = tmp_path / "encoder"
    word_tokenizer(folder / "tokenizer.json", WORDS)
    torch.manual_seed(1)
    shape = {name: value for name, value in ENCODER.items() if name != "type"}
    BertModel(BertConfig(vocab_size=5 + len(WORDS), **shape)).save_pretrained(folder)
    return str(folder)


def accuracy_of_folder(folder: Path, test: str) -> float:
    """With what `finetune` leaves and nothing else."""
    model: Any = load(folder)
    tokenizer = Tokenizer.from_pretrained(str(folder))
    right = 0
    lines = Path(test).read_text().splitlines()[1:]
    for line in lines:
        text, label = line.split(",")
        logits = model(torch.tensor([tokenizer.encode(text).ids])).logits[0]
        right += model.config.id2label[int(logits.argmax())] == label
    return right / len(lines)


@pytest.mark.parametrize(
    "model",
    [ENCODER, {**RECURRENT, "pooling": "max"}, {**RECURRENT, "cell": "gru", "pooling": "attention"},
     {**ENCODER, "type": "distilbert"}],
    ids=["bert", "lstm", "gru", "distilbert"],
)  # fmt: skip
def test_classes_are_learnt_from_nothing(data: dict[str, Any], tmp_path: Path, model: dict[str, Any]) -> None:
    result = tune(settings({}, model, data), tmp_path / "run")
    assert result.metrics["accuracy"] == 1.0
    figures = figures_of(tmp_path / "run")
    assert (figures["accuracy"], figures["f1"], figures["examples"]) == (1.0, 1.0, 50)
    config = json.loads((tmp_path / "run/final/config.json").read_bytes())
    assert config["id2label"] == {"0": "negative", "1": "positive"}
    assert accuracy_of_folder(tmp_path / "run/final", data["test"]) == 1.0


@pytest.mark.parametrize("pooling", ["", "cls", "mean", "max"])
def test_a_checkpoint_learns_and_keeps_how_it_pools(
    data: dict[str, Any], checkpoint: str, tmp_path: Path, pooling: str
) -> None:
    del data["tokenizer"]
    config = settings({"pooling": pooling, "label_smoothing": 0.1}, {"checkpoint": checkpoint}, data)
    assert tune(config, tmp_path / "run").metrics["accuracy"] == 1.0
    assert accuracy_of_folder(tmp_path / "run/final", data["test"]) == 1.0
    model: Any = load(tmp_path / "run/final")
    assert model.config.classifier_pooling == (pooling or "cls")
    assert (model.bert.pooler is None) == (pooling in ("mean", "max"))


def test_padding_does_not_change_what_is_pooled(data: dict[str, Any], tmp_path: Path) -> None:
    tune(settings({"pooling": "mean"}, ENCODER, data, epochs=1), tmp_path / "run")
    model: Any = load(tmp_path / "run/final")
    ids, mask = torch.tensor([[2, 7, 17, 3, 0, 0]]), torch.tensor([[1, 1, 1, 1, 0, 0]])
    torch.testing.assert_close(model(ids, mask).logits, model(ids[:, :4]).logits)


def test_adapters_learn_and_are_merged_into_the_final_model(
    data: dict[str, Any], checkpoint: str, tmp_path: Path
) -> None:
    lora = {"r": 4, "alpha": 16.0, "target_modules": "all-linear"}
    config = settings({"pooling": "mean"}, {"checkpoint": checkpoint}, data, lora)
    assert tune(config, tmp_path / "run").metrics["accuracy"] == 1.0
    merged: Any = load(tmp_path / "run/final")
    before = BertModel.from_pretrained(checkpoint)
    kept = "embeddings.word_embeddings.weight"
    assert torch.equal(merged.bert.get_parameter(kept), before.get_parameter(kept))
    fresh = load(checkpoint, "text-classification", classifier_pooling="mean", num_labels=2).eval()
    adapted: Any = load_adapter(fresh, tmp_path / "run/adapter").eval()
    ids = torch.tensor([[2, 7, 17, 3]])
    torch.testing.assert_close(adapted(ids).logits, merged(ids).logits, atol=1e-5, rtol=1e-4)


def test_a_frozen_encoder_stays_as_it_is(data: dict[str, Any], checkpoint: str, tmp_path: Path) -> None:
    tune(settings({"freeze": True, "pooling": "mean"}, {"checkpoint": checkpoint}, data), tmp_path / "run")
    after: Any = load(tmp_path / "run/final")
    for name, parameter in BertModel.from_pretrained(checkpoint).named_parameters():
        if not name.startswith("pooler."):
            assert torch.equal(after.bert.get_parameter(name), parameter), name
    assert figures_of(tmp_path / "run")["accuracy"] > 0.6, "random features tell something of their words"


def test_the_head_has_its_own_learning_rate(data: dict[str, Any], checkpoint: str, tmp_path: Path) -> None:
    trained: list[Any] = []
    for rate in (0.01, 1e-9):
        config = settings(
            {}, {"checkpoint": checkpoint}, data, learning_rate=1e-9, head_learning_rate=rate, epochs=1
        )
        tune(config, tmp_path / f"{rate}")
        trained.append(load(tmp_path / f"{rate}/final"))
    for name, parameter in BertModel.from_pretrained(checkpoint).named_parameters():
        torch.testing.assert_close(trained[0].bert.get_parameter(name), parameter, atol=1e-6, rtol=0)
    assert (trained[0].classifier.weight - trained[1].classifier.weight).abs().max() > 0.01


def test_several_labels_of_a_text(tmp_path: Path) -> None:
    def several(random: np.random.Generator) -> tuple[list[str], str]:
        chosen = [word for word in ("good", "dull", "fine") if random.integers(2)]
        return chosen, "|".join(chosen)

    data = {
        "train": table(tmp_path / "train.csv", 240, several), "test": table(tmp_path / "test.csv", 60, several, 1),
        "label_separator": "|", "tokenizer": word_tokenizer(tmp_path / "tokenizer.json", WORDS),
    }  # fmt: skip
    task = {"problem_type": "multi_label_classification", "pooling": "mean"}
    tune(settings(task, ENCODER, data), tmp_path / "run")
    assert figures_of(tmp_path / "run")["f1"] > 0.98
    model: Any = load(tmp_path / "run/final")
    assert model.config.problem_type == "multi_label_classification"
    tokenizer = Tokenizer.from_pretrained(str(tmp_path / "run/final"))
    scores = model(torch.tensor([tokenizer.encode("w1 good w2 dull").ids])).logits[0]
    assert {model.config.id2label[number] for number in torch.nonzero(scores > 0).flatten().tolist()} == {
        "good", "dull",
    }  # fmt: skip


def test_numbers_of_pairs_of_texts(tmp_path: Path) -> None:
    """How many of the two texts are good: the second text counts too."""
    random = np.random.default_rng(0)
    lines = []
    for _ in range(240):
        good = random.integers(2, size=2)
        texts = [sentence(random, str(random.choice(GOOD if each else BAD))) for each in good]
        lines.append("\t".join([*texts, f"{good.sum() / 2}"]))
    (tmp_path / "pairs.tsv").write_text("\n".join(lines) + "\n")
    data = {
        "train": str(tmp_path / "pairs.tsv"), "text": "0", "text_pair": "1", "label": "2", "validation_fraction": 0.2,
        "tokenizer": word_tokenizer(tmp_path / "tokenizer.json", WORDS),
    }  # fmt: skip
    config = settings({"problem_type": "regression", "pooling": "mean"}, ENCODER, data)
    result = tune(config, tmp_path / "run")
    assert result.metrics["validation_loss"] < 0.03, "guessing the mean has 0.125"
    assert result.metrics["correlation"] > 0.95
    assert load(tmp_path / "run/final").config.num_labels == 1


@pytest.mark.parametrize("augmentation", ["", "swap:0.2, deletion:0.1, masking:0.1"])
def test_a_run_stopped_within_an_epoch_goes_on_to_the_bit(
    data: dict[str, Any], tmp_path: Path, augmentation: str
) -> None:
    model = {**ENCODER, "hidden_dropout_prob": 0.1}
    data["augmentation"] = augmentation
    config = settings({"label_smoothing": 0.1}, model, data, evaluation_interval=5, epochs=2)
    whole = tune(config, tmp_path / "whole")
    stopped = tune(config, tmp_path / "parts", on_evaluation=lambda step, _: step == 5)
    assert stopped.step == 5, "an epoch has 27 steps"
    # As a signal would: what is there is a checkpoint, and no end.
    again = tune(config, tmp_path / "parts", resume=True)
    assert (whole.step, again.step) == (54, 54)
    weights = [load(tmp_path / name / "final").state_dict() for name in ("whole", "parts")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_word_vectors_are_where_a_recurrent_model_begins(data: dict[str, Any], tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("3 4\ngood 1 0 0 0\nbad 0 1 0 0\nelsewhere 0 0 1 0\n")
    model = {**RECURRENT, "train_embeddings": False, "embeddings": str(vectors)}
    del model["embedding_size"]
    tune(settings({}, model, data, epochs=1), tmp_path / "run")
    final = LSTMClassifier.from_pretrained(tmp_path / "run/final")
    tokenizer = Tokenizer.from_file(data["tokenizer"])
    rows = final.encoder.embed_tokens.weight
    assert rows[tokenizer.token_to_id("good")].tolist() == [1, 0, 0, 0]
    assert rows[0].tolist() == [0, 0, 0, 0], "padding"
    assert rows[tokenizer.token_to_id("dull")].abs().sum() > 0, "a word without a vector"


def test_embeddings_of_a_checkpoint_are_where_a_recurrent_model_begins(
    data: dict[str, Any], checkpoint: str, tmp_path: Path
) -> None:
    model = {**RECURRENT, "train_embeddings": False, "embeddings": checkpoint}
    del model["embedding_size"]
    tune(settings({}, model, data, epochs=1), tmp_path / "run")
    final = LSTMClassifier.from_pretrained(tmp_path / "run/final")
    theirs = BertModel.from_pretrained(checkpoint).embeddings.word_embeddings.weight
    ours = final.encoder.embed_tokens.weight
    torch.testing.assert_close(ours / ours.std(), theirs / theirs.std())
    assert ours.std().item() == pytest.approx(0.1, rel=1e-3)
