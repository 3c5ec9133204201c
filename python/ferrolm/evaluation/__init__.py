"""Measures of models and of what they write.

perplexity.py   `perplexity` per token, word and byte, and bits per byte, under named conventions
"""

from __future__ import annotations

from ferrolm.evaluation.perplexity import Perplexity, perplexity

__all__ = ["Perplexity", "perplexity"]
