"""Make the token files of a text whose tokens are its characters: the first 90 % to learn from, the rest held out.

python prepare.py input.txt --output .     writes tokenizer.json, train.tokens and validation.tokens

The vocabulary is every character of the whole text, in the order of their codes, as nanoGPT's ``shakespeare_char`` has it
(for its text: 65 characters, 1,003,854 tokens to learn from and 111,540 held out).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ferrolm.data import TokenFileWriter
from ferrolm.tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

TRAINING_SHARE = 0.9


def character_tokenizer(text: str) -> Tokenizer:
    """One token for each character that ``text`` has; others cannot be encoded."""
    vocabulary = {character: index for index, character in enumerate(sorted(set(text)))}
    # Not a character of the text, so that nothing of it is ever unknown.
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def prepare(text: str, folder: Path) -> None:
    """Write the tokenizer and both token files into ``folder``."""
    tokenizer = character_tokenizer(text)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    cut = int(TRAINING_SHARE * len(text))
    for name, part in (("train", text[:cut]), ("validation", text[cut:])):
        with TokenFileWriter(folder / f"{name}.tokens", tokenizer.get_vocab_size()) as writer:
            writer.add(tokenizer.encode_ids(part), text_bytes=len(part.encode()))
        print(f"{folder / name}.tokens: {len(part):,} characters of {tokenizer.get_vocab_size()} kinds")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("text", type=Path, help="a text in UTF-8, for example tinyshakespeare's input.txt")
    parser.add_argument("-o", "--output", type=Path, default=Path(), help="folder to write into")
    arguments = parser.parse_args()
    prepare(arguments.text.read_text(encoding="utf-8"), arguments.output)
