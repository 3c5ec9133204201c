"""``ferrolm count-ngrams``: counts of n-grams, as lines or as a file for later merging."""

from __future__ import annotations

import argparse
import sys

from ferrolm.cli._ngram_options import add_source, read_source


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_source(parser)
    parser.add_argument(
        "-o", "--orders", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="lengths of the n-grams"
    )
    parser.add_argument(
        "-n", "--top", type=int, default=20, help="print this many of the most frequent, per order"
    )
    parser.add_argument("--save", metavar="FILE", help="write all counts to this file, for NgramCounts.load")


def run(arguments: argparse.Namespace) -> int:
    """Print ``count TAB n-gram``, the most frequent first, order by order."""
    from ferrolm.ngram import count

    counts = count(read_source(arguments.text, arguments.ids), arguments.orders)
    if arguments.save:
        counts.save(arguments.save)
    for order in counts.orders:
        for ngram, value in counts.most_common(arguments.top, order):
            print(f"{value}\t{' '.join(map(str, ngram))}")
    print(repr(counts), file=sys.stderr)
    return 0
