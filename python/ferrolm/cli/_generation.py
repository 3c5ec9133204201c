"""What ``ferrolm generate`` and ``ferrolm chat`` share: the settings as flags, the text as it comes, and its speed."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from ferrolm.cli.terminal import has_colour

__all__ = [
    "SETTINGS",
    "Timing",
    "add_settings",
    "dim",
    "draft_of",
    "generation_settings",
    "harmless",
    "new_seed",
    "settings_of",
]

DEFAULT_TEMPERATURE = 0.8
# Name as in `GenerationConfig` -> type, value that changes nothing, letter in the help, help.
SETTINGS: dict[str, tuple[type, Any, str, str]] = {
    "max_new_tokens": (int, None, "N", "tokens to generate at most"),
    "min_new_tokens": (int, None, "N", "tokens to generate at least"),
    "temperature": (float, None, "T", "how boldly to draw; 0 takes the most probable token (default: 0.8)"),
    "top_k": (int, 0, "K", "draw from the K most probable tokens; 0: all (default: 0)"),
    "top_p": (float, 0.95, "P", "draw from the most probable tokens of mass P (default: 0.95)"),
    "min_p": (float, 0.0, "P", "leave out tokens less probable than P times the best"),
    "typical_p": (float, 1.0, "P", "draw from tokens of mass P that are about as probable as expected"),
    "repetition_penalty": (float, 1.0, "R", "above 1: make tokens of prompt and text less probable"),
    "presence_penalty": (float, 0.0, "X", "subtracted from logits of tokens that have been generated"),
    "frequency_penalty": (float, 0.0, "X", "the same, once for each time"),
    "no_repeat_ngram_size": (int, 0, "N", "no N tokens in a row twice"),
    "num_beams": (int, 1, "B", "beam search over B texts; not streamed"),
    "length_penalty": (float, 1.0, "L", "of beams: above 0 favours longer texts"),
    "seed": (int, None, "S", "equal seeds give equal texts; by default a new one each time, which is shown"),
}
_OF_DRAWING = ("temperature", "top_k", "top_p", "min_p", "typical_p", "seed")


def add_settings(parser: argparse.ArgumentParser, max_new_tokens: int) -> None:
    """Declare how to generate, and which model."""
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        default="ferrolm-tiny",
        help="checkpoint folder, GGUF file, bundled model, or name on the Hugging Face hub (default: ferrolm-tiny)",
    )
    model.add_argument("--device", default=None, help="torch device; by default CUDA where there is one")
    model.add_argument(
        "--dtype", default=None, help="float32, float16, bfloat16, int8 or int4; by default the checkpoint's"
    )
    group = parser.add_argument_group("settings of generation")
    for name, (kind, neutral, letter, text) in SETTINGS.items():
        shown = f"{text} (default: {max_new_tokens})" if name == "max_new_tokens" else text
        default = max_new_tokens if name == "max_new_tokens" else neutral
        group.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=default, metavar=letter, help=shown
        )
    group.add_argument(
        "--stop", action="append", default=[], metavar="TEXT", help="end before this text; may be repeated"
    )
    group.add_argument(
        "--prompt-lookup",
        type=int,
        default=0,
        metavar="N",
        help="guess up to N tokens at a time from the text so far; the result is the same, repetitive text comes faster",
    )
    parser.add_argument("--quiet", action="store_true", help="no statistics on standard error")


def settings_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that the flags ask for, by name; `generation_settings` makes those of a call of them."""
    return {name: getattr(arguments, name) for name in SETTINGS} | {"stop": list(arguments.stop)}


def generation_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `LanguageModel.generate` is to be given. A temperature of 0 is greedy, and so are beams without one."""
    beams = values.get("num_beams", 1) > 1
    temperature = values.get("temperature")
    if temperature is None:
        temperature = 0.0 if beams else DEFAULT_TEMPERATURE
    greedy = temperature == 0
    settings = {**values, "temperature": temperature, "do_sample": not greedy}
    left_out = set(_OF_DRAWING) if greedy else set()
    neutral = {
        name: default
        for name, (_, default, _, _) in SETTINGS.items()
        if name not in ("top_k", "top_p", "temperature")
    }
    return {
        name: value
        for name, value in settings.items()
        if name not in left_out and not (name in neutral and value == neutral[name])
    }


def draft_of(arguments: argparse.Namespace) -> Any:
    """The draft that ``--prompt-lookup`` asks for, or None."""
    if not arguments.prompt_lookup:
        return None
    from ferrolm.generation import NgramDraft

    return NgramDraft(num_draft_tokens=arguments.prompt_lookup)


def new_seed() -> int:
    """A seed that is easy to type."""
    return secrets.randbelow(1_000_000_000)


class Timing:
    """How long a text takes, from here on."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.first: float | None = None
        """Seconds until the first piece of the text."""

    def watch(self, pieces: Iterable[str]) -> Iterator[str]:
        """The same pieces; notes when the first one came."""
        for piece in pieces:
            if self.first is None:
                self.first = time.perf_counter() - self._start
            yield piece

    def report(self, tokens: int, seed: int | None) -> str:
        """One line: tokens, seconds to the first, speed, seed."""
        seconds = time.perf_counter() - self._start
        first = "" if self.first is None else f"first after {self.first:.2f} s, "
        drawn = "" if seed is None else f", seed {seed}"
        return f"{tokens} tokens in {seconds:.2f} s, {first}{tokens / seconds:.1f} tokens/s{drawn}"


# What could move the cursor, change colours, or more, if a model wrote it to a terminal.
_CONTROLS = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


def harmless(text: str) -> str:
    """The text; for a terminal, control characters but line ends and tabs become U+FFFD."""
    return text.translate(_CONTROLS) if sys.stdout.isatty() else text


def dim(text: str, stream: TextIO | None = None) -> str:
    """``text`` in a weaker colour, where the stream (standard error) shows colours."""
    return f"\x1b[2m{text}\x1b[0m" if has_colour(stream or sys.stderr) else text
