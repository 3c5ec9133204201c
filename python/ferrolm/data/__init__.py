"""Training data: token files, documents, and the order in which a training run sees them."""

from ferrolm.data.batches import Batch, BatchSource, ExampleBatches
from ferrolm.data.collators import (
    Answer,
    Collator,
    ContrastivePairsCollator,
    QuestionAnsweringCollator,
    Seq2SeqCollator,
    TextClassificationCollator,
    TokenClassificationCollator,
    example_lengths,
)
from ferrolm.data.documents import choose_held_out, iter_documents
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
    "QuestionAnsweringCollator",
    "Seq2SeqCollator",
    "TextClassificationCollator",
    "TokenClassificationCollator",
    "TokenFile",
    "TokenFileWriter",
    "choose_held_out",
    "example_lengths",
    "iter_documents",
    "write_token_file",
]
