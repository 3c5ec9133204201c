"""``ferrolm tokenize``: the tokens of a text, coloured, with ids and offsets."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ferrolm.cli._tokenizer import NAME_HELP

__all__ = ["configure", "run"]

EXAMPLES = """
examples:
  ferrolm tokenize "Hello, world!"
  ferrolm tokenize -t tokenizer.json --table --file page.txt
  cat corpus.txt | ferrolm tokenize -t ferrolm-tiny --count
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("text", nargs="?", help="the text; by default standard input")
    parser.add_argument(
        "-t", "--tokenizer", default="ferrolm-tiny", help=f"{NAME_HELP} (default: ferrolm-tiny)"
    )
    parser.add_argument("--file", type=Path, help="read the text from this UTF-8 file")
    parser.add_argument("--no-special", action="store_true", help="leave out what the post-processor adds")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--ids", action="store_true", help="only the ids, on one line")
    form.add_argument(
        "--table", action="store_true", help="a line per token: index, id, characters, token, text"
    )
    form.add_argument("--json", action="store_true", help="one JSON object: ids, tokens, offsets")
    form.add_argument("--count", action="store_true", help="only the number of tokens")


def run(arguments: argparse.Namespace) -> int:
    from ferrolm.cli._tokenizer import load_tokenizer
    from ferrolm.cli.terminal import Terminal

    tokenizer = load_tokenizer(arguments.tokenizer)
    text = _text(arguments)
    special = not arguments.no_special
    terminal = Terminal()
    if arguments.count:
        terminal.line(str(int(tokenizer.count_tokens([text], special)[0])))
        return 0
    if arguments.ids:
        terminal.line(" ".join(map(str, tokenizer.encode_list(text, special))))
        return 0
    encoding = tokenizer.encode(text, add_special_tokens=special)
    if arguments.json:
        columns = {"ids": encoding.ids, "tokens": encoding.tokens, "offsets": encoding.offsets}
        terminal.line(json.dumps(columns, ensure_ascii=False))
        return 0
    pieces = [
        token if start == end else text[start:end]
        for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True)
    ]
    if arguments.table:
        width = len(str(tokenizer.get_vocab_size()))
        rows = zip(encoding.ids, encoding.offsets, encoding.tokens, pieces, strict=True)
        for index, (token_id, (start, end), token, piece) in enumerate(rows):
            where = terminal.style(f"{start}-{end}".rjust(11), "dim")
            terminal.line(
                f"{index:>5} {token_id:>{width}} {where}  {token}  {terminal.style(repr(piece), 'dim')}"
            )
    else:
        terminal.line(terminal.tokens(pieces))
    size = len(text.encode())
    rate = f", {size / len(pieces):.2f} bytes a token" if pieces else ""
    print(f"{len(pieces):,} tokens of {size:,} bytes{rate}", file=sys.stderr)
    return 0


def _text(arguments: argparse.Namespace) -> str:
    from ferrolm.data import iter_documents
    from ferrolm.errors import InvalidArgumentError, InvalidEncodingError

    if arguments.file is not None:
        if arguments.text is not None:
            raise InvalidArgumentError("give a text or --file, not both")
        return "".join(iter_documents([arguments.file]))
    if arguments.text is not None:
        return str(arguments.text)
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise InvalidEncodingError(f"standard input: not UTF-8 at byte {error.start}") from error
