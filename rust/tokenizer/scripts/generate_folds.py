"""Write the table of full case foldings to standard output.

    python rust/tokenizer/scripts/generate_folds.py > rust/tokenizer/src/pattern/syntax/fold_table.rs

These foldings have not changed since Unicode 5.1, so any Python will do.
"""


def escaped(text: str) -> str:
    return "".join(c if c.isascii() else f"\\u{{{ord(c):x}}}" for c in text)


characters = (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
longer = [(character, folded) for character in characters if len(folded := character.casefold()) > 1]
print("//! Characters whose case folding is several characters (status F of Unicode's CaseFolding.txt).")
print("//!")
print("//! Made by rust/tokenizer/scripts/generate_folds.py; do not edit.")
print()
print("/// A character and what it folds to, by character.")
print("#[rustfmt::skip]")
print(f"pub(super) const LONGER: [(char, &str); {len(longer)}] = [")
for character, folded in longer:
    print(f"    ('\\u{{{ord(character):x}}}', \"{escaped(folded)}\"),")
print("];")
