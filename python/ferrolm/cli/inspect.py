"""``ferrolm inspect``: what is inside a model or a tokenizer, and where two tokenizers disagree."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrolm.cli._tokenizer import NAME_HELP
from ferrolm.errors import FerrolmError, InvalidArgumentError, UnknownNameError

if TYPE_CHECKING:
    from ferrolm.cli.terminal import Terminal
    from ferrolm.models import ModelSummary
    from ferrolm.tokenizers import Encoding, Tokenizer

__all__ = ["configure", "run"]

EXPLANATION = """
A folder, a GGUF file, or a bundled name, that holds a model and a tokenizer is described with both. Of a model, nothing but its settings
and the names and shapes of its tensors is read, so that its size does not matter:

  parameters              weights; one that is used twice (a head tied to the embeddings) counts once
  forward FLOPs a token   2 for each weight of a matrix that the token is multiplied by, and 4 for each number of a head
                          and each token looked at; here those of the last token of a full context, or of --context
                          tokens; of an encoder-decoder, for a token of the source and one of the target together
  training FLOPs a token  3 times those of a forward pass, for the mean token of such a text: times the number of tokens
                          and divided by the FLOPs that a device sustains, they are the time that training takes
  by the 6 N rule         6 for each parameter outside of embeddings, the usual rough figure
  cache bytes a token     keys and values that generation keeps for a token of each sequence

examples:
  ferrolm inspect ferrolm-tiny
  ferrolm inspect runs/first/final --json
  ferrolm inspect tokenizer.json other/tokenizer.json --text page.txt
