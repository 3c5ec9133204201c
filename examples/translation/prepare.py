"""Split pairs of sentences without leakage, and learn a vocabulary that both languages share.

python prepare.py tatoeba-eng-fra.tsv.gz -o .     writes train.tsv, validation.tsv, test.tsv and tokenizer.json

Sentences that differ in case and punctuation alone are one sentence here. Pairs that share an English or a French sentence, also
through others, are a family (*Go!* with *Va !*, *Vas-y !* and all that means one of these). Held out are pairs at random, each of
another family, and nothing else of those families is learnt from: no sentence of a held-out pair, in either language, is in the training data.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ferrolm.data import TextPair, read_parallel_tsv
from ferrolm.tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

SEED = 0
VOCABULARY = 5000
HELD_OUT = {"validation": 1000, "test": 2000}

# French typography has spaces of several widths before its marks; whoever types has one.
_SPACES = re.compile(r"[\u00a0\u2009\u202f]")
_IGNORED = re.compile(r"[\u00ad\u200b]")


def read(path: Path) -> list[TextPair]:
    """One example for each row."""

    def clean(text: str) -> str:
        return _IGNORED.sub("", _SPACES.sub(" ", text))

    return [
        TextPair(clean(pair.source), tuple(clean(target) for target in pair.targets))
        for pair in read_parallel_tsv(path, alternatives=False)
    ]


def families(pairs: Sequence[TextPair]) -> list[int]:
    """The number of each pair's family: a component of the graph whose nodes are sentences and whose edges are pairs."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    sources = [("source", _plain(pair.source)) for pair in pairs]
    for source, pair in zip(sources, pairs, strict=True):
        parent[root(source)] = root(("target", _plain(pair.targets[0])))
    numbers: dict[tuple[str, str], int] = {}
    return [numbers.setdefault(root(source), len(numbers)) for source in sources]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def split(pairs: Sequence[TextPair], held_out: dict[str, int], seed: int = SEED) -> dict[str, list[TextPair]]:
    """Parts by name: those of ``held_out`` with so many pairs, and ``train`` with all that is no family of theirs."""
    family = families(pairs)
    taken: set[int] = set()
    order = iter(np.random.default_rng(seed).permutation(len(pairs)).tolist())
    parts: dict[str, list[TextPair]] = {}
    for name, count in held_out.items():
        part = parts.setdefault(name, [])
        while len(part) < count:
            number = next(order)
            if family[number] not in taken:
                taken.add(family[number])
                part.append(pairs[number])
    parts["train"] = [pair for pair, own in zip(pairs, family, strict=True) if own not in taken]
    return parts


def train_tokenizer(texts: Iterable[str], vocab_size: int = VOCABULARY) -> Tokenizer:
    """BPE over words with their space in front; marks stand alone, but for apostrophes and hyphens: *j'ai* can be a token.

    Every text ends with ``</s>``, a source too.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Split(Regex(r"▁?[^\w▁'’-]"), behavior="isolated")]
    )
    tokenizer.decoder = decoders.Metaspace()
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", special.index("</s>"))]
    )
    tokenizer.pad_token = "<pad>"
    return tokenizer


def main(path: Path, folder: Path, held_out: dict[str, int] = HELD_OUT, vocab_size: int = VOCABULARY) -> None:
    """Write the parts and the tokenizer, which has seen the training part alone."""
    parts = split(read(path), held_out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        with (folder / f"{name}.tsv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(
                file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n"
            )
            rows.writerows((pair.source, pair.targets[0]) for pair in part)
        print(f"{folder / name}.tsv: {len(part):,} pairs")
    texts = (text for pair in parts["train"] for text in (pair.source, *pair.targets))
    tokenizer = train_tokenizer(texts, vocab_size)
    tokenizer.save(str(folder / "tokenizer.json"))
    print(f"{folder / 'tokenizer.json'}: {tokenizer.get_vocab_size():,} tokens")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", type=Path, help="English, a tab, French; may be compressed")
    parser.add_argument("-o", "--output", type=Path, default=Path(), help="folder to write into")
    arguments = parser.parse_args()
    main(arguments.pairs, arguments.output)
