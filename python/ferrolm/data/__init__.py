"""Training data: token files, documents, labelled examples, and the order in which a training run sees them."""

from ferrolm.data.batches import Batch, BatchSource, ExampleBatches
from ferrolm.data.collators import (
    Collator,
    ContrastivePairsCollator,
    PredictedAnswer,
    QuestionAnsweringCollator,
    Seq2SeqCollator,
    TextClassificationCollator,
    TokenClassificationCollator,
    example_lengths,
)
from ferrolm.data.documents import choose_held_out, iter_documents
from ferrolm.data.entity_spans import EntitySpan, bio_labels, entity_spans
from ferrolm.data.labels import LabelNames
from ferrolm.data.readers import (
    Answer,
    DependencySentence,
    Label,
    LabeledWords,
    QuestionExample,
    TextExample,
    TextPair,
    read_conll,
    read_conllu,
    read_csv,
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
from ferrolm.data.token_file import TokenFile, TokenFileWriter, write_token_file

__all__ = [
    "Answer",
    "Batch",
    "BatchSource",
    "BlockSampler",
    "Collator",
    "ContrastivePairsCollator",
    "DependencySentence",
    "EntitySpan",
    "ExampleBatches",
    "Label",
    "LabelNames",
    "LabeledWords",
    "PredictedAnswer",
    "QuestionAnsweringCollator",
    "QuestionExample",
    "Seq2SeqCollator",
    "TextClassificationCollator",
    "TextExample",
    "TextPair",
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
    "read_jsonl",
    "read_jsonl_pairs",
    "read_labeled_files",
    "read_parallel",
    "read_parallel_tsv",
    "read_squad",
    "read_tsv",
    "split",
    "write_token_file",
]
