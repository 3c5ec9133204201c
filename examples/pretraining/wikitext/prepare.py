"""Make the token files of WikiText-2, or of any text that is cut into words already.

python prepare.py WIKITEXT --output .     reads train.txt, valid.txt, test.txt (or wiki.train.tokens, ...)
                                          writes tokenizer.json, train.tokens, validation.tokens, test.tokens

The convention is that of the published results: words are what white space separates, every line, an empty one too, ends
with ``<eos>``, and ``<unk>`` is a word like others. The vocabulary is that of the training text, in the order of its
counts: 33,278 words with ``<eos>``. Each file begins with one ``<eos>`` more, so that every token of the text is
predicted from something: 2,088,628, 217,646 and 245,569 of them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from ferrolm.data import TokenFileWriter
from ferrolm.errors import MissingFileError
from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers

END = "<eos>"
PARTS = {"train": "train", "valid": "validation", "test": "test"}


def marked(text: str) -> str:
    """The text with the ends of its lines as words, one in front."""
    return f"{END} " + text.replace("\n", f" {END} ")


def word_tokenizer(text: str) -> Tokenizer:
    """Words by falling count, so that the most frequent ones have the smallest ids."""
    counts = Counter(text.split())
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    tokenizer = Tokenizer(
        models.WordLevel({word: index for index, word in enumerate(ranked)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def find(folder: Path, part: str) -> Path:
    """The file of a part under either of the names that it goes by."""
    names = (f"{part}.txt", f"wiki.{part}.tokens")
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise MissingFileError(f"{folder} has neither {names[0]} nor {names[1]}")


def prepare(source: Path, folder: Path) -> None:
    """Write the tokenizer and the three token files into ``folder``."""
    texts = {part: marked(find(source, part).read_text(encoding="utf-8")) for part in PARTS}
    tokenizer = word_tokenizer(texts["train"])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    for part, name in PARTS.items():
        ids = tokenizer.encode_ids(texts[part])
        with TokenFileWriter(folder / f"{name}.tokens", tokenizer.get_vocab_size()) as writer:
            writer.add(ids)
        print(f"{folder / name}.tokens: {len(ids) - 1:,} tokens of {tokenizer.get_vocab_size():,} kinds")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="folder of the texts")
    parser.add_argument("-o", "--output", type=Path, default=Path(), help="folder to write into")
    arguments = parser.parse_args()
    prepare(arguments.source, arguments.output)
