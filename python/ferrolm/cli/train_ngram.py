"""``ferrolm train-ngram``: text to a Kneser-Ney language model."""

from __future__ import annotations

import argparse
import sys
import warnings

from ferrolm.cli._ngram_options import add_limit, add_source, limits, read_source


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command; the names are those of lmplz where it has them."""
    add_source(parser)
    parser.add_argument("model", help="file to write: .arpa, .arpa.gz or .flm (binary, loads fast)")
    parser.add_argument("-o", "--order", type=int, default=5, help="length of the longest n-grams")
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
    parser.add_argument("--vocab-size", type=int, help="with --ids: all ids are below this")
    add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, save, and report orders and discounts on standard error."""
    from ferrolm.ngram import NgramLM

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = NgramLM.train(
            read_source(arguments.text, arguments.ids, streamed=arguments.memory is not None),
            arguments.order,
            prune=arguments.prune,
            discount_fallback=tuple(arguments.discount_fallback),
            interpolate_unigrams=not arguments.no_interpolate_unigrams,
            skip_symbols=arguments.skip_symbols,
            vocab_size=arguments.vocab_size,
            **limits(arguments),
        )
    for warning in caught:
        print(f"ferrolm train-ngram: warning: {warning.message}", file=sys.stderr)
    model.save(arguments.model)
    for order in model.report:
        d1, d2, d3 = order.discounts
        kept = str(order.kept) if order.kept == order.seen else f"{order.kept}/{order.seen}"
        print(f"{order.order} {kept} D1={d1:.6g} D2={d2:.6g} D3+={d3:.6g}", file=sys.stderr)
    return 0
