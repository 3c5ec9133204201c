"""The model's part of ``ferrolm inspect``."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ferrolm.cli.terminal import Terminal
    from ferrolm.models import ModelSummary

__all__ = ["describe_model", "model_folder", "scaled"]

# Written into config.json beside the model's own settings; they say nothing about it, or are shown elsewhere.
_NO_SETTINGS = ("architectures", "dtype", "torch_dtype", "transformers_version")


def model_folder(name: str) -> Path | None:
    """The checkpoint folder or GGUF file with weights that ``name`` is, or that is bundled; nothing is downloaded."""
    from ferrolm.models.catalog import bundled, bundled_names, gguf_file
    from ferrolm.models.gguf import GgufFile

    if (file := gguf_file(name)) is not None:
        return file if GgufFile(file).tensors else None

    folder = Path(name)
    if not folder.is_dir() and name in bundled_names():
        folder = bundled(name)
    has_weights = any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*.bin*"))
    return folder if has_weights and (folder / "config.json").is_file() else None


def describe_model(terminal: Terminal, name: str, summary: ModelSummary) -> None:
    """Print a model's settings, weights and costs."""
    terminal.step(f"{name}: {summary.architecture}")
    settings = ", ".join(f"{key}={_shown(value)}" for key, value in _settings(summary).items())
    for line in textwrap.wrap(settings, 100):
        terminal.line(f"   {line}")
    terminal.line()
    terminal.item("parameters", f"{summary.parameters:,}", scaled(summary.parameters))
    terminal.item("  embeddings", f"{summary.embedding_parameters:,}")
    for names, size in _alike(summary.layer_parameters):
        note = f"each of {len(names)}: {names[0]} to {names[-1]}" if len(names) > 1 else names[0]
        terminal.item("  layer", f"{size:,}", note)
    terminal.item("  norms, head and others", f"{summary.other_parameters:,}")
    terminal.item("  trainable", f"{summary.trainable_parameters:,}")
    for dtype, size in summary.bytes_by_dtype.items():
        terminal.item("bytes of weights", f"{size:,}", dtype)
    if summary.context is not None:
        terminal.item("context, tokens", f"{summary.context:,}")
    length = f"at {summary.counted_context:,} tokens"
    parts = f"{scaled(summary.forward_flops)}, {_share(summary)} of it attention {length}"
    terminal.item("forward FLOPs a token", f"{summary.forward_flops:,}", parts)
    mean = f"{scaled(summary.training_flops)}, the mean token {length}"
    terminal.item("training FLOPs a token", f"{summary.training_flops:,}", mean)
    terminal.item("  by the 6 N rule", f"{summary.training_flops_6n:,}", scaled(summary.training_flops_6n))
    if summary.cache_bytes_per_token:
        full = summary.counted_context * summary.cache_bytes_per_token
        terminal.item("cache bytes a token", f"{summary.cache_bytes_per_token:,}", f"{full:,} {length}")
    if summary.state_bytes:
        terminal.item("state bytes a sequence", f"{summary.state_bytes:,}", "however long it is")
    for note in summary.notes:
        terminal.line(f"   note: {note}")


def scaled(value: float) -> str:
    """A figure in thousands, millions and so on.

    >>> scaled(950), scaled(1_234_567), scaled(17.5e12)
    ('950', '1.23 M', '17.5 T')
    """
    for factor, letter in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g} {letter}"
    return f"{value:g}"


def _settings(summary: ModelSummary) -> dict[str, Any]:
    return {
        key: value for key, value in summary.settings.items() if key not in _NO_SETTINGS and value is not None
    }


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _alike(sizes: dict[str, int]) -> list[tuple[list[str], int]]:
    """Neighbouring layers of one size, together."""
    groups: list[tuple[list[str], int]] = []
    for name, size in sizes.items():
        if groups and groups[-1][1] == size and _stack(groups[-1][0][-1]) == _stack(name):
            groups[-1][0].append(name)
        else:
            groups.append(([name], size))
    return groups


def _stack(name: str) -> str:
    return name.rpartition(".")[0]


def _share(summary: ModelSummary) -> str:
    return f"{summary.attention_flops / max(summary.forward_flops, 1):.1%}"
