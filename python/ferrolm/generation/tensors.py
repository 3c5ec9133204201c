"""Tensors in, tensors out, as in transformers: ``generate(input_ids=..., attention_mask=...)``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.output import GenerateOutput
from ferrolm.generation.plan import Ids, Plan
from ferrolm.generation.running import Results, run

if TYPE_CHECKING:
    from ferrolm.generation.language_model import LanguageModel

__all__ = [
    "TENSORS",
    "as_output",
    "generate_tensors",
    "ids_and_mask",
    "left_padded",
    "rows_of_ids",
    "unpadded",
    "with_lengths",
]

# Arguments of `generate` that are tensors; ``inputs`` is another name of the first.
TENSORS = ("input_ids", "inputs", "attention_mask", "input_features", "decoder_input_ids")


def generate_tensors(
    model: LanguageModel, config: GenerationConfig, draft: Any, given: dict[str, Any]
) -> Tensor | GenerateOutput:
    """int64 [rows, time]: the prompts as they were given, then the new tokens, padded on the right."""
    plan, begins = model._tensor_plan(config, given)
    results = run(model, plan, draft, with_text=bool(config.stop_strings))
    return as_output(plan, begins, results)


def as_output(plan: Plan, begins: Tensor, results: Results) -> Tensor | GenerateOutput:
    """begins: int64 [prompts, time], what the rows of each prompt begin with."""
    config, new = plan.config, [torch.from_numpy(each.ids) for each in results.generations]
    copies = len(new) // len(begins)
    made = torch.nn.utils.rnn.pad_sequence(new, batch_first=True, padding_value=plan.pad).to(begins.device)
    sequences = torch.cat([begins.repeat_interleave(copies, dim=0), made], dim=1)
    if not config.return_dict_in_generate:
        return sequences
    output = GenerateOutput(sequences, **results.told)
    if results.record is not None:
        output.scores = tuple(results.record.scores) if config.output_scores else None
        output.logits = tuple(results.record.logits) if config.output_logits else None
    if results.beams is not None:
        indices = [torch.from_numpy(each.beams) for each in results.beams]
        output.beam_indices = torch.nn.utils.rnn.pad_sequence(indices, batch_first=True, padding_value=-1)
        if config.output_scores:
            output.sequences_scores = torch.tensor([each.score for each in results.beams])
    return output


def rows_of_ids(name: str, ids: Any, vocab_size: int) -> Tensor:
    """The tensor, if it is int64 [batch, time] with ids of the model."""
    if not isinstance(ids, Tensor) or ids.is_floating_point() or ids.dtype == torch.bool:
        found = ids.dtype if isinstance(ids, Tensor) else type(ids).__name__
        raise InvalidTypeError(f"{name} is {found}, expected a tensor of ids, int64 [batch, time]")
    if ids.dim() != 2 or not len(ids):
        raise ShapeError(f"{name} has shape {list(ids.shape)}, expected [batch, time]")
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < vocab_size:
        raise InvalidArgumentError(
            f"{name} has ids from {int(ids.min())} to {int(ids.max())}, expected 0 to {vocab_size - 1}"
        )
    return ids.long()


def unpadded(ids: Tensor, mask: Any, plan_pad: int | None, eos: list[int]) -> list[Ids]:
    """The tokens of each row that the mask says are some; without a mask those that are no padding, as in transformers."""
    if mask is None:
        padding = torch.zeros_like(ids) if plan_pad is None or plan_pad in eos else ids == plan_pad
        mask = ~padding.bool()
    elif not isinstance(mask, Tensor) or mask.shape != ids.shape:
        found = list(mask.shape) if isinstance(mask, Tensor) else type(mask).__name__
        raise ShapeError(f"attention_mask has shape {found}, expected that of input_ids, {list(ids.shape)}")
    host, kept = ids.cpu().numpy(), mask.bool().cpu().numpy()
    return [np.ascontiguousarray(row[own]) for row, own in zip(host, kept, strict=True)]


def with_lengths(config: GenerationConfig, time: int) -> GenerationConfig:
    """Lengths count the padding of a tensor: ``max_length`` and ``min_length`` in new tokens."""
    changes: dict[str, Any] = {}
    if config.max_length is not None and config.max_new_tokens is None:
        if config.max_length <= time:
            raise InvalidArgumentError(
                f"max_length is {config.max_length}, but input_ids has {time} tokens: pass max_new_tokens"
            )
        changes = {"max_new_tokens": config.max_length - time, "max_length": None}
    if config.min_length:
        least = max(config.min_new_tokens or 0, config.min_length - time)
        changes.update(min_new_tokens=least, min_length=0)
    return replace(config, **changes)


def left_padded(prompts: list[Ids], pad: int) -> Tensor:
    """All prompts as one tensor."""
    longest = max(map(len, prompts))
    rows = [F.pad(torch.from_numpy(prompt), (longest - len(prompt), 0), value=pad) for prompt in prompts]
    return torch.stack(rows)


def ids_and_mask(given: dict[str, Any]) -> tuple[Any, Any]:
    """The ids and the mask among tensors of a decoder."""
    if "inputs" in given and "input_ids" in given:
        raise InvalidArgumentError("inputs and input_ids are both given, expected one of them")
    for name in ("input_features", "decoder_input_ids"):
        if name in given:
            raise InvalidArgumentError(f"{name} is for an encoder-decoder, and the model is a decoder")
    ids = given.get("input_ids", given.get("inputs"))
    if ids is None:
        raise InvalidArgumentError("attention_mask is given without input_ids")
    return ids, given.get("attention_mask")
