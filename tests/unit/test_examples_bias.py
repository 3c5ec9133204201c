"""The scripts in examples/bias run, on data that are made here."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from ferrolm.embeddings import KeyedVectors

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "bias"
RANDOM = np.random.default_rng(0)
LISTS = {
    "career": ["office", "work"], "family": ["home", "child"], "male_names": ["John", "Paul"], "female_names": ["Amy", "Ann"],
    "flowers": ["rose", "lily"], "insects": ["ant", "bee"], "pleasant_5": ["love", "joy"], "unpleasant_5a": ["grief", "pain"],
}  # fmt: skip


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield lambda name: importlib.import_module(name)
    for name in ("corpora", "language_model", "vectors", "weat"):
        sys.modules.pop(name, None)


@pytest.fixture
def data(tmp_path):
    """Word lists, schemas and a book in which men work and women stay at home."""
    (tmp_path / "winogender").mkdir()
    others = {name: ["nothing"] for pair in example_lists() for name in pair}
    (tmp_path / "WEAT.json").write_text(json.dumps({**others, **LISTS}))
    rows = [f"{who}.someone.{n}.{gender}.txt\tThe {who} said {word} is here." for who in ("cook", "smith", "maid")
            for n in (0, 1) for gender, word in [("male", "he"), ("female", "she")]]  # fmt: skip
    (tmp_path / "winogender" / "all_sentences.tsv").write_text("\n".join(["sentid\tsentence", *rows]) + "\n")
    (tmp_path / "winogender" / "occupations-stats.tsv").write_text(
        "occupation\tbergsma_pct_female\tbls_pct_female\ncook\t40\t40\nsmith\t1\t1\nmaid\t99\t99\n"
    )
    lines = [f"{he} {RANDOM.choice(words)} {RANDOM.choice(words)} said {she}." for _ in range(300)
             for he, she, words in [("He", "John", [*LISTS["career"], "Paul"]), ("She", "Amy", [*LISTS["family"], "Ann"])]]  # fmt: skip
    (tmp_path / "book.txt").write_text("\n\n".join(lines))
    return tmp_path


def example_lists():
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("bias_weat", EXAMPLES / "weat.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return [pair for targets, attributes, _, _ in module.TESTS.values() for pair in (targets, attributes)]


def test_a_limit_takes_from_all_of_the_text(example, tmp_path):
    for name in ("he", "she"):
        lines = [f"{name} {'word ' * size}end" for size in np.random.default_rng(1).integers(0, 30, 1000)]
        (tmp_path / f"{name}.txt").write_text("\n\n".join(lines))
    paths = [tmp_path / "he.txt", tmp_path / "she.txt"]
    paragraphs = example("corpora").paragraphs
    whole = paragraphs(paths)
    some = paragraphs(paths, sum(map(len, whole)) // 4)
    assert len(whole) == 2000
    assert sum(map(len, some)) == pytest.approx(sum(map(len, whole)) / 4, rel=0.02)
    assert sum(line.startswith("he") for line in some) == pytest.approx(len(some) / 2, rel=0.1)
    assert np.mean([*map(len, some)]) == pytest.approx(np.mean([*map(len, whole)]), rel=0.1)
    assert paragraphs(paths, 10**9) == whole


def test_weat_beside_the_published_figures(data, example, capsys):
    words = [word for name in ("flowers", "insects", "pleasant_5", "unpleasant_5a") for word in LISTS[name]]
    vectors = np.repeat([[1, 0.1], [0.1, 1], [1, 0], [0, 1]], 2, axis=0) + RANDOM.normal(0, 0.02, (8, 2))
    KeyedVectors(words, vectors).save_word2vec_format(data / "v.txt", binary=False)
    found = example("weat").main([str(data / "WEAT.json"), str(data / "v.txt")])
    assert found[1].effect_size > 1.5
    assert found[7] is None
    printed = capsys.readouterr().out
    assert "+1.50, 1e-07" in printed
    assert printed.count("too few words") == 9


def test_vectors_of_books_before_and_after(data, example, capsys):
    arguments = [
        str(data / "WEAT.json"),
        str(data / "book.txt"),
        "--seeds",
        "2",
        "--size",
        "8",
        "--tests",
        "6",
    ]
    found = example("vectors").main([*arguments, "--pairs", str(EXAMPLES / "names.txt"), "--epochs", "10"])
    # Men and women do all things alike where names are swapped too.
    assert np.mean(found["plain"]["WEAT 6"]) > 0.5
    assert np.mean(found["substituted"]["WEAT 6"]) < np.mean(found["plain"]["WEAT 6"])
    assert "CPU seconds" in capsys.readouterr().out


def test_a_language_model_before_and_after(data, example, capsys):
    pytest.importorskip("torch")
    arguments = [str(data), str(data / "book.txt"), "-o", str(data / "runs"), "--seeds", "1", "--steps", "8"]
    shape = [
        "--vocab-size",
        "300",
        "--width",
        "16",
        "--layers",
        "1",
        "--block-size",
        "16",
        "--batch-size",
        "8",
    ]
    found = example("language_model").main([*arguments, *shape, "--variants", "plain,doubled"])
    assert [*found] == ["plain", "doubled"]
    assert found["plain"]["perplexity, as written"][0] < 400
    assert (data / "runs" / "doubled-0" / "final" / "model.safetensors").is_file()
    # What is there already is measured again, not trained.
    capsys.readouterr()
    assert (
        example("language_model").main([*arguments, *shape, "--variants", "plain"])["plain"] == found["plain"]
    )
