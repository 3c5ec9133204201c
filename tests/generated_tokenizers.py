"""Random tokenizer files from the grammar of the format, and texts for them."""

from __future__ import annotations

import base64
import copy
import json
import struct
from random import Random
from typing import Any

CHARACTERS = "ab ABc1.'-_é\u0301ßİΣ漢字かx한▁Ġ#🙂\u200d\n\t\u00a0\u3000½ﬁ"
WORDS = (
    *("ab", "the", " a", "  ", "abab", "'s", "12", "</w>", "##", "<x>", " <x> ", "[UNK]", "<unk>", "e\u0301", "👨\u200d👩"),
    *("<0x61>", "ſ", "\r\n", "AB", "ÀB", "\x00", "\u2028", "\ufeff", "a▁b", "Ġa", "…", "１", "ǆ", "ﷺ"),
)  # fmt: skip
REGEXES = (
    *(r"\s+", r"\w+|[^\w\s]+", r"\p{L}+", r"\d", r"a", r"(?=a)", r"a*", r"[^a]", r"\s+(?!\S)|\s+", r"(a)(b)?", r"^a|b$"),
    r"'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    *(r"(?i:a)b", r"\b", r"\p{N}{1,3}", r"[\p{Lu}\p{M}]+", r"(?<!a)b", r"(a|ab)(c|bcd)?", r" ", r".", r"a|", r"\G.", r"(.)\1"),
)  # fmt: skip
EMPTY = {"", r"(?=a)", r"a*", r"\b", r"a|"}
"""Of these, patterns that match nothing at all."""
LITERALS = ("a", " ", "▁", "ab", "é", "\n", "<x>", "", "  ", "1")
BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
JUNK = (
    None,
    -1,
    0,
    1,
    2**31,
    2**40,
    2**64,
    1.5,
    True,
    "",
    "a",
    "ab",
    [],
    {},
    [1],
    {"type": "X"},
    ["a", "b"],
    -0.0,
    1e300,
)
BYTES = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTE_CHARACTERS = "".join(map(chr, BYTES + [256 + at for at in range(256 - len(BYTES))]))


