"""Texts from texts, from files to a model that writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from finetuning_runs import figures_of, settings, tune, word_tokenizer, write_json_lines

from ferrolm.models import T5Config, T5ForConditionalGeneration, load_seq2seq_lm
from ferrolm.tokenizers import Tokenizer

SOURCES, TARGETS = [f"a{number}" for number in range(8)], [f"b{number}" for number in range(8)]
TRANSLATION = dict(zip(SOURCES, TARGETS, strict=True))
TRANSFORMER: dict[str, Any] = {
    "type": "transformer", "hidden_size": 32, "intermediate_size": 64, "num_layers": 1, "num_heads": 2, "dropout": 0.0,
}  # fmt: skip


def texts(rows: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(SOURCES, random.integers(2, 5))) for _ in range(rows)]


def translated(text: str) -> str:
    return " ".join(TRANSLATION[word] for word in text.split())


def tokenizer(path: Path) -> str:
    return word_tokenizer(path, ["</s>", "sum:", *SOURCES, *TARGETS], special=False)


def written(folder: Path, text: str) -> str:
    """With what `finetune` leaves and nothing else."""
    model = load_seq2seq_lm(folder)
    tokens = Tokenizer.from_pretrained(str(folder))
    end = tokens.token_to_id("</s>")
    made = model.generate(torch.tensor([[*tokens.encode(text).ids, end]]), max_new_tokens=8)[0].tolist()
    return tokens.decode(made[: made.index(end)])


def test_translation_is_learnt_from_nothing(tmp_path: Path) -> None:
    for name, rows, seed in (("train", 300, 0), ("test", 20, 1)):
        lines = texts(rows, seed)
        (tmp_path / f"{name}.a").write_text("\n".join(lines) + "\n")
        (tmp_path / f"{name}.b").write_text("\n".join(map(translated, lines)) + "\n")
    data = {
        "train": f"{tmp_path / 'train.a'}, {tmp_path / 'train.b'}", "test": f"{tmp_path / 'test.a'},{tmp_path / 'test.b'}",
        "max_target_length": 8, "tokenizer": tokenizer(tmp_path / "tokenizer.json"),
    }  # fmt: skip
    task = {"type": "translation", "label_smoothing": 0.05}
    result = tune(settings(task, TRANSFORMER, data, epochs=12, learning_rate=0.005), tmp_path / "run")
    assert result.metrics["bleu"] > 50, "of sentences of two to four words one wrong word costs much"
    assert figures_of(tmp_path / "run")["bleu"] > 50
    assert written(tmp_path / "run/final", "a3 a1 a6") == "b3 b1 b6"


def test_a_t5_checkpoint_learns_to_summarize(tmp_path: Path) -> None:
    """The first word; of alternatives all are learnt, and the best counts."""
    folder = tmp_path / "t5"
    path = tokenizer(folder / "tokenizer.json")
    end = Tokenizer.from_file(path).token_to_id("</s>")
    shape = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2, "dropout_rate": 0.0}
    torch.manual_seed(0)
    T5ForConditionalGeneration(
        T5Config(vocab_size=23, pad_token_id=0, eos_token_id=end, decoder_start_token_id=0, **shape)
    ).save_pretrained(folder)
    records = [
        {"source": text, "target": [text.split()[0], text.split()[0]] if number % 2 else text.split()[0]}
        for number, text in enumerate(texts(480, 0))
    ]
    data = {
        "train": write_json_lines(tmp_path / "train.jsonl", records), "prefix": "sum: ", "max_target_length": 4
    }  # fmt: skip
    config = settings(
        {"type": "summarization"}, {"checkpoint": str(folder)}, data, learning_rate=0.003, epochs=24
    )
    result = tune(config, tmp_path / "run")
    assert set(result.metrics) == {"rouge1", "rouge2", "rougeL", "validation_loss"}
    assert result.metrics["rougeL"] > 0.95
    assert written(tmp_path / "run/final", "sum: a4 a2") == "a4"


def test_losses_alone_are_measured_where_nothing_is_to_be_written(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("".join(f"{text}\t{translated(text)}\n" for text in texts(60, 0)))
    data = {"train": str(tmp_path / "train.tsv"), "tokenizer": tokenizer(tmp_path / "tokenizer.json")}
    result = tune(
        settings({"type": "translation", "generate": False}, TRANSFORMER, data, epochs=1), tmp_path / "run"
    )
    assert list(result.metrics) == ["validation_loss"]
    assert 0 < result.metrics["validation_loss"] < np.log(23)
