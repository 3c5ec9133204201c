"""`NgramLanguageModel`: an n-gram model over token ids in the place of a neural one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.contrastive import DecoderWithStates
from ferrolm.generation.decoders.causal import Decoder
from ferrolm.generation.language_model import LanguageModel, Prompt
from ferrolm.generation.plan import Plan
from ferrolm.generation.scoring import Score
from ferrolm.ngram import NgramLM
from ferrolm.tokenizers import Tokenizer

__all__ = ["NgramLanguageModel"]

Ids = NDArray[np.int64]
# An n-gram model has no end of its context.
_POSITIONS = 1 << 40


@dataclass(frozen=True)
class _Shape:
    vocab_size: int
    bos_token_id: int | None
    eos_token_ids: tuple[int, ...]
    n_positions: int = _POSITIONS


class _NgramDecoder:
    """The `Decoder` of an n-gram model."""

    def __init__(self, ngrams: NgramLM, prompts: Sequence[Ids], copies: int) -> None:
        contexts = [prompt.tolist() for prompt in prompts for _ in range(copies)]
        self._states = _rust.NgramStates(ngrams._core, contexts, begin=True)
        self._unknown = ngrams.unk_id

    def start(self) -> Tensor:
        logits = self._states.next_logprobs()
        logits[:, self._unknown] = -np.inf
        return torch.from_numpy(logits)

    def step(self, ids: Tensor) -> Tensor:
        self._states.accept(ids.numpy().astype(np.uint32))
        return self.start()

    def keep(self, rows: Tensor) -> None:
        self._states.select(rows.tolist())


class NgramLanguageModel(LanguageModel):
    """An `NgramLM` over the ids of a tokenizer, with the methods of `LanguageModel`.

    A text begins after the model's ``<s>``, and its ``</s>`` ends it (``finish_reason`` "eos"). Unknown tokens are
    never generated.

    Args:
        ngrams: trained with the tokenizer's ids and its ``vocab_size``.
        tokenizer: of these ids.
        defaults: as in `LanguageModel`.

    >>> tokenizer = Tokenizer.from_bpe({"a": 0, "b": 1}, [])
    >>> ngrams = NgramLM.train([[0, 1] * 4] * 3, order=3, vocab_size=2)
    >>> NgramLanguageModel(ngrams, tokenizer).generate("a", max_new_tokens=3).ids.tolist()
    [1, 0, 1]
    """

    _without_drafts = "an n-gram model is its own draft"

    def __init__(
        self, ngrams: NgramLM, tokenizer: Tokenizer, defaults: GenerationConfig | None = None
    ) -> None:
        if not ngrams.is_over_ids:
            raise InvalidArgumentError("ngrams is over words, expected a model over token ids")
        size = tokenizer.get_vocab_size()
        if size > ngrams.unk_id:
            raise InvalidArgumentError(
                f"tokenizer has {size} tokens, but ngrams was trained with a vocab_size of {ngrams.unk_id}"
            )
        self.ngrams = ngrams
        self.tokenizer = tokenizer
        self.defaults = defaults or GenerationConfig()

    @property
    def _shape(self) -> _Shape:
        return _Shape(self.ngrams.vocab_size, self.ngrams.bos_id, (self.ngrams.eos_id,))

    def _encode(self, prompt: Prompt) -> Ids:
        # An empty prompt needs no token to begin with: the model has its <s>.
        return self._text_ids(prompt, add_special_tokens=True)

    def _decoder(self, plan: Plan, *, in_torch: bool = False) -> Decoder:
        return _NgramDecoder(self.ngrams, plan.prompts, plan.copies)

    def _decoder_with_states(self, plan: Plan) -> DecoderWithStates:
        raise InvalidArgumentError("penalty_alpha needs hidden states, which an n-gram model has not")

    def _stacks(self) -> tuple[Any, Any]:
        raise InvalidArgumentError("an n-gram model has neither attentions nor hidden states")

    def score(self, text: Prompt, *, stride: int | None = None) -> Score:
        """Log-probabilities of the tokens of ``text``, each given all before it; ``stride`` is not looked at."""
        ids = self._text_ids(text, add_special_tokens=False)
        logs = self.ngrams.token_scores([ids], eos=False).astype(np.float64)
        return Score(ids, logs * np.log(10))

    def save(self, directory: Path | str) -> None:
        """Write ``model.flm`` and ``tokenizer.json``."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.ngrams.save(folder / "model.flm")
        self.tokenizer.save(str(folder / "tokenizer.json"))

    @classmethod
    def load(cls, directory: Path | str, **settings: Any) -> NgramLanguageModel:
        """What `save` wrote; ``settings`` are those of `NgramLM.load`."""
        folder = Path(directory)
        model = NgramLM.load(folder / "model.flm", **settings)
        return cls(model, Tokenizer.from_file(str(folder / "tokenizer.json")))

    def __repr__(self) -> str:
        return f"NgramLanguageModel({self.ngrams!r})"
