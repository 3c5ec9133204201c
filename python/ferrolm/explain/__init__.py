"""What a model makes of a text: where it looks, what it answers by, what it expects, and where it may have it from.

attention.py    `attention_maps`, `attention_rollout`: which tokens look at which
gradients.py    `saliency`, `integrated_gradients`: which tokens an answer hangs on, by gradients
occluding.py    `occlusion`: the same by covering them
lens.py         `logit_lens`: what a decoder would say after each layer
surprisal.py    `token_surprisals`: how unexpected each piece of a text is, in bits
passages.py     `nearest_passages`: the longest spans that a text shares with a corpus
page.py         `report_html`: all of these on one page with nothing to download

Behind them: reading.py (a text as a model reads it), pairs.py (and what a decoder has written), targets.py (what is
explained), baselines.py (what stands for nothing), corpus.py and spans.py (where passages are looked for), and
explanation.py, from which the results have `plot` and `save_html`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ferrolm.explain.explanation import Explanation
from ferrolm.explain.page import report_html, save_report
from ferrolm.explain.passages import Passage, PassageIndex, Passages, nearest_passages
from ferrolm.explain.surprisal import Surprisals, token_surprisals

if TYPE_CHECKING:
    from ferrolm.explain.attention import AttentionMaps, attention_maps, attention_rollout
    from ferrolm.explain.attribution import Attribution
    from ferrolm.explain.gradients import integrated_gradients, saliency
    from ferrolm.explain.lens import LogitLens, logit_lens
    from ferrolm.explain.occluding import occlusion

__all__ = [
    "AttentionMaps",
    "Attribution",
    "Explanation",
    "LogitLens",
    "Passage",
    "PassageIndex",
    "Passages",
    "Surprisals",
    "attention_maps",
    "attention_rollout",
    "integrated_gradients",
    "logit_lens",
    "nearest_passages",
    "occlusion",
    "report_html",
    "saliency",
    "save_report",
    "token_surprisals",
]

# What needs torch is loaded when it is asked for: surprisal of n-grams and passages do without.
_HOMES = {
    "AttentionMaps": "attention",
    "Attribution": "attribution",
    "LogitLens": "lens",
    "attention_maps": "attention",
    "attention_rollout": "attention",
    "integrated_gradients": "gradients",
    "logit_lens": "lens",
    "occlusion": "occluding",
    "saliency": "gradients",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
