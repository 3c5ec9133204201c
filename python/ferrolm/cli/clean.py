"""``ferrolm clean``: HTML or plain text to clean text; what was removed is reported on standard error."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ferrolm.errors import FileAccessError, MissingFileError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("input", metavar="IN", help="HTML or text file; - reads standard input")
    add("output", metavar="OUT", nargs="?", default="-", help="file to write in UTF-8; - is standard output")
    add(
        "--format",
        choices=("auto", "html", "text"),
        default="auto",
        help="what IN is; auto looks at its beginning",
    )
    add(
        "--all",
        dest="main_content",
        action="store_false",
        help="keep all text of a page, not its article alone",
    )
    add(
        "--encoding", default=None, help="of IN; by default found by byte order mark, content and declaration"
    )
    add("--form", choices=("NFC", "NFD", "NFKC", "NFKD"), default="NFC", help="Unicode normalization form")
    add("--fix-mojibake", action="store_true", help="repair text that was decoded in the wrong encoding")
    add("--mask", action="append", choices=("url", "email", "number"), default=[], help="may be repeated")
    add("--quiet", action="store_true", help="no report on standard error")


def run(arguments: argparse.Namespace) -> int:
    """Clean one file; returns the exit status."""
    from ferrolm.text import clean_html, decode_html, looks_like_html, mask, normalize_text

    data = _read(arguments.input)
    source = decode_html(data, arguments.encoding)
    is_html = arguments.format == "html" or (arguments.format == "auto" and looks_like_html(source))
    extracted = clean_html(source, main_content=arguments.main_content) if is_html else source
    clean = normalize_text(extracted, arguments.form, mojibake=arguments.fix_mojibake)
    if arguments.mask:
        clean = mask(clean, arguments.mask)
    _write(arguments.output, clean + "\n" if clean else "")
    if not arguments.quiet:
        stages = [
            ("read", source),
            ("after markup and boilerplate", extracted),
            ("after normalization", clean),
        ]
        _report(stages if is_html else [stages[0], stages[2]])
    return 0


def _report(stages: Sequence[tuple[str, str]]) -> None:
    total = len(stages[0][1]) or 1
    for name, text in stages:
        lines = text.count("\n") + bool(text)
        print(
            f"{name:<29}{len(text):>12,} characters {len(text) / total:>6.1%} {lines:>9,} lines",
            file=sys.stderr,
        )


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except FileNotFoundError:
        raise MissingFileError(f"{name} does not exist") from None
    except OSError as error:
        raise FileAccessError(f"cannot read {name}: {error.strerror}") from None


def _write(name: str, text: str) -> None:
    if name == "-":
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
        return
    from ferrolm.data._atomic import replace_file

    with replace_file(Path(name)) as file:
        file.write(text.encode())
