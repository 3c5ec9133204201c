"""Every file and folder that ferrolm writes: how one of a size is written, how it is read whole, and what it then says.

What is read back is told by `Form.read`: the number that it was written with. A half-written file is an error there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Form:
    """``write(path, number)`` and ``read(path)``, which gives the number back."""

    write: Callable[[Path, int], object]
    read: Callable[[Path], int]
    ending: str = ""
    checked: bool = False
    """It has a checksum over every byte."""
    is_folder: bool = False
    is_stream: bool = False
    """It may come from a pipe, and has as many records as it has; or, as a report, it is for others to read."""
    extra: str = ""
    """A module that has to be installed."""


SIZE = 40
"""Words of what is written, at least."""


def words(number: int) -> list[str]:
    """Some words, of which the last tells the number."""
    return [f"w{at}" for at in range(SIZE + number % 7)] + [f"number{number}"]


def number_of(found: Any) -> int:
    told = [word for word in found if str(word).startswith("number")]
    assert len(told) == 1, f"{len(told)} numbers in {found!r}"
    return int(str(told[0])[6:])


def tokenizer(number: int) -> Any:
    from ferrolm.tokenizers import Tokenizer, models

    return Tokenizer(models.WordLevel({word: at for at, word in enumerate(words(number))}, unk_token="w0"))


def write_tokenizer(path: Path, number: int) -> None:
    tokenizer(number).save(path)


def read_tokenizer(path: Path) -> int:
    from ferrolm.tokenizers import Tokenizer

    return number_of(Tokenizer.from_file(path).get_vocab())


def write_token_file(path: Path, number: int) -> None:
    from ferrolm.data.token_file import TokenFileWriter

    with TokenFileWriter(path, 1 << 20) as writer:
        writer.add(np.arange(SIZE + number % 7, dtype=np.uint32))
        writer.add(np.array([number], np.uint32))


def read_token_file(path: Path) -> int:
    from ferrolm.data import TokenFile

    file = TokenFile(path, verify=True)
    return int(file.tokens[-1])


def counts(number: int) -> Any:
    from ferrolm.ngram import count

    return count([" ".join(words(number))], orders=[1, 2])


def write_counts(path: Path, number: int) -> None:
    counts(number).save(path)


def read_counts(path: Path) -> int:
    from ferrolm.ngram import NgramCounts

    return number_of(NgramCounts.load(path).words or [])


def write_ngrams(path: Path, number: int) -> None:
    from ferrolm.ngram import NgramLM

    NgramLM.train([" ".join(words(number))] * 2, order=2).save(path)


def read_ngrams(path: Path) -> int:
    from ferrolm.ngram import NgramLM

    model = NgramLM.load(path)
    return number_of([model.word(at) for at in range(model.vocab_size)])


def vectors(number: int) -> Any:
    from ferrolm.embeddings import KeyedVectors

    keys = words(number)
    return KeyedVectors(keys, np.full((len(keys), 5), 1 + number % 11, np.float32))


def vectors_writer(method: str, **options: Any) -> Callable[[Path, int], object]:
    return lambda path, number: getattr(vectors(number), method)(path, **options)


def vectors_reader(method: str, **options: Any) -> Callable[[Path], int]:
    def read(path: Path) -> int:
        from ferrolm.embeddings import KeyedVectors

        found = getattr(KeyedVectors, method)(path, **options)
        number = number_of(found.index_to_key)
        assert len(found) == len(words(number))
        assert (found.vectors == 1 + number % 11).all()
        return number

    return read


def write_word2vec(path: Path, number: int) -> None:
    from ferrolm.embeddings import Word2Vec

    Word2Vec([words(number)] * 2, min_count=1, vector_size=4, epochs=1, workers=1).save(path)


def read_word2vec(path: Path) -> int:
    from ferrolm.embeddings import Word2Vec

    return number_of(Word2Vec.load(path).wv.index_to_key)


def write_phrases(path: Path, number: int) -> None:
    from ferrolm.embeddings import Phrases

    Phrases([words(number)] * 2, min_count=1, threshold=1).save(path)


def read_phrases(path: Path) -> int:
    from ferrolm.embeddings import Phrases

    return number_of(word for word in Phrases.load(path).vocab if "_" not in word)


def write_tagger(path: Path, number: int) -> None:
    from ferrolm.tagging import PerceptronTagger

    sentence = [(word, "TAG" if word.startswith("w") else word) for word in words(number)[-5:]]
    PerceptronTagger.train([sentence] * 2, epochs=1).save(path)


def read_tagger(path: Path) -> int:
    from ferrolm.tagging import PerceptronTagger

    return number_of(PerceptronTagger.load(path).labels)


def write_seen(path: Path, number: int) -> None:
    from ferrolm.text import Deduplicator

    seen = Deduplicator()
    seen.add_all(words(number))
    seen.save(path)


def read_seen(path: Path) -> int:
    from ferrolm.text import Deduplicator

    seen = Deduplicator.load(path)
    return next(number for number in range(100_000) if not seen.add(f"number{number}"))


def write_near(path: Path, number: int) -> None:
    from ferrolm.text import Deduplicator

    seen = Deduplicator(threshold=0.8, bins=16)
    seen.add_all([*(f"some text of {at} words" for at in range(number)), "the last one"])
    seen.save(path)


def read_near(path: Path) -> int:
    from ferrolm.text import Deduplicator

    return len(Deduplicator.load(path)) - 1


def write_documents(path: Path, number: int) -> None:
    from ferrolm.data import write_documents as write

    write(words(number), path)


def read_documents(path: Path) -> int:
    from ferrolm.data import read_documents as read

    found = [document.text for document in read(path)]
    assert len(found) == len(words(number_of(found)))
    return number_of(found)


def write_checkpoint(path: Path, number: int) -> None:
    import torch

    from ferrolm.models import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=16, n_positions=8, n_embd=8, n_layer=1, n_head=2))
    with torch.no_grad():
        model.transformer.wte.weight.fill_(number)
    model.save_pretrained(path)


def read_checkpoint(path: Path) -> int:
    from ferrolm.models import load_causal_lm

    weights = load_causal_lm(path).transformer.wte.weight
    assert (weights == weights[0, 0]).all()
    return int(weights[0, 0])


def write_report(path: Path, number: int) -> None:
    from ferrolm.text.pipeline.report import Report

    report = Report()
    report.records = number
    report.save(path)


def read_report(path: Path) -> int:
    return int(json.loads(path.read_bytes())["records"])


FORMS: dict[str, Form] = {
    "tokenizer": Form(write_tokenizer, read_tokenizer, ".json"),
    "token file": Form(write_token_file, read_token_file, ".tokens", checked=True),
    "n-gram counts": Form(write_counts, read_counts, ".cnt", checked=True),
    "n-gram model": Form(write_ngrams, read_ngrams, ".flm", checked=True),
    "ARPA": Form(write_ngrams, read_ngrams, ".arpa"),
    "packed ARPA": Form(write_ngrams, read_ngrams, ".arpa.gz"),
    "vectors": Form(vectors_writer("save"), vectors_reader("load"), ".vectors", checked=True),
    "word2vec text": Form(vectors_writer("save_word2vec_format"), vectors_reader("load_word2vec_format"), ".txt"),
    "word2vec binary": Form(
        vectors_writer("save_word2vec_format", binary=True), vectors_reader("load_word2vec_format", binary=True), ".bin"
    ),
    "word2vec model": Form(write_word2vec, read_word2vec, ".model", checked=True),
    "phrases": Form(write_phrases, read_phrases, ".phrases"),
    "tagger": Form(write_tagger, read_tagger, ".tagger", checked=True),
    "seen texts": Form(write_seen, read_seen, ".seen", checked=True),
    "near duplicates": Form(write_near, read_near, ".near", checked=True),
    "documents": Form(write_documents, read_documents, ".jsonl", is_stream=True),
    "packed documents": Form(write_documents, read_documents, ".jsonl.gz", is_stream=True),
    "report": Form(write_report, read_report, ".json", is_stream=True),
    "checkpoint": Form(write_checkpoint, read_checkpoint, is_folder=True, extra="torch"),
}  # fmt: skip
