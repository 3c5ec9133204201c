"""Word vectors: train them, ask for their neighbours, exchange them with other programs."""

from ferrolm.embeddings.fast_text import FastText, FastTextKeyedVectors
from ferrolm.embeddings.keyed_vectors import KeyedVectors, WordPairResult
from ferrolm.embeddings.phrases import ENGLISH_CONNECTOR_WORDS, FrozenPhrases, Phraser, Phrases
from ferrolm.embeddings.word2vec import Word2Vec

__all__ = [
    "ENGLISH_CONNECTOR_WORDS",
    "FastText",
    "FastTextKeyedVectors",
    "FrozenPhrases",
    "KeyedVectors",
    "Phraser",
    "Phrases",
    "Word2Vec",
    "WordPairResult",
]
