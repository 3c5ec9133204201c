"""`Engine`: many requests to one model at the same time, each as if it were alone.

Continuous batching (Yu et al. 2022, "Orca"): the batch changes between two steps. A request joins it as soon as there is a place,
and leaves it with its last token, so that a short text does not wait for a long one beside it. As a row's tokens do not
depend on the rows beside it in this library, neither do they on when it joined: a request gives what `LanguageModel.generate`
gives for its prompt, settings and seed.
"""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import Any, Self

import numpy as np

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.engine.loop import EngineLoop
from ferrolm.generation.engine.request import Asked, Request
from ferrolm.generation.language_model import LanguageModel, Prompt
from ferrolm.generation.prefix_cache import PrefixCache
from ferrolm.generation.processing import needs_processing
from ferrolm.models import CausalLM
from ferrolm.sampling import SamplingParams, sample

__all__ = ["Engine"]

# Settings that an engine honours; any other has to be at its default.
_HONOURED = {
    *(
        "max_new_tokens",
        "max_length",
        "min_new_tokens",
        "min_length",
        "max_time",
        "seed",
        "params",
        "logprobs",
    ),
    *(
        "do_sample",
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "top_h",
        "typical_p",
        "epsilon_cutoff",
        "eta_cutoff",
    ),
    *("repetition_penalty", "presence_penalty", "frequency_penalty", "no_repeat_ngram_size", "bad_words_ids"),
    *("logit_bias", "sequence_bias", "suppress_tokens", "begin_suppress_tokens", "allowed_token_ids"),
    *("forced_bos_token_id", "forced_eos_token_id", "bos_token_id", "eos_token_id", "pad_token_id"),
    *("stop_strings", "stop_token_ids", "ignore_eos", "renormalize_logits"),
}


class Engine:
    """Continues the prompts of a queue with one model, in a thread of its own.

    Args:
        model: a decoder (GPT-2, the Llama family) or a recurrent model; it must not change while the engine lives.
        max_batch_size: requests that run at the same time. Together with the model's context it bounds the memory:
            about so many keys and values as a batch of this size in full length.
        max_waiting: requests that may wait beside them; one more raises `EngineFullError`.
        prefill_tokens: of new prompts that are read between two steps of the running requests, at most. More gives the
            first token of long prompts sooner, less lets the others wait less for them.
        prefix_cache_tokens: of earlier prompts and continuations whose keys and values are kept, so that a prompt that
            begins with them (the same instructions, a dialogue that goes on) is read from there on; 0 keeps none. See
            `PrefixCache`, which ``prefix_cache`` is.

    The engine is a context manager, which closes it at its end. It also ends with its last reference, which unfinished
    requests hold too. It is safe to submit from any thread; in a forked process it raises `EngineError`.

    >>> import ferrolm
    >>> model = ferrolm.load_model("ferrolm-tiny")
    >>> prompts = ["Once upon a time", "The little cat"]
    >>> with Engine(model) as engine:
    ...     requests = [engine.submit(prompt, max_new_tokens=8, do_sample=False) for prompt in prompts]
    ...     texts = [request.result().text for request in requests]
    >>> texts == [model.generate(prompt, max_new_tokens=8, do_sample=False).text for prompt in prompts]
    True
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        max_batch_size: int = 8,
        max_waiting: int = 256,
        prefill_tokens: int = 256,
        prefix_cache_tokens: int = 8192,
    ) -> None:
        _check_size("max_batch_size", max_batch_size)
        _check_size("max_waiting", max_waiting)
        _check_size("prefill_tokens", prefill_tokens)
        _check_size("prefix_cache_tokens", prefix_cache_tokens, least=0)
        if not isinstance(model, LanguageModel):
            raise InvalidTypeError(f"model is {type(model).__name__}, expected a LanguageModel")
        if not isinstance(getattr(model, "model", None), CausalLM):
            raise InvalidArgumentError(
                f"model is {model!r}: expected a decoder like GPT-2 or Llama, or a recurrent model; use its generate"
            )
        self.model = model
        self._zeros = np.zeros((1, model.model.config.vocab_size), np.float32)
        self.prefix_cache = PrefixCache(prefix_cache_tokens) if prefix_cache_tokens else None
        self._loop = EngineLoop(model.model, max_batch_size, max_waiting, prefill_tokens, self.prefix_cache)
        self._end = weakref.finalize(self, self._loop.close)

    def submit(
        self,
        prompt: Prompt,
        params: SamplingParams | None = None,
        **settings: Any,
    ) -> Request:
        """Queue a prompt, and return at once.

        prompt: text or token ids. params, settings: as in `LanguageModel.generate`, for a single continuation that is
        greedy or drawn, without functions of the caller's. ``max_time`` counts from now.

        Raises at once what is wrong with the arguments, as `generate` does, `EngineFullError` when ``max_waiting`` requests
        wait, and `EngineError` when the engine is closed.
        """
        self._loop.check_process()
        model = self.model
        config = model._config(params, settings)
        _check(config)
        vocab_size = model.model.config.vocab_size
        if config.logprobs is not None and config.logprobs > vocab_size:
            raise InvalidArgumentError(
                f"logprobs is {config.logprobs}, expected at most {vocab_size} (vocab_size)"
            )
        plan = model._plan([model._encode(prompt)], config)
        asked = Asked(
            prompt=plan.prompts[0],
            params=plan.params[0],
            limit=plan.limits[0],
            eos=frozenset(plan.eos),
            stop=tuple(config.stop_strings),
            logprobs=config.logprobs,
            max_time=config.max_time,
        )
        # Raises for tokens that the model does not have, and when none is left.
        sample(self._zeros, asked.params)
        request = Request(asked, model.tokenizer, self)
        self._loop.submit(request)
        return request

    @property
    def num_running(self) -> int:
        """Requests that are being continued, or whose prompt is being read."""
        return self._loop.num_running

    @property
    def num_waiting(self) -> int:
        """Requests that wait for a place."""
        return self._loop.num_waiting

    @property
    def closed(self) -> bool:
        """Whether no more requests are taken: it was closed, or has failed."""
        return self._loop.closed

    def close(self) -> None:
        """End all requests, which raise `EngineError` then, and wait for the step that runs. Again does nothing."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Engine({self.model!r}, running={self.num_running}, waiting={self.num_waiting})"


def _check_size(name: str, value: int, least: int = 1) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidArgumentError(f"{name} is {value!r}, expected an integer of at least {least}")


def _check(config: GenerationConfig) -> None:
    for name in sorted(config.changed() - _HONOURED):
        raise InvalidArgumentError(
            f"{name} is {getattr(config, name)!r}, which an engine does not do: use generate, or leave it out"
        )
    if needs_processing(config):
        raise InvalidArgumentError(
            "forced_bos_token_id and begin_suppress_tokens are both given, which an engine does not do: use generate"
        )
