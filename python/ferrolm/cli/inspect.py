"""``ferrolm inspect``: what is inside a tokenizer, and where two of them disagree."""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ferrolm.cli._tokenizer import NAME_HELP

if TYPE_CHECKING:
    from ferrolm.cli.terminal import Terminal
    from ferrolm.tokenizers import Encoding, Tokenizer

__all__ = ["configure", "run"]

EXAMPLES = """
examples:
  ferrolm inspect ferrolm-tiny
  ferrolm inspect tokenizer.json other/tokenizer.json --text page.txt
"""
# Lines of text that are compared, and disagreements that are shown.
MOST_LINES = 10_000


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("tokenizer", help=NAME_HELP)
    parser.add_argument("other", nargs="?", help="another one to compare with")
    parser.add_argument(
        "--text", type=Path, help="compare on this text, line by line (default: some built-in lines)"
    )
    parser.add_argument("--show", type=int, default=5, help="disagreements to show (default: 5)")


def run(arguments: argparse.Namespace) -> int:
    from ferrolm.cli._tokenizer import load_tokenizer
    from ferrolm.cli.terminal import Terminal

    terminal = Terminal()
    names = [name for name in (arguments.tokenizer, arguments.other) if name is not None]
    loaded = [load_tokenizer(name) for name in names]
    lines = _lines(arguments.text)
    for name, tokenizer in zip(names, loaded, strict=True):
        _describe(terminal, name, tokenizer, lines)
    if len(loaded) == 2:
        _compare(terminal, names, (loaded[0], loaded[1]), lines, arguments.show)
    return 0


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


def _describe(terminal: Terminal, name: str, tokenizer: Tokenizer, lines: list[str]) -> None:
    terminal.step(name)
    model = tokenizer.model
    vocab = tokenizer.get_vocab(with_added_tokens=False)
    terminal.item("model", type(model).__name__)
    terminal.item("vocabulary", f"{len(vocab):,}", f"ids up to {max(vocab.values(), default=0):,}")
    added = tokenizer.get_added_tokens_decoder()
    special = [token.content for token in added.values() if token.special]
    shown = ", ".join(special[:6]) + (", …" if len(special) > 6 else "")
    terminal.item("added tokens", f"{len(added):,}", f"{len(special):,} special: {shown}" if special else "")
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        value = getattr(tokenizer, part)
        terminal.line(f"   {part.replace('_', '-'):<30} {_shorten(repr(value))}")
    for setting in ("truncation", "padding"):
        value = getattr(tokenizer, setting)
        if value is not None:
            terminal.line(f"   {setting:<30} {value}")
    lengths = Counter(len(token) for token in vocab)
    common = ", ".join(f"{length}: {count:,}" for length, count in sorted(lengths.items())[:8])
    terminal.line(f"   {'tokens by length':<30} {common}{', …' if len(lengths) > 8 else ''}")
    tokens = int(tokenizer.count_tokens(lines, add_special_tokens=False).sum())
    size = sum(len(line.encode()) for line in lines)
    if tokens:
        note = f"{tokens:,} tokens of {size:,} bytes"
        terminal.item("bytes a token", f"{size / tokens:.3f}", note)


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
