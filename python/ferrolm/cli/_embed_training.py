"""``ferrolm embed train``: text to word vectors."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ferrolm.errors import FileAccessError, InvalidArgumentError, MissingFileError

__all__ = ["configure_training", "train"]

# Options that all models have, and those of some, with the name of the setting.
_COMMON = ("vector_size", "window", "min_count", "epochs", "workers", "seed")
_SAMPLED = {name: name for name in ("sg", "negative", "sample", "alpha")}
_OWN = {
    "word2vec": _SAMPLED,
    "fasttext": {**_SAMPLED, "bucket": "bucket"},
    "glove": {"memory": "memory_limit"},
}
_HELP = """\
word2vec   learns to tell a word's neighbours from others; --sg 1 (skip-gram) serves rare words better, --sg 0 (CBOW) is faster
fasttext   the same with vectors of the letters in a word, which serves rare words and inflected languages (in Python it embeds words that
           were never seen too; a file of vectors has those that were)
glove      counts which words meet, then fits vectors to the logarithms of the counts

Words are what stands between white space, so clean the text first, or give --words --lowercase. A line is a sentence. Millions of words
are needed for good vectors; with less, more --epochs help.

  ferrolm embed train corpus.txt -o vectors.txt --words --lowercase --sg 1
  ferrolm embed train part1.txt part2.txt -o vectors.bin --size 300 --window 10 --workers 4
"""


def configure_training(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command; names and defaults are gensim's where it has them."""
    parser.epilog = _HELP
    add = parser.add_argument
    add("corpus", metavar="CORPUS", nargs="+", type=Path, help="text files in UTF-8, a sentence a line")
    add(
        "-o",
        "--output",
        required=True,
        metavar="VECTORS",
        help="file to write: .txt or .vec (text) and .bin are word2vec's, others ferrolm's own, which opens fastest",
    )
    add("--model", choices=_OWN, default="word2vec", help="see below")
    add(
        "--words",
        action="store_true",
        help="split by the rules of Unicode, which drops punctuation, not at white space alone",
    )
    add("--lowercase", action="store_true", help="make The and the one word")
    add(
        "--size",
        "--vector-size",
        dest="vector_size",
        type=int,
        default=100,
        metavar="N",
        help="numbers in a vector",
    )
    add(
        "--window",
        type=int,
        metavar="N",
        help="neighbours on either side that count; 5 if not given, of glove 10",
    )
    add("--min-count", type=int, default=5, metavar="N", help="leave out words that occur less often")
    add(
        "--epochs",
        type=int,
        metavar="N",
        help="passes over the text; 5 if not given, of glove its own default",
    )
    add(
        "--sg",
        type=int,
        choices=(0, 1),
        help="of word2vec and fasttext: 1 skip-gram, 0 CBOW, which is the default",
    )
    add(
        "--negative",
        type=int,
        metavar="N",
        help="of word2vec and fasttext: wrong words for each right one; 5 if not given",
    )
    add(
        "--sample",
        type=float,
        metavar="SHARE",
        help="of word2vec and fasttext: thin out words more frequent than this; 1e-3 if not given",
    )
    add(
        "--bucket",
        type=int,
        metavar="N",
        help="of fasttext: vectors that parts of words share; 2,000,000 if not given, of 4 bytes times --size each",
    )
    add(
        "--alpha",
        type=float,
        metavar="RATE",
        help="of word2vec and fasttext: learning rate at the start; 0.025 if not given",
    )
    add("--memory", default=None, metavar="SIZE", help="of glove: what counting may use, such as 2GB")
    add("--workers", type=int, default=1, metavar="N", help="threads; with 1 the result repeats itself")
    add("--seed", type=int, default=1, help="of everything random")
    add("--quiet", action="store_true", help="no report on standard error")


def train(arguments: argparse.Namespace) -> int:
    """Train, save, and report on standard error; returns the exit status."""
    from ferrolm.cli._vectors import save_vectors

    started = time.perf_counter()
    settings = _settings(arguments)
    plain = not arguments.words and not arguments.lowercase
    if plain and len(arguments.corpus) == 1:  # nothing to do to it: read in Rust, line by line
        settings["corpus_file"] = arguments.corpus[0]
    else:
        settings["sentences"] = sentences(arguments)
    model = _class(arguments.model)(**settings)
    save_vectors(model.wv, arguments.output)
    if not arguments.quiet:
        seconds = time.perf_counter() - started
        print(f"{arguments.output}: {len(model.wv):,} words, {model.wv.vector_size} numbers each, {seconds:.1f} s", file=sys.stderr)  # fmt: skip
    return 0


def _class(name: str) -> Any:
    from ferrolm import embeddings

    return getattr(embeddings, {"word2vec": "Word2Vec", "fasttext": "FastText", "glove": "GloVe"}[name])


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Arguments of the model: those that were given, under its own names."""
    own = _OWN[arguments.model]
    for name in sorted(set().union(*_OWN.values()) - own.keys()):
        if getattr(arguments, name) is not None:
            raise InvalidArgumentError(
                f"--{name} is given with --model {arguments.model}, which has no such setting"
            )
    names = dict(zip(_COMMON, _COMMON, strict=True)) | own
    given = {setting: getattr(arguments, name) for name, setting in names.items()}
    return {setting: value for setting, value in given.items() if value is not None}


def sentences(arguments: argparse.Namespace) -> Iterator[str | list[str]]:
    """The lines of all files; lists of words with ``--words``."""
    from ferrolm.text import words

    for path in arguments.corpus:
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    if arguments.words:
                        yield words(line, lowercase=arguments.lowercase)
                    else:
                        yield line.lower() if arguments.lowercase else line
        except FileNotFoundError:
            raise MissingFileError(f"{path} does not exist") from None
        except OSError as error:
            raise FileAccessError(f"cannot read {path}: {error.strerror}") from None
