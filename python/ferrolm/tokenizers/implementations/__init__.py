"""Tokenizers with ready-made parts, by the names and arguments of the `tokenizers` package."""

from __future__ import annotations

from ferrolm.tokenizers.implementations.base import BaseTokenizer
from ferrolm.tokenizers.implementations.bert_word_piece import BertWordPieceTokenizer
from ferrolm.tokenizers.implementations.byte_level_bpe import ByteLevelBPETokenizer
from ferrolm.tokenizers.implementations.char_bpe import CharBPETokenizer
from ferrolm.tokenizers.implementations.sentence_piece_bpe import SentencePieceBPETokenizer
from ferrolm.tokenizers.implementations.sentence_piece_unigram import SentencePieceUnigramTokenizer

__all__ = [
    "BaseTokenizer",
    "BertWordPieceTokenizer",
    "ByteLevelBPETokenizer",
    "CharBPETokenizer",
    "SentencePieceBPETokenizer",
    "SentencePieceUnigramTokenizer",
]