"""
# Lines of text that are compared, and disagreements that are shown.
MOST_LINES = 10_000


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXPLANATION
    parser.add_argument("name", help=f"folder of a checkpoint, GGUF file, or a tokenizer: {NAME_HELP}")
    parser.add_argument("other", nargs="?", help="another tokenizer to compare with")
    parser.add_argument(
        "--text", type=Path, help="compare on this text, line by line (default: some built-in lines)"
    )
    parser.add_argument("--show", type=int, default=5, help="disagreements to show (default: 5)")
    parser.add_argument(
        "--context",
        type=int,
        help="tokens of the text that costs are those of (default: all that fit the model)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object with all figures")


def run(arguments: argparse.Namespace) -> int:
    from ferrolm.cli._inspect_model import describe_model
    from ferrolm.cli._tokenizer import load_tokenizer
    from ferrolm.cli.terminal import Terminal

    lines = _lines(arguments.text)
    terminal = Terminal()
    if arguments.other is not None:
        if arguments.json:
            raise InvalidArgumentError("--json describes one model or tokenizer, but two are named")
        names = (arguments.name, arguments.other)
        pair = load_tokenizer(names[0]), load_tokenizer(names[1])
        for name, tokenizer in zip(names, pair, strict=True):
            _describe(terminal, name, tokenizer, lines)
        _compare(terminal, list(names), pair, lines, arguments.show)
        return 0
    summary, tokenizer_or_none = _parts(arguments.name, arguments.context)
    if arguments.json:
        parts = {
            "name": arguments.name,
            "model": None if summary is None else summary.to_dict(),
            "tokenizer": None if tokenizer_or_none is None else _figures(tokenizer_or_none, lines),
        }
        terminal.line(json.dumps(parts, indent=2, ensure_ascii=False))
        return 0
    if summary is not None:
        describe_model(terminal, arguments.name, summary)
    if tokenizer_or_none is not None:
        _describe(terminal, arguments.name, tokenizer_or_none, lines)
    return 0


def _parts(name: str, context: int | None) -> tuple[ModelSummary | None, Tokenizer | None]:
    """The model and the tokenizer of that name; one of them at least, or the error that says why not."""
    from ferrolm.cli._inspect_model import model_folder
    from ferrolm.cli._tokenizer import load_tokenizer

    folder = model_folder(name)
    if folder is None:
        return None, load_tokenizer(name)
    summary: ModelSummary | None = None
    problem: FerrolmError | None = None
    try:
        from ferrolm.models import summarize_checkpoint

        summary = summarize_checkpoint(folder, context=context)
    except (UnknownNameError, ImportError) as error:
        # Another architecture, or no torch, is no reason to keep quiet about the tokenizer.
        if not isinstance(error, FerrolmError):
            raise
        problem = error
    try:
        tokenizer = load_tokenizer(name)
    except FerrolmError:
        if problem is not None:
            raise problem from None
        return summary, None
    if problem is not None:
        print(f"ferrolm inspect: only the tokenizer is described: {problem}", file=sys.stderr)
    return summary, tokenizer


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return [
            "The quick brown fox jumps over the lazy dog; it's 12,345 metres away!",
            "def area(radius: float) -> float:\n    return 3.14159 * radius**2",
            "Füchse springen über träge Hunde. El niño corrió. Ça va?",
            "Съешь ещё этих мягких французских булок. यह एक वाक्य है।",
            "吾輩は猫である。名前はまだ無い。 안녕하세요 🎉👩‍👩‍👧",
        ]
    from ferrolm.data import iter_documents

    text = "".join(iter_documents([path]))
    return [line for line in islice(text.splitlines(), MOST_LINES) if line]


def _figures(tokenizer: Tokenizer, lines: list[str]) -> dict[str, Any]:
    """What `_describe` prints, by name."""
    vocab = tokenizer.get_vocab(with_added_tokens=False)
    added = tokenizer.get_added_tokens_decoder()
    parts = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
    tokens = int(tokenizer.count_tokens(lines, add_special_tokens=False).sum())
    size = sum(len(line.encode()) for line in lines)
    return {
        "model": type(tokenizer.model).__name__,
        "vocabulary": len(vocab),
        "largest_id": max(vocab.values(), default=0),
        "added_tokens": len(added),
        "special_tokens": [token.content for token in added.values() if token.special],
        **{part: repr(getattr(tokenizer, part)) for part in parts},
        "truncation": tokenizer.truncation,
        "padding": tokenizer.padding,
        "tokens_by_length": dict(sorted(Counter(map(len, vocab)).items())),
        "text_bytes": size,
        "text_tokens": tokens,
    }


def _describe(terminal: Terminal, name: str, tokenizer: Tokenizer, lines: list[str]) -> None:
    figures = _figures(tokenizer, lines)
    terminal.step(f"{name}: tokenizer")
    terminal.item("model", figures["model"])
    terminal.item("vocabulary", f"{figures['vocabulary']:,}", f"ids up to {figures['largest_id']:,}")
    special = figures["special_tokens"]
    shown = ", ".join(special[:6]) + (", …" if len(special) > 6 else "")
    note = f"{len(special):,} special: {shown}" if special else ""
    terminal.item("added tokens", f"{figures['added_tokens']:,}", note)
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        terminal.line(f"   {part.replace('_', '-'):<30} {_shorten(figures[part])}")
    for setting in ("truncation", "padding"):
        if figures[setting] is not None:
            terminal.line(f"   {setting:<30} {figures[setting]}")
    lengths = figures["tokens_by_length"]
    common = ", ".join(f"{length}: {count:,}" for length, count in islice(lengths.items(), 8))
    terminal.line(f"   {'tokens by length':<30} {common}{', …' if len(lengths) > 8 else ''}")
    size, tokens = figures["text_bytes"], figures["text_tokens"]
    if tokens:
        terminal.item("bytes a token", f"{size / tokens:.3f}", f"{tokens:,} tokens of {size:,} bytes")


def _shorten(text: str, width: int = 200) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _compare(
    terminal: Terminal, names: list[str], pair: tuple[Tokenizer, Tokenizer], lines: list[str], show: int
) -> None:
    terminal.step(f"{names[0]} and {names[1]} on {len(lines):,} lines")
    first, second = pair
    differing: list[tuple[str, list[str], list[str]]] = []
    same_ids = 0
    for line, ours, theirs in zip(
        lines,
        first.encode_batch(lines, add_special_tokens=False),
        second.encode_batch(lines, add_special_tokens=False),
        strict=True,
    ):
        same_ids += ours.ids == theirs.ids
        if ours.offsets != theirs.offsets:
            differing.append((line, _pieces(line, ours), _pieces(line, theirs)))
    terminal.item("lines with equal ids", f"{same_ids:,}")
    terminal.item("lines cut differently", f"{len(differing):,}")
    shared = first.get_vocab().keys() & second.get_vocab().keys()
    terminal.item("tokens in both", f"{len(shared):,}")
    for _, ours_cut, theirs_cut in differing[:show]:
        terminal.line()
        terminal.line(f"   {terminal.tokens(ours_cut)}")
        terminal.line(f"   {terminal.tokens(theirs_cut)}")


def _pieces(line: str, encoding: Encoding) -> list[str]:
    return [line[start:end] for start, end in encoding.offsets]
