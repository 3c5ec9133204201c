"""``ferrolm card``: a model card from the records of a run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ferrolm.errors import InvalidArgumentError

__all__ = ["configure", "run"]

EPILOG = """
The card tells what config.toml, metrics.jsonl, test.json, environment.json, the newest checkpoint, the model and reports of
ferrolm evaluate tell; for the rest it says "not recorded".

  ferrolm evaluate runs/reviews/final text-classification test.tsv --report runs/reviews/test-set.json
  ferrolm card runs/reviews --set license=apache-2.0 --set language=en --values card.toml

NAME of --set, or a line of the TOML file: license, language, datasets, tags, base_model, model_name; description, intended_use,
out_of_scope, training_data, limitations, citation. What people write between the marks of a card stays when it is written again.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="folder of ferrolm pretrain or finetune, or of a model")
    add("-o", "--out", type=Path, metavar="FILE", help="the card (README.md beside the model)")
    add(
        "--report",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="of ferrolm evaluate; may be repeated",
    )
    add("--values", type=Path, metavar="TOML", help="what the author says, as a file")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=TEXT",
        help="one of it; may be repeated, and goes before the file's",
    )
    add("--force", action="store_true", help="replace a file that is no card")


def run(arguments: argparse.Namespace) -> int:
    """Write the card; returns the exit status."""
    from ferrolm.training.cards import write_card
    from ferrolm.training.cards.card import read_values

    values = read_values(arguments.values) if arguments.values else {}
    for given in arguments.set:
        name, equals, text = given.partition("=")
        if not equals:
            raise InvalidArgumentError(f"--set {given}: expected NAME=TEXT")
        values[name.strip()] = text
    path = write_card(
        arguments.run, arguments.out, reports=arguments.report, values=values, force=arguments.force
    )
    print(f"written: {path}", file=sys.stderr)
    return 0
