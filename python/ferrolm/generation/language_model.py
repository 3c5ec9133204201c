"""`LanguageModel`: a model with its tokenizer, which continues texts, streams them and scores them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, overload

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.decoding import decode
from ferrolm.generation.drafts import Draft, DraftReport, check_draft
from ferrolm.generation.scoring import Score, token_logprobs
from ferrolm.generation.speculative import decode_with_draft
from ferrolm.generation.stream import Stream
from ferrolm.generation.text_stream import TextStream
from ferrolm.models import CausalLM
from ferrolm.models.config import ModelShape
from ferrolm.sampling import SamplingParams
from ferrolm.tokenizers import Tokenizer

__all__ = ["Generation", "LanguageModel", "Prompt"]

Ids = NDArray[np.int64]
Prompt = str | Sequence[int] | NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Generation:
    """One continuation: its ``text`` (without the prompt), its token ``ids``, and why it ended.

    finish_reason: "eos" (the token that ends a text, which is in ``ids`` but not in ``text``), "stop" (a stop string,
    before which ``text`` ends) or "length" (as many tokens as asked for, or as fit the model). draft_report: how many guesses of
    a draft were right, where there was one.
    """

    text: str
    ids: NDArray[np.int64] = field(repr=False)
    finish_reason: str
    draft_report: DraftReport | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.text


class LanguageModel:
    """A causal language model and its tokenizer.

    ``defaults`` hold what `generate` does unless told otherwise; `ferrolm.load_model` takes them from the
    checkpoint's generation_config.json.

    >>> import ferrolm
    >>> model = ferrolm.load_model("ferrolm-tiny")  # doctest: +SKIP
    >>> print(model.generate("Once upon a time", max_new_tokens=20))  # doctest: +SKIP
    """

    def __init__(
        self, model: CausalLM, tokenizer: Tokenizer, defaults: GenerationConfig | None = None
    ) -> None:
        size, vocab_size = tokenizer.get_vocab_size(), model.config.vocab_size
        if size > vocab_size:
            raise InvalidArgumentError(
                f"tokenizer has {size} tokens, but the model's vocab_size is {vocab_size}"
            )
        self.model = model
        self.tokenizer = tokenizer
        self.defaults = defaults or GenerationConfig()

    @overload
    def generate(
        self,
        prompt: str,
        params: SamplingParams | None = None,
        *,
        draft: Draft | None = None,
        **settings: Any,
    ) -> Generation: ...
    @overload
    def generate(
        self,
        prompt: Prompt | Sequence[Prompt],
        params: SamplingParams | None = None,
        *,
        draft: Draft | None = None,
        **settings: Any,
    ) -> Any: ...
    def generate(
        self,
        prompt: Prompt | Sequence[Prompt],
        params: SamplingParams | None = None,
        *,
        draft: Draft | None = None,
        **settings: Any,
    ) -> Any:
        """Continue a prompt, or several as one batch; a row's result does not depend on the rows beside it.

        prompt: text, token ids, or a list of these; an empty one begins with the beginning-of-text token. params: how
        to draw, instead of the arguments named in it; given, ``do_sample`` follows from its temperature. draft: guesses
        tokens that the model then verifies several at a time, with the same result (see `NgramDraft` and `ModelDraft`); prompts are
        continued one by one then. settings: the fields of `GenerationConfig`. Generation stops where the context of the
        model (``n_positions``) is full.

        Returns a `Generation` for one prompt and a list for several; with ``num_return_sequences`` above 1, a list
        for each prompt. Raises `InvalidArgumentError` for an unknown argument (proposing the nearest name) and for a
        prompt that does not fit the model.
        """
        single = isinstance(prompt, str) or _is_ids(prompt)
        several = cast("Sequence[Prompt]", [prompt] if single else prompt)
        prompts = [self._encode(each) for each in several]
        config = self._config(params, settings)
        if not prompts:
            return []
        rows = self._generate(prompts, config, draft)
        copies = config.num_return_sequences
        results = rows if copies == 1 else [rows[at : at + copies] for at in range(0, len(rows), copies)]
        return results[0] if single else results

    def stream(
        self,
        prompt: Prompt,
        params: SamplingParams | None = None,
        *,
        draft: Draft | None = None,
        **settings: Any,
    ) -> Stream:
        """The text of `generate`, in pieces, as soon as each is certain: whole characters, and no stop string.

        Returns an iterator of pieces that also knows the token ids and, at the end, the reason of the end.
        """
        config = self._config(params, settings)
        if config.num_return_sequences != 1:
            raise InvalidArgumentError(
                f"num_return_sequences is {config.num_return_sequences}, a stream has 1"
            )
        ids = self._encode(prompt)
        limit = config.new_tokens(len(ids), self._shape.n_positions)
        active = np.ones(1, dtype=bool)
        params_of_rows, eos = _row_params(config, 1), self._eos(config)
        report = None if draft is None else DraftReport()
        steps = self._decode([ids], params_of_rows, [limit], eos, active, draft, report and [report])
        text = TextStream(self.tokenizer, ids.tolist(), config.stop_strings)
        return Stream(steps, text, eos, active, report)

    def score(self, text: Prompt, *, stride: int | None = None) -> Score:
        """Log-probabilities of the tokens of ``text``, which may be longer than the model's context.

        The first token is given the beginning-of-text token (or, where the model has none, is not scored). ``stride``
        is how far each window advances; by default half a context (see `generation.scoring.token_logprobs`).
        """
        ids = self._text_ids(text, add_special_tokens=False)
        start = self._start_id()
        sequence = ids if start is None else np.concatenate([[start], ids])
        return Score(sequence[1:], token_logprobs(self.model, sequence, stride))

    def perplexity(self, texts: str | Sequence[str], *, stride: int | None = None) -> float:
        """Perplexity per token over all ``texts``; `ferrolm.evaluation.perplexity` gives it per word and byte too."""
        scores = [self.score(text, stride=stride) for text in ([texts] if isinstance(texts, str) else texts)]
        count = sum(score.num_tokens for score in scores)
        if not count:
            raise InvalidArgumentError("texts hold no token to predict")
        return float(np.exp(-sum(score.logprob for score in scores) / count))

    def save(self, directory: Path | str) -> None:
        """Write the checkpoint, tokenizer.json included, for `ferrolm.load_model` and transformers."""
        self.model.save_pretrained(directory)
        self.tokenizer.save(str(Path(directory) / "tokenizer.json"))

    def __repr__(self) -> str:
        return f"LanguageModel({self.model.num_parameters():,} parameters, vocabulary {self._shape.vocab_size:,})"

    @property
    def _shape(self) -> ModelShape:
        return self.model.config

    def _config(self, params: SamplingParams | None, settings: dict[str, Any]) -> GenerationConfig:
        config = self.defaults.updated(**settings)
        if params is not None:
            clash = [name for name in settings if hasattr(params, name)]
            if clash:
                raise InvalidArgumentError(f"{', '.join(clash)} is given twice: in params and as an argument")
            return config.with_params(params)
        if ignored := config.without_effect(settings):
            warnings.warn(
                f"greedy decoding ignores {', '.join(ignored)}; pass do_sample=True to draw", stacklevel=3
            )
        return config

    def _encode(self, prompt: Prompt) -> Ids:
        ids = self._text_ids(prompt, add_special_tokens=True)
        if len(ids):
            return ids
        start = self._start_id()
        if start is None:
            raise InvalidArgumentError(
                "the prompt is empty, and the model has neither bos_token_id nor eos_token_id to begin with"
            )
        return np.array([start])

    def _text_ids(self, text: Prompt, add_special_tokens: bool) -> Ids:
        if isinstance(text, str):
            return self.tokenizer.encode_ids(text, add_special_tokens=add_special_tokens).astype(np.int64)
        if not _is_ids(text):
            raise InvalidTypeError(f"prompt is {type(text).__name__}, expected text or token ids")
        ids = np.asarray(text, dtype=np.int64)
        vocab_size = self._shape.vocab_size
        if len(ids) and not 0 <= ids.min() <= ids.max() < vocab_size:
            raise InvalidArgumentError(
                f"prompt has ids from {ids.min()} to {ids.max()}, expected 0 to {vocab_size - 1}"
            )
        return ids

    def _start_id(self) -> int | None:
        """What comes before a text: the beginning-of-text token, else the token that ends the text before it."""
        config = self._shape
        candidates = (config.bos_token_id, *config.eos_token_ids)
        return next((token for token in candidates if token is not None and token < config.vocab_size), None)

    def _eos(self, config: GenerationConfig) -> list[int]:
        if config.ignore_eos:
            return []
        given = self._shape.eos_token_ids if config.eos_token_id is None else config.eos_token_id
        return [
            token
            for token in ([given] if isinstance(given, int) else given)
            if 0 <= token < self._shape.vocab_size
        ]

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
        """The steps of `decode`, or of `decode_with_draft`, which fills the ``reports``."""
        if draft is None:
            return decode(self.model, prompts, params, limits, eos, active)
        return decode_with_draft(
            self.model, prompts, params, limits, eos, active, check_draft(draft), reports
        )

    def _generate(
        self, prompts: list[Ids], config: GenerationConfig, draft: Draft | None
    ) -> list[Generation]:
        params = _row_params(config, len(prompts))
        prompts_of_rows = [prompt for prompt in prompts for _ in range(config.num_return_sequences)]
        limits = [config.new_tokens(len(prompt), self._shape.n_positions) for prompt in prompts_of_rows]
        eos, stop = self._eos(config), config.stop_strings
        streams = [TextStream(self.tokenizer, prompt.tolist(), stop) for prompt in prompts_of_rows]
        active = np.ones(len(streams), dtype=bool)
        texts = [""] * len(streams)
        steps = []
        reports = None if draft is None else [DraftReport() for _ in streams]
        for rows, ids in self._decode(prompts, params, limits, eos, active, draft, reports):
            steps.append((rows, ids))
            if not stop:
                continue  # the text is needed at the end alone
            for row, token in zip(rows.tolist(), ids.tolist(), strict=True):
                texts[row] += "" if token in eos else streams[row].push(token)
                active[row] &= not streams[row].stopped
        all_rows, all_ids = (np.concatenate(parts) for parts in zip(*steps, strict=True))
        return [
            _finished(
                texts[row],
                all_ids[all_rows == row],
                stream,
                eos,
                decoded=bool(stop),
                report=None if reports is None else reports[row],
            )
            for row, stream in enumerate(streams)
        ]


def _finished(
    text: str, ids: Ids, stream: TextStream, eos: Sequence[int], decoded: bool, report: DraftReport | None
) -> Generation:
    ended = int(ids[-1]) in eos
    if not decoded:
        text = stream.push(*ids[: len(ids) - ended].tolist())
    text += stream.finish()
    return Generation(text, ids, "stop" if stream.stopped else "eos" if ended else "length", report)


def _is_ids(value: Any) -> bool:
    """Whether this is one prompt of ids, not several prompts."""
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and (value.dtype.kind in "iu" or not value.size)
    return (
        isinstance(value, Sequence)
        and bool(value)
        and all(isinstance(item, int | np.integer) for item in value)
    )


def _row_params(config: GenerationConfig, prompts: int) -> list[SamplingParams]:
    """Parameters of each row; the continuations of one prompt draw with seeds made from the prompt's."""
    if isinstance(config.seed, int):
        seeds = [config.seed] * prompts
    elif config.seed is None:
        seeds = torch.randint(2**63 - 1, (prompts,)).tolist() if config.do_sample else [0] * prompts
    else:
        seeds = list(config.seed)
    if len(seeds) != prompts:
        raise InvalidArgumentError(f"seed has {len(seeds)} values for {prompts} prompts")
    each = [config.sampling_params(seed) for seed in seeds]
    copies = config.num_return_sequences
    return each if copies == 1 else [row for params in each for row in params.split(copies)]
