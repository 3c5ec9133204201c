"""Answers in texts, from a file to a model, and SQuAD's figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from finetuning_runs import ENCODER, figures_of, settings, tune, word_tokenizer

from ferrolm.data import QuestionAnsweringCollator
from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation import answer_f1, normalized_answer
from ferrolm.models import load
from ferrolm.tokenizers import Tokenizer

FILLERS, NAMES = [f"w{number}" for number in range(8)], ["red", "blue", "green"]
WORDS = ["which", "is", *FILLERS, *NAMES]


def squad(path: Path, questions: int, seed: int, unanswerable: bool = False) -> str:
    """The answer is the color of the text, which may be none."""
    random = np.random.default_rng(seed)
    paragraphs = []
    for number in range(questions):
        words = [str(word) for word in random.choice(FILLERS, random.integers(4, 12))]
        answers = []
        if not unanswerable or random.integers(2):
            place = int(random.integers(len(words)))
            words[place] = str(random.choice(NAMES))
            answers = [{"text": words[place], "answer_start": len(" ".join([*words[:place], ""]))}]
        question = {
            "id": str(number),
            "question": "which is",
            "answers": answers,
            "is_impossible": not answers,
        }
        paragraphs.append({"context": " ".join(words), "qas": [question]})
    path.write_text(json.dumps({"version": "1.1", "data": [{"title": "", "paragraphs": paragraphs}]}))
    return str(path)


def answer(folder: Path, context: str) -> str:
    """With what `finetune` leaves and nothing else."""
    model: Any = load(folder)
    collate = QuestionAnsweringCollator(Tokenizer.from_pretrained(str(folder)), max_length=12, stride=4)
    windows = collate.encode(["which is"], [context])
    output = model(**collate(windows))
    logits = output.start_logits.detach().numpy(), output.end_logits.detach().numpy()
    return collate.answers(windows, *logits, [context])[0].text


def test_answers_are_learnt_from_nothing_over_windows(tmp_path: Path) -> None:
    data = {
        "train": squad(tmp_path / "train.json", 120, 0), "validation": squad(tmp_path / "validation.json", 20, 1),
        "test": squad(tmp_path / "test.json", 20, 2), "max_length": 12, "stride": 4,
        "tokenizer": word_tokenizer(tmp_path / "tokenizer.json", WORDS),
    }  # fmt: skip
    result = tune(settings({"type": "question-answering"}, ENCODER, data), tmp_path / "run")
    assert result.metrics == {"exact_match": 1.0, "f1": 1.0}
    assert figures_of(tmp_path / "run") == {"exact_match": 1.0, "f1": 1.0, "examples": 20}
    long = " ".join(["w1 w2 w3"] * 5 + ["green", "w4"])
    assert answer(tmp_path / "run/final", long) == "green", "it stands in a later window"


def test_texts_may_have_no_answer(tmp_path: Path) -> None:
    data = {
        "train": squad(tmp_path / "train.json", 160, 0, True), "validation": squad(tmp_path / "v.json", 40, 1, True), "stride": 4,
        "tokenizer": word_tokenizer(tmp_path / "tokenizer.json", WORDS),
    }  # fmt: skip
    result = tune(settings({"type": "question-answering"}, ENCODER, data, epochs=8), tmp_path / "run")
    assert result.metrics["exact_match"] > 0.9


def test_windows_have_neither_smoothed_labels_nor_augmentation(tmp_path: Path) -> None:
    data = {
        "train": squad(tmp_path / "train.json", 20, 0), "tokenizer": word_tokenizer(tmp_path / "t.json", WORDS),
        "stride": 4,
    }  # fmt: skip
    with pytest.raises(InvalidArgumentError, match=r"task\.label_smoothing"):
        tune(
            settings({"type": "question-answering", "label_smoothing": 0.1}, ENCODER, data), tmp_path / "run"
        )
    with pytest.raises(InvalidArgumentError, match=r"data\.augmentation is 'swap:0\.1', which this task"):
        tune(
            settings({"type": "question-answering"}, ENCODER, {**data, "augmentation": "swap:0.1"}),
            tmp_path / "run",
        )


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("The Eiffel Tower", "eiffel tower"),
        ("a  an the", ""),
        ("U.S.", "us"),
        ("theatre, 1950s", "theatre 1950s"),
    ],
)
def test_answers_are_normalized_as_in_the_script_of_squad(text: str, normalized: str) -> None:
    assert normalized_answer(text) == normalized


@pytest.mark.parametrize(
    ("found", "true", "f1"),
    [("", "", 1), ("", "Rome", 0), ("the", "a", 1), ("in Rome", "Rome", 2 / 3), ("Rome Rome", "Rome", 2 / 3), ("Oslo", "Rome", 0)],
)  # fmt: skip
def test_words_that_answers_share(found: str, true: str, f1: float) -> None:
    assert answer_f1(found, true) == pytest.approx(f1)
