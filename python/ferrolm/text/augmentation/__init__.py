"""Random changes of texts that leave their labels right: more examples from few.

SynonymReplacement, EmbeddingReplacement       words of like meaning or use, from a thesaurus or from vectors
RandomInsertion, RandomSwap, RandomDeletion    the rest of EDA (Wei & Zou 2019); `eda` is all four
CounterfactualSwap                             women for men and men for women, or any pairs of words
BackTranslation                                paraphrases by a translator
Compose, OneOf, WithProbability                several, one of several, now and then
TokenMasking, TokenDropout                     on ids

``augment(text, random)`` or ``augment(words, random)`` with a `numpy.random.Generator`; ``augment.labeled(words, labels,
random)`` keeps labels with their words. `ferrolm.data.Augmented` does so within the batches of a training run.
"""

from __future__ import annotations

from ferrolm.text.augmentation.augmentation import Augmentation, Edit, WordAugmentation
from ferrolm.text.augmentation.back_translation import BackTranslation
from ferrolm.text.augmentation.combination import Compose, OneOf, WithProbability, eda
from ferrolm.text.augmentation.counterfactual import GENDER_PAIRS, CounterfactualSwap, read_word_pairs
from ferrolm.text.augmentation.order import RandomDeletion, RandomInsertion, RandomSwap
from ferrolm.text.augmentation.replacement import EmbeddingReplacement, SynonymReplacement, Thesaurus
from ferrolm.text.augmentation.tokens import TokenDropout, TokenMasking
from ferrolm.text.augmentation.wordnet import WordNet

__all__ = [
    "GENDER_PAIRS",
    "Augmentation",
    "BackTranslation",
    "Compose",
    "CounterfactualSwap",
    "Edit",
    "EmbeddingReplacement",
    "OneOf",
    "RandomDeletion",
    "RandomInsertion",
    "RandomSwap",
    "SynonymReplacement",
    "Thesaurus",
    "TokenDropout",
    "TokenMasking",
    "WithProbability",
    "WordAugmentation",
    "WordNet",
    "eda",
    "read_word_pairs",
]
