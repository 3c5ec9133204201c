"""The scripts in examples/embeddings run, on data that are made here."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from small_encoders import WORDS, encoder_folder

from ferrolm.embeddings import KeyedVectors

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "embeddings"
RANDOM = np.random.default_rng(0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Files in the form of the published ones, whose labels their words give away."""
    intents, reviews, pairs = (
        tmp_path / name for name in ("topic/banking77", "sentiment/rt-polarity", "pair/snli")
    )
    for folder in (intents, reviews, pairs):
        folder.mkdir(parents=True)
    for name, rows in (("train", 80), ("test", 40)):
        with (intents / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "category"))
            for row in range(rows):
                writer.writerow((f"what is {WORDS[row % 4]} {WORDS[5]}\n{WORDS[row % 4]}", WORDS[row % 4]))
    for label, word in (("pos", "one"), ("neg", "two")):
        (reviews / f"rt-polarity.{label}.txt").write_text(f"{word} three\n{word} is four .\n" * 100)
    (pairs / "test.txt").write_text("one two\tone two\t0\none two\ttwo six\t1\none two\tsix four\t2\n" * 20)
    return tmp_path


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def load(name: str) -> object:
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return load


def test_pairs_are_of_one_intent(
    data: Path, tmp_path: Path, example, capsys: pytest.CaptureFixture[str]
) -> None:
    script = importlib.util.spec_from_file_location("embeddings_prepare", EXAMPLES / "prepare.py")
    prepare = importlib.util.module_from_spec(script)
    script.loader.exec_module(prepare)
    prepare.main(data, tmp_path / "out")
    assert "80 pairs" in capsys.readouterr().out
    lines = [line.split("\t") for line in (tmp_path / "out/banking77/train.tsv").read_text().splitlines()]
    assert sorted(first for first, _ in lines) == sorted(second for _, second in lines)
    assert all(first.split()[2] == second.split()[2] for first, second in lines)


def test_intents(data: Path, tmp_path: Path, example) -> None:
    folder = encoder_folder(tmp_path / "encoder", "sentence-similarity")
    found = example("intents").main([str(data), str(folder)])
    assert found[str(folder)]["nearest example"] == 1


def test_sentences(data: Path, tmp_path: Path, example, capsys: pytest.CaptureFixture[str]) -> None:
    KeyedVectors(WORDS, RANDOM.standard_normal((len(WORDS), 12))).save_word2vec_format(
        tmp_path / "v.bin", binary=True
    )
    folder = encoder_folder(tmp_path / "encoder", "sentence-similarity")
    found = example("sentences").main([str(data), str(tmp_path / "v.bin"), "--encoder", str(folder)])
    assert found.keys() == {"average", "SIF", "encoder"}
    for figures in found.values():
        assert figures["reviews, centre"] > 0.9
        assert figures["intents, centre"] > 0.9
        assert figures["SNLI, Spearman"] > 0
    assert capsys.readouterr().out.count("CPU seconds") == 3
