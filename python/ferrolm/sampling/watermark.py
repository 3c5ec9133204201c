"""`Watermark`: favoured tokens by which a text can be told from others."""

from __future__ import annotations

import dataclasses
from typing import Any

from ferrolm.errors import InvalidArgumentError

__all__ = ["Watermark"]


@dataclasses.dataclass(frozen=True)
class Watermark:
    """A share of the vocabulary that follows from the tokens before, and gets a bias (Kirchenbauer et al., 2023).

    Fields, defaults and favoured tokens are those of transformers' ``WatermarkingConfig``, so that its
    ``WatermarkDetector`` finds the watermark.

    Args:
        greenlist_ratio: Share of the vocabulary that is favoured, above 0 and below 1.
        bias: Added to its logits, after all other steps.
        hashing_key: What a detector has to know.
        seeding_scheme: ``"lefthash"``: the favoured tokens follow from the last token. ``"selfhash"``: from the last
            ``context_width - 1`` tokens and the candidate, for the 40 most probable candidates; slower.
        context_width: Tokens that must be there, at least 1; before, nothing is favoured.

    >>> Watermark(bias=1.5)
    Watermark(greenlist_ratio=0.25, bias=1.5, hashing_key=15485863, seeding_scheme='lefthash', context_width=1)
    """

    greenlist_ratio: float = 0.25
    bias: float = 2.0
    hashing_key: int = 15485863
    seeding_scheme: str = "lefthash"
    context_width: int = 1

    def __post_init__(self) -> None:
        if self.seeding_scheme not in ("lefthash", "selfhash"):
            raise InvalidArgumentError(
                f"seeding_scheme must be 'lefthash' or 'selfhash', found {self.seeding_scheme!r}"
            )
        if not -(2**63) <= self.hashing_key < 2**63:
            raise InvalidArgumentError(f"hashing_key must be in [-2**63, 2**63), found {self.hashing_key}")

    @classmethod
    def like(cls, other: Any) -> Watermark:
        """From an object of another library with these fields, as transformers' ``WatermarkingConfig``."""
        return cls(**{entry.name: getattr(other, entry.name) for entry in dataclasses.fields(cls)})
