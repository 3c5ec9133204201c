"""Damaged files of other formats than tokenizer.json: an error that names the place, never a crash."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from shared_data import shared

from ferrolm.errors import FerrolmError, InvalidArgumentError, InvalidFileError, MissingFileError
from ferrolm.tokenizers import Tokenizer

LOADERS: dict[str, Callable[[Path], Tokenizer]] = {
    "model": Tokenizer.from_sentencepiece,
    "gguf": Tokenizer.from_gguf,
    "tekken": Tokenizer.from_tekken,
    "tiktoken": lambda path: Tokenizer.from_tiktoken(path, "gpt2"),
}


def load(tmp_path: Path, kind: str, content: bytes) -> Tokenizer:
    path = tmp_path / f"file.{kind}"
    path.write_bytes(content)
    return LOADERS[kind](path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("YQ== 0\nYg==\n", r"line 2: found \"Yg==\", expected a token in base64"),
        ("YQ== 0\nY!== 1\n", r"line 2: \"Y!==\" is not base64"),
        ("YQ== 0\nYg== x\n", "line 2: found"),
        ("YQ== 0\nYg== -1\n", "line 2: found"),
        ("YQ== 0\nYg== 0\n", "rank 0: is that of two tokens"),
        ("YQ== 0\nYg== 4000000000\n", "rank 4000000000: is beyond the limit"),
        ("YQ== 0\nYQ== 1\n", "occurs twice"),
        ("", "has no tokens"),
        ("\x00\xff\n", "line 1"),
    ],
)
def test_lines_of_ranks(tmp_path: Path, lines: str, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message) as error:
        load(tmp_path, "tiktoken", lines.encode("latin-1"))
    assert "file.tiktoken" in str(error.value)


def test_ranks_without_their_parts_stay_unreached(tmp_path: Path) -> None:
    # "abc" has a part that is no token, "bc" comes after the token it is in.
    tokenizer = load(tmp_path, "tiktoken", b"YQ== 0\nYg== 1\nYw== 2\nYWJj 3\nYWJjZA== 4\nYmM= 5\n")
    assert [tokenizer.encode_list(text) for text in ("abc", "bc", "bbc", "abcabc")] == [
        [3],
        [5],
        [1, 5],
        [3, 3],
    ]


def test_special_tokens_that_contradict(tmp_path: Path) -> None:
    path = tmp_path / "toy.tiktoken"
    path.write_text("YQ== 0\nYg== 1\n")
    for special in ({"<a>": 1}, {"a": 5}):
        with pytest.raises(FerrolmError, match="special"):
            Tokenizer.from_tiktoken(path, "gpt2", special)
    with pytest.raises(InvalidArgumentError, match="neither a regular expression nor one of"):
        Tokenizer.from_tiktoken(path, "cl1OOk")
    with pytest.raises(InvalidArgumentError, match="toy"):
        Tokenizer.from_tiktoken(path)


def gguf(*pairs: tuple[str, int, bytes], count: int | None = None) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    keys = b"".join(text(name) + struct.pack("<I", kind) + value for name, kind, value in pairs)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs) if count is None else count) + keys


def strings(*values: str) -> bytes:
    body = b"".join(struct.pack("<Q", len(value)) + value.encode() for value in values)
    return struct.pack("<IQ", 8, len(values)) + body


MODEL = ("tokenizer.ggml.model", 8, struct.pack("<Q", 4) + b"gpt2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "byte 0"),
        (b"GGUX" + bytes(20), 'expected "GGUF"'),
        (b"GGUF" + struct.pack(">I", 3) + bytes(16), "big-endian"),
        (gguf(count=1 << 60), "cut off"),
        (gguf(("a", 8, struct.pack("<Q", 1 << 62))), "cut off"),
        (gguf(("a", 9, struct.pack("<IQ", 4, 1 << 61))), "cut off"),
        (gguf(("a", 9, struct.pack("<IQ", 9, 1 << 61) * 9)), "deep"),
        (gguf(("a", 77, b"")), "type 77"),
        (gguf(), "tokenizer.ggml.model: is missing"),
        (gguf(MODEL), "tokenizer.ggml.tokens: is missing"),
        (gguf(MODEL, ("tokenizer.ggml.tokens", 4, bytes(4))), "tokens: found an integer, expected an array"),
        (gguf(MODEL, ("tokenizer.ggml.tokens", 9, strings("a"))), "merges: is missing"),
        (
            gguf(
                MODEL,
                ("tokenizer.ggml.tokens", 9, strings("a", "b")),
                ("tokenizer.ggml.merges", 9, strings("a b")),
            ),
            "merges",
        ),
        (
            gguf(
                MODEL,
                ("tokenizer.ggml.tokens", 9, strings("a", "b")),
                ("tokenizer.ggml.scores", 9, struct.pack("<IQf", 6, 1, 1.0)),
            ),
            "scores: has 1 elements, expected 2",
        ),
        (
            gguf(
                MODEL,
                ("tokenizer.ggml.tokens", 9, strings("a", "b")),
                ("tokenizer.ggml.merges", 9, strings()),
                ("tokenizer.ggml.pre", 8, struct.pack("<Q", 3) + b"new"),
            ),
            '"new" is not supported',
        ),
    ],
)
def test_keys_of_gguf(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        load(tmp_path, "gguf", content)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "tekken"),
        ({"config": {}, "vocab": []}, "pattern"),
        (
            {
                "config": {"pattern": "tekken", "default_vocab_size": 9, "default_num_special_tokens": 1},
                "vocab": [],
            },
            "default_vocab_size",
        ),
        (
            {
                "config": {"pattern": "tekken", "default_vocab_size": 2, "default_num_special_tokens": 1},
                "vocab": [{"rank": 0, "token_bytes": "??"}],
            },
            r"vocab\[0\]",
        ),
    ],
)
def test_tekken(tmp_path: Path, document: object, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        load(tmp_path, "tekken", json.dumps(document).encode())


FILES = {
    "model": "conformance/curated-transformers/toy.model",
    "gguf": "conformance/llama.cpp/ggml-vocab-llama-spm.gguf",
    "tiktoken": "tokenizers/tiktoken/r50k_base.tiktoken",
}


@pytest.mark.parametrize("kind", FILES)
def test_any_damage_is_an_error_or_another_tokenizer(tmp_path: Path, kind: str) -> None:
    whole = shared(FILES[kind]).read_bytes()
    draw = random.Random(1)
    refused = 0
    for trial in range(24):
        content = bytearray(whole)
        if trial % 2:
            del content[draw.randrange(len(content)) :]
        else:
            for _ in range(draw.choice((1, 20))):
                content[draw.randrange(min(len(content), draw.choice((200, len(content)))))] = draw.randrange(
                    256
                )
        try:
            load(tmp_path, kind, bytes(content)).encode_list("Hello, wörld 123")
        except FerrolmError as error:
            refused += 1
            assert "file" in str(error)
    assert refused > 5


def test_what_has_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"tokenizer\.json.*vocab\.txt.*tekken\.json"):
        Tokenizer.from_pretrained(tmp_path)
    (tmp_path / "odd.model").write_bytes(b"\x80odd")
    with pytest.raises(InvalidFileError, match="no format that is known"):
        Tokenizer.from_pretrained(tmp_path)
