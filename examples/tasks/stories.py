"""The bundled model: how well it predicts books that it has not seen, and a story that it writes.

python ../ferrolm_tiny/books.py BOOKS/children.jsonl.gz --output books
python stories.py books/validation.jsonl --prompt "Once upon a time there was a little prince"
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

import ferrolm
from ferrolm.data import iter_documents
from ferrolm.evaluation import perplexity


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("books", type=Path, help="text, or JSON lines")
    parser.add_argument("--model", default="ferrolm-tiny")
    parser.add_argument("--prompt", default="Once upon a time there was a little prince")
    parser.add_argument("--length", type=int, default=150, help="tokens of the story")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    model = ferrolm.load_model(options.model)
    found = perplexity(model, iter_documents([options.books]))
    figures = {
        "perplexity of a token": found.per_token,
        "perplexity of a word": found.per_word,
        "bits per byte": found.bits_per_byte,
    }
    for name, value in figures.items():
        print(f"{name}: {value:.4g}")
    print(options.prompt, end="", flush=True)
    drawn = {"do_sample": True, "top_p": 0.9, "temperature": 0.8, "seed": options.seed}
    for piece in model.stream(options.prompt, max_new_tokens=options.length, **drawn):
        print(piece, end="", flush=True)
    print()
    return figures


if __name__ == "__main__":
    main()
