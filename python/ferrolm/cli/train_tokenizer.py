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
    from ferrolm.tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from ferrolm.tokenizers.trainers import BpeTrainer

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=arguments.vocab_size,
        min_frequency=arguments.min_frequency,
        special_tokens=arguments.special_token or ["<|endoftext|>"],
        # All bytes, so that every text can be encoded.
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=arguments.max_token_length,
    )
    tokenizer.train_from_iterator(iter_documents(arguments.files, arguments.field), trainer)
    tokenizer.save(arguments.output)
    print(f"{arguments.output}: {tokenizer.get_vocab_size():,} tokens", file=sys.stderr)
    return 0
