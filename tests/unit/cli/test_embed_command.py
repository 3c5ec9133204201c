"""``ferrolm embed``: from a text to vectors, and what can be asked of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ferrolm.cli.main import main
from ferrolm.embeddings import KeyedVectors, semantic_search

RANDOM = np.random.default_rng(0)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """Royalty, womanhood and fruitiness."""
    rows = {
        "king": (1, 0, 0),
        "queen": (1, 1, 0),
        "man": (0.3, 0, 0.1),
        "woman": (0.1, 1, 0.1),
        "apple": (0, 0, 1),
    }
    path = tmp_path / "vectors.txt"
    KeyedVectors(list(rows), np.array(list(rows.values()))).save_word2vec_format(path)
    return path


def corpus(path: Path) -> Path:
    """Sentences of two topics."""
    lines = []
    for _ in range(400):
        topic = RANDOM.choice(["a", "b"])
        lines.append(" ".join(f"{topic.upper()}{RANDOM.integers(8)}" for _ in range(10)) + ".")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("ending", ["txt", "bin"])
def test_vectors_are_trained_and_asked(
    tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / f"vectors.{ending}"
    arguments = [
        "--words",
        "--lowercase",
        "--min-count",
        "1",
        "--size",
        "12",
        "--epochs",
        "6",
        "--sg",
        "1",
        "--sample",
        "0",
    ]
    assert main(["embed", "train", str(corpus(tmp_path / "corpus.txt")), "-o", str(output), *arguments]) == 0
    assert "16 words, 12 numbers each" in capsys.readouterr().err
    assert main(["embed", "neighbours", str(output), "a3", "b4", "-n", "5"]) == 0
    first, second = capsys.readouterr().out.split("\n\n")
    assert all(line.split("\t")[1].startswith("a") for line in first.splitlines()[1:])
    assert all(line.split("\t")[1].startswith("b") for line in second.splitlines()[1:])


def test_analogy(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["embed", "analogy", str(vectors), "man", "king", "woman", "-n", "1"]) == 0
    assert capsys.readouterr().out.split("\t")[1] == "queen\n"
    assert main(["embed", "analogy", str(vectors), "man", "kin", "woman"]) == 1
    assert "'kin' has no vector; did you mean 'king'" in capsys.readouterr().err


def test_evaluation_with_pairs(vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("king\tqueen\t9\nking\tman\t8\nqueen\tapple\t0.5\nking\tprince\t9\n")
    assert main(["embed", "evaluate", str(vectors), "--pairs", str(pairs)]) == 0
    assert "pairs.tsv\tSpearman 50.0" in capsys.readouterr().out
    assert main(["embed", "evaluate", str(vectors)]) == 1
    assert "give --pairs, --analogies or both" in capsys.readouterr().err


def test_maps(vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = tmp_path / "words.txt"
    words.write_text("king\tcourt\nqueen\tcourt\napple\tfruit\nprince\tcourt\n")
    page = tmp_path / "map.html"
    assert main(["embed", "map", str(vectors), str(page), "--words", str(words), "--title", "A & B"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "left out, without a vector: prince" in captured.err
    assert "map.html: 3 words" in captured.err
    assert "A &amp; B" in page.read_text()
    assert '"groups":["court","fruit"]' in page.read_text()
    pytest.importorskip("matplotlib")
    assert main(["embed", "map", str(vectors), str(tmp_path / "map.png"), "--clusters", "2"]) == 0
    assert (tmp_path / "map.png").stat().st_size > 5000
    assert main(["embed", "map", str(vectors), str(tmp_path / "map.doc")]) == 1
    assert "expected a name that ends in .html" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["average", "sif"])
def test_sentences_become_an_array(
    vectors: Path, tmp_path: Path, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    texts, output = tmp_path / "texts.txt", tmp_path / "texts.npy"
    texts.write_text("The king and the queen.\n\nA queen and a king!\nan apple\nking\n")
    assert (
        main(["embed", "sentences", str(vectors), str(texts), str(output), "--method", method, "--normalize"])
        == 0
    )
    assert "5 vectors of 3 numbers" in capsys.readouterr().err
    found = np.load(output)
    assert found.dtype == np.float32
    assert semantic_search(found[0], found, 2).corpus_ids.tolist() == [[0, 2]]
    lengths = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(lengths[[0, 1, 2, 4]], [1, 0, 1, 1], atol=1e-6)


def test_sentences_by_an_encoder(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from small_encoders import encoder_folder

    texts = tmp_path / "texts.txt"
    texts.write_text("one two\nthree\n")
    folder = encoder_folder(tmp_path / "encoder", "sentence-similarity")
    assert (
        main(["embed", "sentences", str(folder), str(texts), str(tmp_path / "t.npy"), "--device", "cpu"]) == 0
    )
    assert np.load(tmp_path / "t.npy").shape == (2, 16)


def test_forms_of_files_are_found_by_looking(
    vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    glove = tmp_path / "glove.txt"
    glove.write_text("".join(vectors.read_text().splitlines(keepends=True)[1:]))
    assert main(["embed", "neighbours", str(glove), "king", "--limit", "2"]) == 0
    assert capsys.readouterr().out.endswith("\tqueen\n")
    (tmp_path / "empty").write_bytes(b"")
    assert main(["embed", "neighbours", str(tmp_path / "empty"), "king"]) == 1
    assert "is empty: expected word vectors" in capsys.readouterr().err
    assert main(["embed", "neighbours", str(tmp_path / "none"), "king"]) == 1
    assert "does not exist" in capsys.readouterr().err


def test_settings_of_another_model_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = corpus(tmp_path / "corpus.txt")
    assert main(["embed", "train", str(text), "-o", str(tmp_path / "v.txt"), "--memory", "1GB"]) == 1
    assert "--memory is given with --model word2vec, which has no such setting" in capsys.readouterr().err
    assert main(["embed", "train", str(tmp_path / "none.txt"), "-o", str(tmp_path / "v.txt"), "--words"]) == 1
    assert "none.txt does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "output", "options"),
    [
        ("word2vec", "v.txt", []),
        ("fast_text", "v.bin", ["--bucket", "100"]),
        ("glove", "v", ["--memory", "10MB"]),
    ],
    ids=["word2vec", "fasttext", "glove"],
)
def test_every_model_is_trained_from_a_file(
    tmp_path: Path, model: str, output: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(f"ferrolm.embeddings.{model}")
    pytest.importorskip("ferrolm.embeddings.fast_text", reason="reads no files of text itself")
    vectors = str(tmp_path / output)
    settings = ["--model", model.replace("_", ""), "--size", "6", "--epochs", "1", "--quiet", *options]
    assert main(["embed", "train", str(corpus(tmp_path / "corpus.txt")), "-o", vectors, *settings]) == 0
    assert main(["embed", "neighbours", vectors, "A3", "-n", "1"]) == 0
    assert capsys.readouterr().out.count("\t") == 1


def test_evaluation_with_analogies(vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ferrolm.embeddings.evaluation")
    analogies = tmp_path / "analogies.txt"
    analogies.write_text(
        ": family\nman king woman queen\nman woman king queen\nman king woman apple\n: empty\n"
    )
    assert main(["embed", "evaluate", str(vectors), "--analogies", str(analogies)]) == 0
    assert capsys.readouterr().out == "family\t66.7 %\t2 of 3\nanalogies.txt\t66.7 %\n"


@pytest.mark.parametrize("action", ["", "train", "neighbours", "analogy", "evaluate", "map", "sentences"])
def test_every_action_explains_itself_with_an_example(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["embed", *([action] if action else []), "--help"])
    assert stopped.value.code == 0
    assert f"ferrolm embed {action}".strip() in capsys.readouterr().out.partition("options:")[2]
