"""What the commands that train have in common."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["configure_run", "figures", "folder_of", "is_first_process"]


def configure_run(parser: argparse.ArgumentParser, sections: str, settings: str) -> None:
    """Arguments of a command that trains what a TOML file with ``sections`` describes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"settings, in CONFIG or by --set:\n\n{settings}"
    parser.add_argument("config", type=Path, metavar="CONFIG", help=f"TOML file with {sections}")
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


def folder_of(arguments: argparse.Namespace) -> Path:
    """The folder of the run."""
    folder: Path = arguments.output or Path("runs") / arguments.config.stem
    return folder


def is_first_process() -> bool:
    """Whether this is the process of a run that speaks: the only one, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def figures(values: Mapping[str, float]) -> str:
    """Figures of an evaluation in one line."""
    shown = (
        f"{name.replace('_', ' ')} {value:.4f}" if isinstance(value, float) else f"{value:,} {name}"
        for name, value in values.items()
    )
    return ", ".join(shown)
