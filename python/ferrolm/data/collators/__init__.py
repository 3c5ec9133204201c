"""Collators: examples to batches, `collate(examples, random) -> Batch`, and the examples of texts, `collate.encode(...)`.

padding.py               `Collator`: what they share; rows of ids to padded tensors
text_classification.py   texts and pairs of texts with a class, several classes, or a number
token_classification.py  words with a label each
question_answering.py    answers that are a stretch of a context, and from logits back to the text
seq2seq.py               a source and a target
contrastive_pairs.py     texts that belong together, with hard negatives

Tensors are made of numpy arrays; torch is imported when the first batch is made.
"""

from ferrolm.data.collators.contrastive_pairs import ContrastivePairsCollator
from ferrolm.data.collators.padding import Collator, Example, example_lengths, pad_rows
from ferrolm.data.collators.question_answering import PredictedAnswer, QuestionAnsweringCollator
from ferrolm.data.collators.seq2seq import Seq2SeqCollator
from ferrolm.data.collators.text_classification import TextClassificationCollator
from ferrolm.data.collators.token_classification import TokenClassificationCollator

__all__ = [
    "Collator",
    "ContrastivePairsCollator",
    "Example",
    "PredictedAnswer",
    "QuestionAnsweringCollator",
    "Seq2SeqCollator",
    "TextClassificationCollator",
    "TokenClassificationCollator",
    "example_lengths",
    "pad_rows",
]
