"""Text to ids and back, with the module layout and the names of the `tokenizers` package.

>>> from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers
>>> tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
>>> tokenizer.encode("abb").tokens
['ab', 'b']
>>> tokenizer.encode_ids("abb")
array([2, 1], dtype=uint32)
"""

from __future__ import annotations

from ferrolm._rust import Encoding, NormalizedString, PreTokenizedString, Regex, Token
from ferrolm.tokenizers import (
    decoders,
    implementations,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from ferrolm.tokenizers.added_token import AddedToken
from ferrolm.tokenizers.batch import BatchEncoding
from ferrolm.tokenizers.implementations import (
    BertWordPieceTokenizer,
    ByteLevelBPETokenizer,
    CharBPETokenizer,
    SentencePieceBPETokenizer,
    SentencePieceUnigramTokenizer,
)
from ferrolm.tokenizers.interface_types import (
    EncodeInput,
    InputSequence,
    OffsetReferential,
    Offsets,
    OffsetType,
    PreTokenizedEncodeInput,
    PreTokenizedInputSequence,
    SplitDelimiterBehavior,
    TextEncodeInput,
    TextInputSequence,
)
from ferrolm.tokenizers.ragged import RaggedIds
from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = [
    "AddedToken",
    "BatchEncoding",
    "BertWordPieceTokenizer",
    "ByteLevelBPETokenizer",
    "CharBPETokenizer",
    "EncodeInput",
    "Encoding",
    "InputSequence",
    "NormalizedString",
    "OffsetReferential",
    "OffsetType",
    "Offsets",
    "PreTokenizedEncodeInput",
    "PreTokenizedInputSequence",
    "PreTokenizedString",
    "RaggedIds",
    "Regex",
    "SentencePieceBPETokenizer",
    "SentencePieceUnigramTokenizer",
    "SplitDelimiterBehavior",
    "TextEncodeInput",
    "TextInputSequence",
    "Token",
    "Tokenizer",
    "decoders",
    "implementations",
    "models",
    "normalizers",
    "pre_tokenizers",
    "processors",
    "trainers",
]

# Of the interface that this one follows: code asks for it to know what there is.
__version__ = "0.23.3"
