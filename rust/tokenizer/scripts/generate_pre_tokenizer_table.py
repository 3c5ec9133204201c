"""Write the table of what pre-tokenizers ask of characters to standard output; takes some minutes.

    python rust/tokenizer/scripts/generate_pre_tokenizer_table.py > rust/tokenizer/src/pre_tokenizer/table.rs

Asks the `tokenizers` package, whose types follow different versions of Unicode: numbers are those of 17, punctuation
that of about 7 and scripts those of about 8. Scripts have numbers in order of their first character; 0 are
the space and what is not assigned, which go with any script.
"""

from tokenizers import pre_tokenizers

CHARACTERS = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
BLOCK = 64
NUMBER, PUNCTUATION = 0x100, 0x200


def starts(pre_tokenizer: pre_tokenizers.PreTokenizer, text: str) -> set[int]:
    return {start for _, (start, _) in pre_tokenizer.pre_tokenize_str(text)}


def members(pre_tokenizer: pre_tokenizers.PreTokenizer) -> set[str]:
    """The characters that are cut from letters around them."""
    found: set[str] = set()
    for at in range(0, len(CHARACTERS), 50_000):
        part = CHARACTERS[at : at + 50_000]
        cuts = starts(pre_tokenizer, "".join(f"a{character}" for character in part))
        found.update(character for index, character in enumerate(part) if 2 * index + 1 in cuts)
    return found


def joined(pre_tokenizer: pre_tokenizers.PreTokenizer, before: str, after: str) -> set[str]:
    """The characters that are not cut from ``before``."""
    found: set[str] = set()
    for at in range(0, len(CHARACTERS), 50_000):
        part = CHARACTERS[at : at + 50_000]
        cuts = starts(pre_tokenizer, "".join(before + character + after for character in part))
        found.update(character for index, character in enumerate(part) if 3 * index + 1 not in cuts)
    return found


def scripts() -> dict[str, int]:
    """The number of the script of each character."""
    pre_tokenizer = pre_tokenizers.UnicodeScripts()
    joining = joined(pre_tokenizer, "a", "漢") & joined(pre_tokenizer, "漢", "a")
    found = dict.fromkeys(joining, 0)
    left, number = [character for character in CHARACTERS if character not in joining], 0
    while left:
        number += 1
        others: list[str] = []
        for at in range(0, len(left), 50_000):
            part = left[at : at + 50_000]
            cuts = starts(pre_tokenizer, "".join(left[0] + character for character in part))
            for index, character in enumerate(part):
                if 2 * index + 1 in cuts:
                    others.append(character)
                else:
                    found[character] = number
        left = others
    return found


def main() -> None:
    values = [0] * 0x110000
    for character, number in scripts().items():
        assert number < NUMBER
        values[ord(character)] = number
    for character in members(pre_tokenizers.Digits(individual_digits=True)):
        values[ord(character)] |= NUMBER
    for character in members(pre_tokenizers.Punctuation()):
        values[ord(character)] |= PUNCTUATION
    blocks: dict[tuple[int, ...], int] = {}
    index = [
        blocks.setdefault(tuple(values[at : at + BLOCK]), len(blocks)) for at in range(0, len(values), BLOCK)
    ]
    print("//! What pre-tokenizers ask of characters, in two stages: 64 code points share a block.")
    print("//!")
    print("//! Made by rust/tokenizer/scripts/generate_pre_tokenizer_table.py; do not edit.")
    print()
    print("pub(super) const NUMBER: u16 = 0x100;")
    print("pub(super) const PUNCTUATION: u16 = 0x200;")
    print()
    print("/// For each 64 code points, their block.")
    print(f"pub(super) static INDEX: [u16; {len(index)}] = [")
    for at in range(0, len(index), 20):
        print("    " + " ".join(f"{block}," for block in index[at : at + 20]))
    print("];")
    print()
    print("/// The low byte is the script.")
    print(f"pub(super) static BLOCKS: [[u16; {BLOCK}]; {len(blocks)}] = [")
    for block in blocks:
        print(f"    [{', '.join(map(str, block))}],")
    print("];")


main()
