"""`evaluate` and ``ferrolm evaluate``: figures of models on labelled data."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from small_encoders import encoder_folder
from tiny_language_model import byte_tokenizer

from ferrolm import load_model, pipeline
from ferrolm.cli.main import main
from ferrolm.errors import FerrolmError, InvalidArgumentError, MissingFileError, UnknownNameError
from ferrolm.evaluation import evaluate
from ferrolm.generation import Seq2SeqLanguageModel
from ferrolm.models import T5Config, T5ForConditionalGeneration

TEXTS = ["one two three", "what is after one ?", "sixteen , six .", "four five", "two", "three four ."]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    labels = {"id2label": {0: "good", 1: "bad", 2: "odd"}}
    return encoder_folder(tmp_path_factory.mktemp("classifier"), "text-classification", **labels)


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "test.tsv"
    rows = [f"{text}\t{label}" for text, label in zip(TEXTS, ["good", "bad", "odd"] * 2, strict=True)]
    path.write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    return path


def test_classes(classifier, labelled):
    report = evaluate(classifier, "sentiment-analysis", labelled, batch_size=4, show_progress=False)
    said = [each["label"] for each in pipeline("text-classification", model=classifier)(TEXTS)]
    assert report.predictions == said
    right = np.mean([one == other for one, other in zip(said, ["good", "bad", "odd"] * 2, strict=True)])
    assert report.value == report.results["accuracy"].value == pytest.approx(right)
    assert report.results["accuracy"].low <= right <= report.results["accuracy"].high
    assert 0 <= report.results["calibration_error"].value <= 1
    assert (
        evaluate(classifier, "text-classification", labelled, limit=2, show_progress=False).predictions
        == said[:2]
    )


def test_a_model_against_itself_is_no_better(classifier, labelled):
    report = evaluate(classifier, "text-classification", labelled, show_progress=False)
    found = report.compare(report)
    assert (found.difference, found.p_value) == (0, 1)


def test_perplexity_is_that_of_all_texts_together(tmp_path):
    texts = ["Once upon a time there was a fox.", "The fox met a girl named Lily. They played all day."]
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in [*texts, " "]))
    report = evaluate("ferrolm-tiny", "perplexity", path, show_progress=False)
    model = load_model("ferrolm-tiny")
    nats = -sum(model.score(text).logprob for text in texts)
    assert report.value == pytest.approx(nats / math.log(2) / sum(map(len, texts)))
    assert report.results["perplexity"].value == pytest.approx(model.perplexity(texts))
    low, high = report.results["bits_per_byte"].low, report.results["bits_per_byte"].high
    assert low <= report.value <= high
    assert not report.higher_is_better


def test_answers(tmp_path):
    folder = encoder_folder(tmp_path / "model", "question-answering")
    context = "one two three four five . six"
    questions = [
        {"id": str(n), "question": text, "answers": [{"text": "four five", "answer_start": 14}]}
        for n, text in enumerate(["what is after three ?", "what is after two ?"])
    ]
    data = {"data": [{"title": "", "paragraphs": [{"context": context, "qas": questions}]}]}
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(data))
    report = evaluate(folder, "question-answering", path, show_progress=False)
    ask = pipeline("question-answering", model=folder)
    said = [ask(question=each["question"], context=context)["answer"] for each in questions]
    assert report.predictions == said
    assert list(report.results) == ["f1", "exact_match"]
    assert report.value == pytest.approx(report.scores.mean())


@pytest.mark.parametrize(("task", "metric"), [("translation", "bleu"), ("summarization", "rougeL")])
def test_texts_that_are_written(tmp_path, task, metric):
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    shape = {"d_model": 32, "d_ff": 48, "d_kv": 8, "num_heads": 4, "num_layers": 1, "vocab_size": 257}
    model = T5ForConditionalGeneration(T5Config(**shape, eos_token_id=256)).eval()
    Seq2SeqLanguageModel(model, tokenizer).save(tmp_path / "model")
    path = tmp_path / "pairs.tsv"
    path.write_text("one\tun\none\tune\ntwo\tdeux\nthree\ttrois\n")
    report = evaluate(
        tmp_path / "model", task, path, max_new_tokens=5, num_beams=2, resamples=20, show_progress=False
    )
    assert report.references == [["un", "une"], ["deux"], ["trois"]]
    write = pipeline("text2text-generation", model=tmp_path / "model")
    said = write(["one", "two", "three"], max_new_tokens=5, num_beams=2)
    assert report.predictions == [each["generated_text"] for each in said]
    assert next(iter(report.results)) == metric
    with pytest.raises(InvalidArgumentError, match="encoder-decoder"):
        evaluate(tmp_path / "model", "perplexity", path)


def test_the_command_prints_a_table_and_writes_a_report(classifier, labelled, tmp_path, capsys):
    report, predictions = tmp_path / "report.json", tmp_path / "predictions.jsonl"
    command = [
        "evaluate",
        str(classifier),
        "text-classification",
        str(labelled),
        "--no-progress",
        "--resamples",
        "100",
    ]
    files = ["--baseline", str(classifier), "--report", str(report), "--predictions", str(predictions)]
    assert main([*command, *files]) == 0
    output = capsys.readouterr().out
    assert "accuracy" in output
    assert "baseline -> model" in output
    found = json.loads(report.read_text())
    assert found["examples"] == len(TEXTS)
    assert found["comparison"]["p_value"] == 1
    assert found["results"]["accuracy"]["high"] >= found["results"]["accuracy"]["value"]
    rows = [json.loads(line) for line in predictions.read_text().splitlines()]
    assert [row["reference"] for row in rows] == ["good", "bad", "odd"] * 2
    assert main(["evaluate", str(classifier), "text-clasification", str(labelled)]) == 1
    assert "text-classification" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "content", "settings", "error", "message"),
    [
        ("perplexity", None, {}, MissingFileError, "does not exist"),
        ("translate", "a\tb\n", {}, UnknownNameError, "unknown.*translation"),
        ("text-classification", "text\tlabel\none\tgreat\n", {}, UnknownNameError, "'great' is none of the model's"),
        ("text-classification", "text\tlabel\n", {}, FerrolmError, "there is no example"),
        ("text-classification", "text\tlabel\none\tgood\n", {"batchsize": 2}, InvalidArgumentError, "'batchsize'.*batch_size"),
        ("text-classification", "text\tlabel\none\tgood\n", {"batch_size": 0}, InvalidArgumentError, "batch_size is 0"),
        ("text-classification", "text\tlabel\none\tgood\n", {"limit": 0}, InvalidArgumentError, "limit 0"),
    ],
    ids=["missing", "task", "label", "empty", "setting", "batch", "limit"],
)  # fmt: skip
def test_what_is_wrong_is_named(classifier, tmp_path, task, content, settings, error, message):
    path = tmp_path / "test.tsv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=message):
        evaluate(classifier, task, path, show_progress=False, **settings)


def test_tags(tmp_path):
    from ferrolm.tagging import LabeledWords, PerceptronTagger

    tagger = PerceptronTagger.train(
        [LabeledWords(("the", "dog"), ("DET", "NOUN")), LabeledWords(("Ann", "runs"), ("PROPN", "VERB"))] * 3
    )
    tagger.save(tmp_path / "tiny.tagger")
    path = tmp_path / "test.conll"
    path.write_text("the DET\ndog NOUN\n\nruns NOUN\n")
    report = evaluate(tmp_path / "tiny.tagger", "tagging", path, show_progress=False)
    assert report.predictions == tagger.tag_sents([["the", "dog"], ["runs"]])
    assert report.value == pytest.approx(2 / 3)
    names = tmp_path / "names.conll"
    names.write_text("Ann B-PER\nruns O\n\nthe O\n")
    report = evaluate(FixedTagger(), "ner", names, show_progress=False)
    assert (report.value, list(report.results)) == (1.0, ["entity_f1", "accuracy"])


class FixedTagger:
    """A tagger of one's own."""

    def tag_sents(self, sentences):
        return [["B-PER" if word == "Ann" else "O" for word in words] for words in sentences]
