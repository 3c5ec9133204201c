"""Training data: token files, documents, labelled examples, and the order in which a training run sees them."""

from ferrolm.data.augmented import Augmented
from ferrolm.data.batches import Batch, BatchSource, ExampleBatches
from ferrolm.data.collators import (
    BlockExamples,
    Collator,
    CompletionCollator,
    ContrastivePairsCollator,
    MaskedLanguageModelingCollator,
    PackedExamples,
    PackingCollator,
    PredictedAnswer,
    QuestionAnsweringCollator,
    SentenceDocuments,
    SentencePairCollator,
    Seq2SeqCollator,
    SpanCorruptionCollator,
    TextClassificationCollator,
    TokenClassificationCollator,
    example_lengths,
)
from ferrolm.data.document_files import read_documents, write_documents
from ferrolm.data.documents import choose_held_out, iter_documents
from ferrolm.data.entity_spans import EntitySpan, bio_labels, entity_spans
from ferrolm.data.labels import LabelNames
from ferrolm.data.mixture import Mixture, temperature_weights
from ferrolm.data.packed_batches import PackedBatches
from ferrolm.data.readers import (
    Answer,
    DependencySentence,
    Dialogue,
    Label,
    LabeledWords,
    QuestionExample,
    TextExample,
    TextPair,
    read_conll,
    read_conllu,
    read_csv,
    read_dialogues,
    read_jsonl,
    read_jsonl_pairs,
    read_labeled_files,
    read_parallel,
    read_parallel_tsv,
    read_squad,
    read_tsv,
)
from ferrolm.data.sampler import BlockSampler
from ferrolm.data.split import split
from ferrolm.data.streaming import StreamingBlocks
from ferrolm.data.token_blocks import TokenBlocks
from ferrolm.data.token_budget import TokenBudgetBatches
from ferrolm.data.token_file import TokenFile, TokenFileWriter, write_token_file

__all__ = [
    "Answer",
    "Augmented",
    "Batch",
    "BatchSource",
    "BlockExamples",
    "BlockSampler",
    "Collator",
    "CompletionCollator",
    "ContrastivePairsCollator",
    "DependencySentence",
    "Dialogue",
    "EntitySpan",
    "ExampleBatches",
    "Label",
    "LabelNames",
    "LabeledWords",
    "MaskedLanguageModelingCollator",
    "Mixture",
    "PackedBatches",
    "PackedExamples",
    "PackingCollator",
    "PredictedAnswer",
    "QuestionAnsweringCollator",
    "QuestionExample",
    "SentenceDocuments",
    "SentencePairCollator",
    "Seq2SeqCollator",
    "SpanCorruptionCollator",
    "StreamingBlocks",
    "TextClassificationCollator",
    "TextExample",
    "TextPair",
    "TokenBlocks",
    "TokenBudgetBatches",
    "TokenClassificationCollator",
    "TokenFile",
    "TokenFileWriter",
    "bio_labels",
    "choose_held_out",
    "entity_spans",
    "example_lengths",
    "iter_documents",
    "read_conll",
    "read_conllu",
    "read_csv",
    "read_dialogues",
    "read_documents",
    "read_jsonl",
    "read_jsonl_pairs",
    "read_labeled_files",
    "read_parallel",
    "read_parallel_tsv",
    "read_squad",
    "read_tsv",
    "split",
    "temperature_weights",
    "write_documents",
    "write_token_file",
]
