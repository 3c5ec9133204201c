"""Choosing the examples that a prompt shows a model.

    selectors.py        `Selector` and its kinds: random, BM25, nearest neighbours, maximal marginal relevance
    bm25.py             `BM25Index`: lexical relevance
    diversity.py        `DPPSelector`, `KMeansSelector`: near and different
    coverage.py         `CoverageSelector`: what together has the words of the query
    representatives.py  `vote_k`: which of many to label; `RestrictedSelector`: choose among these
    balance.py          `BalancedSelector`: labels in equal numbers, or as mixed as asked for
    likelihood.py       `MDLSelector`: what makes the model surest
    learned.py          `LearnedSelector`: what makes the true answer likeliest, learned (EPR)
    influence.py        `influences`, `InfluenceSelector`: what helps, by leaving out
    ordering.py         `by_similarity`, `by_entropy` (GlobalE, LocalE)
    budget.py           `within_budget`: as many examples as fit a number of tokens
    leakage.py          `leaking`: what the pool shares with the test set
    template.py         `Template`: examples, query and the words for labels as a prompt
    scoring.py          `LikelihoodScorer`: how probable a model finds answers
    calibration.py      `calibrated`: without the prompt's own preference
    in_context.py       `InContextClassifier`, `InContextGenerator`
    comparison.py       `compare_strategies`: a table and a plot of strategies, with intervals
    choose.py           `selector` by name, and `select` for a single query

A selector is made once for a pool of texts and asked for each query; it answers with positions in the pool, the best first.
"""

from __future__ import annotations

from ferrolm.demonstrations.balance import BalancedSelector, label_entropy
from ferrolm.demonstrations.bm25 import BM25Index
from ferrolm.demonstrations.budget import within_budget
from ferrolm.demonstrations.calibration import CONTENT_FREE, calibrated
from ferrolm.demonstrations.choose import METHODS, Method, select, selector
from ferrolm.demonstrations.comparison import StrategyReport, compare_strategies, majority_label
from ferrolm.demonstrations.coverage import CoverageSelector
from ferrolm.demonstrations.diversity import DPPSelector, KMeansSelector
from ferrolm.demonstrations.in_context import InContextClassifier, InContextGenerator
from ferrolm.demonstrations.influence import InfluenceSelector, influences
from ferrolm.demonstrations.leakage import leaking
from ferrolm.demonstrations.learned import LearnedSelector, Preferences, preferences
from ferrolm.demonstrations.likelihood import MDLSelector
from ferrolm.demonstrations.ordering import by_entropy, by_similarity, candidate_orders
from ferrolm.demonstrations.representatives import RestrictedSelector, vote_k
from ferrolm.demonstrations.scoring import LikelihoodScorer, Scorer
from ferrolm.demonstrations.selectors import (
    BM25Selector,
    Embed,
    MMRSelector,
    NearestSelector,
    RandomSelector,
    Selector,
)
from ferrolm.demonstrations.template import Example, Template

__all__ = [
    "CONTENT_FREE",
    "METHODS",
    "BM25Index",
    "BM25Selector",
    "BalancedSelector",
    "CoverageSelector",
    "DPPSelector",
    "Embed",
    "Example",
    "InContextClassifier",
    "InContextGenerator",
    "InfluenceSelector",
    "KMeansSelector",
    "LearnedSelector",
    "LikelihoodScorer",
    "MDLSelector",
    "MMRSelector",
    "Method",
    "NearestSelector",
    "Preferences",
    "RandomSelector",
    "RestrictedSelector",
    "Scorer",
    "Selector",
    "StrategyReport",
    "Template",
    "by_entropy",
    "by_similarity",
    "calibrated",
    "candidate_orders",
    "compare_strategies",
    "influences",
    "label_entropy",
    "leaking",
    "majority_label",
    "preferences",
    "select",
    "selector",
    "vote_k",
    "within_budget",
]
