"""``ferrolm tag``: tag text or treebanks, learn a tagger, measure one."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ferrolm.cli._progress import add_progress
from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, MissingFileError

if TYPE_CHECKING:
    from ferrolm.data import DependencySentence, LabeledWords
    from ferrolm.tagging import EpochFigures, Tagger

_EXAMPLES = """\
examples:
  learn from a treebank, and keep the epoch that is best on other sentences:
    ferrolm tag --train train.conllu --dev dev.conllu -o english.tagger
  tag a text, one word/TAG after the other:
    ferrolm tag --model english.tagger --output pairs book.txt
  tag a treebank, all else in it stays as it is:
    ferrolm tag --model english.tagger test.conllu > tagged.conllu
  measure on sentences whose tags are known, tag by tag:
    ferrolm tag --model english.tagger --evaluate test.conllu
  entities, from words and BIO labels in columns:
    ferrolm tag --train wnut17train.conll --column ner -o names.tagger
    echo "Ann lives in Oslo." | ferrolm tag --model names.tagger --output jsonl
  a model that `ferrolm finetune` taught token-classification:
    ferrolm tag --model runs/ewt-tags --output pairs book.txt
"""
_COLUMNS = ("upos", "xpos", "ner")
_OUTPUTS = ("conllu", "pairs", "jsonl")
# Sentences that are tagged together.
_BATCH = 1024
# Characters of a paragraph after which a text is cut at a line end: enough for any, little memory.
_PARAGRAPH = 1 << 16


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "input", nargs="*", help="files: text, .conllu or .conll; none or - is standard input, a text"
    )
    what = parser.add_argument_group("what to do: tag, or with --train or --evaluate that")
    what.add_argument("--model", help="a file that --train wrote, or a folder of `ferrolm finetune`")
    what.add_argument("--train", metavar="FILE", help="learn from a .conllu or .conll file; needs -o")
    what.add_argument(
        "--evaluate", action="store_true", help="the tags of the input are true: how many are found?"
    )
    learning = parser.add_argument_group("learning")
    learning.add_argument("--dev", metavar="FILE", help="keep the epoch that does best on these sentences")
    learning.add_argument("-o", "--output-model", metavar="MODEL", help="where to write the tagger")
    learning.add_argument(
        "--epochs", type=int, default=10, help="how often to see all sentences (default: 10)"
    )
    learning.add_argument("--seed", type=int, default=1, help="of the order of the sentences (default: 1)")
    learning.add_argument(
        "--min-count",
        type=int,
        default=1,
        help="leave out rarer features; 2 makes a smaller model (default: 1)",
    )
    form = parser.add_argument_group("form")
    form.add_argument(
        "--column", choices=_COLUMNS,
        help="universal parts of speech, those of the treebank, or entities (NER= in the last column of .conllu); "
        "default: what the model was taught, upos for --train of .conllu, ner of .conll",
    )  # fmt: skip
    form.add_argument(
        "--input-format", choices=("text", "conllu", "conll"), help="default: by the file's ending"
    )
    form.add_argument(
        "--output",
        choices=_OUTPUTS,
        default="conllu",
        help="CoNLL-U, word/TAG, or JSON lines (default: conllu)",
    )
    add_progress(parser)


def run(arguments: argparse.Namespace) -> int:
    """Learn, measure or tag."""
    if arguments.train is not None:
        return _train(arguments)
    if arguments.model is None:
        raise InvalidArgumentError("no tagger: expected --model to tag with, or --train to learn one")
    from ferrolm.tagging import load_tagger

    tagger = load_tagger(arguments.model)
    if arguments.evaluate:
        return _evaluate(tagger, arguments)
    return _tag(tagger, arguments)


def _train(arguments: argparse.Namespace) -> int:
    from ferrolm.tagging import PerceptronTagger

    if arguments.output_model is None:
        raise InvalidArgumentError("--train needs -o MODEL, where to write the tagger")
    column = arguments.column or ("ner" if _format(arguments.train, arguments) == "conll" else "upos")
    sentences = list(_labeled([arguments.train], column, arguments))
    dev = list(_labeled([arguments.dev], column, arguments)) if arguments.dev else None
    tagger = PerceptronTagger.train(
        sentences, epochs=arguments.epochs, seed=arguments.seed, dev=dev, column=column,
        min_count=arguments.min_count, progress=None if arguments.no_progress else _show_epoch,
    )  # fmt: skip
    tagger.save(arguments.output_model)
    print(f"{arguments.output_model}: {len(tagger.labels)} tags of {column}", file=sys.stderr)
    if arguments.evaluate:
        return _evaluate(tagger, arguments)
    return 0


def _show_epoch(figures: EpochFigures) -> None:
    held_out = "" if figures.held_out is None else f"  dev {figures.held_out:.2%}"
    print(f"epoch {figures.epoch}: training {figures.training:.2%}{held_out}", file=sys.stderr)


def _evaluate(tagger: Tagger, arguments: argparse.Namespace) -> int:
    from ferrolm.tagging import evaluate_tagger

    paths = arguments.input or ["-"]
    print(evaluate_tagger(tagger, _labeled(paths, _column(tagger, arguments), arguments)))
    return 0


def _column(tagger: Tagger, arguments: argparse.Namespace) -> str:
    chosen = arguments.column or getattr(tagger, "column", None)
    if chosen is None:
        chosen = "ner" if any(label.startswith("B-") for label in tagger.labels) else "upos"
    return str(chosen)


def _tag(tagger: Tagger, arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from ferrolm.data import with_labels

    column = _column(tagger, arguments)
    column = column if column in _COLUMNS else "upos"
    show = _writer(arguments.output, sys.stdout)
    sentences = _sentences(arguments.input or ["-"], arguments)
    hidden = True if arguments.no_progress else None  # None: on a terminal only
    with tqdm(desc="tagging", unit="word", unit_scale=True, disable=hidden) as bar:
        while batch := list(itertools.islice(sentences, _BATCH)):
            tags = tagger.tag_sents([sentence.words for sentence in batch])
            for sentence, labels in zip(batch, tags, strict=True):
                show(with_labels(sentence, column, labels), labels)
            bar.update(sum(len(sentence.words) for sentence in batch))
    return 0


def _writer(form: str, out: TextIO) -> Callable[[DependencySentence, list[str]], None]:
    from ferrolm.data import conllu_text

    if form == "conllu":
        return lambda sentence, labels: print(conllu_text(sentence), end="", file=out)
    if form == "pairs":
        return lambda sentence, labels: print(
            *(f"{word}/{tag}" for word, tag in zip(sentence.words, labels, strict=True)), file=out
        )
    return lambda sentence, labels: print(
        json.dumps({"words": sentence.words, "tags": labels}, ensure_ascii=False), file=out
    )


def _format(path: str, arguments: argparse.Namespace) -> str:
    if arguments.input_format:
        return str(arguments.input_format)
    endings = Path(path).suffixes
    return next((ending[1:] for ending in endings if ending in (".conllu", ".conll")), "text")


def _labeled(paths: Iterable[str], column: str, arguments: argparse.Namespace) -> Iterator[LabeledWords]:
    from ferrolm.data import read_conll, read_conllu

    for path in paths:
        form = _format(path, arguments)
        if path == "-" or form == "text":
            raise InvalidArgumentError(f"{path}: expected a .conllu or .conll file, whose words have tags")
        if form == "conll":
            yield from read_conll(path)
        else:
            yield from (sentence.labeled(column) for sentence in read_conllu(path))


def _sentences(paths: Iterable[str], arguments: argparse.Namespace) -> Iterator[DependencySentence]:
    from ferrolm.data import DependencySentence, read_conll, read_conllu

    for path in paths:
        form = _format(path, arguments)
        if form == "conllu":
            yield from read_conllu(path)
        elif form == "conll":
            for sentence in read_conll(path):
                nothing = (None,) * len(sentence.words)
                yield DependencySentence(
                    sentence.words, nothing, nothing, nothing, ({},) * len(nothing), nothing, nothing
                )
        else:
            yield from _of_text(path)


def _of_text(path: str) -> Iterator[DependencySentence]:
    from ferrolm.tagging import split_text

    for paragraph in _paragraphs(path):
        yield from split_text(paragraph)


def _paragraphs(path: str) -> Iterator[str]:
    """What stands between empty lines; a text without any is cut at line ends."""
    if path != "-" and not Path(path).is_file():
        raise MissingFileError(f"{path} does not exist, or is no file")
    stream = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115
    lines: list[str] = []
    size = 0
    with stream:
        for number, line in enumerate(stream, 1):
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                raise InvalidEncodingError(
                    f"{path}, line {number}: not UTF-8 at byte {error.start}: {error.reason}"
                ) from error
            if size and (not text.strip() or size > _PARAGRAPH):
                yield "".join(lines)
                lines, size = [], 0
            lines.append(text)
            size += len(text)
    yield "".join(lines)
