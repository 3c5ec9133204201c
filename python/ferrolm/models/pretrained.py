"""`PretrainedModel`: what all models have in common, which is to be loaded, saved and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn

from ferrolm.errors import InvalidArgumentError
from ferrolm.models import checkpoint
from ferrolm.models.uninitialized import uninitialized

__all__ = ["PretrainedModel"]


class PretrainedModel(nn.Module):
    """A model in the layout of the Hugging Face hub: a folder with config.json and its tensors.

    A subclass names the class of its configuration and the attribute that holds the model without its head (empty where
    the model itself does), and is made from a configuration alone.
    """

    config_class: ClassVar[Any]
    base_model_prefix: ClassVar[str] = ""

    config: Any
    # "int8" or "int4" once `ferrolm.models.quantize` has been there.
    weight_format: str | None = None

    def num_parameters(self, trainable: bool = False) -> int:
        """Number of weights, shared ones counted once; only those with gradients if ``trainable``."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad or not trainable)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    @classmethod
    def from_pretrained(
        cls,
        directory: Path | str,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> Self:
        """The model of a checkpoint folder (config.json and its tensors), in evaluation mode.

        dtype: of the weights, by default the file's. device: by default the CPU; "meta" checks names and shapes and reads
        no weights. Raises `MissingFileError` and `InvalidFileError`, which name the file and every tensor that is missing,
        not expected, or of another shape.
        """
        return cls._load(
            cls.config_class.from_file(Path(directory) / "config.json"), directory, dtype, device
        )

    @classmethod
    def _load(
        cls,
        config: Any,
        directory: Path | str,
        dtype: torch.dtype | None,
        device: torch.device | str | None,
    ) -> Self:
        where = torch.device(device or "cpu")
        source = checkpoint.read_tensors(directory, shapes_only=where.type == "meta")
        cls._reconcile(config, source)
        with uninitialized(), where:
            model = cls(config)
        model.to(dtype or source.dtype)
        model.lay_out()
        model._fill(source)
        return model.eval()

    def _fill(self, source: checkpoint.Tensors) -> None:
        checkpoint.fill(self, source, f"{self.base_model_prefix}." if self.base_model_prefix else "")

    def lay_out(self) -> None:
        """Arrange weights that are to be read from a file in the order in which generation reads them."""

    @classmethod
    def _reconcile(cls, config: Any, source: checkpoint.Tensors) -> None:
        """Change what the tensors show to be otherwise, or what this class leaves out, before the model is made."""

    def save_pretrained(self, directory: Path | str) -> None:
        """Write config.json and model.safetensors, which transformers loads, into ``directory``; each file atomically.

        Raises `InvalidArgumentError` for quantized weights, which that format does not hold.
        """
        if self.weight_format is not None:
            raise InvalidArgumentError(f"the model is quantized to {self.weight_format}: save it before that")
        checkpoint.save(self, self.config.to_dict(), directory)
