"""How fast a run is: tokens a second, and the share of the device's arithmetic that it uses."""

from __future__ import annotations

import time

import torch

__all__ = ["Throughput", "peak_tflops"]

# Dense bfloat16 (float16 where there is none) of the makers' data sheets, in 10**12 operations a second.
_PEAKS = {
    "B200": 2250.0, "H200": 989.0, "H100": 989.0, "GH200": 989.0, "A100": 312.0, "A800": 312.0, "L40S": 362.0, "L40": 181.0, "L4": 121.0,
    "A10G": 70.0, "A10": 125.0, "V100": 125.0, "T4": 65.0, "RTX 5090": 210.0, "RTX 4090": 165.0, "RTX 3090": 71.0,
}  # fmt: skip


def peak_tflops(device: torch.device) -> float:
    """What the GPU can do, from its name; 0 where it is not known, as on CPUs."""
    if device.type != "cuda":
        return 0.0
    name = torch.cuda.get_device_name(device)
    return next((peak for known, peak in _PEAKS.items() if known in name), 0.0)


class Throughput:
    """Counts tokens between two calls of `read`; pauses (evaluation, checkpoints) are left out by `restart`."""

    def __init__(self, flops_per_token: float, peak: float) -> None:
        """``flops_per_token``: of a training step (`ferrolm.models.summarize`); ``peak``: of the device, in 10**12 operations a
        second; 0: not known.
        """
        self._share_of_peak = flops_per_token / (peak * 1e12) if peak else 0.0
        self.restart()

    def restart(self) -> None:
        self._tokens = 0
        self._since = time.perf_counter()

    def add(self, tokens: int) -> None:
        self._tokens += tokens

    def read(self) -> dict[str, float]:
        """``tokens_per_second`` since the last call, and ``mfu``, the share of the peak, where that is known."""
        speed = self._tokens / max(1e-9, time.perf_counter() - self._since)
        self.restart()
        values: dict[str, float] = {"tokens_per_second": round(speed)}
        if self._share_of_peak:
            values["mfu"] = round(speed * self._share_of_peak, 4)
        return values
