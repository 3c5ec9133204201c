"""``ferrolm search``: train with many settings as a TOML file says, and find the best."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

__all__ = ["configure", "run"]

_EXAMPLE = """\
CONFIG is that of a run with one section more:

  [search]
  sampler = "tpe"
  trials = 30

  [search.space]
  "training.learning_rate" = {low = 1e-5, high = 1e-2, log = true}
  "training.weight_decay" = {low = 0.0, high = 0.3, step = 0.1}
  "model.n_layer" = {low = 1, high = 4}
  "model.activation_function" = ["gelu_new", "relu"]
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from ferrolm.training.search.config import describe_search

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"{_EXAMPLE}\nsettings, in CONFIG or by --set:\n\n{describe_search()}"
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="TOML file of a run, with [search] and [search.space]"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="folder of the search (default: searches/NAME, after the CONFIG's name)",
    )
    parser.add_argument("--trials", type=int, metavar="N", help="short for --set search.trials=N")
    parser.add_argument("--resume", action="store_true", help="go on with the trials that are missing")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override a setting; may be repeated",
    )
    parser.add_argument("--quiet", action="store_true", help="no lines about trials, and no table")


def run(arguments: argparse.Namespace) -> int:
    from ferrolm.training.search import table, tune

    overrides = list(arguments.set)
    if arguments.trials is not None:
        overrides.append(f"search.trials={arguments.trials}")
    folder = arguments.output or Path("searches") / arguments.config.stem
    show = not arguments.quiet
    result = tune(arguments.config, folder, overrides=overrides, resume=arguments.resume, show_progress=show)
    done = sum(trial.finished for trial in result.trials)
    if show and done:
        print(f"\n{table(result)}\n", file=sys.stderr)
    if result.signal is not None:
        print(f"stopped after {done} trials; go on with --resume", file=sys.stderr)
        return 128 + result.signal
    if result.best is None:
        failed = next((trial for trial in result.trials if trial.state == "failed"), None)
        reason = f"; trial {failed.number}: {failed.error}" if failed else ""
        print(f"ferrolm search: none of {done} trials was completed{reason}", file=sys.stderr)
        return 1
    if show:
        print(f"{folder / 'best.toml'}: the settings of trial {result.best.number}", file=sys.stderr)
    return 0
