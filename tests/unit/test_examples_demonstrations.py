"""The scripts in examples/demonstrations run, small, on data that are made here."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from small_encoders import WORDS, encoder_folder

from ferrolm.demonstrations import Example

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "demonstrations"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Files in the form of the published ones, whose labels their words give away."""
    generator = np.random.default_rng(0)
    intents, reviews = (tmp_path / "tasks" / name for name in ("topic/banking77", "sentiment/rt-polarity"))
    for folder in (intents, reviews):
        folder.mkdir(parents=True)
    for name, rows in (("train", 120), ("test", 20)):
        with (intents / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "category"))
            for row in range(rows):
                words = [WORDS[row % 4]] * 3 + generator.choice(WORDS[4:8], 3).tolist()
                writer.writerow(
                    (" ".join(generator.permutation(words)) + f" after what {row}", WORDS[row % 4])
                )
    for label, word in (("pos", "one"), ("neg", "two")):
        lines = [
            f"{word} {' '.join(generator.choice(WORDS[4:8], 3))} {word} {number}\n" for number in range(60)
        ]
        (reviews / f"rt-polarity.{label}.txt").write_text("".join(lines))
    return tmp_path


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def load(name: str) -> object:
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return load


def test_selection(data: Path, tmp_path: Path, example, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(encoder_folder(tmp_path / "encoder", "sentence-similarity"))
    given = [str(data), "--cache", str(tmp_path / "cache"), "--encoder", folder, "--seeds", "1"]
    example("selection").main([*given, "--plot", str(tmp_path / "plots")])
    shown = capsys.readouterr().out
    assert shown.count("votes by similarity") == 2
    assert all(f"\n{name} " in shown for name in ("random", "BM25", "DPP", "vote-k", "learned", "balanced"))
    assert shown.count("against nearest:") == 4
    for name in ("rt-polarity", "banking77"):
        assert (tmp_path / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    example("selection").main([*given, "--tune", "--task", "banking77", "--queries", "5"])
    assert "MMR relevance=0.5 candidates=16" in capsys.readouterr().out


def test_a_model_is_trained_and_asked(
    data: Path, tmp_path: Path, example, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(encoder_folder(tmp_path / "encoder", "sentence-similarity"))
    small = ["--width", "16", "--layers", "1", "--vocabulary", "400", "--batch-size", "2", "--steps", "3"]
    example("train").main([str(data), str(tmp_path / "model"), *small])
    assert "step 3/3" in capsys.readouterr().err
    given = [str(data), str(tmp_path / "model"), "--cache", str(tmp_path / "cache"), "--encoder", folder]
    plots = tmp_path / "plots"
    example("answer").main([*given, "--queries", "4", "--task", "banking77", "--plot", str(plots)])
    shown = capsys.readouterr().out
    assert all(f"\n{name} " in shown for name in ("random", "nearest", "best first", "best last, calibrated"))
    assert (plots / "banking77-in-context.png").exists()


def test_episodes_are_what_the_template_writes(data: Path, example) -> None:
    train, labelled = example("train"), example("labelled")
    task = labelled.intents(data)
    tokenizer = train.tokenizer_of([task], 400)
    episodes = train.Episodes(task, tokenizer)
    ids, asked = episodes.draw(3, np.random.default_rng(0))
    text = tokenizer.decode(ids.tolist())
    assert len(text.split("\n")) == 4
    assert tokenizer.encode_list(text, False) == ids.tolist()
    assert all(line.split(": ")[1] in train.symbols(tokenizer) for line in text.split("\n"))
    assert set(asked[asked >= 0].tolist()) <= set(episodes.symbols.tolist())
    assert (ids[asked >= 0] == asked[asked >= 0]).all()


def test_a_prompt_has_the_form_of_training(example) -> None:
    train = example("train")
    long = "one two three four five six seven eight nine ten eleven twelve thirteen"
    prompt = train.template({"a": "film"}).prompt([Example(long, "a")], long)
    assert prompt == f"{long[:-9]}: film\n{long[:-9]}:"
