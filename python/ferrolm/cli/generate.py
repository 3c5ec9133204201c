"""``ferrolm generate``: continue a text, streamed to standard output; statistics go to standard error."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from ferrolm._extras import require

if TYPE_CHECKING:
    from ferrolm.generation import LanguageModel, Stream

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("prompt", help="text to continue; - reads it from standard input")
    add(
        "--model",
        default="ferrolm-tiny",
        help="checkpoint folder, bundled model, or name on the Hugging Face hub",
    )
    add("--max-new-tokens", type=int, default=200, metavar="N", help="tokens to generate at most")
    add("--temperature", type=float, default=0.8, metavar="T", help="0 is greedy")
    add("--top-k", type=int, default=0, metavar="K", help="draw from the K most probable tokens; 0: all")
    add("--top-p", type=float, default=0.95, metavar="P", help="draw from the most probable tokens of mass P")
    add(
        "--min-p",
        type=float,
        default=0.0,
        metavar="P",
        help="drop tokens less probable than P times the best",
    )
    add("--repetition-penalty", type=float, default=1.0, metavar="R", help="above 1 discourages repetition")
    add("--stop", action="append", default=[], metavar="TEXT", help="end before this text; may be repeated")
    add("--seed", type=int, default=None, metavar="S", help="equal seeds give equal texts")
    add("--device", default=None, help="torch device; by default CUDA where there is one")
    add("--dtype", default=None, help="float32, float16 or bfloat16; by default the checkpoint's")
    add("--no-stream", dest="stream", action="store_false", help="print the text when it is complete")
    add("--no-prompt", dest="show_prompt", action="store_false", help="print the continuation alone")
    add("--quiet", action="store_true", help="no statistics on standard error")


def run(arguments: argparse.Namespace) -> int:
    """Generate and print; returns the exit status."""
    require("torch", extra="torch", purpose="ferrolm generate")
    from ferrolm.generation import load_model

    prompt = sys.stdin.read() if arguments.prompt == "-" else arguments.prompt
    model = load_model(arguments.model, device=arguments.device, dtype=arguments.dtype)
    start = time.perf_counter()
    pieces = _pieces(model, prompt, arguments)
    _print_pieces(pieces, prompt if arguments.show_prompt else "", arguments.stream)
    if not arguments.quiet:
        seconds = time.perf_counter() - start
        count = len(pieces.ids)
        print(
            _dim(f"{count} tokens, {seconds:.2f} s, {count / seconds:.1f} tokens/s", sys.stderr),
            file=sys.stderr,
        )
    return 0


def _pieces(model: LanguageModel, prompt: str, arguments: argparse.Namespace) -> Stream:
    settings: dict[str, Any] = {"repetition_penalty": arguments.repetition_penalty, "stop": arguments.stop}
    if arguments.temperature > 0:
        drawing = ("temperature", "top_k", "top_p", "min_p", "seed")
        settings |= {name: getattr(arguments, name) for name in drawing}
    return model.stream(
        prompt, max_new_tokens=arguments.max_new_tokens, do_sample=arguments.temperature > 0, **settings
    )


def _print_pieces(pieces: Iterator[str], start: str, stream: bool) -> None:
    """Write ``start`` and the pieces, one by one or at once."""
    if stream:
        print(start, end="", flush=True)
        for piece in pieces:
            print(piece, end="", flush=True)
        print()
    else:
        print(start + "".join(pieces))


def _dim(text: str, stream: TextIO) -> str:
    colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[2m{text}\x1b[0m" if colour else text
