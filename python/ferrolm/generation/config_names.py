"""Names of settings of generation: those of other libraries, near misses, and settings in others' objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, nearest

__all__ = ["resolved", "settings_of", "tokens_of"]

# Names of vLLM and of other calls of transformers -> ours.
_ALIASES = {
    "max_tokens": "max_new_tokens",
    "min_tokens": "min_new_tokens",
    "n": "num_return_sequences",
    "stop": "stop_strings",
    "negative_prompt_ids": "negative_prompt",
}
# Arguments of transformers that change how its results are computed, not what they are.
_WITHOUT_MEANING = {
    "cache_config",
    "cache_implementation",
    "compile_config",
    "disable_compile",
    "low_memory",
    "max_cache_len",
    "num_assistant_tokens_schedule",
    "prefill_chunk_size",
    "return_legacy_cache",
    "synced_gpus",
    "tokenizer",
    "transformers_version",
    "use_cache",
    "use_model_defaults",
}


def resolved(changes: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The changes under our names; None stands for the default.

    Raises `InvalidArgumentError` for unknown names, proposing the nearest, and for a setting that is given under two.
    """
    found: dict[str, Any] = {}
    for name, value in changes.items():
        own = _ALIASES.get(name, name)
        if own in _WITHOUT_MEANING:
            continue
        if own not in defaults:
            known = sorted({*defaults, *_ALIASES})
            raise InvalidArgumentError(
                f"unknown argument {name!r}{nearest(name, known)}; known: {', '.join(known)}"
            )
        if own in found:
            other = next(key for key in changes if key != name and _ALIASES.get(key, key) == own)
            raise InvalidArgumentError(f"{own} is given twice: as {other} and as {name}")
        found[own] = defaults[own] if value is None else value
    return found


def settings_of(config: Any) -> dict[str, Any]:
    """The settings of a ``generation_config``: a mapping, or an object of ours or of transformers."""
    if isinstance(config, Mapping):
        settings = dict(config)
    elif hasattr(config, "changed"):
        settings = {name: getattr(config, name) for name in config.changed()}
    elif hasattr(config, "to_diff_dict"):
        settings = config.to_diff_dict()
    else:
        raise InvalidTypeError(
            f"generation_config is {type(config).__name__}, expected a GenerationConfig (of transformers too) or a dict"
        )
    return {name: value for name, value in settings.items() if value is not None and not name.startswith("_")}


def tokens_of(name: str, tokens: Any) -> list[int]:
    """One id or several, as a list."""
    several = [tokens] if isinstance(tokens, int) else list(tokens)
    if not all(isinstance(token, int) and not isinstance(token, bool) for token in several):
        raise InvalidTypeError(f"{name} is {tokens!r}, expected a token id or several")
    return several
