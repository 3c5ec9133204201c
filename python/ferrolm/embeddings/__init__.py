"""Word vectors: train them, ask for their neighbours, exchange them with other programs."""

from ferrolm.embeddings.keyed_vectors import KeyedVectors, WordPairResult
from ferrolm.embeddings.word2vec import Word2Vec

__all__ = ["KeyedVectors", "Word2Vec", "WordPairResult"]
