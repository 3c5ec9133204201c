"""Word vectors: train them, ask for their neighbours, exchange them with other programs."""

from ferrolm.embeddings.evaluation import Correlation, WordPairResult
from ferrolm.embeddings.glove import GloVe
from ferrolm.embeddings.keyed_vectors import KeyedVectors
from ferrolm.embeddings.word2vec import Word2Vec

__all__ = ["Correlation", "GloVe", "KeyedVectors", "Word2Vec", "WordPairResult"]
