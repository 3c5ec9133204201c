"""Text that texts share: test examples in training data, and passages that a corpus has more than once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram._inputs import Ids, ids_only, text_or_ids

__all__ = [
    "ContaminationReport",
    "ContaminationSearch",
    "ExampleOverlap",
    "RepeatedSpans",
    "contamination",
    "repeated_spans",
]

# Characters or ids that the core looks through in one call.
_BATCH = 1 << 23


@dataclass(frozen=True)
class ExampleOverlap:
    """What of a test example occurs in the training documents; numbers of words are numbers of ids for ids."""

    example: int
    """Its number."""
    words: int
    ngrams: int
    """N-grams that were looked for; 0 for an example shorter than ``min_length``, of which nothing can be said."""
    found_ngrams: int
    covered_words: int
    """Words in some n-gram that was found."""
    longest_span: int
    """Words of the longest span, of an n-gram or more, that a training document has as a whole."""
    longest_start: int
    """Where it begins, in words."""
    longest_text: str | None
    """Its words, as they were compared; None for ids."""
    document: int | None
    """The number of a training document that has it."""
    contaminated: bool
    """The verdict."""

    @property
    def ngram_share(self) -> float:
        """The share of the n-grams that were found."""
        return self.found_ngrams / self.ngrams if self.ngrams else 0.0

    @property
    def word_share(self) -> float:
        """The share of the words that are covered."""
        return self.covered_words / self.words if self.words else 0.0


@dataclass(frozen=True)
class ContaminationReport:
    """All examples with what was found of them; `str` is a table of those that are contaminated."""

    examples: tuple[ExampleOverlap, ...]
    num_documents: int
    n: int
    threshold: float

    @property
    def contaminated(self) -> tuple[ExampleOverlap, ...]:
        """The examples with that verdict."""
        return tuple(example for example in self.examples if example.contaminated)

    @property
    def share(self) -> float:
        """The share of contaminated examples among those that are long enough to tell."""
        told = sum(1 for example in self.examples if example.ngrams)
        return len(self.contaminated) / told if told else 0.0

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one JSON object a line for each example, whole or not at all."""
        from ferrolm.data._atomic import replace_file

        with replace_file(Path(path)) as file:
            file.writelines(line.encode() + b"\n" for line in self.json_lines())

    def json_lines(self) -> Iterator[str]:
        """Each example as a line of JSON."""
        for example in self.examples:
            shares = {"ngram_share": example.ngram_share, "word_share": example.word_share}
            yield json.dumps({**asdict(example), **shares}, ensure_ascii=False)

    def __str__(self) -> str:
        lines = [f"{'example':>8} {'words':>6} {'covered':>8} {'longest':>8} {'document':>9}  span"]
        for example in self.contaminated:
            text = example.longest_text or ""
            span = text if len(text) <= 60 else text[:59] + "…"
            lines.append(
                f"{example.example:>8} {example.words:>6} {example.word_share:>8.1%} {example.longest_span:>8}"
                f" {example.document if example.document is not None else '':>9}  {span}".rstrip()
            )
        short = sum(1 for example in self.examples if not example.ngrams)
        lines.append(
            f"{len(self.contaminated)} of {len(self.examples) - short} examples share {self.n}-grams with"
            f" {self.num_documents:,} documents ({self.share:.1%}); {short} were too short to tell"
        )
        return "\n".join(lines)


class ContaminationSearch:
    """Looks for test examples in training documents that go by; `contamination` in steps.

    Args:
        test: the examples, texts or sequences of ids (as `ferrolm.ngram.count` takes them).
        n, min_length, normalize: as in `contamination`.

    Memory is that of the examples, some 100 bytes a word. Every match is verified word by word.

    >>> search = ContaminationSearch(["to be or not to be"], n=4, min_length=4)
    >>> search.add(["He said: To be, or not?"])
    >>> search.report().examples[0].longest_text
    'to be or not'
    """

    def __init__(self, test: Any, n: int = 13, *, min_length: int = 8, normalize: bool = True) -> None:
        if not n >= 1:
            raise InvalidArgumentError(f"n is {n}, expected 1 or more")
        self.n = n
        self.num_documents = 0
        shortest = min(n, min_length)
        if shortest < 1:
            raise InvalidArgumentError(f"min_length is {min_length}, expected 1 or more")
        source = _documents(test)
        self._is_over_ids = isinstance(source, Ids)
        # Of no examples nobody knows whether they are texts or ids.
        self._is_empty = isinstance(source, list) and not source
        if isinstance(source, Ids):
            self._core = _rust.Contamination.of_ids(source.ids, source.offsets, n, shortest)
        else:
            self._core = _rust.Contamination.of_texts(source, normalize, n, shortest)

    def add(self, documents: Any) -> None:
        """Look through some training documents, which are numbered on; on all threads.

        An iterable of texts, or ids as `ferrolm.ngram.count` takes them, is read batch by batch.
        """
        if self._is_empty:
            self.num_documents += sum(1 for _ in documents)
        elif self._is_over_ids:
            if hasattr(documents, "offsets") or isinstance(documents, np.ndarray):
                self._add_ids(ids_only(documents))
            else:
                for batch in _batches(documents):
                    self._add_ids(ids_only(batch))
        elif isinstance(documents, str | bytes):
            raise InvalidTypeError("documents is one text, expected an iterable of texts")
        else:
            for batch in _batches(documents):
                self._core.add_texts(batch, self.num_documents)
                self.num_documents += len(batch)

    def _add_ids(self, source: Ids) -> None:
        self._core.add_ids(source.ids, source.offsets, self.num_documents)
        self.num_documents += len(source.offsets) - 1

    def report(self, threshold: float = 0.0) -> ContaminationReport:
        """What was found so far; ``threshold`` as in `contamination`."""
        if not 0 <= threshold <= 1:
            raise InvalidArgumentError(f"threshold is {threshold}, expected 0 to 1")
        examples = []
        for number, overlap in enumerate(self._core.overlaps()):
            words, ngrams, found, covered, longest, start, document, text = overlap
            examples.append(
                ExampleOverlap(
                    example=number,
                    words=words,
                    ngrams=ngrams,
                    found_ngrams=found,
                    covered_words=covered,
                    longest_span=longest,
                    longest_start=start,
                    longest_text=text if longest else None,
                    document=document,
                    contaminated=found > 0 and found >= threshold * ngrams,
                )
            )
        return ContaminationReport(tuple(examples), self.num_documents, self.n, threshold)


