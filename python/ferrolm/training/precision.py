"""In which arithmetic a device is fast."""

from __future__ import annotations

import torch

__all__ = ["autocast", "resolve_device", "resolve_precision"]


def resolve_device(name: str) -> torch.device:
    """``auto`` is CUDA when there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def resolve_precision(name: str, device: torch.device) -> str:
    """``auto`` is bfloat16 where there are matrix units for it: on CUDA since Ampere, on CPUs with AMX."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    has_amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return "bfloat16" if device.type == "cpu" and has_amx() else "float32"


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Matrix products in 16 bits, the rest in float32, if ``precision`` is bfloat16 or float16."""
    dtype = torch.float16 if precision == "float16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "float32")
