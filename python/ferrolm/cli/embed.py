"""``ferrolm embed``: train word vectors, ask them, measure them, draw them, and make vectors of sentences."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrolm.cli._embed_training import configure_training, train
from ferrolm.cli._progress import add_progress
from ferrolm.errors import FileAccessError, InvalidArgumentError, InvalidEncodingError, MissingFileError

if TYPE_CHECKING:
    from ferrolm.embeddings import SentenceEmbedder

__all__ = ["configure", "run"]

_WHAT = """\
A word vector is a point: words that are used alike lie near each other. Train some on a text, then look at what they learnt:

  ferrolm embed train corpus.txt -o vectors.txt --words --lowercase
  ferrolm embed neighbours vectors.txt king
  ferrolm embed analogy vectors.txt man king woman
  ferrolm embed map vectors.txt map.html
  ferrolm embed sentences vectors.txt sentences.txt sentences.npy
"""
_VECTORS = "word vectors: ferrolm's, word2vec's (text or binary) or GloVe's; the form is found by looking"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the commands below ``ferrolm embed``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"{_WHAT}\nEach of them explains itself: ferrolm embed train --help"
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def add(name: str, text: str, epilog: str = "") -> argparse.ArgumentParser:
        own = actions.add_parser(name, help=text, description=text, epilog=epilog, formatter_class=_Formatter)
        own.add_argument("--limit", type=int, metavar="N", help="read the first (most frequent) N vectors alone") if name != "train" else None  # fmt: skip
        return own

    configure_training(add("train", "learn word vectors from text"))
    _configure_questions(add)
    _configure_map(add("map", "draw words as points of a plane: a picture, or a page to move in", _MAP))
    _configure_sentences(add("sentences", "make a vector of each line of a text file", _SENTENCES))


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and leaves examples as they are written."""


def _configure_questions(add: Any) -> None:
    near = add(
        "neighbours",
        "the words nearest to a word, by cosine",
        "  ferrolm embed neighbours vectors.txt king queen -n 5",
    )
    near.add_argument("vectors", metavar="VECTORS", help=_VECTORS)
    near.add_argument("word", metavar="WORD", nargs="+", help="each is answered for itself")
    near.add_argument("-n", "--topn", type=int, default=10, help="how many")
    analogy = add(
        "analogy",
        "what is to C as B is to A",
        "  ferrolm embed analogy vectors.txt man king woman      asks: man is to king as woman is to ...?",
    )
    analogy.add_argument("vectors", metavar="VECTORS", help=_VECTORS)
    for name, what in (
        ("A", "A is to B"),
        ("B", "such as king, where A is man"),
        ("C", "as C is to what is looked for"),
    ):
        analogy.add_argument(name, metavar=name, help=what)
    analogy.add_argument("-n", "--topn", type=int, default=5, help="how many")
    measure = add(
        "evaluate", "compare vectors with people, and count the analogies that they solve", _EVALUATE
    )
    measure.add_argument("vectors", metavar="VECTORS", help=_VECTORS)
    measure.add_argument(
        "--pairs",
        action="append",
        default=[],
        metavar="FILE",
        help="lines of two words and a score, with tabs (WordSim-353, SimLex-999); may be repeated",
    )
    measure.add_argument(
        "--analogies",
        action="append",
        default=[],
        metavar="FILE",
        help="lines of four words, sections begin with a colon (questions-words.txt); may be repeated",
    )
    measure.add_argument(
        "--restrict-vocab",
        type=int,
        default=300_000,
        metavar="N",
        help="of analogies: look among the N most frequent words",
    )