class Generator:
    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.nulled = False
        self.chance = self.draw.random
        self.choice = self.draw.choice

    def flag(self) -> bool:
        return self.chance() < 0.5

    def some(self, make: Any, most: int) -> list[Any]:
        return [make() for _ in range(self.draw.randrange(most + 1))]

    def word(self) -> str:
        if self.flag():
            return self.choice(WORDS)
        return "".join(self.choice(CHARACTERS) for _ in range(self.draw.randrange(1, 5)))

    # -- models
    def model(self) -> dict[str, Any]:
        return self.choice(
            (self.bpe, self.bpe, self.byte_level, self.word_piece, self.word_level, self.unigram)
        )()

    def ids(self, tokens: list[str]) -> dict[str, int]:
        """Mostly in order, sometimes shuffled, sometimes with gaps."""
        unique = list(dict.fromkeys(tokens))
        numbers = list(range(len(unique)))
        if self.chance() < 0.2:
            self.draw.shuffle(numbers)
        gap = self.draw.randrange(1, 4) if self.chance() < 0.1 else 0
        return {token: number + gap * (number > 3) for token, number in zip(unique, numbers, strict=True)}

    def merges(self, symbols: list[str], tokens: list[str], prefix: str, most: int) -> list[list[str]]:
        merges: list[list[str]] = []
        for _ in range(self.draw.randrange(most)):
            left, right = self.choice(symbols), self.choice(symbols)
            if prefix and not right.startswith(prefix):
                continue
            merged = left + right[len(prefix) :]
            tokens.append(merged)
            symbols.append(merged)
            if [left, right] not in merges:
                merges.append([left, right])
        return merges

    def bpe(self) -> dict[str, Any]:
        prefix, suffix = self.choice(("", "", "##", "_")), self.choice(("", "", "</w>"))
        letters = self.draw.sample(CHARACTERS, self.draw.randrange(1, len(CHARACTERS)))
        symbols = [*letters, *(prefix + letter for letter in letters if prefix)]
        symbols += [symbol + suffix for symbol in symbols if suffix]
        tokens = list(symbols)
        merges = self.merges(symbols, tokens, prefix, 40)
        unk = self.choice((None, "<unk>", "<unk>", "<none>"))
        tokens += ["<unk>"] * self.flag() + self.some(self.word, 4)
        fallback = self.chance() < 0.3
        if fallback:
            tokens += [
                f"<0x{byte:02X}>" for byte in range(256) if self.chance() < self.choice((0.99, 1, 1, 1))
            ]
        return {
            "type": "BPE",
            "dropout": self.choice((None, None, None, 0.0)),
            "unk_token": unk,
            "continuing_subword_prefix": prefix or self.choice((None, None, "")),
            "end_of_word_suffix": suffix or self.choice((None, None, "")),
            "fuse_unk": self.flag(),
            "byte_fallback": fallback,
            "ignore_merges": self.chance() < 0.3,
            "vocab": self.ids(tokens),
            "merges": [" ".join(merge) for merge in merges] if self.chance() < 0.2 else merges,
        }

    def byte_level(self) -> dict[str, Any]:
        tokens = [*BYTE_CHARACTERS]
        frequent = [*"abcthesĠĠĠÃ©Ċ1'. æ¼¢".replace(" ", "")]
        merges = self.merges(frequent, tokens, "", 60)
        vocab = self.ids(tokens + self.some(self.word, 2))
        return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": self.choice((None, "")), "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": self.flag(), "vocab": vocab, "merges": merges}  # fmt: skip

    def pieces(self, prefix: str) -> list[str]:
        pieces = [self.choice(CHARACTERS) for _ in range(20)] + self.some(self.word, 20)
        return pieces + [prefix + piece for piece in pieces if self.flag()]

    def word_piece(self) -> dict[str, Any]:
        prefix = self.choice(("##", "##", "", "_"))
        unk = self.choice(("[UNK]", "[UNK]", "[NONE]"))
        return {"type": "WordPiece", "unk_token": unk, "continuing_subword_prefix": prefix, "max_input_chars_per_word": self.choice((100, 100, 5, 1, 0)), "vocab": self.ids(["[UNK]", *self.pieces(prefix)])}  # fmt: skip

    def word_level(self) -> dict[str, Any]:
        unk = self.choice(("<unk>", "<unk>", "<none>"))
        return {"type": "WordLevel", "vocab": self.ids(["<unk>", *self.pieces("")]), "unk_token": unk}

    def unigram(self) -> dict[str, Any]:
        scores = self.choice(((-1.0, -2.0, -3.0), (-1.5,), (0.0, -7.25, 2.0, -20.0)))
        pieces = list(dict.fromkeys(["<unk>", *self.pieces("▁")]))
        fallback = self.chance() < 0.2
        if fallback:
            pieces += [f"<0x{byte:02X}>" for byte in range(256)]
        unk = self.choice((0, 0, 0, None, 3))
        vocab = [[piece, self.choice(scores) + self.draw.randrange(3) / 8] for piece in pieces]
        return {"type": "Unigram", "unk_id": unk, "vocab": vocab, "byte_fallback": fallback}

    # -- parts
    def pattern(self) -> dict[str, str]:
        return {"Regex": self.choice(REGEXES)} if self.flag() else {"String": self.choice(LITERALS)}

    def replaced(self) -> dict[str, str]:
        """A pattern that needs at least a character: after others the alignments of the reference are wrong."""
        while True:
            pattern = self.pattern()
            if EMPTY.isdisjoint(pattern.values()):
                return pattern

    def normalizer(self, depth: int = 2) -> dict[str, Any]:
        kinds: list[dict[str, Any]] = [
            {"type": self.choice(("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Nmt", "StripAccents", "ByteLevel"))},
            {"type": "BertNormalizer", "clean_text": self.flag(), "handle_chinese_chars": self.flag(), "strip_accents": self.choice((None, True, False)), "lowercase": self.flag()},
            {"type": "Strip", "strip_left": self.flag(), "strip_right": self.flag()},
            {"type": "Replace", "pattern": self.replaced(), "content": self.choice(("", "▁", "b", "xy", " "))},
            {"type": "Prepend", "prepend": self.choice(("▁", "x", " "))},
        ]  # fmt: skip
        if depth and self.chance() < 0.3:
            return {"type": "Sequence", "normalizers": self.some(lambda: self.normalizer(depth - 1), 3)}
        if self.chance() < 0.03:
            noise = self.draw.randbytes(self.choice((0, 4, 40, 1024)))
            content = struct.pack("<I", len(noise) // 8 * 4) + noise
            return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(content).decode()}
        return self.choice(kinds)

    def metaspace(self) -> dict[str, Any]:
        return {"type": "Metaspace", "replacement": self.choice("▁▁▁_ "), "prepend_scheme": self.choice(("always", "first", "never")), "split": self.flag()}  # fmt: skip

    def byte_level_part(self) -> dict[str, Any]:
        return {"type": "ByteLevel", "add_prefix_space": self.flag(), "trim_offsets": self.flag(), "use_regex": self.flag()}  # fmt: skip

    def pre_tokenizer(self, depth: int = 2) -> dict[str, Any]:
        kinds: list[dict[str, Any]] = [
            {"type": self.choice(("BertPreTokenizer", "Whitespace", "WhitespaceSplit", "UnicodeScripts"))},
            {"type": "CharDelimiterSplit", "delimiter": self.choice("a -▁é")},
            {"type": "Digits", "individual_digits": self.flag()},
            {"type": "FixedLength", "length": self.draw.randrange(1, 6)},
            {"type": "Punctuation", "behavior": self.choice(BEHAVIORS)},
            {
                "type": "Split",
                "pattern": self.pattern(),
                "behavior": self.choice(BEHAVIORS),
                "invert": self.flag(),
            },
            self.metaspace(),
            self.byte_level_part(),
        ]
        if depth and self.chance() < 0.3:
            return {"type": "Sequence", "pretokenizers": self.some(lambda: self.pre_tokenizer(depth - 1), 3)}
        return self.choice(kinds)

    def decoder(self, depth: int = 2) -> dict[str, Any]:
        kinds: list[dict[str, Any]] = [
            {"type": self.choice(("ByteFallback", "Fuse"))},
            {"type": "BPEDecoder", "suffix": self.choice(("</w>", "", "a"))},
            {"type": "WordPiece", "prefix": self.choice(("##", "", "a")), "cleanup": self.flag()},
            {"type": "CTC", "pad_token": "a", "word_delimiter_token": self.choice(("▁", " ")), "cleanup": self.flag()},
            {"type": "Replace", "pattern": self.pattern(), "content": self.choice(("", " ", "b"))},
            {"type": "Strip", "content": self.choice(" a▁"), "start": self.draw.randrange(3), "stop": self.draw.randrange(3)},
            self.metaspace(),
            self.byte_level_part(),
        ]  # fmt: skip
        if depth and self.chance() < 0.3:
            return {"type": "Sequence", "decoders": self.some(lambda: self.decoder(depth - 1), 3)}
        return self.choice(kinds)

    def processor(self, depth: int = 1) -> dict[str, Any]:
        if depth and self.chance() < 0.2:
            return {"type": "Sequence", "processors": self.some(lambda: self.processor(depth - 1), 3)}
        match self.draw.randrange(4):
            case 0:
                return {"type": "BertProcessing", "sep": ["[SEP]", 1], "cls": ["[CLS]", 2]}
            case 1:
                return {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 2], "trim_offsets": self.flag(), "add_prefix_space": self.flag()}  # fmt: skip
            case 2:
                return self.byte_level_part()
        sequence = lambda name: {"Sequence": {"id": name, "type_id": self.draw.randrange(3)}}  # noqa: E731
        special = [{"SpecialToken": {"id": "<x>", "type_id": self.draw.randrange(3)}}]
        single = [*special * self.draw.randrange(2), sequence("A"), *special * self.draw.randrange(3)]
        pair = [*special * self.draw.randrange(2), sequence("A"), *special, sequence("B")]
        if self.chance() < 0.1:
            self.draw.shuffle(pair)
        tokens = {"<x>": {"id": "<x>", "ids": [1], "tokens": ["<x>"]}}
        return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}

    def added_token(self) -> dict[str, Any]:
        rare = lambda: self.chance() < 0.2  # noqa: E731
        return {"id": self.draw.randrange(60), "content": self.word(), "single_word": rare(), "lstrip": rare(), "rstrip": rare(), "normalized": self.flag(), "special": self.flag()}  # fmt: skip

    def truncation(self) -> dict[str, Any]:
        length = self.draw.randrange(4, 9)
        return {"direction": self.choice(("Left", "Right")), "max_length": length, "strategy": self.choice(("LongestFirst", "LongestFirst", "OnlyFirst", "OnlySecond")), "stride": self.draw.randrange(4)}  # fmt: skip

    def padding(self) -> dict[str, Any]:
        length = self.choice(("BatchLongest", {"Fixed": self.draw.randrange(12)}))
        return {"strategy": length, "direction": self.choice(("Left", "Right")), "pad_to_multiple_of": self.choice((None, 1, 4, 8)), "pad_id": self.draw.randrange(9), "pad_type_id": self.draw.randrange(2), "pad_token": self.word()}  # fmt: skip

    # -- the file
    def document(self) -> dict[str, Any]:
        maybe = lambda share, make: make() if self.chance() < share else None  # noqa: E731
        model = self.model()
        document = {
            "version": "1.0",
            "truncation": maybe(0.2, self.truncation),
            "padding": maybe(0.2, self.padding),
            "added_tokens": sorted(self.some(self.added_token, 4), key=lambda token: token["id"]),
            "normalizer": maybe(0.6, self.normalizer),
            "pre_tokenizer": maybe(0.8, self.pre_tokenizer),
            "post_processor": maybe(0.5, self.processor),
            "decoder": maybe(0.8, self.decoder),
            "model": model,
        }
        if len(model["vocab"]) > 255 and self.chance() < 0.7:
            document["pre_tokenizer"] = self.byte_level_part()
        return document

    def damaged(self, document: dict[str, Any]) -> dict[str, Any]:
        """With one value anywhere replaced or left out."""
        document = copy.deepcopy(document)
        part: Any = document
        while True:
            keys = list(part) if isinstance(part, dict) else list(range(len(part)))
            key = self.choice(keys)
            if isinstance(part[key], dict | list) and part[key] and self.chance() < 0.85:
                part = part[key]
                continue
            if self.flag():
                part[key] = self.choice(JUNK)
                self.nulled = part[key] is None
            else:
                del part[key]
            return document

    def text(self, document: dict[str, Any]) -> str:
        vocab = list(document["model"]["vocab"])
        parts = []
        for _ in range(self.draw.randrange(9)):
            token = self.choice(vocab) if self.chance() < 0.3 else self.word()
            parts.append(token if isinstance(token, str) else token[0])
        parts += [token["content"] for token in document["added_tokens"] if self.flag()]
        self.draw.shuffle(parts)
        return self.choice(("", " ")).join(parts)

    def case(self) -> tuple[bytes, list[Any], bool]:
        """The bytes of a file, texts (a tuple is a pair), and whether some value was made null."""
        document = self.document()
        texts: list[Any] = [self.text(document) for _ in range(5)]
        texts.append((texts[0], texts[1]))
        content = document if self.chance() < 0.7 else self.damaged(document)
        return json.dumps(content).encode(), texts, self.nulled
