"""Write the seeds of the corpus: small files by hand, as the tests have them.

python rust/fuzz/seeds.py
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "tests"))

from crafted_parts import PART_CASES  # noqa: E402
from crafted_tokenizers import BPE, MODEL_CASES, MODELS, model  # noqa: E402
from generated_tokenizers import REGEXES, Generator  # noqa: E402

TEXTS = (
    "",
    "a",
    "  ab  ab\n\n",
    "the ab's <s>12 é漢字",
    "<mask>  <x>  a",
    "\u00a0e\u0301 \u200d👍🏽'LL 1234\t",
    "▁a ▁▁b",
)


def write(target: str, content: bytes) -> None:
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(content).hexdigest()[:16]).write_bytes(content)


def gguf() -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    tokens = ("<unk>", "<s>", "</s>", "a", "b", "▁", "ab", "▁a")
    body = struct.pack("<IQ", 8, len(tokens)) + b"".join(text(token) for token in tokens)
    kinds = struct.pack("<IQ", 5, len(tokens)) + struct.pack("<8i", 2, 3, 3, 1, 1, 1, 1, 1)
    scores = struct.pack("<IQ", 6, len(tokens)) + struct.pack("<8f", 0, 0, 0, -1, -2, -3, -4, -5)
    pairs = (
        ("model", 8, text("llama")),
        ("tokens", 9, body),
        ("token_type", 9, kinds),
        ("scores", 9, scores),
    )
    keys = b"".join(
        text(f"tokenizer.ggml.{name}") + struct.pack("<I", kind) + value for name, kind, value in pairs
    )
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + keys


def sentencepiece(kind: int) -> bytes:
    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    pieces += [(piece, -float(at), 1) for at, piece in enumerate(("▁", "a", "b", "ab", "▁ab"))]
    proto = b""
    for piece, score, role in pieces:
        body = (
            field(1, piece.encode()) + bytes([2 << 3 | 5]) + struct.pack("<f", score) + bytes([3 << 3, role])
        )
        proto += field(1, body)
    return proto + field(2, bytes([3 << 3, kind])) + field(3, b"")


def main() -> None:
    for content in list((MODEL_CASES | PART_CASES).values())[::4]:
        if len(content) < 1000:
            write("load_tokenizer", content)
    for base in MODELS.values():
        write("load_tokenizer", model(base))
    letters = [bytes([byte]) for byte in range(256)]
    lines = b"".join(
        base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate([*letters, b"ab", b"abab"])
    )
    tekken = {
        "config": {
            "pattern": r"\w+|\W",
            "num_vocab_tokens": 258,
            "default_vocab_size": 260,
            "default_num_special_tokens": 2,
            "version": "v3",
        },
        "vocab": [
            {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
            for rank, token in enumerate([*letters, b"ab", b"abab"])
        ],
    }
    formats = {
        0: (lines, b"YQ== 0\nYg== 1\nYWI= 2\n", b"YQ== 0\n\n"),
        1: (json.dumps(tekken).encode(), b'{"config":{},"vocab":[]}'),
        2: (sentencepiece(1), sentencepiece(2), b"\x0a\x02\x0a\x00"),
        3: (gguf(), b"GGUF\x03\x00\x00\x00" + bytes(16)),
        4: (json.dumps(BPE["vocab"]).encode() + b"\x00#version: 0.2\na b\nab ab\n", b"{}\x00"),
    }
    for kind, contents in formats.items():
        for content in contents:
            write("load_formats", bytes([kind]) + content)
    for family in range(13):
        for text in (*TEXTS[family % 3 :: 3], TEXTS[3]):
            write("encode", bytes([family]) + text.encode())
    for regex in (
        *REGEXES,
        r"(a+)+$",
        r"(a|aa)+\1b",
        r"(?<=a|bc)d",
        r"(?>a+)a",
        r"[[:alpha:]&&[^a]]",
        r"\X",
        r"(?x) a # b",
    ):
        write(
            "pattern",
            regex.encode() + b"\n" + Generator(len(regex)).word().encode() + b" aaaaaab ab 12\xc3\xa9",
        )


if __name__ == "__main__":
    main()
