"""Training data: token files, documents, and the order in which a training run sees them."""

from ferrolm.data.batches import Batch, BatchSource, ExampleBatches
from ferrolm.data.collators import (
    Answer,
    Collator,
    ContrastivePairsCollator,
    MaskedLanguageModelingCollator,
    PackedExamples,
    PackingCollator,
    QuestionAnsweringCollator,
    SentenceDocuments,
    SentencePairCollator,
    Seq2SeqCollator,
    SpanCorruptionCollator,
    TextClassificationCollator,
    TokenBlocks,
    TokenClassificationCollator,
    example_lengths,
)
from ferrolm.data.documents import choose_held_out, iter_documents
from ferrolm.data.packed_batches import PackedBatches
from ferrolm.data.sampler import BlockSampler
from ferrolm.data.token_file import TokenFile, TokenFileWriter, write_token_file

__all__ = [
    "Answer",
    "Batch",
    "BatchSource",
    "BlockSampler",
    "Collator",
    "ContrastivePairsCollator",
    "ExampleBatches",
    "MaskedLanguageModelingCollator",
    "PackedBatches",
    "PackedExamples",
    "PackingCollator",
    "QuestionAnsweringCollator",
    "SentenceDocuments",
    "SentencePairCollator",
    "Seq2SeqCollator",
    "SpanCorruptionCollator",
    "TextClassificationCollator",
    "TokenBlocks",
    "TokenClassificationCollator",
    "TokenFile",
    "TokenFileWriter",
    "choose_held_out",
    "example_lengths",
    "iter_documents",
    "write_token_file",
]
