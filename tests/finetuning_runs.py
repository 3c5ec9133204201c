"""Small runs of `finetune`: a tokenizer of whole words, tiny models, settings of a run that takes seconds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers, processors
from ferrolm.training import FinetuningConfig, TrainingResult, finetune

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

ENCODER: dict[str, Any] = {
    "type": "bert", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 32, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
RECURRENT: dict[str, Any] = {"type": "ferrolm-lstm", "embedding_size": 16, "hidden_size": 16}


def word_tokenizer(path: Path, words: Iterable[str], *, special: bool = True) -> str:
    """A tokenizer.json of words, which adds [CLS] and [SEP] if ``special``; returns its path."""
    vocabulary = dict.fromkeys([*SPECIAL, *words])
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(vocabulary)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.pad_token = "[PAD]"
    if special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))],
        )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return str(path)


def settings(
    task: Mapping[str, Any], model: Mapping[str, Any], data: Mapping[str, Any], lora: Mapping[str, Any] | None = None, /,
    **training: Any,
) -> FinetuningConfig:  # fmt: skip
    """A configuration of a run on the CPU with one thread and at a high learning rate."""
    defaults = {
        "device": "cpu", "threads": 1, "plot": "off", "batch_size": 8, "epochs": 5, "learning_rate": 0.01,
        "evaluation_interval": 0, "log_interval": 1, "precision": "float32",
    }  # fmt: skip
    sections = {"task": task, "model": model, "data": {"max_length": 32, **data}}
    given = {**sections, "training": {**defaults, **training}}
    return FinetuningConfig.from_dict({**given, "lora": lora} if lora else given)


def tune(config: FinetuningConfig, folder: Path, **options: Any) -> TrainingResult:
    """`finetune` without a progress bar."""
    return finetune(config, folder, show_progress=False, **options)


def write_json_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def figures_of(folder: Path) -> dict[str, float]:
    """What a run wrote of ``data.test``."""
    figures: dict[str, float] = json.loads((folder / "test.json").read_bytes())
    return figures