def contamination(
    train: Any,
    test: Any,
    n: int = 13,
    *,
    min_length: int = 8,
    normalize: bool = True,
    threshold: float = 0.0,
) -> ContaminationReport:
    """Find what test examples share with training documents: n-grams of ``n`` words and more.

    Args:
        train: an iterable of texts of any number, which is read once in batches; or ids.
        test: the examples, kept in memory; texts or ids like ``train``.
        n: words of an n-gram.
        min_length: an example of fewer than ``n`` words is looked for as a whole if it has this many; shorter ones
            are not judged.
        normalize: compare words in lower case and by their letters and digits alone; False compares what stands
            between white space.
        threshold: an example is contaminated if at least one of its n-grams was found, and at least this share.

    Linear in the training text, on all threads, with memory for the examples alone. Brown et al. (2020), "Language
    Models are Few-Shot Learners", appendix C, whose rule is the default: one shared 13-gram.

    >>> report = contamination(["She said: to BE, or not to be.", "..."], ["to be or not to be!", "or not"], n=5)
    >>> [example.contaminated for example in report.examples], report.examples[0].document
    ([True, False], 0)
    """
    search = ContaminationSearch(test, n, min_length=min_length, normalize=normalize)
    search.add(train)
    return search.report(threshold)


@dataclass(frozen=True, eq=False)
class RepeatedSpans:
    """Passages that occurred before; made by `repeated_spans`.

    Of each span, int64 [spans]: documents, starts (in words), lengths (in words), source_documents and source_starts.
    document_lengths: words of each document, int64 [documents].
    """

    documents: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    source_documents: NDArray[np.int64]
    source_starts: NDArray[np.int64]
    document_lengths: NDArray[np.int64]

    def __len__(self) -> int:
        """The number of spans."""
        return len(self.documents)

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of each document's words that occurred before: float64 [documents], 0 for empty ones.

        Documents with a high share are near-duplicates of earlier ones.
        """
        ends = self.starts + self.lengths
        # Spans of a document rise, and overlap with the one before at most.
        follows = np.append(False, self.documents[1:] == self.documents[:-1])
        overlap = np.where(follows, np.maximum(np.append(0, ends[:-1]) - self.starts, 0), 0)
        covered = np.bincount(self.documents, self.lengths - overlap, minlength=len(self.document_lengths))
        return covered / np.maximum(self.document_lengths, 1)

    def __repr__(self) -> str:
        return f"RepeatedSpans({len(self):,} spans in {len(self.document_lengths):,} documents)"


def repeated_spans(documents: Any, length: int = 50, *, normalize: bool = True) -> RepeatedSpans:
    """Find the passages of at least ``length`` words that occurred before, in the same document or an earlier one.

    ``documents`` are texts or ids as `ferrolm.ngram.count` takes them; ``normalize`` as in `contamination`. A span's source
    is the first place that has its first ``length`` words; it goes on for as long as the words agree. The next span
    begins with the first ``length`` words that end beyond it, so that two overlap by fewer words than that. Every word
    is compared. Sorts 16 bytes a word; on all threads. Lee et al. (2022), "Deduplicating Training Data Makes Language
    Models Better", whose length is 50 tokens.

    >>> spans = repeated_spans(["a b c d e", "x b c d, e b", "new words here"], length=3)
    >>> spans.documents.tolist(), spans.starts.tolist(), spans.lengths.tolist(), spans.source_starts.tolist()
    ([1], [1], [4], [1])
    >>> spans.shares.tolist()
    [0.0, 0.6666666666666666, 0.0]
    """
    if length < 1:
        raise InvalidArgumentError(f"length is {length}, expected 1 or more")
    source = _documents(documents)
    if isinstance(source, Ids):
        spans, lengths = _rust.repeated_spans_of_ids(source.ids, source.offsets, length)
    else:
        spans, lengths = _rust.repeated_spans_of_texts(source, normalize, length)
    documents, starts, sizes, sources, source_starts = np.ascontiguousarray(spans.T)
    return RepeatedSpans(documents, starts, sizes, sources, source_starts, lengths)


def _documents(source: Any) -> list[str] | Ids:
    if isinstance(source, str | bytes):
        raise InvalidTypeError("expected an iterable of texts or ids, found one text")
    documents = text_or_ids(source)
    return [documents] if isinstance(documents, str) else documents


def _batches(documents: Iterable[Any]) -> Iterator[list[Any]]:
    """Lists of documents, of a size that keeps all threads busy."""
    iterator, count = iter(documents), 256
    while batch := list(islice(iterator, count)):
        yield batch
        mean = max(sum(map(len, batch)) // len(batch), 1)
        count = min(max(_BATCH // mean, 16), 1 << 16)
