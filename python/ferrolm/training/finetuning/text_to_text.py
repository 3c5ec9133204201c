"""Texts from texts: translations, summaries."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ferrolm.data import Seq2SeqCollator, TextPair, example_lengths
from ferrolm.evaluation import bleu, rouge
from ferrolm.models import PretrainedModel, T5ForConditionalGeneration, Transformer, load_seq2seq_lm, locate
from ferrolm.tokenizers import Tokenizer, processors
from ferrolm.training.finetuning.pairs import read_pairs
from ferrolm.training.finetuning.settings import FinetuningConfig
from ferrolm.training.finetuning.task import (
    Task,
    build_from_settings,
    load_pretrained,
    one_target_each,
    predict,
)

__all__ = ["TextToText"]

_KINDS = {"transformer": Transformer, "t5": T5ForConditionalGeneration}


class TextToText(Task):
    """An encoder-decoder: a T5 checkpoint, or a `Transformer` or T5 that begins with random weights.

    Figures: ``validation_loss`` in nats for each token, and of written texts ``rouge1``, ``rouge2``, ``rougeL`` for a
    summarization, else ``bleu`` (sacrebleu, 13a).
    """

    def __init__(self, config: FinetuningConfig, tokenizer: Tokenizer) -> None:
        written = ("rougeL", "rouge1", "rouge2") if config.task.type == "summarization" else ("bleu",)
        self.metrics = (*written, "validation_loss") if config.task.generate else ("validation_loss",)
        self.metric = self.metrics[0]
        super().__init__(config, tokenizer)
        data = config.data
        self._collate = Seq2SeqCollator(
            tokenizer, prefix=data.prefix, end_token=self._end_token(), max_length=data.max_length,
            max_target_length=data.max_target_length,
        )  # fmt: skip

    def _end_token(self) -> str | None:
        """The token that ends a text, where the tokenizer does not write it itself."""
        ids = self.tokenizer.encode_ids("a").tolist()
        for token in ("</s>", "<eos>", "<|endoftext|>", "[SEP]"):
            number = self.tokenizer.token_to_id(token)
            if number is not None:
                return None if ids and ids[-1] == number else token
        return None

    def read(self, path: str) -> list[TextPair]:
        return read_pairs(path, self.config.data, ("tsv", "jsonl", "parallel"))

    def build(self) -> PretrainedModel:
        settings = self.config.model
        if "checkpoint" in settings:
            folder = locate(settings["checkpoint"])
            return self._prefixed(
                load_pretrained({**settings, "checkpoint": folder}, load_seq2seq_lm, changeable=False)
            )
        end = self.tokenizer.token_to_id(self._collate.end_token or "")
        if end is None:
            end = int(self.tokenizer.encode_ids("a")[-1])
        pad = self._collate.pad_token_id
        known = (self.tokenizer.token_to_id(token) for token in ("<s>", "<bos>", "[CLS]"))
        start = next((number for number in known if number is not None), pad)
        fixed = {
            "vocab_size": self.vocab_size, "pad_token_id": pad, "eos_token_id": end,
            "decoder_start_token_id": start,
        }  # fmt: skip
        return self._prefixed(build_from_settings(settings, _KINDS, **fixed))

    def _prefixed(self, model: PretrainedModel) -> PretrainedModel:
        """With the prefix of its sources in its configuration, where `ferrolm.pipeline` and transformers look for it."""
        if self.config.data.prefix:
            config, name = model.config, self.config.task.type
            keeps = config.__dict__ if hasattr(config, "task_specific_params") else config.extra
            tasks = keeps.get("task_specific_params") or {}
            own = {**(tasks.get(name) or {}), "prefix": self.config.data.prefix}
            keeps["task_specific_params"] = {**tasks, name: own}
        return model

    def save_tokenizer(self, folder: Path) -> None:
        """With the end of a text, where the collator wrote it: whoever loads the folder reads sources as they were learnt."""
        tokenizer, end = copy(self.tokenizer), self._collate.end_token
        if end is not None:
            ending = processors.TemplateProcessing(
                single=f"$A {end}", special_tokens=[(end, tokenizer.token_to_id(end) or 0)]
            )
            before = tokenizer.post_processor
            tokenizer.post_processor = ending if before is None else processors.Sequence([before, ending])
        tokenizer.save(str(folder / "tokenizer.json"))

    @property
    def collate(self) -> Seq2SeqCollator:
        return self._collate

    def encode(self, examples: list[TextPair]) -> list[Any]:
        return self._collate.encode([each.source for each in examples], [each.target for each in examples])

    def lengths(self, rows: list[Any]) -> Any:
        # The target first: its padding costs the logits of all tokens.
        return np.stack([example_lengths(rows, "labels"), example_lengths(rows)], axis=1)

    def training_examples(self, examples: list[TextPair]) -> list[TextPair]:
        return one_target_each(examples)

    @property
    def smooths(self) -> bool:
        return True

    def head_parameters(self, model: Any) -> list[str]:
        return []

    def measure(self, model: Any, examples: list[TextPair], precision: str) -> dict[str, float]:
        rows = self.encode(examples)
        batch_size, total, count = self.config.training.batch_size, 0.0, 0
        written = [""] * len(rows)
        for numbers, batch, output in predict(model, rows, self.collate, batch_size, precision):
            scored = int((batch["labels"] != -100).sum())
            # A model that smooths its labels in training is measured by its logits alone.
            losses = torch.nn.functional.cross_entropy(
                output.logits.flatten(0, 1).float().cpu(), batch["labels"].flatten()
            )
            total, count = total + losses.item() * scored, count + scored
            if self.config.task.generate:
                for number, text in zip(numbers, self._write(model, batch), strict=True):
                    written[number] = text
        figures = {"validation_loss": total / max(1, count)}
        return (
            {**self._written_figures(written, examples), **figures} if self.config.task.generate else figures
        )

    def _write(self, model: Any, batch: Any) -> list[str]:
        ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
        limit = min(self.config.data.max_target_length, model.config.n_positions)
        made = model.generate(ids, mask, max_new_tokens=limit)
        ends = set(model.config.eos_token_ids) | {model.config.pad_token_id}
        rows = [_until(row, ends) for row in made.cpu().tolist()]
        return self.tokenizer.decode_batch(rows, skip_special_tokens=True)

    def _written_figures(self, written: list[str], examples: list[TextPair]) -> dict[str, float]:
        targets = [list(each.targets) for each in examples]
        if self.config.task.type == "summarization":
            return {name: result.value for name, result in rouge(written, targets, resamples=0).items()}
        return {"bleu": bleu(written, targets).value}


def _until(row: list[int], ends: set[int]) -> list[int]:
    return row[: next((place for place, token in enumerate(row) if token in ends), len(row))]