_EVALUATE = """\
Spearman's correlation says how far the order of similarities is that of people: 100 is the same order, 0 none. An analogy counts
as solved if the nearest word is the right one.

  ferrolm embed evaluate vectors.txt --pairs wordsim353.tsv --analogies questions-words.txt
"""
_MAP = """\
pca needs nothing and keeps distances; umap and tsne keep neighbours together (pip install 'ferrolm[maps]').

  ferrolm embed map vectors.txt map.html                          the 1,000 most frequent words, a page to open in a browser
  ferrolm embed map vectors.txt map.png --words names.txt --method umap
"""
_SENTENCES = """\
MODEL is a file of word vectors, whose words are averaged, or the folder of an encoder. SIF (the default of word vectors) counts frequent
words little and removes what all texts have in common, which it learns from TEXTS or from --fit.

  ferrolm embed sentences vectors.txt questions.txt questions.npy
  ferrolm embed sentences path/to/all-MiniLM-L6-v2 questions.txt questions.npy --normalize

  >>> import numpy as np; from ferrolm.embeddings import semantic_search
  >>> vectors = np.load("questions.npy"); semantic_search(vectors[0], vectors, top_k=3)
"""


def _configure_map(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("vectors", metavar="VECTORS", help=_VECTORS)
    add("output", metavar="OUT", help="file to write: .html is a page, .png, .svg and .pdf are pictures")
    add("--method", choices=("pca", "umap", "tsne"), default="pca", help="how the plane is found")
    add(
        "--words",
        metavar="FILE",
        help="words to draw, one a line; a name after a tab is the group that colours it",
    )
    add("--top", type=int, default=1000, metavar="N", help="without --words: draw the N most frequent")
    add(
        "--clusters",
        type=int,
        default=8,
        metavar="N",
        help="without groups: colour by so many clusters; 0 leaves all alike",
    )
    add("--title", default="", help="above the map; the name of VECTORS by default")
    add("--seed", type=int, default=1, help="of everything random")


def _configure_sentences(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="word vectors, or the folder or hub name of an encoder")
    add("texts", metavar="TEXTS", help="a text a line, UTF-8; - reads standard input")
    add("output", metavar="OUT", help=".npy file to write: float32 [lines, size]")
    add(
        "--method", choices=("sif", "average"), default="sif", help="of word vectors: how words become a text"
    )
    add("--fit", metavar="FILE", help="of sif: learn what texts have in common from these lines")
    add("--normalize", action="store_true", help="vectors of length 1")
    add(
        "--batch-size", type=int, help="texts at a time; 32 of an encoder, 4,096 of word vectors if not given"
    )
    add("--device", help="of an encoder: cuda where there is one, else cpu, if not given")
    add_progress(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for; returns the exit status."""
    actions = {"train": train, "neighbours": _neighbours, "analogy": _analogy, "evaluate": _evaluate, "map": _map, "sentences": _sentences}  # fmt: skip
    status: int = actions[arguments.action](arguments)
    return status


def _neighbours(arguments: argparse.Namespace) -> int:
    from ferrolm.cli._vectors import load_vectors

    vectors = load_vectors(arguments.vectors, arguments.limit)
    for number, word in enumerate(arguments.word):
        if len(arguments.word) > 1:
            print(f"{chr(10) if number else ''}{word}")
        _print_hits(vectors.most_similar(word, topn=arguments.topn))
    return 0


def _analogy(arguments: argparse.Namespace) -> int:
    from ferrolm.cli._vectors import load_vectors

    vectors = load_vectors(arguments.vectors, arguments.limit)
    _print_hits(
        vectors.most_similar(positive=[arguments.B, arguments.C], negative=[arguments.A], topn=arguments.topn)
    )
    return 0


def _print_hits(hits: list[tuple[str, float]]) -> None:
    for word, similarity in hits:
        print(f"{similarity:.4f}\t{word}")


def _evaluate(arguments: argparse.Namespace) -> int:
    from ferrolm.cli._vectors import load_vectors

    if not arguments.pairs and not arguments.analogies:
        raise InvalidArgumentError("there is nothing to evaluate with: give --pairs, --analogies or both")
    vectors = load_vectors(arguments.vectors, arguments.limit)
    for path in arguments.pairs:
        found = vectors.evaluate_word_pairs(path)
        print(
            f"{Path(path).name}\tSpearman {100 * found.spearman:.1f}\tPearson {100 * found.pearson:.1f}\t"
            f"unknown {100 * found.out_of_vocabulary:.1f} %"
        )
    for path in arguments.analogies:
        score, sections = vectors.evaluate_word_analogies(path, restrict_vocab=arguments.restrict_vocab)
        for section in sections[:-1]:
            right, wrong = len(section["correct"]), len(section["incorrect"])
            if right + wrong:
                print(
                    f"{section['section']}\t{100 * right / (right + wrong):.1f} %\t{right} of {right + wrong}"
                )
        print(f"{Path(path).name}\t{100 * score:.1f} %")
    return 0


def _map(arguments: argparse.Namespace) -> int:
    from ferrolm.cli._vectors import load_vectors
    from ferrolm.embeddings import word_map

    ending = Path(arguments.output).suffix
    if ending not in (".html", ".png", ".svg", ".pdf"):
        raise InvalidArgumentError(
            f"OUT is {arguments.output}: expected a name that ends in .html, .png, .svg or .pdf"
        )
    vectors = load_vectors(arguments.vectors, arguments.limit)
    words, groups = vectors.index_to_key[: arguments.top], None
    if arguments.words:
        lines = [line.split("\t") for line in _lines(arguments.words) if line.strip()]
        words = [fields[0].strip() for fields in lines]
        groups = {fields[0].strip(): fields[1].strip() for fields in lines if len(fields) > 1}
        if unknown := [word for word in words if word not in vectors]:
            print(f"left out, without a vector: {', '.join(unknown[:10])}{' ...' if len(unknown) > 10 else ''}", file=sys.stderr)  # fmt: skip
        words = [word for word in words if word in vectors]
    colours: Any = groups or (min(arguments.clusters, len(words)) or None)
    drawn = word_map(vectors, words, method=arguments.method, groups=colours, seed=arguments.seed)
    title = arguments.title or Path(arguments.vectors).stem
    (drawn.save_html if ending == ".html" else drawn.save_png)(arguments.output, title=title)
    print(f"{arguments.output}: {len(drawn):,} words", file=sys.stderr)
    return 0


def _sentences(arguments: argparse.Namespace) -> int:
    import numpy as np

    from ferrolm.data._atomic import replace_file

    texts = list(_lines(arguments.texts))
    if not texts:
        raise InvalidArgumentError(f"{arguments.texts} is empty: expected a text a line")
    embedder = _embedder(arguments, texts)
    options = {} if arguments.batch_size is None else {"batch_size": arguments.batch_size}
    shown = sys.stderr.isatty() and not arguments.no_progress
    found = embedder.encode(texts, normalize=arguments.normalize or None, progress=shown, **options)
    with replace_file(Path(arguments.output)) as file:
        np.save(file, found)
    print(f"{arguments.output}: {found.shape[0]:,} vectors of {found.shape[1]} numbers", file=sys.stderr)
    return 0


def _embedder(arguments: argparse.Namespace, texts: list[str]) -> SentenceEmbedder:
    """The encoder of a folder, or averages of the vectors in a file."""
    from ferrolm.cli._vectors import load_vectors
    from ferrolm.embeddings import AverageEmbeddings, SIFEmbeddings

    if not Path(arguments.model).is_file():
        from ferrolm.embeddings import EncoderEmbeddings

        return EncoderEmbeddings.load(arguments.model, device=arguments.device)
    vectors = load_vectors(arguments.model, arguments.limit)
    if arguments.method == "average":
        return AverageEmbeddings(vectors)
    return SIFEmbeddings(vectors).fit(list(_lines(arguments.fit)) if arguments.fit else texts)


def _lines(name: str) -> Iterator[str]:
    """The lines of a file or of standard input, without their ends."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise MissingFileError(f"{name} does not exist") from None
    except OSError as error:
        raise FileAccessError(f"cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InvalidEncodingError(f"{name} is not UTF-8: byte {error.start}") from None
    return (line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")) if text else iter(())
