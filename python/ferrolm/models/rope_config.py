"""What config.json says of the rotary embedding, under ``rope_parameters``: checked and complete."""

from __future__ import annotations

from typing import Any

from ferrolm.errors import InvalidArgumentError, nearest

__all__ = ["ROPE_TYPES", "complete_rope"]

# The numbers that each kind of rotary embedding needs besides rope_theta, and those that it may have.
_NEEDED: dict[str, tuple[str, ...]] = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
    "yarn": ("factor", "original_max_position_embeddings"),
    "longrope": ("factor", "original_max_position_embeddings"),
}
_ALLOWED: dict[str, tuple[str, ...]] = {
    "yarn": ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"),
    "longrope": ("attention_factor",),
}
ROPE_TYPES = tuple(_NEEDED)


def complete_rope(given: Any, max_position_embeddings: int, head_dim: int) -> dict[str, Any]:
    """``given`` with ``rope_theta``, ``rope_type`` and all numbers that the type needs, where they have defaults.

    Names, meanings and defaults are those of transformers. Raises `InvalidArgumentError` for what does not fit.

    >>> complete_rope({"rope_type": "yarn", "original_max_position_embeddings": 32}, 128, 8)["factor"]
    4.0
    """
    if not isinstance(given, dict):
        raise InvalidArgumentError(f"rope_parameters is {given!r}, expected settings by name")
    kind = given.get("rope_type", given.get("type", "default"))  # before transformers 4.43: type
    if kind not in _NEEDED:
        raise InvalidArgumentError(
            f"rope_type is {kind!r}, expected one of {', '.join(_NEEDED)}{nearest(str(kind), _NEEDED)}"
        )
    rope = {"rope_theta": 10000.0, **given, "rope_type": kind}
    rope.pop("type", None)
    if "original_max_position_embeddings" in _NEEDED[kind]:
        rope.setdefault("original_max_position_embeddings", max_position_embeddings)
    if kind in ("yarn", "longrope") and rope.get("factor") is None:
        original = rope["original_max_position_embeddings"]
        rope["factor"] = max_position_embeddings / original if _is_positive(original) else None
    for name in ("rope_theta", *_NEEDED[kind]):
        if not _is_positive(rope.get(name)):
            raise InvalidArgumentError(
                f"rope_parameters: {name} is {rope.get(name)!r}, expected a positive number for rope_type {kind!r}"
            )
    _check_optional(rope, kind)
    if kind == "longrope":
        _check_factors(rope, head_dim)
    if rope.get("partial_rotary_factor", 1) != 1:
        raise InvalidArgumentError(
            f"rope_parameters: partial_rotary_factor is {rope['partial_rotary_factor']!r}, expected 1"
        )
    return rope


def _check_optional(rope: dict[str, Any], kind: str) -> None:
    for name in _ALLOWED.get(kind, ()):
        value = rope.get(name)
        # 0 counts as not given, as in transformers.
        absent = value is None or (value == 0 and name != "attention_factor")
        if not absent and not _is_positive(value):
            raise InvalidArgumentError(
                f"rope_parameters: {name} is {value!r}, expected a positive number or none for rope_type {kind!r}"
            )
    if not isinstance(rope.get("truncate", True), bool):
        raise InvalidArgumentError(
            f"rope_parameters: truncate is {rope['truncate']!r}, expected true or false"
        )


def _check_factors(rope: dict[str, Any], head_dim: int) -> None:
    for name in ("short_factor", "long_factor"):
        factors = rope.get(name)
        if (
            not isinstance(factors, list)
            or len(factors) != head_dim // 2
            or not all(map(_is_positive, factors))
        ):
            raise InvalidArgumentError(
                f"rope_parameters: {name} is {factors!r}, expected {head_dim // 2} positive numbers, "
                "one for each pair of a head"
            )


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
