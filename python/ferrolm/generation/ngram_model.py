"""`NgramLanguageModel`: an n-gram model over token ids in the place of a neural one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.drafts import Draft, DraftReport
from ferrolm.generation.language_model import LanguageModel, Prompt
from ferrolm.generation.scoring import Score
from ferrolm.ngram import NgramLM
from ferrolm.sampling import Sampler, SamplingParams
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

    def _decode(
        self,
        prompts: Sequence[Ids],
        params: Sequence[SamplingParams],
        limits: Sequence[int],
        eos: Sequence[int],
        active: NDArray[np.bool_],
        draft: Draft | None,
        reports: Sequence[DraftReport] | None = None,
    ) -> Iterator[tuple[NDArray[np.intp], Ids]]:
        if draft is not None:
            raise InvalidArgumentError("draft: an n-gram model is its own draft")
        copies = len(params) // len(prompts)
        contexts = [prompts[row // copies] for row in range(len(params))]
        states = _rust.NgramStates(self.ngrams._core, [ids.tolist() for ids in contexts], begin=True)
        sampler = Sampler(params, prompt=contexts)
        ends = np.zeros(self.ngrams.vocab_size, dtype=bool)
        ends[list(eos)] = True
        left = np.array(limits)
        rows = np.arange(len(params))
        while True:
            logits = states.next_logprobs()
            logits[:, self.ngrams.unk_id] = -np.inf
            ids = sampler.sample(logits, rows=rows.tolist())
            sampler.accept(ids, rows=rows.tolist())
            left[rows] -= 1
            alive = active[rows]
            active[rows] &= ~ends[ids] & (left[rows] > 0)
            yield rows[alive], ids[alive].astype(np.int64)
            kept = np.flatnonzero(active[rows])
            if not len(kept):
                return
            states.accept(ids)
            states.select(kept.tolist())
            rows = rows[kept]

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
