"""``ferrolm filter-perplexity``: keep the documents that an n-gram model finds probable."""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ferrolm.cli._progress import add_progress, bytes_bar, size_of
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.data.records import Records
    from ferrolm.ngram.filtering import FilteredDocuments, PerplexityFilter


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add = parser.add_argument
    add("model", help="the n-gram model: .arpa, .arpa.gz or .flm")
    add("files", nargs="+", type=Path, help="text (a document a line) or .jsonl files, plain, .gz or .zst")
    add("-o", "--output", type=Path, help="file to write, .gz to compress; default: standard output")
    add("--field", default="text", help="key of the text in .jsonl files")
    add("--tokenizer", help="for a model over ids: tokenizer.json, or a folder or name that has one")
    add("--keep", nargs="+", default=["head", "middle"], choices=["head", "middle", "tail"], help="buckets")
    add(
        "--thresholds",
        nargs=2,
        type=float,
        metavar=("HEAD", "MIDDLE"),
        help="perplexities up to which a document is head, and middle; default: found on a sample",
    )
    add("--quantiles", nargs=2, type=float, default=[1 / 3, 2 / 3], help="of the sample's perplexities")
    add("--sample", type=int, default=10_000, help="documents at the beginning that thresholds are found on")
    add("--annotate", action="store_true", help="add perplexity and bucket to the objects of .jsonl files")
    add_progress(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the kept lines as they are; thresholds and sums go to standard error."""
    from ferrolm.data.records import is_json_lines, read_records

    if arguments.annotate and not all(is_json_lines(path) for path in arguments.files):
        raise InvalidArgumentError("--annotate is for .jsonl files alone")
    chosen = _filter(arguments)
    counts = [0, 0, 0]
    with (
        _target(arguments.output) as target,
        bytes_bar(arguments.files, "filter-perplexity", arguments.no_progress) as bar,
    ):
        for place, path in enumerate(arguments.files):
            before = size_of(arguments.files[:place])
            for records in read_records(path, field=arguments.field):
                if records.texts:
                    result = chosen(records.texts)
                    target.writelines(_lines(records, result, arguments.annotate))
                    counts = [
                        old + int((result.buckets == bucket).sum()) for bucket, old in enumerate(counts)
                    ]
                bar.update(before + records.done - bar.n)
    head, middle, tail = counts
    print(f"{head} head, {middle} middle, {tail} tail; kept: {', '.join(chosen.keep)}", file=sys.stderr)
    return 0


def _filter(arguments: argparse.Namespace) -> PerplexityFilter:
    from ferrolm.data.records import read_records
    from ferrolm.ngram import NgramLM, PerplexityFilter

    tokenizer = None
    if arguments.tokenizer is not None:
        from ferrolm.cli._tokenizer import load_tokenizer

        tokenizer = load_tokenizer(arguments.tokenizer)
    model = NgramLM.load(arguments.model)
    chosen = PerplexityFilter(model, tokenizer, thresholds=arguments.thresholds, keep=arguments.keep)
    if arguments.thresholds is None:
        batches = (read_records(path, field=arguments.field) for path in arguments.files)
        texts = (text for records in chain.from_iterable(batches) for text in records.texts)
        chosen.fit(islice(texts, arguments.sample), tuple(arguments.quantiles))
    print("thresholds:", *(f"{limit:.6g}" for limit in chosen.thresholds or ()), file=sys.stderr)
    return chosen


def _lines(records: Records, result: FilteredDocuments, annotate: bool) -> Iterator[bytes]:
    values: Iterable[Any] = zip(records.lines, result.keep, result.perplexities, result.names, strict=True)
    for line, keep, perplexity, name in values:
        if not keep:
            continue
        if annotate:
            record = {**json.loads(line), "perplexity": float(perplexity), "bucket": str(name)}
            yield json.dumps(record, ensure_ascii=False).encode() + b"\n"
        else:
            yield line if line.endswith(b"\n") else line + b"\n"


@contextmanager
def _target(path: Path | None) -> Iterator[IO[bytes] | Any]:
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    from ferrolm.data._atomic import replace_file

    with replace_file(path) as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
                yield packed
        else:
            yield file
