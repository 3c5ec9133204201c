"""What `ferrolm finetune` writes is what a pipeline loads: from labelled files to answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from finetuning_runs import ENCODER, RECURRENT, settings, tune, word_tokenizer, write_json_lines

import ferrolm
from ferrolm.tokenizers import Tokenizer, normalizers

COLOURS, SIZES = ("red", "blue", "green"), ("big", "small", "tiny")


def run(
    folder: Path, task: dict[str, Any], model: dict[str, Any], data: dict[str, Any], **training: Any
) -> Path:
    tune(settings(task, model, data, **training), folder / "run")
    return folder / "run" / "final"


@pytest.mark.parametrize("model", [ENCODER, RECURRENT], ids=lambda model: model["type"])
def test_classes_of_texts(model: dict[str, Any], tmp_path: Path) -> None:
    rows = [{"text": word, "label": "colour"} for word in COLOURS * 8] + [
        {"text": word, "label": "size"} for word in SIZES * 8
    ]
    train = write_json_lines(tmp_path / "train.jsonl", rows)
    tokenizer = word_tokenizer(tmp_path / "tokenizer.json", [*COLOURS, *SIZES])
    final = run(tmp_path, {"type": "text-classification"}, model, {"train": train, "tokenizer": tokenizer})
    pipe = ferrolm.pipeline(model=final, device="cpu")
    assert [each["label"] for each in pipe(["red", "tiny", "green"], batch_size=3)] == [
        "colour",
        "size",
        "colour",
    ]


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("model", [ENCODER, RECURRENT], ids=lambda model: model["type"])
def test_labels_of_words(model: dict[str, Any], crf: bool, tmp_path: Path) -> None:
    sentences = [f"the O\n{size} O\n{colour} B-COL\nsea I-COL\n" for size in SIZES for colour in COLOURS] * 3
    (tmp_path / "train.conll").write_text("\n".join(sentences))
    tokenizer = word_tokenizer(
        tmp_path / "tokenizer.json", ["the", "sea", *COLOURS, *SIZES], special=model is ENCODER
    )
    data = {"train": str(tmp_path / "train.conll"), "tokenizer": tokenizer}
    final = run(
        tmp_path,
        {"type": "token-classification", "crf": crf},
        model,
        data,
        epochs=10 if model is ENCODER else 40,
    )
    pipe = ferrolm.pipeline("ner", final, device="cpu", aggregation_strategy="first")
    [found] = pipe("the tiny blue sea")
    assert (found["entity_group"], found["word"], found["start"], found["end"]) == ("COL", "blue sea", 9, 17)
    assert found["score"] > 0.8


@pytest.mark.parametrize(
    "model",
    [
        {**ENCODER, "case_token_types": True},
        {**RECURRENT, "character_size": 8, "character_embedding_size": 8},
    ],
    ids=lambda model: model["type"],
)
def test_models_that_see_how_words_are_written(model: dict[str, Any], tmp_path: Path) -> None:
    """A rose or Rose, which the tokenizer does not tell apart."""
    rows = ["a O\nrose O\ngrows O\n", "Rose B-PER\ngrows O\n", "a O\nRose B-PER\n"]
    (tmp_path / "train.conll").write_text("\n".join(rows * 12))
    file = word_tokenizer(
        tmp_path / "tokenizer.json", ["a", "rose", "grows"], special=model["type"] == "bert"
    )
    tokenizer = Tokenizer.from_file(file)
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.save(file)
    data = {"train": str(tmp_path / "train.conll"), "tokenizer": file}
    final = run(tmp_path, {"type": "token-classification"}, model, data, epochs=20)
    find = ferrolm.pipeline("ner", final, device="cpu", aggregation_strategy="first")
    texts = ["a rose grows", "Rose grows", "grows a Rose"]
    for found in (find(texts), find([text.split() for text in texts], is_split_into_words=True)):
        assert [[(each["word"], each["start"]) for each in entities] for entities in found] == [
            [],
            [("rose", 0)],
            [("rose", 8)],
        ]


def test_answers(tmp_path: Path) -> None:
    paragraphs = [
        {
            "context": f"a {size} sea , then {colour}",
            "qas": [{"id": f"{size} {colour}", "question": "which colour", "answers": [{"text": colour, "answer_start": len(size) + 14}]}],
        }
        for size in SIZES
        for colour in COLOURS
    ] * 4  # fmt: skip
    (tmp_path / "train.json").write_text(json.dumps({"data": [{"title": "", "paragraphs": paragraphs}]}))
    words = ["a", "sea", ",", "then", "which", "colour", *COLOURS, *SIZES]
    tokenizer = word_tokenizer(tmp_path / "tokenizer.json", words)
    data = {
        "train": str(tmp_path / "train.json"),
        "tokenizer": tokenizer,
        "validation_fraction": 0.0,
        "stride": 4,
    }
    final = run(tmp_path, {"type": "question-answering"}, ENCODER, data, epochs=12)
    pipe = ferrolm.pipeline(model=final, device="cpu")
    found = pipe(question="which colour", context="a tiny sea , then green", doc_stride=4)
    assert (found["answer"], found["start"], found["end"]) == ("green", 18, 23)


def test_sentences_that_are_alike(tmp_path: Path) -> None:
    pairs = [{"source": f"a {colour}", "target": f"the {colour}"} for colour in COLOURS] * 6
    train = write_json_lines(tmp_path / "train.jsonl", pairs)
    tokenizer = word_tokenizer(tmp_path / "tokenizer.json", ["a", "the", *COLOURS])
    data = {"train": train, "tokenizer": tokenizer}
    final = run(tmp_path, {"type": "sentence-similarity", "pooling": "max"}, ENCODER, data)
    pipe = ferrolm.pipeline("sentence-similarity", final, device="cpu")
    found = pipe({"source_sentence": "a blue", "sentences": ["the red", "the blue", "the green"]})
    assert max(range(3), key=found.__getitem__) == 1
    states = ferrolm.pipeline("feature-extraction", final, device="cpu")
    assert states("a blue", pooling="auto") == pytest.approx(states("a blue", pooling="max", normalize=True))


def test_texts_from_texts(tmp_path: Path) -> None:
    pairs = [
        {"source": f"{size} {colour}", "target": f"{colour} {size}"} for size in SIZES for colour in COLOURS
    ] * 4
    train = write_json_lines(tmp_path / "train.jsonl", pairs)
    words = ["say:", "</s>", *COLOURS, *SIZES]
    tokenizer = word_tokenizer(tmp_path / "tokenizer.json", words, special=False)
    shape = {
        "type": "transformer",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_layers": 1,
        "num_heads": 4,
        "dropout": 0.0,
    }
    data = {"train": train, "tokenizer": tokenizer, "prefix": "say: ", "validation_fraction": 0.0}
    final = run(tmp_path, {"type": "translation"}, shape, data, epochs=30)
    for task in ("translation", "translation_en_to_fr"):
        pipe = ferrolm.pipeline(task, final, device="cpu")
        found = pipe(["small green", "tiny red"], batch_size=2, max_new_tokens=6)
        assert found == [{"translation_text": "green small"}, {"translation_text": "red tiny"}]


def test_dialogues(tmp_path: Path) -> None:
    pytest.importorskip("jinja2", reason="needs the extra that chat templates need")
    dialogues = [
        {"messages": [{"role": "user", "content": colour}, {"role": "assistant", "content": f"{colour} sea"}]}
        for colour in COLOURS
    ] * 8
    train = write_json_lines(tmp_path / "train.jsonl", dialogues)
    words = ["user:", "assistant:", "sea", "<|endoftext|>", *COLOURS]
    tokenizer = word_tokenizer(tmp_path / "tokenizer.json", words, special=False)
    ending = Tokenizer.from_file(tokenizer)  # whose end is found within a text, as that of published ones
    ending.add_special_tokens(["<|endoftext|>"])
    ending.save(tokenizer)
    shape = {"type": "gpt2", "n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 32}
    final = run(tmp_path, {"type": "dialogue"}, shape, {"train": train, "tokenizer": tokenizer}, epochs=20)
    pipe = ferrolm.pipeline("text-generation", final, device="cpu")
    asked = [{"role": "user", "content": "blue"}]
    [found] = pipe(asked, do_sample=False, max_new_tokens=6)
    assert found["generated_text"][0] == asked[0]
    assert found["generated_text"][1]["content"].strip() == "blue sea"
    [again] = pipe(
        [*found["generated_text"], {"role": "user", "content": "red"}], do_sample=False, max_new_tokens=6
    )
    assert again["generated_text"][-1]["role"] == "assistant"
