"""What is wrong with settings of generation: values out of range, and settings that contradict each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.config_names import tokens_of
from ferrolm.generation.prefix_cache import PrefixCache

if TYPE_CHECKING:
    from ferrolm.generation.config import GenerationConfig

__all__ = ["check", "check_draft"]

# Least values.
_INTEGERS = {
    "max_new_tokens": 1,
    "max_length": 1,
    "min_new_tokens": 0,
    "min_length": 0,
    "num_return_sequences": 1,
    "num_beams": 1,
    "num_beam_groups": 1,
    "encoder_no_repeat_ngram_size": 0,
    "logprobs": 0,
    "prompt_lookup_num_tokens": 1,
    "max_matching_ngram_size": 1,
    "num_assistant_tokens": 1,
}
_NUMBERS = ("max_time", "diversity_penalty", "penalty_alpha", "encoder_repetition_penalty")
# What a draft's guesses are not verified with.
_NOT_WITH_DRAFT = (
    "logits_processor",
    "prefix_allowed_tokens_fn",
    "stopping_criteria",
    "exponential_decay_length_penalty",
    "logprobs",
    "return_dict_in_generate",
)


def check(config: GenerationConfig) -> None:
    """Raise `InvalidArgumentError` or `InvalidTypeError`, naming the setting, what it is and what was expected."""
    for name, least in _INTEGERS.items():
        value = getattr(config, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            expected = "a positive integer" if least == 1 else "an integer of 0 or more"
            raise InvalidArgumentError(f"{name} is {value!r}, expected {expected}")
    for name in _NUMBERS:
        value = getattr(config, name)
        if value is not None and (not isinstance(value, int | float) or not 0 <= value < math.inf):
            raise InvalidArgumentError(f"{name} is {value!r}, expected a number of 0 or more")
    for name in ("length_penalty", "guidance_scale"):
        value = getattr(config, name)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise InvalidArgumentError(f"{name} is {value!r}, expected a finite number")
    if config.early_stopping not in (True, False, "never"):
        raise InvalidArgumentError(
            f"early_stopping is {config.early_stopping!r}, expected True, False or 'never'"
        )
    if config.forced_eos_token_id is not None:
        last = tokens_of("forced_eos_token_id", config.forced_eos_token_id)
        if len(last) != 1:
            raise InvalidArgumentError(f"forced_eos_token_id has {len(last)} ids, expected one")
    _check_texts(config)
    _check_lengths(config)
    _check_beams(config)
    _check_mode(config)
    if config.prompt_lookup_num_tokens or config.assistant_model is not None:
        check_draft(
            config, "prompt_lookup_num_tokens" if config.prompt_lookup_num_tokens else "assistant_model"
        )


def check_draft(config: GenerationConfig, name: str = "draft") -> None:
    """Raise for settings that do not go with a draft, which was given as argument ``name``."""
    if config.prompt_lookup_num_tokens and config.assistant_model is not None:
        _clash("prompt_lookup_num_tokens", "assistant_model", "expected one draft")
    if config.num_beams > 1:
        _clash(name, f"num_beams={config.num_beams}", "beams are not verified in one pass: pass num_beams=1")
    if config.penalty_alpha:
        _clash(name, "penalty_alpha", "contrastive search has no draft")
    if config.guidance_scale != 1:
        _clash(name, "guidance_scale", "guided logits have no draft")
    for other in _NOT_WITH_DRAFT:
        if getattr(config, other) not in (None, (), False):
            _clash(name, other, "guesses are verified without it")


def _check_texts(config: GenerationConfig) -> None:
    words: Any = config.stop_strings
    if not all(isinstance(word, str) for word in words):
        raise InvalidTypeError(f"stop_strings is {words!r}, expected a string or several")
    if not all(words):
        raise InvalidArgumentError("stop_strings has an empty string, which would end every text at once")
    for name in ("stopping_criteria", "logits_processor"):
        functions = getattr(config, name)
        if not hasattr(functions, "__iter__") or not all(callable(function) for function in functions):
            raise InvalidTypeError(f"{name} is {functions!r}, expected a list of functions")
    kept: Any = config.prefix_cache
    if kept is not None and not isinstance(kept, PrefixCache):
        raise InvalidTypeError(f"prefix_cache is {type(kept).__name__}, expected a PrefixCache")
    if config.streamer is not None and not all(hasattr(config.streamer, each) for each in ("put", "end")):
        raise InvalidTypeError(
            f"streamer is {type(config.streamer).__name__}, expected an object with put and end"
        )


def _check_lengths(config: GenerationConfig) -> None:
    pairs = [("max_new_tokens", "min_new_tokens"), ("max_length", "min_length")]
    for most, least in pairs:
        ceiling, floor = getattr(config, most), getattr(config, least)
        if ceiling is not None and floor is not None and ceiling < floor:
            raise InvalidArgumentError(f"{most} is {ceiling}, less than {least}, {floor}")
    decay = config.exponential_decay_length_penalty
    if decay is not None and (not isinstance(decay, tuple | list) or len(decay) != 2):
        raise InvalidArgumentError(
            f"exponential_decay_length_penalty is {decay!r}, expected (first token, factor)"
        )


def _check_beams(config: GenerationConfig) -> None:
    beams, groups = config.num_beams, config.num_beam_groups
    constrained = config.force_words_ids or config.constraints
    if groups > 1:
        if beams % groups or beams < groups:
            raise InvalidArgumentError(
                f"num_beams is {beams}, expected a multiple of num_beam_groups, {groups}"
            )
        if config.do_sample:
            _clash("num_beam_groups", "do_sample=True", "diverse beam search draws nothing")
        if constrained:
            _clash("num_beam_groups", "force_words_ids", "groups are not constrained")
        if not config.diversity_penalty:
            raise InvalidArgumentError(
                f"diversity_penalty is {config.diversity_penalty}, expected more than 0 with num_beam_groups"
            )
    elif config.diversity_penalty:
        raise InvalidArgumentError("diversity_penalty needs num_beam_groups of 2 or more, found 1")
    if constrained:
        if beams == 1:
            raise InvalidArgumentError("force_words_ids need beam search: num_beams is 1, expected 2 or more")
        if config.do_sample:
            _clash("force_words_ids", "do_sample=True", "constrained beam search draws nothing")
        if config.force_words_ids and config.constraints:
            _clash("force_words_ids", "constraints", "expected one of them")


def _check_mode(config: GenerationConfig) -> None:
    copies, beams = config.num_return_sequences, config.num_beams
    if config.penalty_alpha:
        if config.penalty_alpha > 1:
            raise InvalidArgumentError(f"penalty_alpha is {config.penalty_alpha}, expected 0 to 1")
        if config.do_sample:
            _clash("penalty_alpha", "do_sample=True", "contrastive search draws nothing")
        if beams > 1:
            _clash("penalty_alpha", f"num_beams={beams}", "contrastive search has no beams")
        if not config.top_k or config.top_k < 2:
            raise InvalidArgumentError(f"top_k is {config.top_k}, expected 2 or more with penalty_alpha")
        if config.guidance_scale != 1:
            _clash("penalty_alpha", "guidance_scale", "expected one of them")
        for name in ("output_attentions", "output_hidden_states"):
            if getattr(config, name):
                _clash("penalty_alpha", name, "candidates are read together, and have none of their own")
    if config.guidance_scale != 1 and (config.output_attentions or config.output_hidden_states):
        _clash("guidance_scale", "output_attentions", "there are those of two prompts")
    if beams > 1:
        if copies > beams:
            raise InvalidArgumentError(
                f"num_return_sequences is {copies}, but num_beams={beams} gives {beams} at most"
            )
        if config.streamer is not None:
            _clash("streamer", f"num_beams={beams}", "beams are only known at the end")
        if config.logprobs is not None:
            _clash("logprobs", f"num_beams={beams}", "ask for output_scores instead")
    elif copies > 1 and not config.do_sample and config.params is None:
        raise InvalidArgumentError(
            f"num_return_sequences is {copies}, but greedy decoding has one result: pass do_sample=True or num_beams"
        )
    if config.negative_prompt is not None and config.guidance_scale == 1:
        raise InvalidArgumentError("negative_prompt needs a guidance_scale other than 1")


def _clash(one: str, other: str, why: str) -> None:
    raise InvalidArgumentError(f"{one} and {other} contradict each other: {why}")
