"""`accelerate_generation`: the processors and the drawing of ``model.generate`` in one pass of `ferrolm.sampling`."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from transformers.generation import logits_process as process
from transformers.generation.configuration_utils import GenerationMode
from transformers.generation.utils import GenerationMixin

from ferrolm.errors import InvalidTypeError
from ferrolm.sampling import Sampler, SamplingParams, Watermark, sample

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["accelerate_generation", "sampling_params"]

Model = TypeVar("Model")
# Arguments of `generate` that it does not give to the hook, and the hook itself.
_NOT_PASSED_ON = {"custom_generate", "tokenizer", "assistant_tokenizer", "synced_gpus"}
_MODES = {GenerationMode.SAMPLE, GenerationMode.GREEDY_SEARCH}


def accelerate_generation(model: Model, *, same_ids: bool = False) -> Model:
    """Let ``model.generate`` sample with ferrolm; returns the model, whose ``generate`` is replaced.

    What `sampling_params` knows of the logits processors that transformers prepares from the generation config (and of
    your own) is done in one pass over the logits, with the draw; the others keep their place before it. Distributions are
    the same; the ids of a draw are others than those of `torch.multinomial`, but do not depend on the batch: each row has a
    seed from torch's generator, so that `torch.manual_seed` repeats them. Greedy decoding gives the same ids. Beam search,
    assisted generation, and calls that ask for scores go the usual way, as does any call with ``custom_generate``,
    ``synced_gpus``, or a ``tokenizer`` (for ``stop_strings``).

    Args:
        same_ids: Draw with the numbers that `torch.multinomial` would take from torch's generator: after the same
            `torch.manual_seed` the ids are those of transformers itself (but for rounding). Slower: a number is
            made for each logit.

    >>> import torch
    >>> from transformers import GPT2Config, GPT2LMHeadModel
    >>> model = accelerate_generation(GPT2LMHeadModel(GPT2Config(vocab_size=99, n_layer=1, n_embd=8, n_head=2)))
    >>> ids = model.generate(torch.tensor([[1, 2]]), do_sample=True, top_p=0.9, max_new_tokens=3, pad_token_id=0)
    >>> ids.shape
    torch.Size([1, 5])
    """
    # One of several classes that inherit `GenerationMixin`, and whose types say little.
    wrapped: Any = model
    if not hasattr(model, "generate") or not hasattr(model, "generation_config"):
        raise InvalidTypeError(
            f"model must be one of transformers that generates, found {type(model).__name__}"
        )
    # What an earlier call has replaced: the last one counts.
    original = getattr(wrapped.generate, "before_ferrolm", wrapped.generate)

    @functools.wraps(original)
    def generate(*args: Any, **kwargs: Any) -> Any:
        if not _NOT_PASSED_ON & kwargs.keys() and _mode(model, kwargs) in _MODES:
            # The hook is not given the streamer, which is an argument of `generate` alone.
            kwargs["custom_generate"] = _custom_generate(kwargs.get("streamer"), same_ids)
        return original(*args, **kwargs)

    generate.before_ferrolm = original  # type: ignore[attr-defined]
    wrapped.generate = generate
    return model


def _mode(model: Any, kwargs: dict[str, Any]) -> GenerationMode:
    config = copy.deepcopy(kwargs.get("generation_config") or model.generation_config)
    config.update(**kwargs)
    mode: GenerationMode = config.get_generation_mode(kwargs.get("assistant_model"))
    return mode


def sampling_params(processors: list[Any], prompt_length: int) -> tuple[list[Any], dict[str, Any]]:
    """The processors that have to be called, and the fields of `SamplingParams` for those after them."""
    kept, fields, steps = list(processors), dict[str, Any](), list[str]()
    while kept:
        own = _fields(kept[-1], prompt_length)
        if own is None or not _fits(own, fields):
            break
        kept.pop()
        fields.update(own)
        steps[:0] = own.keys() & _STEPS
    if steps:
        fields["order"] = tuple(steps)
    return kept, fields


_STEPS = {
    "temperature",
    "top_h",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "watermark",
}
# In the order in which they act; the steps come after all of them.
_RULES = (
    "sequence_bias",
    "repetition_penalty",
    "no_repeat_ngram_size",
    "bad_words_ids",
    "min_tokens",
    "suppress_tokens",
)


def _fits(own: dict[str, Any], fields: dict[str, Any]) -> bool:
    """Whether what a processor does comes before all of ``fields`` in our order too, and is not among them."""
    if fields.keys() & own.keys():
        return False
    name = next(iter(own))
    after = [_RULES.index(rule) for rule in _RULES if rule in fields]
    return not after if name in _STEPS else all(_RULES.index(name) < other for other in after)


def _fields(processor: Any, prompt_length: int) -> dict[str, Any] | None:
    """What a processor does, as fields of `SamplingParams`; None if they cannot say it."""
    known: dict[type, Callable[[Any], dict[str, Any] | None]] = {
        process.TemperatureLogitsWarper: lambda p: {"temperature": p.temperature},
        process.TopHLogitsWarper: lambda p: {"top_h": p.top_h} if p.top_n == 100 else None,
        process.TopKLogitsWarper: lambda p: {"top_k": p.top_k},
        process.TopPLogitsWarper: lambda p: {"top_p": p.top_p},
        process.MinPLogitsWarper: lambda p: {"min_p": p.min_p},
        process.TypicalLogitsWarper: lambda p: {"typical_p": p.mass},
        process.EpsilonLogitsWarper: lambda p: {"epsilon_cutoff": p.epsilon},
        process.EtaLogitsWarper: lambda p: {"eta_cutoff": float(p.epsilon)},
        process.WatermarkLogitsProcessor: lambda p: {"watermark": _watermark(p)},
        process.SequenceBiasLogitsProcessor: lambda p: {"sequence_bias": p.sequence_bias},
        process.NoBadWordsLogitsProcessor: lambda p: {"bad_words_ids": list(p.sequence_bias)},
        process.NoRepeatNGramLogitsProcessor: lambda p: {"no_repeat_ngram_size": p.ngram_size},
        process.SuppressTokensLogitsProcessor: lambda p: {"suppress_tokens": p.suppress_tokens.tolist()},
        process.RepetitionPenaltyLogitsProcessor: lambda p: (
            {"repetition_penalty": p.penalty} if p.prompt_ignore_length is None else None
        ),
        process.MinLengthLogitsProcessor: lambda p: _least(p.min_length - prompt_length, p.eos_token_id),
        process.MinNewTokensLengthLogitsProcessor: lambda p: _least(
            p.prompt_length_to_skip + p.min_new_tokens - prompt_length, p.eos_token_id
        ),
    }
    read = known.get(type(processor))
    keeps_more = getattr(processor, "min_tokens_to_keep", 1) != 1 and not hasattr(processor, "top_k")
    filter_value = getattr(processor, "filter_value", -float("inf"))
    return None if read is None or keeps_more or filter_value != -float("inf") else read(processor)


def _watermark(processor: Any) -> Watermark:
    return Watermark(
        greenlist_ratio=(processor.greenlist_size + 0.5) / processor.vocab_size,
        bias=processor.bias,
        hashing_key=processor.hash_key,
        seeding_scheme=processor.seeding_scheme,
        context_width=processor.context_width,
    )


def _least(tokens: int, eos: Tensor) -> dict[str, Any]:
    return {"min_tokens": max(tokens, 0), "stop_token_ids": eos.tolist()}


def _custom_generate(streamer: Any, same_ids: bool) -> Callable[..., Any]:
    def decode(
        model: Any,
        input_ids: Tensor,
        logits_processor: Any,
        stopping_criteria: Any,
        generation_config: Any,
        **kwargs: Any,
    ) -> Any:
        """What ``generate`` calls in place of its own decoding methods, with everything prepared."""
        mode = generation_config.get_generation_mode()
        wants_scores = generation_config.return_dict_in_generate and generation_config.output_scores
        given = {"stopping_criteria": stopping_criteria, **kwargs}
        if streamer is not None:
            given["streamer"] = streamer
        if mode in _MODES and not wants_scores:
            kept, fields = sampling_params(list(logits_processor), input_ids.shape[1])
            if generation_config.do_sample:
                # Their loop takes the largest score, which is that of the token we have drawn.
                generation_config = copy.copy(generation_config)
                generation_config.do_sample = False
                logits_processor = process.LogitsProcessorList([*kept, _Draw(fields, same_ids)])
        if mode in _MODES:
            loop: Any = GenerationMixin._sample
            return loop(
                model,
                input_ids,
                logits_processor=logits_processor,
                generation_config=generation_config,
                **given,
            )
        # The model's own defaults, which complete the config of a call, may ask for beams.
        return model._beam_search(
            input_ids, logits_processor=logits_processor, generation_config=generation_config, **given
        )

    return decode


class _Draw:
    """The last processor of a generation: draws a token for each row, and gives it the largest score."""

    def __init__(self, fields: dict[str, Any], same_ids: bool) -> None:
        self._same_ids = same_ids
        self._params = SamplingParams(**fields)
        self._sampler: Sampler | None = None
        self._seeds: Any = None
        self._step = 0
        self._scores: Tensor | None = None
        self._last: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self._seeds is None:
            # Nothing is taken from the generator that transformers would not take.
            rows = (len(scores),)
            self._seeds = (
                torch.zeros(rows, dtype=torch.int64) if self._same_ids else torch.randint(2**63 - 1, rows)
            ).numpy()
            self._scores = torch.zeros_like(scores)
            if self._params.uses_history:
                params = [self._params.replace(seed=int(seed)) for seed in self._seeds]
                self._sampler = Sampler(params, prompt=input_ids)
        elif self._sampler is not None:
            self._sampler.accept(input_ids[:, -1])
        noise = torch.empty_like(scores, dtype=torch.float32).exponential_() if self._same_ids else None
        if self._sampler is not None:
            ids = self._sampler.sample(scores, noise=noise)
        else:  # nothing of the past is needed, so that no token has to come from the device
            ids = sample(scores, self._params, seeds=self._seeds, step=self._step, noise=noise)
        self._step += 1
        return self._mark(ids)

    def _mark(self, ids: Tensor) -> Tensor:
        """The same tensor again, as filling a new one takes as long as reading the logits."""
        scores, ids = self._scores, ids[:, None]
        assert scores is not None
        if self._last is not None:
            scores.scatter_(1, self._last, 0.0)
        scores.scatter_(1, ids, 1.0)
        self._last = ids
        return scores
