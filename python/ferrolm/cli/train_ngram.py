"""``ferrolm train-ngram``: text to an n-gram language model."""

from __future__ import annotations

import argparse
import sys
import warnings

from ferrolm.cli._ngram_options import add_layout, add_limit, add_source, in_layout, limits, read_source

# The methods that subtract something from counts.
DISCOUNTED = ("kneser-ney", "absolute")


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command; the names are those of lmplz where it has them."""
    add_source(parser)
    parser.add_argument("model", help="file to write: .arpa, .arpa.gz or .flm (binary, loads fast)")
    parser.add_argument("-o", "--order", type=int, default=5, help="length of the longest n-grams")
    parser.add_argument(
        "--smoothing",
        choices=["kneser-ney", "witten-bell", "absolute", "add-k", "stupid-backoff"],
        default="kneser-ney",
        help="how counts become probabilities: kneser-ney fits most texts best; witten-bell needs nothing estimated and "
        "suits small or repetitive data; absolute and add-k are the textbook's; stupid-backoff gives scores that rank, "
        "not probabilities",
    )
    parser.add_argument(
        "--discount",
        type=float,
        nargs="+",
        help="with absolute: subtract this (0 to 1) from every count, one number or one per order; estimated if not given",
    )
    parser.add_argument(
        "--k", type=float, help="with add-k: add this to every count; 1, Laplace's law, if not given"
    )
    parser.add_argument(
        "--backoff-factor",
        type=float,
        help="with stupid-backoff: factor for each word of context given up; 0.4 if not given",
    )
    parser.add_argument(
        "--prune",
        type=int,
        nargs="+",
        default=[0],
        help="drop n-grams with at most this count, one threshold per order",
    )
    parser.add_argument(
        "--discount-fallback",
        "--discount_fallback",
        type=float,
        nargs=3,
        default=[0.5, 1.0, 1.5],
        metavar=("D1", "D2", "D3"),
        help="discounts where they cannot be estimated",
    )
    parser.add_argument(
        "--skip-symbols", "--skip_symbols", action="store_true", help="skip <s>, </s>, <unk> in the text"
    )
    parser.add_argument(
        "--no-interpolate-unigrams", action="store_true", help="give the smoothing mass to <unk> alone"
    )
    parser.add_argument(
        "--limit-vocab-file",
        "--limit_vocab_file",
        metavar="FILE",
        help="the only words that the model knows, separated by white space; n-grams with others are counted, then "
        "left out",
    )
    parser.add_argument("--vocab-size", type=int, help="with --ids: all ids are below this")
    add_layout(parser)
    add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, save, and report orders and discounts on standard error."""
    from ferrolm.ngram import NgramLM

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = NgramLM.train(
            read_source(arguments.text, arguments.ids, streamed=arguments.memory is not None),
            arguments.order,
            smoothing=arguments.smoothing,
            discount=arguments.discount,
            k=arguments.k,
            backoff_factor=arguments.backoff_factor,
            prune=arguments.prune,
            discount_fallback=tuple(arguments.discount_fallback),
            interpolate_unigrams=not arguments.no_interpolate_unigrams,
            vocabulary=arguments.limit_vocab_file,
            skip_symbols=arguments.skip_symbols,
            vocab_size=arguments.vocab_size,
            **limits(arguments),
        )
    for warning in caught:
        print(f"ferrolm train-ngram: warning: {warning.message}", file=sys.stderr)
    in_layout(model, arguments).save(arguments.model)
    for order in model.report:
        d1, d2, d3 = order.discounts
        kept = str(order.kept) if order.kept == order.seen else f"{order.kept}/{order.seen}"
        discounts = f" D1={d1:.6g} D2={d2:.6g} D3+={d3:.6g}" if arguments.smoothing in DISCOUNTED else ""
        print(f"{order.order} {kept}{discounts}", file=sys.stderr)
    return 0
