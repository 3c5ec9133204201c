"""``ferrolm tag``."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from ferrolm.cli import main
from ferrolm.data import DependencySentence, conllu_text

LINES = [
    "the/DET dog/NOUN barks/VERB ./PUNCT",
    "a/DET cat/NOUN sleeps/VERB ./PUNCT",
    "dogs/NOUN bark/VERB ./PUNCT",
]


def treebank() -> str:
    blocks = []
    for line in LINES:
        words, tags = zip(*(pair.rsplit("/", 1) for pair in line.split()), strict=True)
        nothing = (None,) * len(words)
        blocks.append(
            conllu_text(
                DependencySentence(words, nothing, tags, nothing, ({},) * len(words), nothing, nothing)
            )
        )
    return "".join(blocks)


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "train.conllu").write_text(treebank())
    arguments = ["tag", "--train", str(tmp_path / "train.conllu"), "-o", str(tmp_path / "m"), "--no-progress"]
    assert main(arguments) == 0
    return str(tmp_path / "m")


def test_a_tagger_is_learnt_with_its_progress(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "train.conllu"
    path.write_text(treebank())
    arguments = ["tag", "--train", str(path), "--dev", str(path), "-o", str(tmp_path / "m"), "--epochs", "3"]
    assert main([*arguments, "--evaluate", str(path)]) == 0
    printed = capsys.readouterr()
    assert "epoch 3: training" in printed.err
    assert "dev 100.00%" in printed.err
    assert printed.out.startswith("accuracy 100.00% of 11 words in 3 sentences")


def test_a_text_is_tagged(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "a.txt"
    text.write_text("The dog barks. A cat\nsleeps.\n\nDogs bark.")
    assert main(["tag", "--model", model, "--output", "pairs", str(text)]) == 0
    printed = capsys.readouterr()
    assert [len(line.split()) for line in printed.out.splitlines()] == [4, 4, 3]
    assert "barks/VERB ./PUNCT" in printed.out
    assert main(["tag", "--model", model, "--output", "jsonl", str(text)]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    assert record["words"] == ["The", "dog", "barks", "."]
    assert record["tags"][1:] == ["NOUN", "VERB", "PUNCT"]
    assert main(["tag", "--model", model, str(text)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "# text = The dog barks."
    assert lines[3].split("\t") == ["3", "barks", "_", "VERB", "_", "_", "_", "_", "_", "SpaceAfter=No"]


def test_standard_input_is_a_text(
    model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"the dog barks.")))
    assert main(["tag", "--model", model, "--output", "pairs"]) == 0
    assert capsys.readouterr().out == "the/DET dog/NOUN barks/VERB ./PUNCT\n"


def test_a_treebank_keeps_all_but_its_tags(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "asked.conllu"
    path.write_text("# who = me\n1-2\tdon't" + "\t_" * 8 + "\n" + treebank().replace("\tNOUN\t", "\tX\t"))
    assert main(["tag", "--model", model, str(path)]) == 0
    assert capsys.readouterr().out == path.read_text().replace("\tX\t", "\tNOUN\t")


def test_entities_of_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "train.conll"
    path.write_text("Ann\tB-PER\nLee\tI-PER\nsleeps\tO\n\nshe\tO\nmet\tO\nBob\tB-PER\n\n")
    model = str(tmp_path / "names")
    assert main(["tag", "--train", str(path), "-o", model, "--evaluate", str(path), "--no-progress"]) == 0
    printed = capsys.readouterr()
    assert "6 tags" not in printed.err
    assert "3 tags of ner" in printed.err
    assert "entities f1 100.00%" in printed.out
    assert main(["tag", "--model", model, str(path)]) == 0
    assert "1\tAnn\t_\t_\t_\t_\t_\t_\t_\tNER=B-PER" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["text.txt"], "no tagger: expected --model"),
        (["--train", "text.conllu"], "--train needs -o MODEL"),
        (["--model", "nowhere", "text.txt"], "nowhere does not exist"),
        (["--train", "text.txt", "-o", "m"], "expected a .conllu or .conll file"),
        (["--train", "broken.conllu", "-o", "m"], "broken.conllu, line 1: 2 columns, expected 10"),
        (["--model", "broken.conllu", "text.txt"], "not a tagger's file"),
        (["--model", "MODEL", "latin.txt"], "latin.txt, line 2: not UTF-8 at byte 3"),
        (["--model", "MODEL", "nowhere.txt"], "nowhere.txt does not exist"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_mistakes_are_one_line(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("a")
    (tmp_path / "latin.txt").write_bytes(b"a\ncaf\xe9")
    (tmp_path / "broken.conllu").write_text("1\tdog\n")
    capsys.readouterr()
    assert main(["tag", *[model if each == "MODEL" else each for each in arguments]]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("ferrolm tag: error: ")
    assert message in line


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["tag", "--help"])
    printed = capsys.readouterr().out
    assert "ferrolm tag --train train.conllu --dev dev.conllu -o english.tagger" in printed
