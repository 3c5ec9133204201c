"""What the n-gram commands share: reading text or ids from files and standard input."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError


def add_source(parser: argparse.ArgumentParser) -> None:
    """The text argument and ``--ids``."""
    parser.add_argument("text", help="UTF-8 file, one sentence a line (.gz: compressed; -: standard input)")
    parser.add_argument(
        "--ids",
        action="store_true",
        help="the words of the text are token ids; the model or counts are over ids",
    )


def read_source(name: str, ids: bool) -> Any:
    """The text, or with ``ids`` the sequences of ids, one a line."""
    from ferrolm.ngram._inputs import decode, read_text

    text = decode(sys.stdin.buffer.read(), "standard input") if name == "-" else read_text(Path(name))
    if not ids:
        return text
    try:
        return [[int(number) for number in line.split()] for line in text.splitlines()]
    except ValueError as error:
        raise InvalidArgumentError(f"--ids: {name} has a word that is not a number: {error}") from error
