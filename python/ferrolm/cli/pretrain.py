"""``ferrolm pretrain``: train a language model as a TOML file says."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    from ferrolm.training.config import describe

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"settings, in CONFIG or by --set:\n\n{describe()}"
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="TOML file with [model], [data], [training]"
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="folder of the run (default: runs/NAME, after the CONFIG's name)"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override a setting; may be repeated",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def run(arguments: argparse.Namespace) -> int:
    from ferrolm.training import RunConfig, pretrain

    config = RunConfig.from_file(arguments.config, arguments.set)
    folder = arguments.output or Path("runs") / arguments.config.stem
    result = pretrain(config, folder, resume=arguments.resume, show_progress=not arguments.quiet)
    if result.signal is not None:
        print(f"stopped after step {result.step}; go on with --resume", file=sys.stderr)
        return 128 + result.signal
    if not arguments.quiet:
        figures = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in result.metrics.items())
        print(f"{folder / 'final'}: {figures or 'no validation file'}", file=sys.stderr)
    return 0
