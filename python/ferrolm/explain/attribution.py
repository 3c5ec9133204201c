"""`Attribution`: a number for each token of a text, how much it speaks for what the model answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.explain.explanation import AGAINST, FOR, Explanation, shortened, shown

__all__ = ["Attribution"]


@dataclass(frozen=True, eq=False)
class Attribution(Explanation):
    """``scores`` float64 [tokens] of what was explained, with the ``tokens``, which joined are the text.

    special: bool [tokens], those that the tokenizer added. method, target: in words. value: what the model gives the target.
    baseline_value: what it gives without the text, where a method asks for it. convergence_delta: of integrated gradients, the
    sum of the scores less ``value - baseline_value``, which exact integration makes 0. decoder_start: of an encoder-decoder, the
    number of ``⊢``, with which the decoder's tokens begin; those of the source are before it.
    """

    tokens: tuple[str, ...]
    scores: NDArray[np.float64]
    special: NDArray[np.bool_]
    method: str
    target: str
    value: float
    baseline_value: float | None = None
    convergence_delta: float | None = None
    decoder_start: int | None = None

    def strongest(self, n: int = 10) -> list[tuple[str, float]]:
        """The ``n`` tokens with the largest scores, whatever their sign, the largest first."""
        order = np.argsort(-np.abs(self.scores), kind="stable")[:n]
        return [(self.tokens[place], float(self.scores[place])) for place in order.tolist()]

    def __str__(self) -> str:
        lines = [f"{self.method}: {self.target} is {self.value:.4f}"]
        lines += [
            f"{score:>10.4f}  {shown(token)}"
            for token, score in zip(self.tokens, self.scores.tolist(), strict=True)
        ]
        if self.convergence_delta is not None:
            lines.append(f"convergence delta {self.convergence_delta:.2g}")
        return "\n".join(lines)

    def _draw(self, figure: Any) -> None:
        """A bar for each token, downwards."""
        count = len(self.tokens)
        figure.set_size_inches(6, min(max(2.0, 0.2 * count + 0.9), 40))
        axis = figure.subplots()
        colours = [FOR if score >= 0 else AGAINST for score in self.scores.tolist()]
        axis.barh(range(count), self.scores, color=colours)
        axis.set_yticks(range(count), [shortened(token) for token in self.tokens], fontsize=7)
        axis.invert_yaxis()
        axis.axvline(0, color="0.4", linewidth=0.8)
        axis.set_title(f"{self.method}: {self.target} = {self.value:.3f}", fontsize=9)
        axis.margins(y=0.01)

    def _view(self) -> dict[str, Any]:
        facts = [f"{self.target} = {self.value:.4f}"]
        if self.baseline_value is not None:
            facts.append(f"baseline {self.baseline_value:.4f}")
        if self.convergence_delta is not None:
            facts.append(f"convergence delta {self.convergence_delta:.2g}")
        return {
            "kind": "attribution",
            "title": self.method.capitalize(),
            "facts": facts,
            "tokens": self.tokens,
            "scores": [float(f"{score:.6g}") for score in self.scores.tolist()],
            "start": self.decoder_start,
            "signed": bool((self.scores < 0).any()) or "norm" not in self.method,
        }
