"""`Seq2SeqLanguageModel`: an encoder-decoder with its tokenizer, which turns one text into another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.decoders.seq2seq import Seq2SeqDecoder
from ferrolm.generation.language_model import Ids, LanguageModel, Prompt
from ferrolm.generation.plan import Plan
from ferrolm.generation.scoring import Score
from ferrolm.generation.tensors import rows_of_ids, unpadded
from ferrolm.models.seq2seq import Seq2SeqLM
from ferrolm.tokenizers import Tokenizer

__all__ = ["Seq2SeqLanguageModel"]


class Seq2SeqLanguageModel(LanguageModel):
    """An encoder-decoder and its tokenizer, with the methods of `LanguageModel`: a prompt is a source, the result its target.

    A target begins with ``decoder_start_token_id``. ``max_length`` and ``min_length`` count it, as in transformers.

    Args:
        model: `T5ForConditionalGeneration`, `Transformer` ...
        tokenizer: of source and target; a source is encoded with its special tokens.
        defaults: as in `LanguageModel`.
        target_tokenizer: of the target, where it is another one.

    >>> from ferrolm.models import TransformerConfig, Transformer
    >>> tokenizer = Tokenizer.from_bpe({"a": 3, "b": 4, "<pad>": 0, "<s>": 1, "</s>": 2}, [])
    >>> shape = dict(hidden_size=8, intermediate_size=8, num_layers=1, num_heads=2)
    >>> model = Seq2SeqLanguageModel(Transformer(TransformerConfig(vocab_size=5, **shape)).eval(), tokenizer)
    >>> len(model.generate("abba", max_new_tokens=4, ignore_eos=True).ids)
    4
    """

    model: Any
    _without_drafts = "an encoder-decoder has no drafts, they guess how a prompt goes on"

    def __init__(
        self,
        model: Seq2SeqLM,
        tokenizer: Tokenizer,
        defaults: GenerationConfig | None = None,
        *,
        target_tokenizer: Tokenizer | None = None,
    ) -> None:
        config: Any = model.config
        sources = getattr(config, "source_vocab_size", None) or config.vocab_size
        for each, name, size in (
            (tokenizer, "tokenizer", sources if model.feature_size is None else None),
            (target_tokenizer or tokenizer, "target tokenizer", config.vocab_size),
        ):
            if size is not None and each.get_vocab_size() > size:
                raise InvalidArgumentError(
                    f"{name} has {each.get_vocab_size()} tokens, but the model's vocab_size is {size}"
                )
        self.model = model
        self.source_tokenizer = tokenizer
        self.tokenizer = target_tokenizer or tokenizer
        self.defaults = defaults or GenerationConfig()
        self._source_vocab_size = int(sources)

    def score(self, text: Prompt, *, stride: int | None = None, source: Prompt | None = None) -> Score:
        """Log-probabilities of the tokens of the target ``text``, its end included, given its ``source``.

        Raises `InvalidArgumentError` without a source; ``stride`` is not looked at.
        """
        if source is None:
            raise InvalidArgumentError("source is missing: an encoder-decoder scores a target given a source")
        target = self._text_ids(text, add_special_tokens=False)
        eos = self._shape.eos_token_ids
        if eos and not (len(target) and target[-1] in eos):
            target = np.append(target, eos[0])
        begin = self._start(self.defaults)
        decoder_ids = torch.tensor([[begin, *target[:-1].tolist()]], device=self.model.device)
        ids = torch.from_numpy(self._encode(source))[None].to(self.model.device)
        with torch.inference_mode():
            logits = self.model(ids, decoder_input_ids=decoder_ids).logits[0].float()
        wanted = torch.from_numpy(target).to(logits.device)
        losses = F.cross_entropy(logits, wanted, reduction="none")
        return Score(target, -losses.double().cpu().numpy())

    def perplexity(
        self,
        texts: str | Sequence[str],
        *,
        stride: int | None = None,
        sources: str | Sequence[str] = (),
    ) -> float:
        """Perplexity per token of targets, each given its source."""
        targets = [texts] if isinstance(texts, str) else list(texts)
        given = [sources] if isinstance(sources, str) else list(sources)
        if len(targets) != len(given):
            raise InvalidArgumentError(f"sources has {len(given)} texts for {len(targets)} targets")
        scores = [self.score(text, source=source) for text, source in zip(targets, given, strict=True)]
        count = sum(score.num_tokens for score in scores)
        if not count:
            raise InvalidArgumentError("texts hold no token to predict")
        return float(np.exp(-sum(score.logprob for score in scores) / count))

    def save(self, directory: Path | str) -> None:
        """Write the checkpoint, tokenizer.json included, for `ferrolm.load_model`."""
        if self.source_tokenizer is not self.tokenizer:
            raise InvalidArgumentError("a checkpoint has one tokenizer, and the target has its own here")
        super().save(directory)

    def __repr__(self) -> str:
        return f"Seq2Seq{super().__repr__()}"

    def _encode(self, prompt: Prompt) -> Ids:
        if isinstance(prompt, str):
            ids = self.source_tokenizer.encode_ids(prompt, add_special_tokens=True).astype(np.int64)
        else:
            ids = self._text_ids(prompt, add_special_tokens=True)
        return self._begun(ids)

    def _begun(self, ids: Ids) -> Ids:
        if len(ids):
            return ids
        end = self._shape.eos_token_ids[:1]
        if not end:
            raise InvalidArgumentError(
                "the source is empty, and the model has no eos_token_id to read instead"
            )
        return np.array(end)

    def _start(self, config: GenerationConfig) -> int:
        given: int | None = config.decoder_start_token_id
        if given is None:
            given = self.model.config.decoder_start_token_id
        if given is None:
            given = config.bos_token_id
        if given is None or not 0 <= given < self._shape.vocab_size:
            raise InvalidArgumentError(
                f"decoder_start_token_id is {given}, expected an id below {self._shape.vocab_size}"
            )
        return given

    def _plan(self, prompts: list[Any], config: GenerationConfig, begins: Tensor | None = None) -> Plan:
        if begins is None:
            rows = [np.array([self._start(config)])] * len(prompts)
        else:
            rows = list(begins.cpu().numpy())
        limit = self.model.config.max_position_embeddings if _has_positions(self.model) else None
        longest = max(len(prompt) for prompt in prompts)
        if limit is not None and longest > limit:
            raise InvalidArgumentError(
                f"the source has {longest} tokens, at most {limit} (max_position_embeddings) fit the model"
            )
        return Plan.of(config, self._shape, rows, self._eos(config), prompts)

    def _tensor_plan(self, config: GenerationConfig, given: dict[str, Any]) -> tuple[Plan, Tensor]:
        sources, begins = self._sources(config, given), given.get("decoder_input_ids")
        device = next(value.device for value in given.values() if isinstance(value, Tensor))
        if begins is None:
            begins = torch.full((len(sources), 1), self._start(config))
        begins = rows_of_ids("decoder_input_ids", begins, self._shape.vocab_size).to(device)
        if len(begins) != len(sources):
            raise ShapeError(f"decoder_input_ids has {len(begins)} rows for {len(sources)} sources")
        return self._plan(sources, config, begins), begins

    def _sources(self, config: GenerationConfig, given: dict[str, Any]) -> list[Any]:
        """The rows of ``input_ids`` or ``input_features``, without padding."""
        mask = given.get("attention_mask")
        if self.model.feature_size is not None:
            features = given.get("input_features", given.get("inputs"))
            if not isinstance(features, Tensor) or features.dim() != 3:
                raise InvalidTypeError("input_features is missing, expected [batch, time, feature_size]")
            if mask is None:
                return list(features)
            return [row[own.bool()] for row, own in zip(features, mask, strict=True)]
        ids = given.get("input_ids", given.get("inputs"))
        if ids is None:
            raise InvalidArgumentError("input_ids is missing, expected the source as int64 [batch, time]")
        ids = rows_of_ids("input_ids", ids, self._source_vocab_size)
        pad = self.model.config.pad_token_id if config.pad_token_id is None else config.pad_token_id
        return [self._begun(row) for row in unpadded(ids, mask, pad, self._eos(config))]

    def _decoder(self, plan: Plan, *, in_torch: bool = False) -> Seq2SeqDecoder:
        assert plan.sources is not None
        return Seq2SeqDecoder(self.model, plan.sources, plan.prompts, plan.copies, max(plan.limits))

    def _decoder_with_states(self, plan: Plan) -> Seq2SeqDecoder:
        decoder = self._decoder(plan)
        decoder.keeps_states = True
        return decoder

    def _stacks(self) -> tuple[Any, Any]:
        return self.model.decoder, self.model.encoder


def _has_positions(model: Any) -> bool:
    """Whether there are learned positions, of which a source can have too few."""
    return getattr(model.config, "positions", None) == "learned"
