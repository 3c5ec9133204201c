"""Collators: examples to batches, `collate(examples, random) -> Batch`, and the examples of texts, `collate.encode(...)`.

padding.py               `Collator`: what they share; rows of ids to padded tensors
text_classification.py   texts and pairs of texts with a class, several classes, or a number
token_classification.py  words with a label each;  spelling.py: their case and letters, where a tokenizer drops them
question_answering.py    answers that are a stretch of a context, and from logits back to the text
seq2seq.py               a source and a target
completion.py            prompts with what is to follow, dialogues
contrastive_pairs.py     texts that belong together, with hard negatives
masked_language_modeling.py  tokens or words that are hidden anew each time: `Masking`
sentence_documents.py    documents in sentences;  sentence_pairs.py: whether one segment follows another, for BERT and ALBERT
span_corruption.py       spans that become sentinels, for T5;  block_examples.py: a token file in blocks
packing.py               several texts in a row, none of which sees another

Tensors are made of numpy arrays; torch is imported when the first batch is made.
"""

from ferrolm.data.collators.block_examples import BlockExamples
from ferrolm.data.collators.completion import CompletionCollator
from ferrolm.data.collators.contrastive_pairs import ContrastivePairsCollator
from ferrolm.data.collators.masked_language_modeling import MaskedLanguageModelingCollator, Masking
from ferrolm.data.collators.packing import PackedExamples, PackingCollator, pack_lengths
from ferrolm.data.collators.padding import Collator, Example, example_lengths, pad_rows
from ferrolm.data.collators.question_answering import PredictedAnswer, QuestionAnsweringCollator
from ferrolm.data.collators.sentence_documents import SentenceDocuments
from ferrolm.data.collators.sentence_pairs import SentencePairCollator
from ferrolm.data.collators.seq2seq import Seq2SeqCollator
from ferrolm.data.collators.span_corruption import SpanCorruptionCollator, noise_mask, span_corruption_lengths
from ferrolm.data.collators.text_classification import TextClassificationCollator
from ferrolm.data.collators.token_classification import TokenClassificationCollator

__all__ = [
    "BlockExamples",
    "Collator",
    "CompletionCollator",
    "ContrastivePairsCollator",
    "Example",
    "MaskedLanguageModelingCollator",
    "Masking",
    "PackedExamples",
    "PackingCollator",
    "PredictedAnswer",
    "QuestionAnsweringCollator",
    "SentenceDocuments",
    "SentencePairCollator",
    "Seq2SeqCollator",
    "SpanCorruptionCollator",
    "TextClassificationCollator",
    "TokenClassificationCollator",
    "example_lengths",
    "noise_mask",
    "pack_lengths",
    "pad_rows",
    "span_corruption_lengths",
]
