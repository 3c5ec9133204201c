"""Choosing the examples that a prompt shows a model.

    selectors.py   `Selector` and its kinds: random, BM25, nearest neighbours, maximal marginal relevance
    bm25.py        `BM25Index`: lexical relevance
    budget.py      `within_budget`: as many examples as fit a number of tokens
    choose.py      `selector` by name, and `select` for a single query

A selector is made once for a pool of texts and asked for each query; it answers with positions in the pool.
"""

from __future__ import annotations

from ferrolm.demonstrations.bm25 import BM25Index
from ferrolm.demonstrations.budget import within_budget
from ferrolm.demonstrations.choose import METHODS, Method, select, selector
from ferrolm.demonstrations.selectors import (
    BM25Selector,
    Embed,
    MMRSelector,
    NearestSelector,
    RandomSelector,
    Selector,
)

__all__ = [
    "METHODS",
    "BM25Index",
    "BM25Selector",
    "Embed",
    "MMRSelector",
    "Method",
    "NearestSelector",
    "RandomSelector",
    "Selector",
    "select",
    "selector",
    "within_budget",
]
