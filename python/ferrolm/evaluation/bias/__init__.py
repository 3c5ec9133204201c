"""Measured bias: of word and sentence vectors, and of what language models find likely.

association.py   `weat`, `seat`, `association`: which words lie nearer to which, with permutation tests
pairs.py         `crows_pairs`: which of two sentences a model finds likelier
likelihoods.py   `MaskedScore`, `CausalScore`: how probable models find two sentences

A number of such a test says that a bias was seen, never that there is none; Blodgett et al. (2021) describe pairs of CrowS-Pairs
that do not measure what they should.
"""

from __future__ import annotations

from ferrolm.evaluation.bias.association import SEAT_TEMPLATES, Association, association, seat, weat
from ferrolm.evaluation.bias.likelihoods import CausalScore, MaskedScore
from ferrolm.evaluation.bias.pairs import SentencePair, crows_pairs, read_crows_pairs, shared_tokens

__all__ = [
    "SEAT_TEMPLATES",
    "Association",
    "CausalScore",
    "MaskedScore",
    "SentencePair",
    "association",
    "crows_pairs",
    "read_crows_pairs",
    "seat",
    "shared_tokens",
    "weat",
]
