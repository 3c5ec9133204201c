"""``ferrolm count-ngrams``, ``train-ngram``, ``interpolate-ngrams`` and ``score``."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ferrolm.cli import main
from ferrolm.ngram import NgramCounts, NgramLM

TEXT = "the cat sat\nthe dog sat\nthe cat ran\n"


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return str(path)


def test_count_prints_the_most_frequent_and_saves(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "counts"
    assert main(["count-ngrams", text, "-o", "1", "2", "-n", "2", "--save", str(saved)]) == 0
    assert capsys.readouterr().out == "3\tthe\n2\tcat\n2\tthe cat\n1\tthe dog\n"
    assert NgramCounts.load(saved)["the cat"] == 2


def test_train_then_score(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(tmp_path / "model.arpa")
    assert main(["train-ngram", text, model, "-o", "3"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "warning: discounts (0.5, 1.0, 1.5) used for order" in captured.err
    assert "1 8 D1=" in captured.err
    assert main(["score", model, text, "--sentences"]) == 0
    scores = [float(line) for line in capsys.readouterr().out.split()]
    loaded = NgramLM.load(model)
    assert scores == pytest.approx([loaded.score(line) for line in TEXT.splitlines()], abs=1e-5)
    assert main(["score", model, text]) == 0
    assert f"Perplexity including OOVs:\t{loaded.perplexity(TEXT):.6g}" in capsys.readouterr().out


def test_train_with_another_smoothing_and_a_limited_vocabulary(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, model = tmp_path / "words.txt", str(tmp_path / "model.arpa")
    words.write_text("the cat\nsat\n")
    command = ["train-ngram", text, model, "-o", "2", "--limit_vocab_file", str(words)]
    assert main([*command, "--smoothing", "add-k", "--k", "0.5"]) == 0
    assert capsys.readouterr().err == "1 6/8\n2 4/8\n"
    loaded = NgramLM.load(model)
    assert "dog" not in loaded
    assert 10 ** loaded.score("the", eos=False) == pytest.approx((3 + 0.5) / (3 + 0.5 * 5), rel=1e-4)
    assert main([*command, "--smoothing", "absolute", "--discount", "0.5", "0.7"]) == 0
    assert "2 4/8 D1=0.7 D2=0.7 D3+=0.7" in capsys.readouterr().err
    assert main([*command, "--smoothing", "witten-bell", "--backoff-factor", "0.5"]) == 1
    assert "backoff_factor is 0.5, but the smoothing is 'witten-bell'" in capsys.readouterr().err


def test_interpolate_with_given_and_with_fitted_weights(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, held_out, merged = tmp_path / "other.txt", tmp_path / "held_out.txt", str(tmp_path / "merged.flm")
    other.write_text("a dog ran\na cow ran\n")
    held_out.write_text("the cow ran\nthe dog sat\n")
    models = [str(tmp_path / "one.flm"), str(tmp_path / "two.flm")]
    for source, model in zip((text, str(other)), models, strict=True):
        assert main(["train-ngram", source, model, "-o", "2", "--smoothing", "witten-bell"]) == 0
    capsys.readouterr()
    assert main(["interpolate-ngrams", *models, "-o", merged, "--weights", "0.25", "0.75"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"0.250000 {models[0]}\n0.750000 {models[1]}\n"
    assert "cow" in NgramLM.load(merged)
    assert "cat" in NgramLM.load(merged)
    before = NgramLM.load(merged).perplexity(held_out)
    for kind in ("linear", "log-linear"):
        assert (
            main(["interpolate-ngrams", *models, "-o", merged, "--kind", kind, "--tune", str(held_out)]) == 0
        )
        assert f"{(after := NgramLM.load(merged).perplexity(held_out)):.6g}" in capsys.readouterr().err
        assert after < before
    assert main(["interpolate-ngrams", *models, "-o", merged, "--weights", "1"]) == 1
    assert "1 weights for 2 models" in capsys.readouterr().err


def test_ids_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BytesIO(b"1 2 3\n2 3 1\n")

    monkeypatch.setattr("sys.stdin", Input())
    model = tmp_path / "model.flm"
    assert main(["train-ngram", "-", str(model), "--ids", "--vocab-size", "9", "-o", "2"]) == 0
    assert NgramLM.load(model).vocab_size == 12


def test_errors_are_one_line(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(tmp_path / "missing.arpa"), text]) == 1
    assert "missing.arpa" in capsys.readouterr().err
    assert main(["train-ngram", text, str(tmp_path / "m.flm"), "--ids"]) == 1
    assert "not a number" in capsys.readouterr().err


def test_convert_to_compact_and_back(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arpa, compact, back = (str(tmp_path / name) for name in ("m.arpa", "compact.flm", "back.arpa"))
    assert main(["train-ngram", text, arpa, "-o", "3", "--smoothing", "witten-bell"]) == 0
    assert main(["convert-ngram", arpa, compact, "--layout", "compact"]) == 0
    assert "n-grams in" in capsys.readouterr().err
    assert NgramLM.load(compact).layout == "compact"
    assert main(["convert-ngram", compact, back]) == 0
    assert Path(back).read_text() == Path(arpa).read_text()
    assert main(["convert-ngram", arpa, compact, "-q", "1"]) == 1
    assert "bits is 1, but must be 2 to 24" in capsys.readouterr().err
    direct = str(tmp_path / "direct.flm")
    assert main(["train-ngram", text, direct, "-o", "3", "--smoothing", "witten-bell", "-q", "8"]) == 0
    assert NgramLM.load(direct).layout == "compact"
    for layout in ("hashed", "plain"):
        assert main(["convert-ngram", direct, back + ".flm", "--layout", layout]) == 0
        assert NgramLM.load(back + ".flm").layout == layout
    assert main(["convert-ngram", arpa, direct, "--layout", "hashed", "-q", "8"]) == 1
    assert "-q is for --layout compact, not hashed" in capsys.readouterr().err
