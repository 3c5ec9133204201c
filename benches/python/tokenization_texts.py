"""The texts of the tokenization benchmarks: documents of some 1.5 kB, in the same random order everywhere.

- mixture: English and code in equal parts, and a quarter in many scripts: 18 % of the bytes beyond ASCII.
- english: novels. code: the modules of Python's own library.
- multilingual: 43 languages' declarations of human rights and articles in four.
- cjk: a Japanese novel, Chinese sentences and articles.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from shared_data import read_text, shared

DOCUMENT = 1500
"""Bytes of a document."""
TEXTS = ("mixture", "english", "code", "multilingual", "cjk")
SHORT = "The quick brown fox isn't jumping over 12 lazy dogs; it's asleep, and nobody knows why that is so."
MIXTURE = {"english": 1_900_000, "code": 1_900_000, "multilingual": 1_200_000}
_NOVELS = 5_000_000


@cache
def documents(name: str) -> list[str]:
    """All documents of a text, shuffled."""
    if name == "mixture":
        chosen = [
            document for part, size in MIXTURE.items() for document in documents(part)[: size // DOCUMENT]
        ]
    else:
        make = {"english": _english, "code": _code, "multilingual": _multilingual, "cjk": _cjk}[name]
        chosen = list(cut(make()))
    random.Random(0).shuffle(chosen)
    return chosen


def cut(text: str) -> Iterator[str]:
    """Pieces of ``DOCUMENT`` bytes; a character at a border is dropped rather than broken."""
    data = text.encode()
    for start in range(0, len(data), DOCUMENT):
        yield data[start : start + DOCUMENT].decode(errors="ignore")


def size(texts: list[str]) -> int:
    return sum(len(text.encode()) for text in texts)


def _english() -> str:
    return read_text(shared("text/books/novels.jsonl.gz"))[:_NOVELS]


def _code() -> str:
    library = Path(os.__file__).parent  # the same for everyone with the Python version that the tables name
    return "".join(map(read_text, sorted(library.glob("*.py"))))


def _multilingual() -> str:
    declarations = map(read_text, sorted(shared("text/multilingual/udhr").iterdir()))
    return "".join(declarations) + "\n".join(map(_articles, ("ar", "de", "hi", "ru")))


def _cjk() -> str:
    pairs = read_text(shared("tasks/mt/tatoeba-eng-cmn.tsv")).splitlines()
    chinese = "\n".join(line.split("\t")[1] for line in pairs if "\t" in line)
    return read_text(shared("text/books/wagahai-neko-ja.txt")) + chinese + _articles("zh")


def _articles(language: str) -> str:
    data = json.loads(shared(f"tasks/qa/xquad/xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    return "\n".join(paragraph["context"] for article in data for paragraph in article["paragraphs"])
