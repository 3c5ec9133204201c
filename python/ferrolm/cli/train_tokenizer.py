"""``ferrolm train-tokenizer``: a tokenizer.json from text."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = ["configure", "run"]

_DESCRIPTION = """\
Learn a tokenizer from text and write it as tokenizer.json, which ferrolm, tokenizers and transformers read.

models, and the normalizer and pre-tokenizer that go with them:
  bpe        byte-pair encoding of bytes, as in GPT-2 and most language models: every text can be encoded, and
             decoding gives it back exactly
  wordpiece  pieces of words, those inside of a word begin with ##, as in BERT: text is cleaned, lower-cased and
             stripped of accents (keep them with --cased), and cut at white space and punctuation
  unigram    the pieces that make the text most likely, as in T5 and XLNet: NFKC, white space becomes one space, spaces
             become the character \u2581, words are cut before it; characters that the text does not have are <unk>
  wordlevel  the most frequent words, all others are [UNK]: for small, closed vocabularies

examples:
  ferrolm train-tokenizer books/*.txt --vocab-size 16000 -o tokenizer.json
  ferrolm train-tokenizer articles.jsonl.gz --field body --model wordpiece -o tokenizer.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("files", nargs="+", type=Path, help="text or .jsonl files, plain or .gz")
    parser.add_argument("-o", "--output", type=Path, required=True, help="tokenizer.json to write")
    parser.add_argument("--model", choices=tuple(_PRESETS), default="bpe", help="see above (default: bpe)")
    parser.add_argument(
        "--vocab-size",
        type=int,
        help="tokens, special ones included (default: 30000; unigram: 8000)",
    )
    parser.add_argument(
        "--min-frequency",
        type=int,
        default=0,
        help="count that a pair needs to be merged, or a word to be a token",
    )
    parser.add_argument(
        "--special-token",
        action="append",
        metavar="TOKEN",
        help="may be repeated (default: what the model is used with: <|endoftext|>; [PAD] [UNK] [CLS] [SEP] [MASK]; "
        "<pad> </s> <unk>; [UNK])",
    )
    parser.add_argument(
        "--max-token-length", type=int, help="bpe: bytes, unigram: characters (default there: 16)"
    )
    parser.add_argument(
        "--limit-alphabet", type=int, help="wordpiece: largest number of different characters"
    )
    parser.add_argument("--cased", action="store_true", help="wordpiece, wordlevel: keep case and accents")
    parser.add_argument("--field", default="text", help="key of the text in .jsonl files")
    parser.add_argument("--no-progress", action="store_true", help="show no progress")


def run(arguments: argparse.Namespace) -> int:
    from ferrolm.data import iter_documents

    preset = _PRESETS[arguments.model]
    tokenizer, trainer = preset(arguments)
    tokenizer.train_from_iterator(iter_documents(arguments.files, arguments.field), trainer)
    _finish(tokenizer, arguments.model)
    tokenizer.save(arguments.output)
    print(f"{arguments.output}: {tokenizer.get_vocab_size():,} tokens", file=sys.stderr)
    return 0


def _options(arguments: argparse.Namespace, special: list[str], **others: Any) -> dict[str, Any]:
    chosen = {
        "vocab_size": arguments.vocab_size,
        "special_tokens": arguments.special_token or special,
        "show_progress": not arguments.no_progress,
        **others,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _bpe(arguments: argparse.Namespace) -> tuple[Tokenizer, Any]:
    from ferrolm.tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    options = _options(
        arguments,
        ["<|endoftext|>"],
        min_frequency=arguments.min_frequency,
        # All bytes, so that every text can be encoded.
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=arguments.max_token_length,
    )
    return tokenizer, trainers.BpeTrainer(**options)


def _word_piece(arguments: argparse.Namespace) -> tuple[Tokenizer, Any]:
    from ferrolm.tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=not arguments.cased)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    options = _options(
        arguments,
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        min_frequency=arguments.min_frequency,
        limit_alphabet=arguments.limit_alphabet,
    )
    return tokenizer, trainers.WordPieceTrainer(**options)


def _unigram(arguments: argparse.Namespace) -> tuple[Tokenizer, Any]:
    from ferrolm.tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    options = _options(
        arguments,
        ["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        max_piece_length=arguments.max_token_length,
    )
    return tokenizer, trainers.UnigramTrainer(**options)


def _word_level(arguments: argparse.Namespace) -> tuple[Tokenizer, Any]:
    from ferrolm.tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    if not arguments.cased:
        tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer, trainers.WordLevelTrainer(
        **_options(arguments, ["[UNK]"], min_frequency=arguments.min_frequency)
    )


def _finish(tokenizer: Tokenizer, model: str) -> None:
    """What goes around a text, where the usual special tokens are there."""
    from ferrolm.tokenizers import processors

    separator, start, end = map(tokenizer.token_to_id, ("[SEP]", "[CLS]", "</s>"))
    if model == "wordpiece" and separator is not None and start is not None:
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", separator), ("[CLS]", start))
    elif model == "unigram" and end is not None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A </s>", pair="$A </s> $B </s>", special_tokens=[end]
        )


_PRESETS: dict[str, Callable[[argparse.Namespace], tuple[Any, Any]]] = {
    "bpe": _bpe,
    "wordpiece": _word_piece,
    "unigram": _unigram,
    "wordlevel": _word_level,
}
