"""Entry point of ``ferrolm``: finds the command's module, parses, runs, and turns our errors into one line."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from ferrolm._rust import __version__
from ferrolm.errors import FerrolmError

# Command -> (module of ferrolm.cli, one line of help). A command's module has `configure(parser)` and
# `run(arguments) -> int`, and imports what is heavy inside `run`.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "all of it in under two minutes: clean a page, tokenize, count, score, generate"),
    "generate": ("generate", "continue a text with a language model"),
    "chat": ("chat", "talk to a language model in the terminal"),
    "serve": ("serve", "answer OpenAI's API with a model, and a page to try it"),
    "clean": ("clean", "make clean text of web pages, text, JSON lines, Parquet and web archives"),
    "tag": ("tag", "give words their parts of speech, or find entities; learn a tagger from a treebank"),
    "tokenize": ("tokenize", "show the tokens of a text with ids and offsets"),
    "inspect": ("inspect", "describe a model or a tokenizer, or compare two tokenizers on the same text"),
    "train-tokenizer": (
        "train_tokenizer",
        "learn a tokenizer.json from text: BPE, WordPiece, Unigram or words",
    ),
    "embed": ("embed", "word vectors and sentence vectors: train, ask, measure, draw"),
    "prepare": ("prepare", "tokenize text into a token file for training"),
    "pretrain": ("pretrain", "train a language model as a TOML file says"),
    "finetune": ("finetune", "teach a model a task: classes, tags, answers, translations, dialogue"),
    "evaluate": ("evaluate", "measure a model on a task, with intervals, or against another model"),
    "card": ("card", "write a model card from the records of a run"),
    "explain": ("explain", "show what a model makes of a text: attention, attributions, layers, sources"),
    "search": ("search", "find the settings of a training run that make the best model"),
    "count-ngrams": ("count_ngrams", "count the n-grams of a text"),
    "train-ngram": ("train_ngram", "estimate an n-gram model: modified Kneser-Ney or another smoothing"),
    "interpolate-ngrams": (
        "interpolate_ngrams",
        "make one n-gram model of several, with given or fitted weights",
    ),
    "convert-ngram": ("convert_ngram", "write an n-gram model in another format: ARPA, binary, compact"),
    "score": ("score", "score sentences with an n-gram model"),
    "filter-perplexity": ("filter_perplexity", "keep documents that an n-gram model finds probable"),
    "contamination": ("contamination", "find test examples in training data"),
}


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """The parser of all commands; only the module of ``command`` is imported."""
    parser = argparse.ArgumentParser(
        prog="ferrolm",
        description="From raw text to generated text: tokenize, count, train, generate.",
        epilog="Each command explains itself: ferrolm COMMAND --help",
    )
    parser.add_argument("--version", action="version", version=f"ferrolm {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, help_line) in COMMANDS.items():
        subparser = commands.add_parser(
            name,
            help=help_line,
            description=help_line,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        if name == command:
            importlib.import_module(f"ferrolm.cli.{module}").configure(subparser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 failed, 2 wrong usage, 130 interrupted)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = next((word for word in words if not word.startswith("-")), None)
    parsed = build_parser(command).parse_args(words)
    try:
        status: int = importlib.import_module(f"ferrolm.cli.{COMMANDS[parsed.command][0]}").run(parsed)
    except FerrolmError as error:
        print(f"ferrolm {parsed.command}: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"ferrolm {parsed.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    return status
