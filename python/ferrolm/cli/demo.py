"""``ferrolm demo``: the whole way from a web page to generated text, on what is found on any machine."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrolm._rust import __version__, num_threads, simd_level
from ferrolm.cli import demo_corpus
from ferrolm.cli.terminal import Terminal
from ferrolm.errors import FileAccessError, MissingExtraError

if TYPE_CHECKING:
    from ferrolm import LanguageModel, NgramLM, RaggedIds, Tokenizer

__all__ = ["configure", "run"]

SAMPLE = "The rabbit-hole went straight on like a tunnel, and then dipped suddenly down: 1,234 µm!"
PROMPT = "Once upon a time"
HELD_OUT_EVERY = 10
"""One document in so many is kept from the n-gram model, to be scored."""


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
        help="text to tokenize and count, instead of Python's own",
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
    add("--prompt", default=PROMPT, help="what the model continues")
    add("--seed", type=int, default=1, metavar="S", help="equal seeds give equal texts")
    add("--quiet", action="store_true", help="no progress on standard error")


def run(arguments: argparse.Namespace) -> int:
    """Run all parts; those whose extra is not installed say so and are passed over."""
    # Peers read these when they are first used; the comparison is of one thread each.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from ferrolm import Tokenizer
    from ferrolm.models import locate

    out = Terminal(progress=not arguments.quiet)
    cpus = f"{num_threads()} threads, {simd_level()}, Python {platform.python_version()}"
    out.line(out.style(f"ferrolm {__version__}", "bold") + f"  {cpus}")

    page = _clean(out, arguments.page)
    folder = locate(arguments.model)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    megabytes = min(max(arguments.seconds / 8, 0.5), 16)
    documents = demo_corpus.read(arguments.text, int(megabytes * 1e6))
    ids = _tokenize(out, tokenizer, folder, documents)
    ngrams = _count(out, tokenizer, documents, ids)
    model = _neural(out, arguments, ngrams, page, documents)
    if model is not None:
        _generate(out, model, arguments)
    _next(out)
    return 0


def _clean(out: Terminal, page: Path | None) -> str:
    """Clean a page; returns its article, or all its text where trafilatura is not installed."""
    from ferrolm.text import clean_html, normalize_text

    out.step("Clean a web page")
    data = _read_page(page)
    with out.working("cleaning") as watch:
        everything = normalize_text(clean_html(data, main_content=False))
        try:
            article = normalize_text(clean_html(data))
            missing = ""
        except MissingExtraError as error:
            article, missing = everything, str(error)
    name = page.name if page else "bundled page"
    out.item(name, f"{len(data):,} B")
    out.item("all its text", f"{len(everything):,}", "characters")
    out.item(
        "its article",
        f"{len(article):,}",
        f"characters, {watch.seconds * 1e3:.0f} ms" if not missing else missing,
    )
    for line in article.split("\n")[:3]:
        out.line(out.style("   │ ", "dim") + line[:92] + ("…" if len(line) > 92 else ""))
    return article


def _read_page(page: Path | None) -> bytes:
    try:
        return (page or resources.files("ferrolm.cli") / "demo_page.html").read_bytes()
    except OSError as error:
        raise FileAccessError(f"cannot read {page}: {error.strerror}") from None


def _tokenize(out: Terminal, tokenizer: Tokenizer, folder: Path, documents: Sequence[str]) -> RaggedIds:
    """Tokenize all documents, beside the peers that are installed; returns the ids."""
    from ferrolm.cli import demo_peers

    size = sum(len(document.encode()) for document in documents)
    out.step(f"Tokenize {size / 1e6:.1f} MB in {len(documents):,} documents")
    pieces = [tokenizer.decode([token]) for token in tokenizer.encode_ids(SAMPLE).tolist()]
    out.line(f"   {out.tokens(pieces)}")
    with out.working("tokenizing"):
        ours, ids = demo_peers.best_rate(lambda: tokenizer.encode_ids_batch(documents), size)
    out.item(f"ferrolm, {num_threads()} threads", f"{ours:.1f} MB/s", f"{len(ids.ids):,} tokens")
    demo_peers.compare(out, tokenizer, folder, documents)
    return ids


def _count(out: Terminal, tokenizer: Tokenizer, documents: Sequence[str], ids: RaggedIds) -> NgramLM:
    """Count words, train a 5-gram model on tokens, score held-out documents."""
    from ferrolm import NgramLM
    from ferrolm.ngram import count

    out.step("Count, and make a model of the counts")
    with out.working("counting") as watch:
        top = count(demo_corpus.prose(documents), orders=(3,)).most_common(4, order=3)
    for gram, times in top:
        out.item(" ".join(gram) if not isinstance(gram, str) else gram, f"{times:,}", "times")
    train, held_out = demo_corpus.split(ids, HELD_OUT_EVERY)
    with out.working("training a 5-gram model") as watch:
        model = NgramLM.train(train, order=5)
    out.item("5-gram Kneser-Ney, trained on", f"{len(train.ids):,}", f"tokens in {watch.seconds:.1f} s")
    with out.working("scoring") as watch:
        perplexity = model.perplexity(held_out)
    out.item(
        "perplexity of held-out text",
        f"{perplexity:.1f}",
        f"{len(held_out.ids):,} tokens in {watch.seconds:.2f} s",
    )
    return model


def _neural(
    out: Terminal, arguments: argparse.Namespace, ngrams: NgramLM, page: str, documents: Sequence[str]
) -> LanguageModel | None:
    """Bits per byte of the n-gram model and of the neural one, on the same two texts."""
    out.step("Score with a neural model")
    try:
        from ferrolm import load_model

        with out.working("loading torch and the model"):
            model = load_model(arguments.model, device="cpu")
    except MissingExtraError as error:
        out.line(f"   {error}")
        return None
    out.line(f"   {arguments.model}: {model.model.num_parameters():,} parameters")
    samples = {"held-out documentation": documents[::HELD_OUT_EVERY][-1][:4000], "the page": page[:4000]}
    for name, text in samples.items():
        size = len(text.encode())
        with out.working("scoring"):
            neural = -model.score(text).logprob / _LN2 / size
            counted = demo_corpus.bits(ngrams, model.tokenizer.encode_ids(text)) / size
        out.item(name, f"{neural:.2f}", f"bits per byte; the 5-gram model {counted:.2f}")
    return model


def _generate(out: Terminal, model: LanguageModel, arguments: argparse.Namespace) -> None:
    out.step("Generate")
    out.write("   " + out.style(arguments.prompt, "bold"))
    with out.working("") as watch:
        settings: dict[str, Any] = {
            "do_sample": True,
            "temperature": 0.8,
            "top_p": 0.95,
            "seed": arguments.seed,
        }
        stream = model.stream(arguments.prompt, max_new_tokens=120, **settings)
        count = 0
        for piece in stream:
            out.write(piece.replace("\n", "\n   "))
            count += 1
    out.line()
    out.item("", f"{count / watch.seconds:.0f}", "tokens/s")
