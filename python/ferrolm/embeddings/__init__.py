"""Vectors of words and of sentences: train them, ask for their neighbours, draw them, exchange them with other programs.

keyed_vectors.py       `KeyedVectors`: vectors by word; formats.py, evaluation.py: their files, their analogies and pairs
word2vec.py            `Word2Vec`; torch_word2vec.py, the same on a CUDA device
fast_text.py           `FastText`: the same with parts of words
glove.py               `GloVe`: from counts of pairs of words
phrases.py             `Phrases`: words that belong together, as one
sentence.py            `SentenceEmbedder`, what the next three have in common; `cosine_similarity`
sentence_average.py    `AverageEmbeddings`: the mean of word vectors
sif.py                 `SIFEmbeddings`: a weighted mean without what all texts share
sentence_encoder.py    `EncoderEmbeddings`: pooled states of an encoder (needs torch)
sentence_search.py     `semantic_search`: the nearest of many, exactly; index.py, `EmbeddingIndex`, for one query at a time
sentence_evaluation.py `evaluate_sentence_pairs`: agreement with people
word_map.py            `word_map`: words in two dimensions; word_map_plot.py and word_map_page.py, as a picture and a page
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ferrolm._extras import require
from ferrolm.embeddings.evaluation import Correlation, WordPairResult
from ferrolm.embeddings.fast_text import FastText, FastTextKeyedVectors
from ferrolm.embeddings.glove import GloVe
from ferrolm.embeddings.index import EmbeddingIndex
from ferrolm.embeddings.keyed_vectors import KeyedVectors
from ferrolm.embeddings.phrases import ENGLISH_CONNECTOR_WORDS, FrozenPhrases, Phraser, Phrases
from ferrolm.embeddings.sentence import SentenceEmbedder, cosine_similarity
from ferrolm.embeddings.sentence_average import AverageEmbeddings
from ferrolm.embeddings.sentence_evaluation import SentencePairResult, evaluate_sentence_pairs
from ferrolm.embeddings.sentence_search import SearchHits, semantic_search
from ferrolm.embeddings.sif import SIFEmbeddings
from ferrolm.embeddings.word2vec import Word2Vec
from ferrolm.embeddings.word_map import WordMap, word_map

if TYPE_CHECKING:
    from ferrolm.embeddings.sentence_encoder import EncoderEmbeddings

__all__ = [
    "ENGLISH_CONNECTOR_WORDS",
    "AverageEmbeddings",
    "Correlation",
    "EmbeddingIndex",
    "EncoderEmbeddings",
    "FastText",
    "FastTextKeyedVectors",
    "FrozenPhrases",
    "GloVe",
    "KeyedVectors",
    "Phraser",
    "Phrases",
    "SIFEmbeddings",
    "SearchHits",
    "SentenceEmbedder",
    "SentencePairResult",
    "Word2Vec",
    "WordMap",
    "WordPairResult",
    "cosine_similarity",
    "evaluate_sentence_pairs",
    "semantic_search",
    "word_map",
]


def __getattr__(name: str) -> Any:
    if name != "EncoderEmbeddings":
        raise AttributeError(f"module 'ferrolm.embeddings' has no attribute {name!r}")
    require("torch", extra="torch", purpose="an encoder of sentences")
    from ferrolm.embeddings.sentence_encoder import EncoderEmbeddings

    globals()[name] = EncoderEmbeddings
    return EncoderEmbeddings
