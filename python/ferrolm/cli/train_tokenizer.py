"""``ferrolm train-tokenizer``: a byte-level BPE tokenizer.json from text."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, help="text or .jsonl files, plain or .gz")
    parser.add_argument("-o", "--output", type=Path, required=True, help="tokenizer.json to write")
    parser.add_argument("--vocab-size", type=int, default=30000, help="tokens, special ones included")
    parser.add_argument("--min-frequency", type=int, default=0, help="count that a pair needs to be merged")
    parser.add_argument(
        "--special-token", action="append", metavar="TOKEN", help="may be repeated (default: <|endoftext|>)"
    )
    parser.add_argument("--max-token-length", type=int, help="largest number of bytes in a token")
    parser.add_argument("--field", default="text", help="key of the text in .jsonl files")


def run(arguments: argparse.Namespace) -> int:
    from ferrolm.data import iter_documents
    from ferrolm.data._atomic import replace_file
    from ferrolm.tokenizers.trainers import BpeTrainer, byte_level_bpe_json, train_bpe

    trainer = BpeTrainer(
        vocab_size=arguments.vocab_size,
        min_frequency=arguments.min_frequency,
        special_tokens=arguments.special_token or ["<|endoftext|>"],
        # All bytes, so that every text can be encoded.
        initial_alphabet=_byte_alphabet(),
        max_token_length=arguments.max_token_length,
    )
    trained = train_bpe(iter_documents(arguments.files, arguments.field), trainer)
    with replace_file(arguments.output) as file:
        file.write(byte_level_bpe_json(trained, trainer.special_tokens).encode())
    print(f"{arguments.output}: {len(trained.vocab):,} tokens", file=sys.stderr)
    return 0


def _byte_alphabet() -> list[str]:
    """The characters that stand for the 256 bytes in byte-level vocabularies (GPT-2's ``bytes_to_unicode``)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = range(0x100, 0x100 + 256 - len(printable))
    return [chr(code) for code in [*printable, *moved]]
