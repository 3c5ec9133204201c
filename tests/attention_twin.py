"""Attention as its definition has it, in plain float64, and arrays to try it on."""

from __future__ import annotations

from typing import Any

import numpy as np


def reference(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    attn_mask: np.ndarray | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    causal_alignment: str = "upper_left",
    window: int | None = None,
    softcap: float | None = None,
    alibi_slopes: np.ndarray | None = None,
    sinks: np.ndarray | None = None,
    **_: Any,
) -> np.ndarray:
    query, key, value = (array.astype(np.float64) for array in (query, key, value))
    if query.ndim > 2:
        group = query.shape[-3] // key.shape[-3]
        key, value = key.repeat(group, axis=-3), value.repeat(group, axis=-3)
    scores = query @ key.swapaxes(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        scores = softcap * np.tanh(scores / softcap)
    if attn_mask is not None:
        scores = np.where(attn_mask, scores, -np.inf) if attn_mask.dtype == bool else scores + attn_mask
    q_len, k_len = scores.shape[-2:]
    shift = k_len - q_len if causal_alignment == "lower_right" else 0
    distance = np.arange(q_len)[:, None] + shift - np.arange(k_len)
    if alibi_slopes is not None:
        scores = scores - np.asarray(alibi_slopes, np.float64)[:, None, None] * abs(distance)
    seen = (distance >= 0) | (not is_causal)
    if window is not None:
        seen &= abs(distance) < window
    scores = np.where(seen, scores, -np.inf)
    maximum = scores.max(-1, keepdims=True, initial=-np.inf)
    shift = np.where(np.isinf(maximum), 0, maximum)
    weights = np.exp(scores - shift)
    total = weights.sum(-1, keepdims=True)
    if sinks is not None:
        total = total + np.exp(np.asarray(sinks, np.float64)[:, None, None] - shift)
    return (weights / np.where(total == 0, 1, total)) @ value


def qkv(
    *shape: int,
    k_len: int | None = None,
    kv_heads: int | None = None,
    width: int | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    *batch, heads, q_len, depth = shape
    key = (*batch, heads if kv_heads is None else kv_heads, q_len if k_len is None else k_len)
    query = rng.standard_normal(shape, np.float32)
    return (
        query,
        rng.standard_normal((*key, depth), np.float32),
        rng.standard_normal((*key, width or depth), np.float32),
    )
