"""``ferrolm score``: log10 probabilities and perplexity of text under an n-gram model."""

from __future__ import annotations

import argparse
import sys

from ferrolm.cli._ngram_options import add_source, read_source


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", help="the model: .arpa, .arpa.gz or .flm")
    add_source(parser)
    parser.add_argument(
        "--sentences", action="store_true", help="print the log10 probability of each sentence"
    )
    parser.add_argument("--no-bos", action="store_true", help="do not start after <s>")
    parser.add_argument("--no-eos", action="store_true", help="do not include </s>")


def run(arguments: argparse.Namespace) -> int:
    """Print sentence scores if asked for, and the sums at the end."""
    from ferrolm.ngram import NgramLM

    model = NgramLM.load(arguments.model)
    source = read_source(arguments.text, arguments.ids)
    bos, eos = not arguments.no_bos, not arguments.no_eos
    if arguments.sentences:
        for sentence in source.splitlines() if isinstance(source, str) else source:
            print(f"{model.score(sentence, bos, eos):.6f}")
    total = model.score_texts(source, bos, eos)
    stream = sys.stderr if arguments.sentences else sys.stdout
    print(f"Perplexity including OOVs:\t{total.perplexity:.6g}", file=stream)
    print(f"Perplexity excluding OOVs:\t{total.perplexity_without_unknown:.6g}", file=stream)
    print(f"OOVs:\t{total.num_unknown}", file=stream)
    print(f"Tokens:\t{total.num_tokens}", file=stream)
    print(f"Log10 probability:\t{total.log10:.6f}", file=stream)
    return 0
