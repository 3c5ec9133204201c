"""What the n-gram commands share: reading text or ids from files and standard input, and the limit of memory."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.ngram import NgramLM


def add_source(parser: argparse.ArgumentParser) -> None:
    """The text argument and ``--ids``."""
    parser.add_argument(
        "text", help="UTF-8 file, one sentence a line (.gz, .bz2, .xz, .zst: compressed; -: standard input)"
    )
    parser.add_argument(
        "--ids",
        action="store_true",
        help="the words of the text are token ids; the model or counts are over ids",
    )


def add_limit(parser: argparse.ArgumentParser) -> None:
    """``--memory`` and where files go."""
    group = parser.add_argument_group("texts larger than memory")
    group.add_argument(
        "-S",
        "--memory",
        metavar="SIZE",
        help="work within this much memory (2G, 500M, 50%%), sorting in files what does not fit",
    )
    place = group.add_mutually_exclusive_group()
    place.add_argument(
        "-T",
        "--temporary-directory",
        "--temp_prefix",
        metavar="DIR",
        help="where the files go; nothing is left of them, whatever happens",
    )
    place.add_argument(
        "--directory",
        metavar="DIR",
        help="keep the files in this new directory, so that the same command goes on after an interruption",
    )


def limits(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of `add_limit`'s options."""
    return {
        "memory": arguments.memory,
        "directory": arguments.directory,
        "temporary_directory": arguments.temporary_directory,
    }


def read_source(name: str, ids: bool, streamed: bool = False) -> Any:
    """The text, or with ``ids`` the sequences of ids, one a line; ``streamed``: piece by piece."""
    from ferrolm.ngram._pieces import text_pieces

    source: Any = sys.stdin.buffer if name == "-" else Path(name)
    if streamed and not ids:
        return source
    pieces = text_pieces(source)
    if not ids:
        return "".join(pieces)
    sequences = _sequences(name, pieces)
    return sequences if streamed else list(sequences)


def _sequences(name: str, pieces: Iterator[str]) -> Iterator[list[int]]:
    try:
        for piece in pieces:
            for line in piece.splitlines():
                yield [int(number) for number in line.split()]
    except ValueError as error:
        raise InvalidArgumentError(f"--ids: {name} has a word that is not a number: {error}") from error


def add_layout(parser: argparse.ArgumentParser) -> None:
    """The options that say how an .flm file keeps its n-grams."""
    parser.add_argument(
        "--layout",
        choices=["plain", "compact", "hashed"],
        help="for .flm: compact is about half as large as plain and slower, as KenLM's trie; hashed scores fastest and is "
        "1.4 times as large, as KenLM's probing; the answers are the same (default: as the model is)",
    )
    parser.add_argument(
        "-q",
        "--quantize",
        type=int,
        metavar="BITS",
        help="compact, with probabilities and back-off weights rounded to so many bits (2 to 24); 8 changes "
        "perplexity by about a thousandth",
    )


def in_layout(model: NgramLM, arguments: argparse.Namespace) -> NgramLM:
    """The model as the options want it."""
    if arguments.quantize is not None:
        if arguments.layout not in {None, "compact"}:
            raise InvalidArgumentError(f"-q is for --layout compact, not {arguments.layout}")
        return model.compact(arguments.quantize)
    if arguments.layout in {None, model.layout}:
        return model
    make = {"plain": model.expand, "compact": model.compact, "hashed": model.hashed}
    return make[arguments.layout]()
