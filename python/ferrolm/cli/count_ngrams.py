"""``ferrolm count-ngrams``: counts of n-grams, as lines or as a file for later merging."""

from __future__ import annotations

import argparse
import sys

from ferrolm.cli._ngram_options import add_limit, add_source, limits, read_source


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_source(parser)
    parser.add_argument(
        "-o", "--orders", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="lengths of the n-grams"
    )
    parser.add_argument(
        "-n", "--top", type=int, default=20, help="print this many of the most frequent, per order"
    )
    parser.add_argument(
        "--minimum", type=int, default=1, metavar="COUNT", help="leave out n-grams that occur less often"
    )
    parser.add_argument("--save", metavar="FILE", help="write all counts to this file, for NgramCounts.load")
    add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print ``count TAB n-gram``, the most frequent first, order by order."""
    from ferrolm.ngram import count

    source = read_source(arguments.text, arguments.ids, streamed=arguments.memory is not None)
    counts = count(source, arguments.orders, **limits(arguments))
    if arguments.minimum > 1:
        counts = counts.at_least(arguments.minimum)
    if arguments.save:
        counts.save(arguments.save)
    for order in counts.orders:
        for ngram, value in counts.most_common(arguments.top, order):
            print(f"{value}\t{' '.join(map(str, ngram))}")
    print(repr(counts), file=sys.stderr)
    return 0
