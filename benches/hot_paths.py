"""Do nothing but one hot path for a while, so that a profiler sees it: python benches/hot_paths.py NAME [SECONDS]

docs/profiling.md has the commands, and what they showed. Inputs are made here or are the repository's own files.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import ferrolm
from ferrolm.models import bundled

REPOSITORY = Path(__file__).resolve().parent.parent


def prose() -> str:
    """300,000 characters of English, Markdown and tables: the repository's own pages, over again if need be."""
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    return (text * (1 + 300_000 // len(text)))[:300_000]


def encode() -> Callable[[], object]:
    tokenizer = ferrolm.Tokenizer.from_file(bundled("ferrolm-tiny") / "tokenizer.json")
    lines = prose().splitlines()
    return lambda: tokenizer.encode_ids_batch(lines)


def train_bpe() -> Callable[[], object]:
    from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers, trainers

    lines = prose().splitlines()

    def train() -> None:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
        tokenizer.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=4000, show_progress=False))

    return train


def sample() -> Callable[[], object]:
    logits = np.random.default_rng(0).normal(scale=3, size=(32, 50_257)).astype(np.float32)
    params = ferrolm.SamplingParams(temperature=0.8, top_k=50, top_p=0.95, seed=1)
    return lambda: ferrolm.sample(logits, params)


def prefill() -> Callable[[], object]:
    from ferrolm.attention import scaled_dot_product_attention

    query = np.random.default_rng(0).normal(size=(1, 12, 1024, 64)).astype(np.float32)
    return lambda: scaled_dot_product_attention(query, query, query, is_causal=True)


def decode() -> Callable[[], object]:
    from ferrolm.attention import scaled_dot_product_attention

    keys = np.random.default_rng(0).normal(size=(8, 12, 2048, 64)).astype(np.float32)
    query = keys[:, :, :1].copy()
    return lambda: scaled_dot_product_attention(query, keys, keys)


def ngram() -> Callable[[], object]:
    sentences = [" ".join(line.split()) for line in prose().splitlines() if line.strip()]
    model = ferrolm.NgramLM.train(sentences, order=5)
    return lambda: model.perplexity(sentences)


def word2vec() -> Callable[[], object]:
    from ferrolm.embeddings import Word2Vec

    sentences = [line.lower().split() for line in prose().splitlines()]
    return lambda: Word2Vec(sentences, vector_size=100, window=5, min_count=2, epochs=5, workers=1)


def html() -> Callable[[], object]:
    from ferrolm.text import clean_html

    paragraphs = "".join(
        f"<p>{line} &amp; <b>more</b></p>" for line in prose().splitlines() if len(line) > 40
    )
    page = f"<html><head><title>Page</title></head><body><nav>Home</nav><article>{paragraphs}</article></body></html>"
    return lambda: clean_html(page)


PATHS = {f.__name__: f for f in (encode, train_bpe, sample, prefill, decode, ngram, word2vec, html)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=PATHS)
    parser.add_argument("seconds", nargs="?", type=float, default=10.0, help="of this process (default: 10)")
    arguments = parser.parse_args()
    step = PATHS[arguments.name]()
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < arguments.seconds or not count:
        step()
        count += 1
    print(f"{arguments.name}: {count} calls of {1e3 * spent / count:.2f} ms of this process")


if __name__ == "__main__":
    main()
