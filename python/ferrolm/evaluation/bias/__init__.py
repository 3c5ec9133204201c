"""Measured bias: of word and sentence vectors, and of what language models find likely.

association.py   `weat`, `seat`, `association`: which words lie nearer to which, with permutation tests
pairs.py         `crows_pairs`: which of two sentences a model finds likelier
stereoset.py     `stereoset`: stereotype, its opposite, or nonsense
winogender.py    `winogender`: he or she, for occupations; `correlated` with how many women are in them
templates.py     `template_probe`: templates filled with groups and attributes
likelihoods.py   `MaskedScore`, `CausalScore`: how probable models find two sentences
choices.py       `MaskedChoices`, `CausalChoices`: the three of StereoSet

A number of such a test says that a bias was seen, never that there is none; Blodgett et al. (2021) describe pairs of CrowS-Pairs
and StereoSet that do not measure what they should. docs/bias.md is the guide.
"""

from __future__ import annotations

from ferrolm.evaluation.bias.association import SEAT_TEMPLATES, Association, association, seat, weat
from ferrolm.evaluation.bias.choices import CausalChoices, MaskedChoices
from ferrolm.evaluation.bias.likelihoods import CausalScore, MaskedScore
from ferrolm.evaluation.bias.pairs import SentencePair, crows_pairs, read_crows_pairs, shared_tokens
from ferrolm.evaluation.bias.stereoset import StereoSetExample, read_stereoset, stereoset
from ferrolm.evaluation.bias.templates import (
    CausalAssociation,
    MaskedAssociation,
    TemplateProbe,
    template_probe,
)
from ferrolm.evaluation.bias.winogender import (
    WinogenderSentence,
    correlated,
    read_occupations,
    read_winogender,
    winogender,
)

__all__ = [
    "SEAT_TEMPLATES",
    "Association",
    "CausalAssociation",
    "CausalChoices",
    "CausalScore",
    "MaskedAssociation",
    "MaskedChoices",
    "MaskedScore",
    "SentencePair",
    "StereoSetExample",
    "TemplateProbe",
    "WinogenderSentence",
    "association",
    "correlated",
    "crows_pairs",
    "read_crows_pairs",
    "read_occupations",
    "read_stereoset",
    "read_winogender",
    "seat",
    "shared_tokens",
    "stereoset",
    "template_probe",
    "weat",
    "winogender",
]
