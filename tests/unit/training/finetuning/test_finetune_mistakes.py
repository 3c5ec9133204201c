"""What is wrong with a configuration or its files is said before anything is trained, and by its name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from finetuning_runs import ENCODER, RECURRENT, settings, tune, word_tokenizer

from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, UnknownNameError
from ferrolm.models import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel
from ferrolm.tokenizers import Tokenizer
from ferrolm.training import FinetuningConfig
from ferrolm.training.finetuning.augmentation import parse_augmentation

ROWS = "text,label\n" + "good film,yes\nbad film,no\n" * 10


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "train.csv").write_text(ROWS)
    return {
        "train": str(tmp_path / "train.csv"),
        "tokenizer": word_tokenizer(tmp_path / "tokenizer.json", ["good", "bad", "film"]),
    }


def nothing_was_trained(folder: Path) -> bool:
    return not (folder / "metrics.jsonl").exists()


@pytest.mark.parametrize(
    ("section", "content", "message"),
    [
        ("task", {"typ": "x"}, r"unknown setting task\.typ; did you mean 'type'"),
        ("task", {"type": "text-clasification"}, "expected one of text-classification, .*did you mean 'text-classification'"),
        ("task", {"pooling": "men"}, r"task\.pooling is 'men', expected one of mean, cls, max; did you mean 'mean'"),
        ("task", {"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\)"),
        ("task", {"temperature": 0.0}, "temperature must be above 0"),
        ("data", {"trian": "x"}, r"unknown setting data\.trian; did you mean 'train'"),
        ("data", {"max_length": 1}, "max_length must be at least 2, not 1"),
        ("data", {"validation_fraction": 1.0}, "validation_fraction must be in"),
        ("training", {"learning_rat": 1.0}, "did you mean 'learning_rate'"),
        ("loar", {}, r"unknown section \[loar\]; did you mean 'lora'"),
    ],
)  # fmt: skip
def test_settings_that_are_none(section: str, content: dict[str, Any], message: str) -> None:
    with pytest.raises((UnknownNameError, InvalidArgumentError), match=message):
        FinetuningConfig.from_dict({section: content})


@pytest.mark.parametrize(
    ("task", "model", "changes", "error", "message"),
    [
        ({}, ENCODER, {"train": ""}, InvalidArgumentError, r"data\.train must name"),
        ({}, ENCODER, {"train": "absent.csv"}, MissingFileError, r"absent\.csv"),
        ({}, ENCODER, {"test": "absent.csv"}, MissingFileError, r"absent\.csv"),
        ({}, ENCODER, {"tokenizer": ""}, InvalidArgumentError, r"there is no tokenizer: set data\.tokenizer"),
        ({}, ENCODER, {"tokenizer": "absent.json"}, MissingFileError, r"absent\.json"),
        ({}, ENCODER, {"label": "lable"}, InvalidFileError, r"line 1: no column 'lable', found 'text', 'label'; did you"),
        ({}, ENCODER, {"format": "cvs"}, UnknownNameError, r"data\.format is 'cvs', expected .*did you mean 'csv'"),
        ({}, ENCODER, {"train": "data.xlsx"}, InvalidArgumentError, r"data\.xlsx: the format is not known by its name"),
        ({"type": "token-classification"}, ENCODER, {}, InvalidArgumentError, "set data.format to one of conll, conllu"),
        ({"metric": "acuracy"}, ENCODER, {}, UnknownNameError, r"task\.metric is 'acuracy', .*did you mean 'accuracy'"),
        ({"problem_type": "single"}, ENCODER, {}, InvalidArgumentError, r"task\.problem_type is 'single', expected"),
        ({"problem_type": "multi_label_classification"}, ENCODER, {}, InvalidArgumentError, "label_separator is empty"),
        ({"problem_type": "regression"}, ENCODER, {}, InvalidFileError, "line 2: the label is 'yes', expected a number"),
        ({"problem_type": "regression"}, RECURRENT, {}, InvalidFileError, "expected a number"),
        ({}, {"type": "brt"}, {}, UnknownNameError, r"model\.type is 'brt', expected .*did you mean 'bert'"),
        ({}, {**ENCODER, "hiden_size": 4}, {}, UnknownNameError, r"model\.hiden_size; did you mean 'hidden_size'"),
        ({}, {**RECURRENT, "hiden_size": 4}, {}, UnknownNameError, r"model\.hiden_size; did you mean 'hidden_size'"),
        ({}, {**RECURRENT, "embeddings": "absent.txt"}, {}, MissingFileError, "model.embeddings: absent.txt does not exist"),
        ({}, {"checkpoint": "no/such/folder"}, {}, MissingFileError, "no/such/folder does not exist"),
        ({}, ENCODER, {"max_length": 33}, InvalidArgumentError, r"data\.max_length is 33, but the model has .* 32 tokens"),
        ({}, ENCODER, {"augmentation": "swop:0.1"}, UnknownNameError, "data.augmentation has 'swop', .*did you mean 'swap'"),
        ({"freeze": True}, RECURRENT, {}, InvalidArgumentError, "task.freeze leaves nothing to learn"),
    ],
)  # fmt: skip
def test_runs_that_cannot_be(
    data: dict[str, Any],
    tmp_path: Path,
    task: Any,
    model: Any,
    changes: Any,
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        tune(settings(task, model, {**data, **changes}), tmp_path / "run")
    assert nothing_was_trained(tmp_path / "run")


def test_too_few_examples_for_a_validation(data: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\ngood film,yes\n")
    with pytest.raises(
        InvalidArgumentError, match=r"data\.validation_fraction is 0\.1: .* leave a part empty"
    ):
        tune(settings({}, ENCODER, data), tmp_path / "run")


def test_an_empty_file_has_nothing_to_learn(data: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\n")
    with pytest.raises(InvalidFileError, match=r"train\.csv: there is nothing to learn in it"):
        tune(settings({}, ENCODER, data), tmp_path / "run")


def test_a_label_that_training_does_not_have(data: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,label\ngood,yess\n")
    with pytest.raises(
        UnknownNameError, match=r"test\.csv: label 'yess' is none of no, yes; did you mean 'yes'"
    ):
        tune(settings({}, ENCODER, {**data, "test": str(tmp_path / "test.csv")}), tmp_path / "run")
    assert nothing_was_trained(tmp_path / "run")


def test_a_tokenizer_without_padding(data: dict[str, Any], tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(data["tokenizer"])
    tokenizer.no_padding()
    plain = Tokenizer(tokenizer.model)
    plain.pre_tokenizer = tokenizer.pre_tokenizer
    vocabulary = {
        f"<{token}>" if token == "[PAD]" else token: number for token, number in tokenizer.get_vocab().items()
    }
    plain.model = type(tokenizer.model)(vocabulary, "[UNK]")
    plain.save(str(tmp_path / "plain.json"))
    with pytest.raises(InvalidArgumentError, match="the tokenizer has no padding token"):
        tune(settings({}, ENCODER, {**data, "tokenizer": str(tmp_path / "plain.json")}), tmp_path / "run")
    assert nothing_was_trained(tmp_path / "run")


@pytest.mark.parametrize("task", ["text-classification", "text-generation"])
def test_a_checkpoint_with_fewer_tokens_than_the_tokenizer(
    data: dict[str, Any], tmp_path: Path, task: str
) -> None:
    folder = tmp_path / "checkpoint"
    if task == "text-generation":
        GPT2LMHeadModel(
            GPT2Config(vocab_size=7, n_positions=32, n_embd=8, n_layer=1, n_head=1)
        ).save_pretrained(folder)
        (tmp_path / "train.tsv").write_text(
            "".join(f"good {word}\tfilm\n" for word in ("good", "bad", "film") * 6)
        )
        data["train"] = str(tmp_path / "train.tsv")
    else:
        shape = {name: value for name, value in ENCODER.items() if name != "type"}
        BertModel(BertConfig(vocab_size=7, **shape)).save_pretrained(folder)
    shutil.copy(data.pop("tokenizer"), folder / "tokenizer.json")
    with pytest.raises(
        InvalidArgumentError, match="the tokenizer has ids up to 7, but the model embeddings for 7 tokens"
    ):
        tune(settings({"type": task}, {"checkpoint": str(folder)}, data), tmp_path / "run")
    assert nothing_was_trained(tmp_path / "run")


def test_a_language_model_has_its_own_settings(data: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    GPT2LMHeadModel(GPT2Config(vocab_size=8, n_positions=32, n_embd=8, n_layer=1, n_head=1)).save_pretrained(
        folder
    )
    (tmp_path / "train.tsv").write_text(
        "".join(f"good {word}\tfilm\n" for word in ("good", "bad", "film") * 6)
    )
    config = settings(
        {"type": "text-generation"},
        {"checkpoint": str(folder), "n_layer": 2},
        {**data, "train": str(tmp_path / "train.tsv")},
    )
    with pytest.raises(InvalidArgumentError, match=r"model\.n_layer is set beside model\.checkpoint"):
        tune(config, tmp_path / "run")


def test_a_run_is_not_resumed_with_other_texts(data: dict[str, Any], tmp_path: Path) -> None:
    config = settings({}, ENCODER, data, epochs=1)
    tune(config, tmp_path / "run")
    (tmp_path / "train.csv").write_text(ROWS.replace("good film", "good good"))
    with pytest.raises(InvalidArgumentError, match="was made with other data"):
        tune(config, tmp_path / "run", resume=True)


@pytest.mark.parametrize("setting", ["swap", "swap:", "swap:x", "swap:1.5", "swap:-1"])
def test_augmentation_names_a_share(setting: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"data.augmentation has '{setting}', expected NAME:SHARE"):
        parse_augmentation(setting)


def test_vectors_of_other_words_are_of_no_use(data: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "vectors.txt").write_text("1 2\nelsewhere 0 1\n")
    model = {**RECURRENT, "embeddings": str(tmp_path / "vectors.txt")}
    with pytest.raises(
        InvalidArgumentError, match=r"none of the tokenizer's tokens has a vector in .*vectors\.txt"
    ):
        tune(settings({}, model, data), tmp_path / "run")
