"""WEAT 1 to 10 on word vectors or an encoder, beside the figures of Caliskan et al. 2017.

  python weat.py WEAT.json vectors.flv                        # what ferrolm embed or `KeyedVectors.save` wrote, word2vec, GloVe
  python weat.py WEAT.json --encoder path/to/all-MiniLM-L6-v2

WEAT.json has the lists of words by name ("flowers", "insects", "pleasant_5", ...), as the package wefe has them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation.bias import Association, weat

# Targets, attributes, and effect size and p-value of GloVe (840 billion words) in the paper's table 1.
TESTS: dict[int, tuple[tuple[str, str], tuple[str, str], float, float]] = {
    1: (("flowers", "insects"), ("pleasant_5", "unpleasant_5a"), 1.50, 1e-7),
    2: (("instruments", "weapons"), ("pleasant_5", "unpleasant_5a"), 1.53, 1e-7),
    3: (("european_american_names_5", "african_american_names_5"), ("pleasant_5", "unpleasant_5b"), 1.41, 1e-8),
    4: (("european_american_names_7", "african_american_names_7"), ("pleasant_5", "unpleasant_5b"), 1.50, 1e-4),
    5: (("european_american_names_7", "african_american_names_7"), ("pleasant_9", "unpleasant_9"), 1.28, 1e-3),
    6: (("male_names", "female_names"), ("career", "family"), 1.81, 1e-3),
    7: (("math", "arts"), ("male_terms", "female_terms"), 1.06, 0.018),
    8: (("science", "arts_2"), ("male_terms_2", "female_terms_2"), 1.24, 1e-2),
    9: (("mental_disease", "physical_disease"), ("temporary", "permanent"), 1.38, 1e-2),
    10: (("young_people_names", "old_people_names"), ("pleasant_9", "unpleasant_9"), 1.21, 1e-2),
}  # fmt: skip


class Encoded(Mapping[str, Any]):
    """Words as a sentence encoder sees each of them alone."""

    def __init__(self, folder: str) -> None:
        from ferrolm.embeddings import EncoderEmbeddings

        self._encoder = EncoderEmbeddings.load(folder)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str)

    def __getitem__(self, word: str) -> Any:
        return self._encoder.encode([word])[0]

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


def measure(
    vectors: Any,
    lists: Mapping[str, Sequence[str]],
    numbers: Sequence[int] = tuple(TESTS),
    permutations: int = 100_000,
) -> dict[int, Association | None]:
    """The tests by number; None where too few words have vectors."""
    found: dict[int, Association | None] = {}
    for number in numbers:
        targets, attributes, _, _ = TESTS[number]
        try:
            found[number] = weat(
                vectors, (lists[targets[0]], lists[targets[1]]), (lists[attributes[0]], lists[attributes[1]]),
                permutations=permutations,
            )  # fmt: skip
        except InvalidArgumentError:
            found[number] = None
    return found


def table(found: Mapping[int, Association | None], lists: Mapping[str, Sequence[str]]) -> str:
    """A line for each test."""
    lines = ["test  d       p         published d, p       words with vectors, of"]
    for number, each in found.items():
        targets, attributes, effect, probability = TESTS[number]
        sizes = "/".join(str(len(lists[name])) for name in (*targets, *attributes))
        name = f"{targets[0]}, {targets[1]}"
        if each is None:
            lines.append(f"{number:<4}  too few words                            of {sizes}  {name}")
            continue
        words = "/".join(map(str, each.words))
        lines.append(
            f"{number:<4}  {each.effect_size:+.2f}   {each.p_value:<8.2g}  {effect:+.2f}, {probability:<7.2g}      {words}, {sizes}  {name}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> dict[int, Association | None]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lists", type=Path, help="WEAT.json")
    parser.add_argument(
        "vectors", nargs="?", type=Path, help="word vectors of any form that KeyedVectors.load reads"
    )
    parser.add_argument("--encoder", help="a sentence encoder, instead of word vectors")
    parser.add_argument("--permutations", type=int, default=100_000)
    options = parser.parse_args(arguments)
    if (options.vectors is None) == (options.encoder is None):
        parser.error("give word vectors or --encoder")
    lists = json.loads(options.lists.read_text(encoding="utf-8"))
    if options.encoder:
        vectors: Any = Encoded(options.encoder)
    else:
        vectors = load(options.vectors)
    found = measure(vectors, lists, permutations=options.permutations)
    print(table(found, lists))
    return found


def load(path: Path) -> Any:
    """Word vectors of a file, by its name: .bin and .txt of word2vec, .glove, else our own."""
    from ferrolm.embeddings import KeyedVectors

    if path.suffix in (".bin", ".txt"):
        return KeyedVectors.load_word2vec_format(path, binary=path.suffix == ".bin")
    return KeyedVectors.load(path)


if __name__ == "__main__":
    main()
