"""Labels of words, from a file to a model, and the figures of entities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from finetuning_runs import ENCODER, RECURRENT, figures_of, settings, tune, word_tokenizer

from ferrolm.data import TokenClassificationCollator
from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation import entity_figures
from ferrolm.models import BertConfig, BertModel, load
from ferrolm.tokenizers import Tokenizer, normalizers

FIRST, LAST, PLACES, OTHERS = (
    ["Ann", "Bob", "Cy"],
    ["Low", "Moss"],
    ["Rome", "Oslo"],
    ["met", "in", "a", "dog", "saw"],
)
WORDS = [*FIRST, *LAST, *PLACES, *OTHERS]


def sentences(rows: int, seed: int) -> list[list[tuple[str, str]]]:
    """People of one or two words, places and other words."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(rows):
        words: list[tuple[str, str]] = []
        for _ in range(random.integers(2, 5)):
            kind = random.integers(3)
            if kind == 0:
                words.append((str(random.choice(FIRST)), "B-PER"))
                if random.integers(2):
                    words.append((str(random.choice(LAST)), "I-PER"))
            elif kind == 1:
                words.append((str(random.choice(PLACES)), "B-LOC"))
            words.append((str(random.choice(OTHERS)), "O"))
        found.append(words)
    return found


def conll(path: Path, rows: int, seed: int) -> str:
    text = "\n\n".join("\n".join("\t".join(pair) for pair in words) for words in sentences(rows, seed))
    path.write_text(text + "\n")
    return str(path)


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    return {
        "train": conll(tmp_path / "train.conll", 120, 0), "validation": conll(tmp_path / "validation.conll", 20, 1),
        "test": conll(tmp_path / "test.conll", 30, 2), "tokenizer": word_tokenizer(tmp_path / "tokenizer.json", WORDS),
    }  # fmt: skip


def labels_of(folder: Path, words: list[str]) -> list[str]:
    """With what `finetune` leaves and nothing else."""
    model: Any = load(folder)
    names = [model.config.id2label[number] for number in range(model.config.num_labels)]
    collate = TokenClassificationCollator(Tokenizer.from_pretrained(str(folder)), label_names=names)
    rows = collate.encode([words])
    batch = collate(rows)
    if hasattr(model, "crf"):
        first = torch.tensor(rows[0]["word_ids"] >= 0)[None]  # every word is one token here
        found = model.decode(model(**batch).logits, first)
    elif hasattr(model, "decode"):
        found = model.decode(batch["input_ids"], batch["attention_mask"])
    else:
        found = model(**batch).logits.argmax(-1)
    return collate.word_labels(rows[0], found[0].clamp(min=0).tolist())


@pytest.mark.parametrize("crf", [False, True], ids=["softmax", "crf"])
@pytest.mark.parametrize("model", [ENCODER, RECURRENT], ids=["bert", "lstm"])
def test_entities_are_learnt_from_nothing(
    data: dict[str, Any], tmp_path: Path, model: dict[str, Any], crf: bool
) -> None:
    config = settings({"type": "token-classification", "crf": crf}, model, data, epochs=8)
    result = tune(config, tmp_path / "run")
    assert result.metrics["f1"] == 1.0
    figures = figures_of(tmp_path / "run")
    assert [figures[name] for name in ("f1", "precision", "recall", "accuracy", "examples")] == [
        1,
        1,
        1,
        1,
        30,
    ]
    final = tmp_path / "run/final"
    assert load(final).config.id2label == {0: "O", 1: "B-LOC", 2: "B-PER", 3: "I-PER"}
    words = ["Bob", "Moss", "saw", "Ann", "in", "Oslo"]
    assert labels_of(final, words) == ["B-PER", "I-PER", "O", "B-PER", "O", "B-LOC"]


def test_a_checkpoint_learns_parts_of_speech_of_a_treebank(tmp_path: Path) -> None:
    rows = []
    for words in sentences(80, 0):
        rows += [
            "\t".join([str(number), word, "_", "NOUN" if label == "O" else "PROPN", *["_"] * 6])
            for number, (word, label) in enumerate(words, 1)
        ] + [""]
    (tmp_path / "train.conllu").write_text("\n".join(rows) + "\n")
    folder = tmp_path / "encoder"
    word_tokenizer(folder / "tokenizer.json", WORDS)
    shape = {name: value for name, value in ENCODER.items() if name != "type"}
    BertModel(BertConfig(vocab_size=5 + len(WORDS), **shape)).save_pretrained(folder)
    data = {"train": str(tmp_path / "train.conllu"), "label_all": True}
    task = {"type": "token-classification", "label_smoothing": 0.1}
    result = tune(settings(task, {"checkpoint": str(folder)}, data), tmp_path / "run")
    assert result.metrics == {"accuracy": 1.0}, "there are no entities to count"
    assert labels_of(tmp_path / "run/final", ["Ann", "met", "a", "dog"]) == ["PROPN", *["NOUN"] * 3]


