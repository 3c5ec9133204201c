"""From text to a language model by the commands alone: train-tokenizer, prepare, pretrain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ferrolm.cli import main
from ferrolm.data import TokenFile
from ferrolm.tokenizers import Tokenizer

SENTENCES = ["The cat sat on the mat.", "A dog ran to the café!", "Did the cat see the dog?", "No, it slept."]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.jsonl"
    documents = [" ".join(SENTENCES[index % 4 :] * 20) for index in range(8)]
    path.write_text("".join(json.dumps({"text": document}) + "\n" for document in documents))
    return path


def prepared(text: Path) -> tuple[Path, Path, Path]:
    tokenizer, train, validation = (
        text.parent / name for name in ("tokenizer.json", "train.tokens", "validation.tokens")
    )
    assert main(["train-tokenizer", str(text), "-o", str(tokenizer), "--vocab-size", "280"]) == 0
    command = ["prepare", str(text), "-o", str(train), "--tokenizer", str(tokenizer)]
    command += ["--validation-output", str(validation), "--validation-fraction", "0.2"]
    assert main(command) == 0
    return tokenizer, train, validation


def test_text_becomes_token_files_that_decode_to_it(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer_path, train, validation = prepared(text)
    tokenizer = Tokenizer.from_file(tokenizer_path)
    assert tokenizer.get_vocab_size() == 280
    files = TokenFile(train, verify=True), TokenFile(validation, verify=True)
    decoded = [
        tokenizer.decode(file.document(index)) for file in files for index in range(file.document_count)
    ]
    documents = [json.loads(line)["text"] for line in text.read_text().splitlines()]
    assert sorted(decoded) == sorted(documents)
    assert 1 <= files[1].document_count < 8
    assert sum(file.text_bytes for file in files) == sum(len(document.encode()) for document in documents)
    assert files[0].tokens[-1] == tokenizer.token_to_id("<|endoftext|>")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "train.tokens: " in printed.err


def test_a_configuration_becomes_a_model(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    from ferrolm.models import GPT2LMHeadModel

    tokenizer, train, validation = prepared(text)
    config = text.parent / "tiny.toml"
    config.write_text(
        f"""
        [model]
        vocab_size = 300
        n_embd = 16
        n_layer = 1
        n_head = 2
        [data]
        train = "{train}"
        validation = "{validation}"
        tokenizer = "{tokenizer}"
        block_size = 16
        [training]
        steps = 4
        batch_size = 2
        """
    )
    folder = text.parent / "run"
    assert main(["pretrain", str(config), "-o", str(folder), "--set", "training.steps=5"]) == 0
    assert "bits per byte" in capsys.readouterr().err
    model = GPT2LMHeadModel.from_pretrained(folder / "final")
    assert model.config.n_embd == 16
    assert (folder / "final/tokenizer.json").read_bytes() == tokenizer.read_bytes()
    assert "steps = 5" in (folder / "config.toml").read_text()
    assert main(["pretrain", str(config), "-o", str(folder)]) == 1
    assert "resume it, or use another folder" in capsys.readouterr().err
    assert main(["pretrain", str(config), "--set", "training.step=5"]) == 1
    assert "did you mean 'steps'" in capsys.readouterr().err


def test_a_recurrent_model_is_trained_by_the_same_command(text: Path) -> None:
    pytest.importorskip("torch")
    import ferrolm

    tokenizer, train, validation = prepared(text)
    config = text.parent / "recurrent.toml"
    config.write_text(
        f"""
        [model]
        type = "ferrolm-recurrent"
        cell = "gru"
        vocab_size = 300
        hidden_size = 16
        input_dropout = 0.1
        weight_dropout = 0.1
        [data]
        train = "{train}"
        validation = "{validation}"
        tokenizer = "{tokenizer}"
        block_size = 16
        [training]
        steps = 4
        batch_size = 2
        checkpoint_interval = 2
        """
    )
    folder = text.parent / "run"
    assert main(["pretrain", str(config), "-o", str(folder)]) == 0
    model = ferrolm.load_model(folder / "final")
    assert (model.model.config.cell, model.model.config.n_positions) == ("gru", 16)
    assert len(model.generate("The cat", max_new_tokens=5, ignore_eos=True).ids) == 5
