"""``ferrolm demo``: the whole way from a web page to generated text, on what is found on any machine."""

from __future__ import annotations

import argparse
import os
import platform
import warnings
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ferrolm._rust import __version__, num_threads, simd_level
from ferrolm.cli.terminal import Terminal, shorten
from ferrolm.errors import FileAccessError, InvalidArgumentError, MissingExtraError

if TYPE_CHECKING:
    from ferrolm import LanguageModel, NgramLM, RaggedIds, Tokenizer
    from ferrolm.cli.demo_corpus import Corpus

__all__ = ["configure", "run"]

SAMPLE = "Down the rabbit-hole, unbelievably, the clock showed 12:45 (surely not?)."
HELD_OUT_EVERY = 10
"""One document in so many is kept from the n-gram model, to be scored."""
SCORED_CHARACTERS = 4000
SHOWN_LINES = 3
NEW_TOKENS = 120
MEGABYTES_PER_SECOND = 0.12
"""Text for each second of ``--seconds``; loading torch and generating take about ten of the forty."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        "--page",
        type=Path,
        default=None,
        metavar="FILE",
        help="HTML page to clean, instead of the bundled one",
    )
    add(
        "--text",
        type=Path,
        default=None,
        metavar="FILE",
        help="text to work on, instead of Python's own files",
    )
    add(
        "--model",
        default="ferrolm-tiny",
        help="checkpoint folder, bundled model, or name on the Hugging Face hub",
    )
    add(
        "--seconds",
        type=float,
        default=40,
        metavar="S",
        help="how long it may take, roughly: scales the text",
    )
    add("--prompt", default="Once upon a time", help="what the model continues")
    add("--seed", type=int, default=1, metavar="S", help="equal seeds give equal texts")
    add("--quiet", action="store_true", help="no progress on standard error")


def run(arguments: argparse.Namespace) -> int:
    """Run all parts; one whose extra is not installed says so and is passed over."""
    if not 1 <= arguments.seconds <= 3600:
        raise InvalidArgumentError(f"--seconds is {arguments.seconds:g}, expected 1 to 3600")
    # The peers' own threads would not make for a comparison of one thread each.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from ferrolm import Tokenizer
    from ferrolm.cli import demo_corpus
    from ferrolm.models import locate

    out = Terminal(progress=not arguments.quiet)
    machine = f"{num_threads()} threads, {simd_level()}, Python {platform.python_version()}"
    out.line(out.style(f"ferrolm {__version__}", "bold") + out.style(f"   {machine}", "dim"))
    folder = locate(arguments.model)
    page = clean(out, arguments.page)
    with out.working("reading the text"):
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        corpus = demo_corpus.read(arguments.text, int(arguments.seconds * MEGABYTES_PER_SECOND * 1e6))
    ids = tokenize(out, tokenizer, folder, corpus)
    ngrams = count(out, corpus, ids)
    model = score(out, arguments.model, ngrams, {"the article": page, "text held out": corpus.documents[0]})
    if model is not None:
        generate(out, model, arguments)
    out.step("Next")
    for command, purpose in NEXT:
        out.line(f"   {command:<54} {out.style(purpose, 'dim')}")
    return 0


def clean(out: Terminal, page: Path | None) -> str:
    """Clean a page; returns its article."""
    from ferrolm.text import clean_html, normalize_text, page_metadata

    out.step("Clean a web page")
    data = _read_page(page)
    everything = normalize_text(clean_html(data, main_content=False))
    with out.working("looking for the article") as watch:
        article = normalize_text(clean_html(data))
    out.item(page.name if page else "a cluttered page", f"{len(data):,}", "bytes of HTML")
    out.item("all its text", f"{len(everything):,}", "characters")
    out.item("its article", f"{len(article):,}", f"characters, in {watch.seconds * 1e3:.1f} ms")
    title = page_metadata(data).title
    for line in [*([title] if title else []), *article.split("\n")][:SHOWN_LINES]:
        out.line(out.style("   │ ", "dim") + shorten(line, 90))
    return article


def _read_page(page: Path | None) -> bytes:
    try:
        return (page or resources.files("ferrolm.cli") / "demo_page.html").read_bytes()
    except OSError as error:
        raise FileAccessError(f"cannot read {page}: {error.strerror}") from None


def tokenize(out: Terminal, tokenizer: Tokenizer, folder: Path, corpus: Corpus) -> RaggedIds:
    """Tokenize all documents, beside the peers that are installed; returns the ids."""
    from ferrolm.cli import demo_peers

    out.step(f"Tokenize {corpus.size / 1e6:.1f} MB of {corpus.name}")
    pieces = [tokenizer.decode([token]) for token in tokenizer.encode_ids(SAMPLE).tolist()]
    out.line(f"   {out.tokens(pieces)}")
    out.line()
    with out.working("tokenizing on all threads"):
        rate, ids = demo_peers.best_rate(lambda: tokenizer.encode_ids_batch(corpus.documents), corpus.size)
    demo_peers.compare(out, tokenizer, folder, corpus.documents)
    out.item(f"ferrolm, {num_threads()} threads", f"{rate:.1f} MB/s", f"{len(ids.ids):,} tokens in all")
    return ids


def count(out: Terminal, corpus: Corpus, ids: RaggedIds) -> NgramLM:
    """Count the trigrams of words, train a 5-gram model on tokens, score the documents held out."""
    from ferrolm import NgramLM, ngram
    from ferrolm.cli import demo_corpus

    out.step("Count n-grams, and make a model of the counts")
    with out.working("counting") as watch:
        counts = ngram.count(corpus.prose, orders=3)
    out.item(
        "trigrams of words",
        f"{len(counts):,}",
        f"distinct of {counts.num_tokens:,}, in {watch.seconds:.2f} s",
    )
    worth_showing = (entry for entry in counts.most_common(100) if all(map(str.isalpha, entry[0])))
    for gram, times in islice(worth_showing, 4):
        out.item(f"  “{' '.join(gram)}”", f"{times:,}")
    train, held_out = demo_corpus.split(ids, HELD_OUT_EVERY)
    with warnings.catch_warnings(), out.working("training a 5-gram model") as watch:
        warnings.simplefilter("ignore", ngram.DiscountFallbackWarning)  # a small --text has too few counts
        model = NgramLM.train(train, order=5)
    rate = len(train.ids) / watch.seconds / 1e6
    out.item("Kneser-Ney 5-grams, trained on", f"{len(train.ids):,}", f"tokens, {rate:.1f} million a second")
    with out.working("scoring") as watch:
        perplexity = model.perplexity(held_out)
    rate = len(held_out.ids) / watch.seconds / 1e6
    out.item("perplexity of text held out", f"{perplexity:.1f}", f"per token, {rate:.1f} million a second")
    return model


def score(out: Terminal, name: str, ngrams: NgramLM, texts: dict[str, str]) -> LanguageModel | None:
    """Bits per byte of some texts under the n-gram model and a neural one; returns the latter, if torch is there."""
    from ferrolm.evaluation import perplexity

    out.step("Score with a neural model")
    try:
        with out.working("loading torch and the model"):
            from ferrolm import load_model

            model = load_model(name, device="cpu")
    except MissingExtraError as error:
        out.line(f"   {error}")
        return None
    out.line(f"   {model!r}")
    out.line(out.style(f"   {'bits per byte of':<30} {'5-grams':>14} {'neural':>10}", "dim"))
    for what, text in texts.items():
        sample = text[:SCORED_CHARACTERS]
        with out.working(f"scoring {what}"):
            neural = perplexity(model, sample).bits_per_byte
            counted = ngrams.score_texts([model.tokenizer.encode_ids(sample)]).bits_per_byte(
                len(sample.encode())
            )
        out.item(what, f"{counted:.2f}", f"{neural:>9.2f}")
    out.line(
        out.style("   (the 5-grams have read the like of the text held out; the neural model has not)", "dim")
    )
    return model


def generate(out: Terminal, model: LanguageModel, arguments: argparse.Namespace) -> None:
    """Stream a continuation of the prompt."""
    out.step("Generate")
    out.write("   " + out.style(arguments.prompt, "bold"))
    with out.watch() as watch:
        stream = model.stream(
            arguments.prompt,
            max_new_tokens=NEW_TOKENS,
            do_sample=True,
            temperature=0.8,
            top_p=0.95,
            seed=arguments.seed,
        )
        for piece in out.wrapped(stream, len(arguments.prompt)):
            out.write(piece)
            if watch.elapsed > arguments.seconds / 2:
                break
    out.line()
    tokens = len(stream.ids)
    out.line(out.style(f"   {tokens} tokens, {tokens / watch.seconds:.0f} a second", "dim"))


NEXT = (
    ("ferrolm clean page.html text.txt", "your own page"),
    ("ferrolm demo --page page.html --text text.txt", "this, on your own text"),
    ('ferrolm generate "The king said" --temperature 0.7', "more stories"),
    ("ferrolm train-tokenizer --help", "a vocabulary of your own"),
    ("ferrolm pretrain --help", "a model of your own"),
    ("ferrolm --help", "everything else"),
)
