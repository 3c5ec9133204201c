"""``ferrolm explain``: what it prints and writes, by kind of model, and what it says of what it cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
from small_encoders import encoder_folder
from tiny_language_model import tiny_language_model, tiny_recurrent

from ferrolm import NgramLM
from ferrolm.cli import main
from ferrolm.cli.explain import METHODS
from ferrolm.explain import saliency

pytestmark = pytest.mark.filterwarnings(
    "ignore::ferrolm.ngram.DiscountFallbackWarning", "ignore:the scores sum to:UserWarning"
)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    tiny_language_model().save(tmp_path / "model")
    return str(tmp_path / "model")


def kinds(path: Path) -> list[str]:
    page = path.read_text(encoding="utf-8")
    return [view["title"] for view in json.loads(page.split('id="data">')[1].split("</script>")[0])["views"]]


def test_a_table_is_printed(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["explain", folder, "--text", "a text", "--method", "saliency", "--target", "x", "--foil", "y"]
    assert main(command) == 0
    expected = saliency(tiny_language_model(), "a text", target="x", foil="y")
    assert capsys.readouterr().out == f"{expected}\n"


def test_pages_have_what_the_model_is_made_for(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["explain", folder, "--text", "a text", "--out", str(page)]) == 0
    assert kinds(page) == ["Attention", "Integrated gradients", "Logit lens", "Surprisal"]
    tiny_recurrent().save(tmp_path / "recurrent")
    assert main(["explain", str(tmp_path / "recurrent"), "--text", "a text", "--out", str(page)]) == 0
    assert kinds(page) == ["Integrated gradients", "Surprisal"]
    for task, expected in (
        ("text-classification", ["Attention", "Integrated gradients", "Occlusion of tokens"]),
        ("pretraining", ["Attention", "Integrated gradients", "Occlusion of tokens"]),
        ("feature-extraction", ["Attention", "Attention rollout"]),
    ):
        encoder = encoder_folder(tmp_path / task, task)
        assert main(["explain", str(encoder), "--text", "one [MASK] two", "--out", str(page)]) == 0
        assert kinds(page) == expected
    assert capsys.readouterr().out == ""


def test_every_method_runs_and_is_explained(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, corpus = tmp_path / "page.html", tmp_path / "corpus.txt"
    corpus.write_text("this is a text of one line", encoding="utf-8")
    text = tmp_path / "text.txt"
    text.write_text("is a text of", encoding="utf-8")
    command = ["explain", folder, "--file", str(text), "--corpus", str(corpus), "--out", str(page)]
    assert main([*command, "--method", *METHODS, "--steps", "10", "--level", "word"]) == 0
    assert len(kinds(page)) == len(METHODS)
    with pytest.raises(SystemExit):
        main(["explain", "--help"])
    shown = capsys.readouterr().out
    assert all(f"\n  {method} " in shown for method in METHODS)


def test_pictures(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    command = ["explain", folder, "--text", "a text", "--out", str(tmp_path / "figure.svg")]
    assert main([*command, "--method", "attention", "--layer", "1", "--head", "2"]) == 0
    assert "layer 1, head 2" in (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert main([*command, "--method", "saliency", "occlusion"]) == 1
    assert "a picture takes one, a page (.html) all" in capsys.readouterr().err
    assert main([*command, "--method", "attention", "--layer", "7"]) == 1
    assert "layer is 7, but there are 2: expected 0 to 1" in capsys.readouterr().err


def test_an_ngram_model_has_surprisals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "model.arpa")
    NgramLM.train(["the cat sat", "the dog sat"], order=2).save(path)
    assert main(["explain", path, "--text", "the zebra sat"]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["the", "␣zebra", "␣sat"]


def test_what_is_missing_is_said(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def error(*arguments: str) -> str:
        assert main(["explain", *arguments]) == 1
        return capsys.readouterr().err

    assert "--method passages needs --corpus" in error(folder, "--text", "a", "--method", "passages")
    assert "there is no token in it to explain" in error(folder, "--text", "")
    assert "cannot read" in error(folder, "--file", str(tmp_path / "none.txt"))
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in error(folder, "--file", str(tmp_path / "bytes.txt"))
    with pytest.raises(SystemExit):
        main(["explain", folder])
    assert "one of the arguments --text --file is required" in capsys.readouterr().err


def test_an_encoder_decoder_with_what_it_has_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tiny_language_model import byte_tokenizer

    from ferrolm.generation import Seq2SeqLanguageModel
    from ferrolm.models import Transformer, TransformerConfig

    shape = {"hidden_size": 8, "intermediate_size": 8, "num_layers": 1, "num_heads": 2}
    model = Seq2SeqLanguageModel(Transformer(TransformerConfig(vocab_size=257, **shape)), byte_tokenizer())
    model.save(tmp_path / "pair")
    page = tmp_path / "page.html"
    command = ["explain", str(tmp_path / "pair"), "--text", "a source"]
    assert main([*command, "--out", str(page)]) == 0
    assert kinds(page) == ["Attention", "Integrated gradients", "Occlusion of tokens"]
    assert main([*command, "--method", "attention", "--written", "xy"]) == 0
    assert [line.split("'")[1] for line in capsys.readouterr().out.splitlines()] == ["⊢", "x", "y"]
    assert main([*command, "--method", "attention", "--stack", "encoder"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len("a source")
    assert main([*command, "--method", "saliency", "--written", "xy", "--target", "z"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len("a source") + len("⊢xy")
