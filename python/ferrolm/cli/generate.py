"""``ferrolm generate``: continue a text, streamed to standard output; statistics go to standard error."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from ferrolm._extras import require
from ferrolm.cli._generation import (
    Timing,
    add_settings,
    dim,
    draft_of,
    generation_settings,
    harmless,
    new_seed,
    settings_of,
)
from ferrolm.cli.terminal import Terminal
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.generation import Generation, LanguageModel

__all__ = ["configure", "run"]

EXAMPLES = """
examples:
  ferrolm generate "Once upon a time"
  ferrolm generate "Once upon a time" --seed 7 --temperature 1.1 --min-p 0.05
  ferrolm generate "The king said" --temperature 0 --repetition-penalty 1.2
  ferrolm generate "The king said" --num-return-sequences 3 --json
  ferrolm generate "The king said" --num-beams 4 --no-repeat-ngram-size 3
  cat story.txt | ferrolm generate - --model ./my-model --stop "THE END" --no-prompt > rest.txt

The text goes to standard output, statistics with the seed to standard error: repeat a text with --seed.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("prompt", help="text to continue; - reads it from standard input")
    add_settings(parser, max_new_tokens=200)
    add(
        "--num-return-sequences",
        type=int,
        default=1,
        metavar="N",
        help="so many texts, with an empty line between them (default: 1)",
    )
    add("--json", action="store_true", help="one JSON object a text: text, finish_reason, ids, seed")
    add("--no-stream", dest="stream", action="store_false", help="print the text when it is complete")
    add("--no-prompt", dest="show_prompt", action="store_false", help="print the continuation alone")


def run(arguments: argparse.Namespace) -> int:
    """Generate and print; returns the exit status."""
    require("torch", extra="torch", purpose="ferrolm generate")
    from ferrolm.generation import load_model

    if arguments.prompt == "-":
        arguments.prompt = sys.stdin.read()
    settings = generation_settings(settings_of(arguments))
    if settings["do_sample"]:
        settings.setdefault("seed", new_seed())
    draft = draft_of(arguments)
    if draft is not None and arguments.num_beams > 1:
        raise InvalidArgumentError("--prompt-lookup has no use for beams: leave one of them out")
    model = load_model(arguments.model, device=arguments.device, dtype=arguments.dtype)
    timing = Timing()
    streamed = (
        arguments.stream
        and not arguments.json
        and arguments.num_return_sequences == 1
        and arguments.num_beams == 1
    )
    count = (_stream if streamed else _print)(model, arguments, settings, draft, timing)
    if not arguments.quiet:
        print(dim(timing.report(count, settings.get("seed"))), file=sys.stderr)
    return 0


def _stream(
    model: LanguageModel, arguments: argparse.Namespace, settings: dict[str, Any], draft: Any, timing: Timing
) -> int:
    """Write the text as it comes; returns the number of its tokens."""
    terminal = Terminal()
    pieces = model.stream(arguments.prompt, draft=draft, **settings)
    if arguments.show_prompt:
        terminal.write(arguments.prompt)
    for piece in timing.watch(pieces):
        terminal.write(harmless(piece))
    terminal.line()
    return len(pieces.ids)


def _print(
    model: LanguageModel, arguments: argparse.Namespace, settings: dict[str, Any], draft: Any, timing: Timing
) -> int:
    """Write all texts when they are complete; returns the number of their tokens."""
    terminal = Terminal()
    count = arguments.num_return_sequences
    made: Any = model.generate(arguments.prompt, draft=draft, num_return_sequences=count, **settings)
    generations: list[Generation] = made if isinstance(made, list) else [made]
    start = arguments.prompt if arguments.show_prompt else ""
    texts = [start + generation.text for generation in generations]
    if arguments.json:
        for text, generation in zip(texts, generations, strict=True):
            terminal.line(_json(text, generation, settings.get("seed")))
    else:
        terminal.line(harmless("\n\n".join(texts)))
    return sum(len(generation.ids) for generation in generations)


def _json(text: str, generation: Generation, seed: int | None) -> str:
    found = {"text": text, "finish_reason": generation.finish_reason, "ids": generation.ids.tolist()}
    return json.dumps(found | ({} if seed is None else {"seed": seed}), ensure_ascii=False)
