"""A part of speech, or a name, for each word of a sentence.

perceptron.py    `PerceptronTagger`: learns in seconds, tags a million words in about one
protocol.py      `Tagger`, what all taggers answer to, and `load_tagger`: one of a file or of a folder
neural.py        `NeuralTagger`: what ``ferrolm finetune`` wrote, BiLSTM-CRF or encoder    (extra `torch`)
report.py        `TaggingReport`: accuracy, figures of each tag, confusions, entities
raw_text.py      `split_text`: the sentences and words of a text, punctuation included, as treebanks have them

Sentences are `LabeledWords` of `ferrolm.data`, which reads and writes them: `read_conllu`, `read_conll` and their inverses.
"""

from __future__ import annotations

from ferrolm.data import LabeledWords, read_conll, read_conllu, with_labels, write_conll, write_conllu
from ferrolm.tagging.perceptron import EpochFigures, PerceptronTagger
from ferrolm.tagging.protocol import Tagger, load_tagger
from ferrolm.tagging.raw_text import split_text
from ferrolm.tagging.report import TagFigures, TaggingReport, evaluate_tagger, tagging_report

__all__ = [
    "EpochFigures",
    "LabeledWords",
    "PerceptronTagger",
    "TagFigures",
    "Tagger",
    "TaggingReport",
    "evaluate_tagger",
    "load_tagger",
    "read_conll",
    "read_conllu",
    "split_text",
    "tagging_report",
    "with_labels",
    "write_conll",
    "write_conllu",
]
