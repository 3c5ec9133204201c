"""``ferrolm convert-ngram``: an n-gram model in another format."""

from __future__ import annotations

import argparse
import sys

from ferrolm.cli._ngram_options import add_layout, in_layout


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command; what ``build_binary trie`` and ``probing`` of KenLM do is ``--layout``."""
    parser.add_argument("source", help="model to read: .arpa, .arpa.gz or .flm")
    parser.add_argument("target", help="file to write: .arpa, .arpa.gz or .flm")
    add_layout(parser)


def run(arguments: argparse.Namespace) -> int:
    """Load, change the layout, save; the sizes go to standard error."""
    from ferrolm.ngram import NgramLM

    model = in_layout(NgramLM.load(arguments.source), arguments)
    model.save(arguments.target)
    ngrams = sum(model.num_ngrams)
    print(f"{ngrams} n-grams in {model.nbytes} bytes", file=sys.stderr)
    return 0
