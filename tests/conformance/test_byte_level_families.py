"""Every family of byte-level pre-tokenizers: ids, offsets and words equal to `tokenizers`, by the fast path.

GPT-2's vocabulary and merges stand in for each family's own: what differs is how text is cut into pieces.
"""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

import pytest
from shared_data import read_text, shared

import ferrolm.tokenizers as ours

theirs = pytest.importorskip("tokenizers")

APART = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
BEFORE = r"[^\r\n\p{L}\p{N}]?"
FAMILIES = {
    "gpt2": [r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"],
    "llama3": [APART + BEFORE + r"\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES],
    "qwen2": [APART + BEFORE + r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES],
    "qwen3.5": [APART + BEFORE + r"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACES],
    "o200k": [
        f"{BEFORE}{UPPER}*{LOWER}+{SUFFIX}|{BEFORE}{UPPER}+{LOWER}*{SUFFIX}"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES
    ],
    "tekken": [
        f"{BEFORE}{UPPER}*{LOWER}+|{BEFORE}{UPPER}+{LOWER}*" r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES
    ],
    "deepseek": [
        r"\p{N}{1,3}",
        "[一-龥\u3040-ゟ゠-ヿ]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
        r"| ?[\p{P}\p{S}]+[\r\n]*|" + SPACES,
    ],
}
PARTS = [
    *" \n\r\t\u00a0\u3000\u2003\u0085'/-!_«“€1९½ⅧabAÉéſİǅʰ漢字かカ・゠龦\u3099\u3040゛한\u0301\u0301\u0301\u200d\u200b\0\ufeff",
    *[
        "  ",
        "\n\n",
        " \n ",
        "'s",
        "'S",
        "'RE",
        "'lL",
        "'ſ",
        "'İ",
        "'d",
        "word",
        "XML",
        "HttpServer",
        "12",
        "1234567",
    ],
    *["?!", "//", "/\n", "❤️", "😀", "नि", "ม", "ั", "ال", "שָ", "\U0010ffff", "e\u0301", "\u1161", "\u1100"],
]


@cache
def tokenizers(family: str, normalizer: str | None = None) -> tuple[Any, Any]:
    parts: list[dict[str, Any]] = [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        for pattern in FAMILIES[family]
    ]
    parts.append({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False})
    description = json.loads(shared("tokenizers/gpt2/tokenizer.json").read_text())
    description["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": parts}
    description["normalizer"] = normalizer and {"type": normalizer}
    text = json.dumps(description)
    return ours.Tokenizer.from_str(text), theirs.Tokenizer.from_str(text)


def check(family: str, texts: list[str], normalizer: str | None = None) -> None:
    our, their = tokenizers(family, normalizer)
    ids = our.encode_ids_batch(texts)
    for at, (text, expected) in enumerate(zip(texts, their.encode_batch(texts), strict=True)):
        found = our.encode(text)
        assert found.ids == expected.ids, text
        assert found.offsets == expected.offsets, text
        assert found.word_ids == expected.word_ids, text
        assert found.tokens == expected.tokens, text
        assert ids.ids[ids.offsets[at] : ids.offsets[at + 1]].tolist() == expected.ids, text


@pytest.mark.parametrize("family", FAMILIES)
def test_random_text(family: str) -> None:
    rng = random.Random(family)
    check(family, ["".join(rng.choices(PARTS, k=rng.choice([3, 8, 30, 80]))) for _ in range(1500)])


@pytest.mark.exhaustive
@pytest.mark.parametrize("family", FAMILIES)
def test_every_character(family: str) -> None:
    characters = [chr(code) for code in range(0x30000) if not 0xD800 <= code < 0xE000]
    blocks = [
        "".join(f"{one}a {one}!{one} 1{one}A" for one in characters[at : at + 64])
        for at in range(0, len(characters), 64)
    ]
    check(family, blocks[:: 7 if family == "gpt2" else 5])


@pytest.mark.parametrize("family", FAMILIES)
def test_real_text(family: str) -> None:
    texts = [
        read_text(shared(f"text/{name}"))[:20_000]
        for name in ("multilingual/udhr/tha.txt", "multilingual/utf8-demo.txt", "books/wagahai-neko-ja.txt")
    ]
    check(family, [*texts, read_text(shared("text/code/python-stdlib-sample.txt"))[:60_000]])


def test_text_that_is_normalized_first() -> None:
    rng = random.Random(0)
    texts = ["".join(rng.choices(PARTS, k=20)) for _ in range(500)]
    check("qwen2", [*texts, "plain", "e\u0301 \u1100\u1161"], "NFC")
    check("llama3", texts, "NFKC")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_large_text_is_cut_without_a_trace(family: str) -> None:
    our, _ = tokenizers(family, "NFC" if family == "qwen2" else None)
    paragraph = (
        read_text(shared("text/books/wagahai-neko-ja.txt"))[:3000] + "Some words, 12345!\n\n  (more)\n"
    )
    text = paragraph * 60
    assert our.encode_ids_batch([text]).ids.tolist() == our.encode(text).ids


@pytest.mark.parametrize("kind", ["漢", "漢字"])
def test_a_token_that_merging_does_not_reach_stands_for_a_whole_piece_only(kind: str) -> None:
    alphabet = ours.pre_tokenizers.ByteLevel.alphabet()
    spelled = "".join(alphabet[byte] for byte in kind.encode())
    vocab = {token: at for at, token in enumerate([*alphabet, spelled])}
    pair = []
    for module in (ours, theirs):
        tokenizer = module.Tokenizer(module.models.BPE(vocab=vocab, merges=[], ignore_merges=True))
        tokenizer.pre_tokenizer = module.pre_tokenizers.ByteLevel(add_prefix_space=False)
        pair.append(tokenizer)
    # In both orders, as what was seen before is remembered.
    for text in (kind, kind + "の", "の" + kind, kind, kind * 2, "の" + kind + "の", kind, kind * 9):
        found, expected = (tokenizer.encode(text) for tokenizer in pair)
        assert (found.ids, found.offsets) == (expected.ids, expected.offsets), text
    assert pair[0].encode(kind).ids == [256]


@pytest.mark.parametrize("family", ["gpt2", "deepseek"])
def test_a_piece_of_many_parts(family: str) -> None:
    """One piece, cut where no token of the vocabulary goes across, in more parts than are looked at together."""
    rng = random.Random(1)
    characters = [chr(code) for code in range(0x4E00, 0x9F00)] + list("あいうえおカキクケコ") * 200
    text = "".join(rng.choices(characters, k=30_000))
    check(family, [text, text[:4096], text[1:5000], text])
