"""``ferrolm contamination``: which test examples occur in training data."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ferrolm.cli._progress import add_progress, bytes_bar, size_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add = parser.add_argument
    add(
        "train",
        nargs="+",
        type=Path,
        help="text (documents separated by blank lines), .jsonl or .parquet files, plain, .gz or .zst",
    )
    add("--test", nargs="+", type=Path, required=True, help="examples: text (one a line) or .jsonl files")
    add("-n", "--length", type=int, default=13, help="words of an n-gram")
    add(
        "--min-length",
        type=int,
        default=8,
        help="words that a shorter example needs to be looked for as a whole",
    )
    add("--threshold", type=float, default=0.0, help="share of an example's n-grams that makes the verdict")
    add("--exact", action="store_true", help="compare words as they stand, with case and punctuation")
    add("--field", default="text", help="key of the text in training files")
    add("--test-field", default="text", help="key of the text in test files")
    add("--json", type=Path, metavar="FILE", help="write one JSON object for each example")
    add_progress(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a table of contaminated examples."""
    from ferrolm.data.records import read_records
    from ferrolm.ngram import ContaminationSearch

    test = [
        text
        for path in arguments.test
        for records in read_records(path, field=arguments.test_field)
        for text in records.texts
    ]
    search = ContaminationSearch(
        test, arguments.length, min_length=arguments.min_length, normalize=not arguments.exact
    )
    with bytes_bar(arguments.train, "contamination", arguments.no_progress) as bar:
        for documents, done in _batches(arguments.train, arguments.field):
            search.add(documents)
            bar.update(done - bar.n)
    report = search.report(arguments.threshold)
    if arguments.json is not None:
        report.save(arguments.json)
    sys.stdout.write(f"{report}\n")
    return 0


def _batches(paths: list[Path], field: str) -> Iterator[tuple[Any, int]]:
    """Documents, and the bytes of all files read so far."""
    from ferrolm.data.sources import read_batches
    from ferrolm.ngram._inputs import decode

    for place, path in enumerate(paths):
        before = size_of(paths[:place])
        for batch in read_batches(path, field=field, separator="\n\n"):
            texts = batch.texts
            if isinstance(texts, bytes):
                paragraphs = decode(texts, str(path)).split("\n\n")
                texts = [paragraph for paragraph in paragraphs if paragraph and not paragraph.isspace()]
            elif not isinstance(texts, list):
                texts = texts.to_pylist()
            yield texts, before + batch.done
