"""`NeuralTagger`: the model that ``ferrolm finetune`` wrote, a BiLSTM or an encoder, perhaps with a CRF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ferrolm.data import TokenClassificationCollator
from ferrolm.data.readers._lines import PathLike
from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.pipelines.text_encoder import TextEncoder
from ferrolm.models import BiLSTMTagger
from ferrolm.models.config import read_config
from ferrolm.models.heads import BertCrfForTokenClassification

__all__ = ["NeuralTagger"]

_BATCH = 32


class NeuralTagger:
    """Tags words with a model of torch. A word's tag is that of its first token, as in training.

    Sentences of more tokens than fit the model are tagged in pieces; a word of no token at all has the first label.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder, self._model = encoder, encoder.model.eval()
        config: Any = self._model.config
        self._collate = TokenClassificationCollator(
            encoder.tokenizer, label_names=self.labels, max_length=encoder.max_length,
            token_type_ids=getattr(config, "model_type", "") == "bert" or getattr(config, "case_token_types", False),
            case_types=getattr(config, "case_token_types", False),
            characters=getattr(config, "character_size", 0) > 0,
        )  # fmt: skip

    @classmethod
    def load(cls, folder: PathLike, *, device: str | None = None) -> NeuralTagger:
        """The model of a folder: a run, whose model lies in ``final``, or that itself.

        Raises:
            InvalidArgumentError: one that was not taught to tag.
        """
        place = Path(folder)
        if not (place / "config.json").exists() and (place / "final").is_dir():
            place /= "final"
        names = read_config(place / "config.json").get("architectures") or [""]
        if not any(ending in str(names[0]) for ending in ("TokenClassification", "Tagger")):
            raise InvalidArgumentError(
                f"{place} has a model of the kind {str(names[0])!r}, expected one for token-classification"
            )
        return cls(TextEncoder.load(place, "token-classification", device=device))

    @property
    def labels(self) -> list[str]:
        """The tags, in the order of the model's numbers."""
        return self._encoder.labels

    def tag(self, words: Sequence[str]) -> list[str]:
        """A tag for each word of one sentence."""
        return self.tag_sents([words])[0]

    def tag_sents(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """A tag for each word of each sentence, in batches of sentences of like length."""
        tags = [[self.labels[0]] * len(words) for words in sentences]
        # (sentence, its first word that has no tag yet)
        left = [(number, 0) for number, words in enumerate(sentences) if len(words)]
        while left:
            rows = self._collate.encode([list(sentences[number][start:]) for number, start in left])
            order = sorted(range(len(rows)), key=lambda row: len(rows[row]["input_ids"]))
            after = []
            for begin in range(0, len(order), _BATCH):
                chosen = order[begin : begin + _BATCH]
                classes = self._classes([rows[row] for row in chosen])
                for row, found in zip(chosen, classes, strict=True):
                    number, start = left[row]
                    end = _fill(tags[number], start, rows[row]["word_ids"], found, self.labels)
                    if start < end < len(tags[number]):
                        after.append((number, end))
            left = after
        return tags

    @torch.no_grad()
    def _classes(self, rows: list[Any]) -> list[list[int]]:
        batch = {name: tensor.to(self._model.device) for name, tensor in self._collate(rows).items()}
        model: Any = self._model
        if isinstance(model, BiLSTMTagger):
            found = model.decode(**batch)
        else:
            logits = model(**batch).logits
            if isinstance(model, BertCrfForTokenClassification):
                mask = torch.zeros(logits.shape[:2], dtype=torch.bool, device=logits.device)
                for number, row in enumerate(rows):
                    mask[number, : len(row["word_ids"])] = torch.from_numpy(_first(row["word_ids"]))
                found = model.decode(logits, mask)
            else:
                found = logits.argmax(-1)
        classes: list[list[int]] = found.cpu().tolist()
        return classes


def _first(word_ids: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which tokens are the first of their word."""
    before = np.concatenate([[-1], word_ids[:-1]])
    first: np.ndarray[Any, np.dtype[np.bool_]] = (word_ids >= 0) & (word_ids != before)
    return first


def _fill(
    tags: list[str], start: int, word_ids: np.ndarray[Any, Any], classes: list[int], names: list[str]
) -> int:
    """Write the tags of the words from ``start`` on; returns the first word that has none."""
    end = start
    for place in np.flatnonzero(_first(word_ids)).tolist():
        end = start + int(word_ids[place]) + 1
        tags[end - 1] = names[max(0, classes[place])]
    return end