@pytest.mark.parametrize(
    "model",
    [{**ENCODER, "case_token_types": True}, {**RECURRENT, "character_size": 8}],
    ids=["case_token_types", "character_size"],
)
def test_case_that_the_tokenizer_drops_is_seen(tmp_path: Path, model: dict[str, Any]) -> None:
    """Names and common words are the same words here, but for their first letter."""
    random = np.random.default_rng(0)
    words = ["ann", "rose", "mark", "grace"]
    tokenizer = Tokenizer.from_file(word_tokenizer(tmp_path / "tokenizer.json", words))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    for name in ("train", "test"):
        names = random.integers(0, 2, (150, 4)).tolist()
        rows = [[(str(random.choice(words)), name) for name in row] for row in names]
        lines = [[f"{w.capitalize()}\tB-PER" if name else f"{w}\tO" for w, name in row] for row in rows]
        (tmp_path / f"{name}.conll").write_text("\n\n".join("\n".join(row) for row in lines) + "\n")
    data = {name: str(tmp_path / f"{name}.conll") for name in ("train", "test")}
    data["tokenizer"] = str(tmp_path / "tokenizer.json")
    tune(settings({"type": "token-classification"}, model, data, epochs=6), tmp_path / "run")
    assert figures_of(tmp_path / "run")["f1"] > 0.99
    config: Any = load(tmp_path / "run/final").config
    assert getattr(config, "case_token_types", False) or config.character_size == 8


def test_words_beyond_the_longest_row_count_as_outside(data: dict[str, Any], tmp_path: Path) -> None:
    config = settings({"type": "token-classification"}, ENCODER, {**data, "max_length": 5})
    result = tune(config, tmp_path / "run")
    assert result.metrics["recall"] < 0.8, "of each sentence three words are seen"
    assert result.metrics["precision"] > result.metrics["recall"] + 0.1, (
        "no entities are made up for the others"
    )


def test_labels_that_training_has_not_seen_count_as_wrong(data: dict[str, Any], tmp_path: Path) -> None:
    other = tmp_path / "other.conll"
    other.write_text("Ann\tB-PER\nsaw\tO\nRome\tB-CITY\n")
    config = settings({"type": "token-classification"}, ENCODER, {**data, "test": str(other)})
    tune(config, tmp_path / "run")
    figures = figures_of(tmp_path / "run")
    assert (figures["recall"], figures["accuracy"]) == (0.5, pytest.approx(2 / 3))


def test_augmented_words_keep_their_labels(data: dict[str, Any], tmp_path: Path) -> None:
    """An entity is never torn apart: with labels that went astray the words could not be learnt so well."""
    augmented = {**data, "augmentation": "swap:0.3, deletion:0.3"}
    config = settings({"type": "token-classification"}, ENCODER, augmented)
    assert tune(config, tmp_path / "run").metrics["f1"] > 0.95


def test_a_crf_has_no_labels_to_smooth(data: dict[str, Any], tmp_path: Path) -> None:
    task = {"type": "token-classification", "crf": True, "label_smoothing": 0.1}
    with pytest.raises(
        InvalidArgumentError, match=r"task\.label_smoothing is 0\.1, but this task has no single"
    ):
        tune(settings(task, ENCODER, data), tmp_path / "run")


@pytest.mark.parametrize(
    ("predicted", "true", "precision", "recall"),
    [
        # By the rules of conlleval and of seqeval's default mode, counted by hand.
        (["O", "O", "O"], ["O", "O", "O"], 0, 0),
        (["B-PER", "I-PER", "O"], ["B-PER", "I-PER", "O"], 1, 1),
        (["B-PER", "O", "O"], ["B-PER", "I-PER", "O"], 0, 0),  # half an entity is none
        (["B-LOC", "I-LOC", "O"], ["B-PER", "I-PER", "O"], 0, 0),  # of another type
        (["I-PER", "I-PER", "O"], ["B-PER", "I-PER", "O"], 1, 1),  # begun by an I
        (["B-PER", "B-PER", "O"], ["B-PER", "I-PER", "O"], 0, 0),  # two for one
        (["B-PER", "I-LOC", "O"], ["B-PER", "B-LOC", "O"], 1, 1),  # another type begins another entity
        (["B-PER", "O", "B-LOC"], ["B-PER", "O", "O"], 0.5, 1),
        (["B-PER", "O", "O"], ["B-PER", "O", "B-PER"], 1, 0.5),
    ],
)  # fmt: skip
def test_whole_entities_are_counted(
    predicted: list[str], true: list[str], precision: float, recall: float
) -> None:
    figures = entity_figures([predicted], [true])
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert figures == pytest.approx({"f1": f1, "precision": precision, "recall": recall})


def test_entities_of_all_sentences_count_alike() -> None:
    """Micro averages: not the mean of the sentences, and nothing goes over the end of one."""
    predicted = [["B-PER", "B-PER", "B-PER"], ["I-PER"]]
    true = [["B-PER", "B-PER", "O"], ["B-LOC"]]
    assert entity_figures(predicted, true) == pytest.approx(
        {"precision": 2 / 4, "recall": 2 / 3, "f1": 4 / 7}
    )
