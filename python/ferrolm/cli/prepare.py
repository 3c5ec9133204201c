"""``ferrolm prepare``: text to a token file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, help="text or .jsonl files, plain or .gz")
    parser.add_argument("-o", "--output", type=Path, required=True, help="token file to write")
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json, or a folder or name that has one")
    parser.add_argument("--end-of-text", default="<|endoftext|>", help="token after every document")
    parser.add_argument("--field", default="text", help="key of the text in .jsonl files")
    parser.add_argument("--validation-output", type=Path, help="token file for the documents held out")
    parser.add_argument("--validation-fraction", type=float, default=0.05, help="share of the text held out")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of documents to hold out")


def run(arguments: argparse.Namespace) -> int:
    from ferrolm.data import choose_held_out, iter_documents, write_token_file
    from ferrolm.tokenizers import Tokenizer

    source = Path(arguments.tokenizer)
    tokenizer = (
        Tokenizer.from_file(str(source))
        if source.is_file()
        else Tokenizer.from_pretrained(arguments.tokenizer)
    )
    outputs = [(arguments.output, False)]
    held_out = None
    if arguments.validation_output is not None:
        sizes = [len(text) for text in iter_documents(arguments.files, arguments.field)]
        held_out = choose_held_out(sizes, arguments.validation_fraction, arguments.seed)
        outputs.append((arguments.validation_output, True))
    for path, wanted in outputs:
        documents = iter_documents(arguments.files, arguments.field)
        if held_out is not None:
            documents = (text for text, is_out in zip(documents, held_out, strict=True) if is_out == wanted)
        file = write_token_file(path, documents, tokenizer, end_of_text=arguments.end_of_text or None)
        print(
            f"{path}: {len(file):,} tokens of {file.document_count:,} documents, {file.text_bytes:,} bytes",
            file=sys.stderr,
        )
    return 0
