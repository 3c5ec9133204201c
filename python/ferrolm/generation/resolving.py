"""From the arguments of a call to its settings: what defaults, objects and names say together."""

from __future__ import annotations

import warnings
from typing import Any

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.config_checks import check_draft
from ferrolm.generation.config_names import settings_of
from ferrolm.generation.drafts.draft import Draft, as_draft
from ferrolm.generation.drafts.ngram import NgramDraft
from ferrolm.models.config import ModelShape
from ferrolm.sampling import SamplingParams

__all__ = ["configured", "draft_of", "ends_of"]

# What draws nothing. A checkpoint that draws by default does not contradict a caller who asks for one of these.
_SEARCHES = ("penalty_alpha", "force_words_ids", "constraints", "diversity_penalty")


def configured(
    defaults: GenerationConfig, params: SamplingParams | None, settings: dict[str, Any]
) -> GenerationConfig:
    """The settings of a call of `generate`: arguments go before ``generation_config``, and that before the defaults."""
    config, settings = defaults, dict(settings)
    if (given := settings.pop("generation_config", None)) is not None:
        config = config.updated(**_searching(settings_of(given)))
    config = config.updated(**_searching(settings))
    if params is not None:
        clash = [name for name in settings if hasattr(params, name)]
        if clash:
            raise InvalidArgumentError(f"{', '.join(clash)} is given twice: in params and as an argument")
        return config.with_params(params)
    if ignored := config.without_effect(settings):
        # The caller of `generate` or `stream`, which call `LanguageModel._config`.
        warnings.warn(_without_effect(config, ignored), stacklevel=4)
    return config


def _searching(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, which draw nothing where they ask for a search that does not."""
    searches = any(settings.get(name) for name in _SEARCHES)
    return {"do_sample": False, **settings} if searches else settings


def _without_effect(config: GenerationConfig, ignored: list[str]) -> str:
    way = "beam search" if config.num_beams > 1 else "greedy decoding"
    hint = "do_sample=True to draw"
    if {"length_penalty", "early_stopping"} & set(ignored):
        hint = "num_beams"
    elif set(ignored) <= {"output_scores", "output_logits"}:
        hint = "return_dict_in_generate=True"
    return f"{way} ignores {', '.join(ignored)}; pass {hint}"


def draft_of(draft: Draft | None, config: GenerationConfig, refusal: str | None = None) -> Draft | None:
    """The draft that the arguments ask for; raises where it does not go with the settings, or for a model that gives a ``refusal``."""
    wanted = draft is not None or config.prompt_lookup_num_tokens or config.assistant_model is not None
    if wanted and refusal is not None:
        raise InvalidArgumentError(f"draft: {refusal}")
    if draft is not None:
        check_draft(config)
        return as_draft(draft)
    if config.prompt_lookup_num_tokens:
        order = config.max_matching_ngram_size or 2
        return NgramDraft(num_draft_tokens=config.prompt_lookup_num_tokens, prompt_order=order)
    if config.assistant_model is not None:
        return as_draft(config.assistant_model, config.num_assistant_tokens)
    return None


def ends_of(config: GenerationConfig, shape: ModelShape) -> list[int]:
    """The ids that end a row."""
    if config.ignore_eos:
        return []
    given = shape.eos_token_ids if config.eos_token_id is None else config.eos_token_id
    more = () if config.params is None else config.params.stop_token_ids
    every = [*([given] if isinstance(given, int) else given), *config.stop_token_ids, *more]
    return [token for token in dict.fromkeys(every) if 0 <= token < shape.vocab_size]
