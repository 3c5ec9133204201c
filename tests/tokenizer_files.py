"""Vectors and files of tokenizers that several tests read."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from code_points import CHARACTERS
from shared_data import shared

PATTERNS = {
    "llama3/tokenizer.model": "llama3",
    "qwen2/qwen.tiktoken": "qwen2",
    **{f"tiktoken/{name}.tiktoken": name for name in ("r50k_base", "p50k_base", "cl100k_base", "o200k_base")},
}
"""Files of ranks by the name of the pattern that cuts text for them."""

_HOST = "https://openaipublic.blob.core.windows.net/"
_ADDRESSES = {
    f"{_HOST}gpt-2/encodings/main/vocab.bpe": "gpt2/merges.txt",
    f"{_HOST}gpt-2/encodings/main/encoder.json": "gpt2/vocab.json",
    **{
        f"{_HOST}encodings/{name}.tiktoken": f"tiktoken/{name}.tiktoken"
        for name in ("r50k_base", "p50k_base", "cl100k_base", "o200k_base")
    },
}


def tiktoken_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``folder`` the cache in which `tiktoken` and its stand-in find the published encodings."""
    for address, name in _ADDRESSES.items():
        (folder / hashlib.sha1(address.encode()).hexdigest()).symlink_to(shared(f"tokenizers/{name}"))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))


def golden_lines() -> list[str]:
    return _json_lines("lines")


def golden(name: str) -> list[dict[str, Any]]:
    """What was recorded for each of `golden_lines`."""
    return _json_lines(name)


def _json_lines(name: str) -> list[Any]:
    with gzip.open(shared(f"conformance/golden/{name}.jsonl.gz"), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def golden_files(name: str) -> dict[str, dict[str, Any]]:
    """Number and SHA-256 of the ids of whole files."""
    index = json.loads(shared("conformance/golden/index.json").read_text())
    files: dict[str, dict[str, Any]] = index["tokenizers"][name]["whole_files"]
    return files


def kitoken(folder: str, name: str) -> Iterator[tuple[str, list[int]]]:
    """Texts and ids of kitoken's vectors."""
    base = shared("conformance/kitoken")
    for kind in ("small", "mixed"):
        texts = (base / f"{kind}_input.txt").read_text(encoding="utf-8").split("\n")
        ids = (base / folder / f"{kind}_tokens_{name}.txt").read_text().split("\n")
        for text, line in zip(filter(None, texts), filter(None, ids), strict=True):
            text = text.replace("\\n", "\n").replace("\\s", " ").replace("\\x", "")
            yield text, [int(number) for number in line.split(",")]
    text = (base / "utf8_input.txt").read_text(encoding="utf-8")
    numbers = (base / folder / f"utf8_tokens_{name}.txt").read_text().split(",")
    yield text, [int(number) for number in numbers if number.strip()]


def llama_cpp(name: str) -> Iterator[tuple[str, list[int]]]:
    """Texts and ids of llama.cpp's vectors."""
    base = shared("conformance/llama.cpp")
    texts = (base / f"{name}.inp").read_text(encoding="utf-8").split("\n__ggml_vocab_test__\n")[:-1]
    lines = (base / f"{name}.out").read_text().splitlines()
    for text, line in zip(texts, lines, strict=True):
        yield text, [int(number) for number in line.split()]


def random_texts(seed: int, count: int, length: int = 30) -> Iterator[str]:
    """Texts that mix words, white space of all kinds, and any characters."""
    draw = random.Random(seed)
    spaces = " \n\r\t\x0b\x0c\x85\xa0\u1680\u2003\u2028\u3000\u2581\ufeff\u200b"
    parts = [
        "the",
        "'s",
        "'LL",
        "ſ",
        "İ",
        "éa",
        "ﬁ",
        "ﷺ",
        "한글",
        "日本",
        "🙂\u200d",
        "<s>",
        "</s>",
        "<unk>",
        "<0x41>",
    ]

    def part() -> str:
        match draw.randrange(6):
            case 0:
                return draw.choice(parts)
            case 1:
                return draw.choice(spaces) * draw.choice((1, 1, 1, 2, 5))
            case 2:
                return chr(draw.randrange(0x3000))
            case 3:
                return chr(draw.choice((draw.randrange(0xD800), draw.randrange(0xE000, 0x110000))))
        return chr(draw.randrange(32, 127))

    for _ in range(count):
        yield "".join(part() for _ in range(draw.randrange(length)))


def every_character(chunk: int = 512) -> Iterator[str]:
    """Texts in which each of `CHARACTERS` occurs: at a start, after a letter, a digit and a space, and in a row."""
    for start in range(0, len(CHARACTERS), chunk):
        yield "".join(f" {one}a{one}1{one}{one}!" for one in CHARACTERS[start : start + chunk])
