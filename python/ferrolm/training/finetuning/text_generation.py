"""Completions of prompts and answers in dialogues, by a language model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ferrolm.data import CompletionCollator, Dialogue, TextPair, read_dialogues
from ferrolm.data._atomic import replace_file
from ferrolm.models import PretrainedModel, load_causal_lm, locate
from ferrolm.models.auto import ARCHITECTURES
from ferrolm.tokenizers import Tokenizer
from ferrolm.training.chunked import ChunkedNextToken
from ferrolm.training.finetuning.pairs import read_pairs
from ferrolm.training.finetuning.settings import FinetuningConfig
from ferrolm.training.finetuning.task import (
    Task,
    build_from_settings,
    find_format,
    load_pretrained,
    one_target_each,
    predict,
)
from ferrolm.training.loss import next_token_loss
from ferrolm.training.objectives import Objective

__all__ = ["TextGeneration"]

_ENDS = ("<|endoftext|>", "</s>", "<|end|>", "<|im_end|>", "<|eot_id|>", "<eos>")


class TextGeneration(Task):
    """A language model that learns what follows prompts (``source`` and ``target``), or what the assistant of a dialogue says.

    Figures: ``validation_loss`` in nats for each token of the completions, and ``perplexity``.
    """

    metrics = ("validation_loss", "perplexity")
    metric = "validation_loss"
    lower_is_better = ("validation_loss", "perplexity")
    augments = False  # what is scored stands in the same row

    def __init__(self, config: FinetuningConfig, tokenizer: Tokenizer) -> None:
        super().__init__(config, tokenizer)
        end = next((token for token in _ENDS if tokenizer.token_to_id(token) is not None), None)
        if tokenizer.pad_token_id is None and end is not None:
            tokenizer.pad_token = end
        self._end = end
        self._collate = CompletionCollator(tokenizer, end_token=end, max_length=config.data.max_length)

    def read(self, path: str) -> list[TextPair | Dialogue]:
        data = self.config.data
        if self.config.task.type == "dialogue":
            find_format(path, data.format, ("jsonl",))
            return list(read_dialogues(path, data.messages))
        return list(read_pairs(path, data))

    def build(self) -> PretrainedModel:
        settings = self.config.model
        if "checkpoint" in settings:
            folder = locate(settings["checkpoint"])
            return load_pretrained({**settings, "checkpoint": folder}, load_causal_lm, changeable=False)
        end = self.tokenizer.token_to_id(self._end or "")
        fixed = {"vocab_size": self.vocab_size, "bos_token_id": end, "eos_token_id": end}
        return build_from_settings(settings, ARCHITECTURES, **fixed)

    @property
    def collate(self) -> CompletionCollator:
        return self._collate

    def training_examples(self, examples: list[Any]) -> list[Any]:
        return examples if self.config.task.type == "dialogue" else one_target_each(examples)

    def encode(self, examples: list[Any]) -> list[Any]:
        if self.config.task.type == "dialogue":
            return self._collate.encode_dialogues(examples)
        prefix = self.config.data.prefix
        return self._collate.encode(
            [prefix + each.source for each in examples], [each.target for each in examples]
        )

    def save_tokenizer(self, folder: Path) -> None:
        """Of dialogues, with the template by which `chat` writes messages as training did."""
        super().save_tokenizer(folder)
        if self.config.task.type == "dialogue":
            with replace_file(folder / "chat_template.jinja") as file:
                file.write(self._collate.chat_template.encode())

    def objective(self) -> Objective:
        return ChunkedNextToken()

    def head_parameters(self, model: Any) -> list[str]:
        return []

    def measure(self, model: Any, examples: list[Any], precision: str) -> dict[str, float]:
        total, count = 0.0, 0
        rows = self.encode(examples)
        for _, batch, output in predict(
            model, rows, self.collate, self.config.training.batch_size, precision
        ):
            labels = batch["labels"][:, 1:]
            scored = labels != -100
            if scored.any():
                loss = next_token_loss(
                    output.logits[:, :-1][scored.to(output.logits.device)].cpu()[None], labels[scored][None]
                )
                total, count = total + loss.item() * int(scored.sum()), count + int(scored.sum())
        mean = total / max(1, count)
        return {"validation_loss": mean, "perplexity": math.exp(min(mean, 700.0))}
