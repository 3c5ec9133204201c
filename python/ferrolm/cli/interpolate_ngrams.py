"""``ferrolm interpolate-ngrams``: one n-gram model from several."""

from __future__ import annotations

import argparse
import sys

from ferrolm.cli._ngram_options import read_source


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="models to combine: .arpa, .arpa.gz or .flm"
    )
    parser.add_argument("-o", "--output", required=True, help="file to write: .arpa, .arpa.gz or .flm")
    parser.add_argument(
        "--kind",
        choices=["linear", "log-linear"],
        default="linear",
        help="linear: the weighted sum of probabilities, for models of different domains; log-linear: the normalized "
        "product of powers, where all models have to agree",
    )
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--weights",
        type=float,
        nargs="+",
        help="one for each model, linear ones with a sum of 1; all the same if not given",
    )
    weights.add_argument(
        "--tune",
        metavar="HELDOUT",
        help="text that no model was trained on, one sentence a line: take the weights under which it is most likely",
    )
    parser.add_argument("--ids", action="store_true", help="the words of the held-out text are token ids")


def run(arguments: argparse.Namespace) -> int:
    """Load, find the weights, combine, save; the weights go to standard error."""
    from ferrolm.ngram import NgramLM, interpolate, tune_weights

    models = [NgramLM.load(path) for path in arguments.models]
    weights = arguments.weights
    if arguments.tune is not None:
        held_out = read_source(arguments.tune, arguments.ids)
        weights = tune_weights(models, held_out, kind=arguments.kind)
    merged = interpolate(models, weights, kind=arguments.kind)
    merged.save(arguments.output)
    for path, weight in zip(arguments.models, weights or [1 / len(models)] * len(models), strict=True):
        print(f"{weight:.6f} {path}", file=sys.stderr)
    if arguments.tune is not None:
        print(f"Perplexity of {arguments.tune}: {merged.perplexity(held_out):.6g}", file=sys.stderr)
    return 0
