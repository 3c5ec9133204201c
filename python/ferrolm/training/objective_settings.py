"""The section [objective] of a pre-training run: what is learnt of text without labels."""

from __future__ import annotations

from dataclasses import dataclass

from ferrolm.errors import InvalidArgumentError, nearest
from ferrolm.training.settings import setting

__all__ = ["OBJECTIVES", "ObjectiveConfig"]

OBJECTIVES = ("causal", "masked", "masked-next-sentence", "masked-sentence-order", "span-corruption")


@dataclass(kw_only=True, frozen=True)
class ObjectiveConfig:
    """What the model learns to predict."""

    type: str = setting(
        "causal",
        "causal (next tokens), masked (hidden tokens: BERT), masked-next-sentence (and whether a segment follows), "
        "masked-sentence-order (and the order of two: ALBERT), span-corruption (T5)",
    )
    packing: bool = setting(False, "causal: whole documents in a row, none of which sees another")
    chunked_loss: bool = setting(
        False, "causal: logits a part at a time: less memory with a large vocabulary"
    )
    mask_probability: float = setting(0.15, "masked: share of the tokens that are to be predicted")
    whole_words: bool = setting(False, "masked: choose all tokens of a word, or none")
    noise_density: float = setting(0.15, "span-corruption: share of the tokens that are hidden")
    mean_span_length: float = setting(3.0, "span-corruption: tokens of a hidden span, in the mean")
    evaluation_batches: int = setting(50, "batches of the validation data to evaluate on, but for causal")

    def __post_init__(self) -> None:
        if self.type not in OBJECTIVES:
            raise InvalidArgumentError(
                f"objective.type is {self.type!r}, expected one of {', '.join(OBJECTIVES)}{nearest(self.type, OBJECTIVES)}"
            )
        for name in ("mask_probability", "noise_density"):
            if not 0 < getattr(self, name) < 1:
                raise InvalidArgumentError(f"{name} must be in (0, 1), not {getattr(self, name)}")
        if self.mean_span_length < 1 or self.evaluation_batches < 1:
            raise InvalidArgumentError("mean_span_length and evaluation_batches must be at least 1")

    @property
    def has_pairs(self) -> bool:
        """Whether rows are two segments, of which something is to be said."""
        return self.type.startswith("masked-")
