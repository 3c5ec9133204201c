"""Every objective of `pretrain`: from files to a model that has learnt, and what does not fit is named."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ferrolm.data import TokenFile, TokenFileWriter
from ferrolm.data.token_file import tokenizer_hash
from ferrolm.errors import InvalidArgumentError, MissingFileError, UnknownNameError
from ferrolm.models import BertForPreTraining, load, load_causal_lm
from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers
from ferrolm.training import RunConfig, Trainer, pretrain

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<|endoftext|>", "</s>"]
SENTINELS = [f"<extra_id_{number}>" for number in range(7, -1, -1)]
LETTERS = [*"abcdefghij"]
NAMES = [*SPECIAL, *LETTERS, *SENTINELS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tokenizer, and texts, each of four words that follow each other in a circle."""
    tokenizer = Tokenizer(
        models.WordLevel({name: number for number, name in enumerate(NAMES)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([*SPECIAL, *SENTINELS])
    tokenizer.pad_token = "[PAD]"
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    random = np.random.default_rng(0)
    documents = []
    for _ in range(40):
        first, start = int(random.integers(2)) * 4, int(random.integers(4))
        words = [LETTERS[first + (start + step) % 4] for step in range(int(random.integers(12, 30)))]
        # Sentences of five words each.
        sentences = [" ".join(words[cut : cut + 5]) for cut in range(0, len(words), 5)]
        documents.append("\n\n".join(sentences))
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in documents))
    with TokenFileWriter(tmp_path / "texts.tokens", len(NAMES), tokenizer_hash(tokenizer)) as writer:
        for text in documents:
            writer.add([*tokenizer.encode_ids(text).tolist(), NAMES.index("<|endoftext|>")], len(text))
    return tmp_path


GPT2 = {"vocab_size": 25, "n_embd": 16, "n_layer": 1, "n_head": 2} | dict.fromkeys(
    ("embd_pdrop", "resid_pdrop", "attn_pdrop"), 0.0
)
BERT = {
    "type": "bert", "vocab_size": 25, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4,
    "intermediate_size": 64, "max_position_embeddings": 32, "initializer_range": 0.15, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
T5 = {
    "type": "t5",
    "vocab_size": 25,
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 32,
    "num_layers": 1,
    "num_heads": 2,
    "dropout_rate": 0.0,
}


def config(
    folder: Path, data: str, model: dict[str, Any], objective: dict[str, Any], **training: Any
) -> RunConfig:
    settings = {
        "steps": 150, "batch_size": 8, "warmup_steps": 5, "learning_rate": 0.01, "precision": "float32", "device": "cpu",
        "evaluation_interval": 0, "checkpoint_interval": 0, "log_interval": 10, "threads": 1, "plot": "off",
    }  # fmt: skip
    validation = (
        ""
        if objective.get("type", "causal") == "causal" and not data.endswith(".tokens")
        else str(folder / data)
    )
    files = {
        "train": str(folder / data),
        "validation": validation,
        "tokenizer": str(folder / "tokenizer.json"),
        "block_size": 16,
    }
    return RunConfig.from_dict(
        {"model": model, "objective": objective, "data": files, "training": {**settings, **training}}
    )


@pytest.mark.parametrize(
    ("data", "model", "objective", "most"),
    [
        ("texts.tokens", GPT2, {"packing": True}, 0.9),
        ("texts.tokens", GPT2, {"chunked_loss": True}, 0.9),
        ("texts.tokens", GPT2, {"packing": True, "chunked_loss": True}, 0.9),
        ("texts.tokens", BERT, {"type": "masked"}, 1.8),
        ("texts.tokens", T5, {"type": "span-corruption"}, 1.0),
        ("texts.jsonl", BERT, {"type": "masked-next-sentence"}, 2.4),
        ("texts.jsonl", BERT, {"type": "masked-sentence-order", "whole_words": True}, 2.3),
    ],
)
def test_it_learns_and_is_saved(
    folder: Path, data: str, model: dict[str, Any], objective: dict[str, Any], most: float
) -> None:
    run = config(folder, data, model, objective)
    result = pretrain(run, folder / "run", show_progress=False)
    # Knowing how frequent the eight words are costs 2.1 nats, and a guess at the order of segments 0.7.
    assert result.metrics["validation_loss"] < most
    loaded = load(folder / "run/final")
    assert loaded.config.vocab_size == 25
    assert Tokenizer.from_file(str(folder / "run/final/tokenizer.json")).get_vocab_size() == 25


def test_a_stream_is_read_and_taken_up_where_it_stopped(folder: Path) -> None:
    run = config(folder, "texts.jsonl", GPT2, {}, steps=12, accumulation=2, checkpoint_interval=4)
    pretrain(run, folder / "whole", show_progress=False)

    class Stopped(Trainer):
        def _step(self, step: int) -> Any:
            if step == 6:
                os.kill(os.getpid(), signal.SIGTERM)
            return super()._step(step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ferrolm.training.pretraining.Trainer", Stopped)
        assert pretrain(run, folder / "broken", show_progress=False).signal == signal.SIGTERM
    assert pretrain(run, folder / "broken", resume=True, show_progress=False).step == 12
    one, other = (load_causal_lm(folder / name / "final") for name in ("whole", "broken"))
    assert torch.equal(one.lm_head.weight, other.lm_head.weight)


def test_files_are_mixed_by_their_weights(folder: Path) -> None:
    with TokenFileWriter(
        folder / "other.tokens", len(NAMES), TokenFile(folder / "texts.tokens").tokenizer_hash
    ) as writer:
        writer.add([NAMES.index("j")] * 400, 400)
    run = config(folder, "texts.tokens", GPT2, {}, steps=40)
    mixture = {str(folder / "texts.tokens"): 0.75, str(folder / "other.tokens"): 0.25}
    data = dataclasses.replace(run.data, train="", mixture=mixture)
    pretrain(dataclasses.replace(run, data=data), folder / "run", show_progress=False)
    model = load_causal_lm(folder / "run/final")
    follows = model(torch.tensor([[NAMES.index("j")] * 8])).logits[0, -1].argmax()
    assert int(follows) == NAMES.index("j"), "it has seen the other file too"
    assert RunConfig.from_file(folder / "run/config.toml").data.mixture == mixture
    with pytest.raises(InvalidArgumentError, match=r"or data\.mixture several, and not both"):
        pretrain(
            dataclasses.replace(run, data=dataclasses.replace(run.data, mixture=mixture)), folder / "both"
        )


def test_a_checkpoint_is_trained_further(folder: Path) -> None:
    run = config(folder, "texts.jsonl", BERT, {"type": "masked-next-sentence"}, steps=150)
    before = pretrain(run, folder / "first", show_progress=False).metrics["validation_loss"]
    further = config(
        folder, "texts.jsonl", {"checkpoint": str(folder / "first/final"), "hidden_dropout_prob": 0.1},
        {"type": "masked-next-sentence"}, steps=1, learning_rate=1e-6, warmup_steps=0,
    )  # fmt: skip
    after = pretrain(further, folder / "second", show_progress=False).metrics["validation_loss"]
    assert after == pytest.approx(before, abs=0.05)
    model = BertForPreTraining.from_pretrained(folder / "second/final")
    assert model.config.hidden_dropout_prob == 0.1


@pytest.mark.parametrize("objective", ["causal", "masked", "masked-next-sentence", "span-corruption"])
def test_a_file_that_is_not_there_is_named(folder: Path, objective: str) -> None:
    model = {"causal": GPT2, "span-corruption": T5}.get(objective, BERT)
    run = config(folder, "none.tokens", model, {"type": objective})
    with pytest.raises(MissingFileError, match=r"cannot read .*none\.tokens: it does not exist"):
        pretrain(run, folder / "run", show_progress=False)


def test_vocabularies_with_gaps_are_held_whole(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"]["rare"] = 40
    (folder / "tokenizer.json").write_text(json.dumps(content))
    run = config(folder, "texts.jsonl", BERT, {"type": "masked-next-sentence"})
    with pytest.raises(InvalidArgumentError, match=r"vocab_size is 25, but .* has token id 40"):
        pretrain(run, folder / "run", show_progress=False)


@pytest.mark.parametrize(
    ("data", "model", "objective", "error", "message"),
    [
        (
            "texts.jsonl",
            BERT,
            {"type": "masked"},
            InvalidArgumentError,
            "is no token file, which objective.type masked",
        ),
        (
            "texts.tokens",
            BERT,
            {"type": "masked-next-sentence"},
            InvalidArgumentError,
            "sentences are no longer known",
        ),
        (
            "texts.tokens",
            BERT,
            {"type": "masked", "whole_words": True},
            InvalidArgumentError,
            "whole_words needs text",
        ),
        ("texts.jsonl", GPT2, {"packing": True}, InvalidArgumentError, r"objective\.packing must not"),
        (
            "texts.tokens",
            {**BERT, "type": "gpt2"},
            {"type": "masked"},
            UnknownNameError,
            "masked is for bert, roberta",
        ),
        (
            "texts.tokens",
            {**BERT, "vocab_size": 9},
            {"type": "masked"},
            InvalidArgumentError,
            "vocab_size is 9, but",
        ),
        (
            "texts.tokens",
            {**BERT, "hiden_size": 9},
            {"type": "masked"},
            UnknownNameError,
            "did you mean 'hidden_size'",
        ),
        ("texts.tokens", BERT, {"type": "mask"}, InvalidArgumentError, "did you mean 'masked'"),
        ("texts.tokens", BERT, {"mask_probability": 1.0}, InvalidArgumentError, r"in \(0, 1\), not 1\.0"),
    ],
)
def test_what_does_not_fit_is_named(
    folder: Path,
    data: str,
    model: dict[str, Any],
    objective: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        pretrain(config(folder, data, model, objective), folder / "run", show_progress=False)
    assert not (folder / "run").exists()
