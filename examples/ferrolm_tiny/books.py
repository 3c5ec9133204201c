"""Clean the books and hold some out: BOOKS ... -> FOLDER/train.jsonl, FOLDER/validation.jsonl.

A book is a Markdown file, AUTHOR/TITLE.md, or a line of a .jsonl.gz file, an object with "title", "author" and "text".
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from pathlib import Path

from ferrolm.data import choose_held_out

_HEADER = re.compile(r"\A(?:#+ (?:Title|Author|Year):.*\n|\s*\n)*-{3,}\n")
_REPLACEMENTS = [
    (re.compile(r"(?m)^#+[ \t]*"), ""),  # marks of headings
    (re.compile(r"(?<!\w)_([^_\n]+)_(?!\w)"), r"\1"),  # marks of italics
    (re.compile(r"\\([*_#&])"), r"\1"),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r"(?m)^ | $"), ""),
    (re.compile(r"\n{3,}"), "\n\n"),
]


def clean(text: str) -> str:
    """The prose of a book without its header and Markdown marks."""
    text = _HEADER.sub("", text.replace("\r\n", "\n"))
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return text.strip() + "\n"


def read(path: Path) -> list[dict[str, str]]:
    if path.suffix == ".md":
        return [{"author": path.parent.name, "title": path.stem, "text": path.read_text(encoding="utf-8")}]
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("books", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--held-out", type=float, default=0.04, help="share of the text")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    books = [book for path in options.books for book in read(path)]
    for book in books:
        book["text"] = clean(book["text"])
    held_out = choose_held_out([len(book["text"].encode()) for book in books], options.held_out, options.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, wanted in (("train", False), ("validation", True)):
        chosen = [book for book, is_held_out in zip(books, held_out, strict=True) if is_held_out == wanted]
        with (options.output / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for book in chosen:
                file.write(json.dumps(book, ensure_ascii=False) + "\n")
        size = sum(len(book["text"].encode()) for book in chosen)
        print(f"{name}: {len(chosen)} books, {size:,} bytes")
        if wanted:
            print("\n".join(f"  {book['author']}: {book['title']}" for book in chosen))


if __name__ == "__main__":
    main()
