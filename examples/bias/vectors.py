"""Word vectors of books, as they are and with counterfactual text: what WEAT sees before and after, and what it costs.

  python vectors.py DATA/tasks/bias/WEAT.json DATA/text/books/*.jsonl.gz --pairs-of-words DATA/tasks/similarity/EN-WS-353-ALL.txt

For each seed, skip-gram vectors are trained on the same paragraphs: plain, with women and men swapped in a random half of them
(substituted; Hall Maudslay et al. 2019), or each with its counterpart (doubled; Lu et al. 2018), which takes twice as long.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from corpora import interval, paragraphs, swap_of, variant_of
from weat import measure, table

from ferrolm.embeddings import KeyedVectors, Word2Vec
from ferrolm.text import words


def train(
    texts: list[str], seed: int, folder: Path, *, size: int, epochs: int, min_count: int
) -> KeyedVectors:
    """Skip-gram vectors; words keep their case, since names and nouns differ by it."""
    path = folder / "words.txt"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(" ".join(words(text)) + "\n" for text in texts)
    model = Word2Vec(
        corpus_file=path, vector_size=size, epochs=epochs, min_count=min_count, sg=1, seed=seed + 1, workers=1
    )
    return model.wv


def main(arguments: list[str] | None = None) -> dict[str, dict[str, list[float]]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lists", type=Path, help="WEAT.json")
    parser.add_argument("books", nargs="+", type=Path)
    parser.add_argument("--variants", default="plain,substituted")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tests", default="6,7,8", help="of gender (6,7,8)")
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--limit", type=int, help="about so many characters, evenly from all books")
    parser.add_argument("--pairs", type=Path, help="more pairs to swap, two words a line: names.txt")
    parser.add_argument(
        "--pairs-of-words", type=Path, help="pairs with people's scores, to see what swapping costs"
    )
    parser.add_argument("--save", type=Path, help="keep the plain vectors of the first seed")
    options = parser.parse_args(arguments)
    lists = json.loads(options.lists.read_text(encoding="utf-8"))
    numbers = [int(number) for number in options.tests.split(",")]
    texts, swap = paragraphs(options.books, options.limit), swap_of(options.pairs)
    print(f"{len(texts):,} paragraphs, {sum(map(len, texts)) / 1e6:.1f} million characters")
    found: dict[str, dict[str, list[float]]] = {}
    for variant in options.variants.split(","):
        figures = found.setdefault(variant, {})
        for seed in range(options.seeds):
            begun = time.process_time()
            with tempfile.TemporaryDirectory() as folder:
                vectors = train(
                    variant_of(texts, variant, swap, seed), seed, Path(folder), size=options.size,
                    epochs=options.epochs, min_count=options.min_count,
                )  # fmt: skip
            if variant == "plain" and seed == 0:
                print(table(measure(vectors, lists), lists), flush=True)
                if options.save:
                    vectors.save(options.save)
            for name, value in _figures(vectors, lists, numbers, options.pairs_of_words).items():
                figures.setdefault(name, []).append(value)
            figures.setdefault("CPU seconds", []).append(time.process_time() - begun)
        for name, values in figures.items():
            print(f"{variant:<12} {name:<14} {interval(values)}", flush=True)
    return found


def _figures(vectors: Any, lists: Any, numbers: list[int], pairs: Path | None) -> dict[str, float]:
    found = {
        f"WEAT {n}": each.effect_size for n, each in measure(vectors, lists, numbers, 1000).items() if each
    }
    if pairs is not None:
        found["similarity"] = vectors.evaluate_word_pairs(pairs).spearman.statistic
    return found


if __name__ == "__main__":
    main()
