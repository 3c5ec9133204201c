"""Examples of labelled tasks from the files that they are published in, and to those of CoNLL.

read_csv, read_tsv             texts or pairs of texts with labels in tables
read_jsonl                     the same from JSON lines
read_dialogues                 messages with roles from JSON lines
read_labeled_files             a file or a folder for each class
read_conll, write_conll        words with labels in columns: WNUT17, CoNLL-2003
read_conllu, write_conllu      treebanks of Universal Dependencies; `with_labels` changes a column
read_squad                     questions with answers in a context
read_parallel, read_parallel_tsv, read_jsonl_pairs    translations and summaries

Each reads plain and compressed files as it is iterated and gives frozen dataclasses. Errors name the file and the line.
"""

from __future__ import annotations

from ferrolm.data.readers.conll import read_conll, write_conll
from ferrolm.data.readers.conllu import conllu_text, read_conllu, with_labels, write_conllu
from ferrolm.data.readers.examples import (
    Answer,
    DependencySentence,
    Dialogue,
    Label,
    LabeledWords,
    QuestionExample,
    TextExample,
    TextPair,
)
from ferrolm.data.readers.json_lines import read_dialogues, read_jsonl, read_jsonl_pairs
from ferrolm.data.readers.labeled_files import read_labeled_files
from ferrolm.data.readers.parallel import read_parallel, read_parallel_tsv
from ferrolm.data.readers.squad import read_squad
from ferrolm.data.readers.tables import read_csv, read_tsv

__all__ = [
    "Answer",
    "DependencySentence",
    "Dialogue",
    "Label",
    "LabeledWords",
    "QuestionExample",
    "TextExample",
    "TextPair",
    "conllu_text",
    "read_conll",
    "read_conllu",
    "read_csv",
    "read_dialogues",
    "read_jsonl",
    "read_jsonl_pairs",
    "read_labeled_files",
    "read_parallel",
    "read_parallel_tsv",
    "read_squad",
    "read_tsv",
    "with_labels",
    "write_conll",
    "write_conllu",
]
