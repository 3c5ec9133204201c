"""`load_tagger` on folders that `finetune` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from finetuning_runs import ENCODER, RECURRENT, settings, tune, word_tokenizer

from ferrolm.cli import main
from ferrolm.errors import InvalidArgumentError
from ferrolm.tagging import LabeledWords, Tagger, evaluate_tagger, load_tagger, write_conll

SENTENCES = [
    LabeledWords(("Ann", "Low", "met", "Bob", "in", "Rome"), ("B-PER", "I-PER", "O", "B-PER", "O", "B-LOC")),
    LabeledWords(("a", "dog", "saw", "Oslo"), ("O", "O", "O", "B-LOC")),
    LabeledWords(("Bob", "Low", "saw", "Ann"), ("B-PER", "I-PER", "O", "B-PER")),
]
MODELS = {
    "bilstm-crf with letters": ({**RECURRENT, "character_size": 8}, True),
    "encoder": (ENCODER, False),
    "encoder with a crf": (ENCODER, True),
}


@pytest.mark.parametrize("name", MODELS, ids=str)
def test_a_finetuned_model_is_a_tagger(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, crf = MODELS[name]
    write_conll(tmp_path / "train.conll", SENTENCES * 8)
    data: dict[str, Any] = {
        "train": str(tmp_path / "train.conll"), "validation": str(tmp_path / "train.conll"),
        "tokenizer": word_tokenizer(tmp_path / "tokenizer.json", [word for each in SENTENCES for word in each.words]),
    }  # fmt: skip
    folder = tmp_path / "run"
    result = tune(settings({"type": "token-classification", "crf": crf}, model, data, epochs=8), folder)
    tagger = load_tagger(folder)
    assert tagger.tag(["Ann"]) == load_tagger(folder / "final").tag(["Ann"])
    assert isinstance(tagger, Tagger)
    assert sorted(tagger.labels) == ["B-LOC", "B-PER", "I-PER", "O"]
    report = evaluate_tagger(tagger, SENTENCES)
    figures = {**(report.entities or {}), "accuracy": report.accuracy}
    assert figures == pytest.approx(result.metrics), "as training measured the same model"
    assert tagger.tag([]) == []
    assert tagger.tag(list(SENTENCES[1].words)) == tagger.tag_sents([SENTENCES[1].words])[0]
    assert (
        len(tagger.tag(["Ann", " ", "saw"] * 30)) == 90
    )  # beyond the model's positions, and words of no token
    assert main(["tag", "--model", str(folder), "--output", "pairs", str(tmp_path / "train.conll")]) == 0
    assert capsys.readouterr().out.count("\n") == 24


def test_a_model_of_another_task_is_refused(tmp_path: Path) -> None:
    from ferrolm.models import BertConfig, BertModel

    small = {name: value for name, value in ENCODER.items() if name != "type"}
    BertModel(BertConfig(vocab_size=9, **small)).save_pretrained(tmp_path)
    with pytest.raises(InvalidArgumentError, match="expected one for token-classification"):
        load_tagger(tmp_path)
