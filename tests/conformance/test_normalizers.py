"""Normalizers equal to the `tokenizers` package: every code point, real texts, random Unicode, and alignments."""

from __future__ import annotations

import base64
import functools
import json
from typing import Any

import pytest
from code_points import CHARACTERS
from hypothesis import given, settings
from normalized_texts import TEXTS, alignment, panics
from shared_data import ROOT, all_texts, read_text, shared

import ferrolm.tokenizers as ours_module

theirs_module = pytest.importorskip("tokenizers")

# Constructors by name, with a package as the argument.
MAKERS: dict[str, Any] = {
    **{
        name: lambda package, name=name: getattr(package.normalizers, name)()
        for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel", "Strip")
    },
    **{
        f"Bert{flags}": lambda package, flags=flags: package.normalizers.BertNormalizer(*flags)
        for flags in [
            (True, True, None, True),
            (True, False, True, False),
            (False, True, True, False),
            (False, True, False, True),
            (True, True, False, False),
        ]
    },
    "Strip left": lambda package: package.normalizers.Strip(right=False),
    "Strip right": lambda package: package.normalizers.Strip(left=False),
    "Prepend": lambda package: package.normalizers.Prepend("é\u0301"),
    "Prepend nothing": lambda package: package.normalizers.Prepend(""),
    "Replace": lambda package: package.normalizers.Replace("a", "xé"),
    "Replace nothing": lambda package: package.normalizers.Replace("", "-"),
    "Replace Regex": lambda package: package.normalizers.Replace(package.Regex(r"\s+|\p{M}|b*"), "▁"),
    "Sequence": lambda package: package.normalizers.Sequence(
        [package.normalizers.NFKD(), package.normalizers.StripAccents(), package.normalizers.Strip()]
    ),
    "Precompiled": lambda package: package.normalizers.Precompiled(charsmap()),
}


@functools.cache
def charsmap() -> bytes:
    state = json.loads(shared("tokenizers/t5-small/tokenizer.json").read_text())["normalizer"]
    parts = state.get("normalizers", [state])
    return base64.b64decode(
        next(part["precompiled_charsmap"] for part in parts if "precompiled_charsmap" in part)
    )


@functools.cache
def pair(name: str) -> tuple[Any, Any]:
    """Our normalizer and theirs."""
    return MAKERS[name](ours_module), MAKERS[name](theirs_module)


def assert_same(name: str, text: str) -> None:
    ours, theirs = pair(name)
    expected = theirs_module.NormalizedString(text)
    if panics(lambda: theirs.normalize(expected)):
        return
    found = ours_module.NormalizedString(text)
    ours.normalize(found)
    assert found.normalized == expected.normalized, text
    assert alignment(found) == alignment(expected), text
    assert ours.normalize_str(text) == expected.normalized, text


@pytest.mark.parametrize("name", MAKERS)
def test_every_code_point(name: str) -> None:
    ours, theirs = pair(name)
    for at in range(0, len(CHARACTERS), 64):
        block = CHARACTERS[at : at + 64]
        # Apart, so that no character has to do with another.
        text = "\nx\n".join(block)
        if ours.normalize_str(text) == theirs.normalize_str(text):
            continue
        for character in block:
            assert ours.normalize_str(character) == theirs.normalize_str(character), hex(ord(character))
        raise AssertionError(f"block of {block[0]!r}")


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_random_texts(name: str, text: str) -> None:
    assert_same(name, text)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", MAKERS)
def test_real_texts(name: str) -> None:
    ours, theirs = pair(name)
    for path in all_texts():
        text = read_text(path)[:6_000]
        assert ours.normalize_str(text) == theirs.normalize_str(text), path
        assert_same(name, text[:150])


def test_hangul_and_pairs_that_compose() -> None:
    """Every pair of a starter and a mark of all canonical decompositions, in both orders of two marks."""
    nfd = theirs_module.normalizers.NFD().normalize_str
    decomposed = {nfd(chr(code)) for code in range(0x80, 0x30000) if not 0xAC00 <= code < 0xE000}
    pairs = [text for text in decomposed if len(text) > 1]
    hangul = [nfd(chr(code)) for code in range(0xAC00, 0xD7A4, 7)]
    text = "x".join(
        [*pairs, *(pair + mark for pair in pairs for mark in "\u0323\u0301\u0345\u0327"), *hangul]
    )
    for form in ("NFC", "NFKC", "NFD", "NFKD"):
        ours, theirs = (getattr(package.normalizers, form)() for package in (ours_module, theirs_module))
        assert ours.normalize_str(text) == theirs.normalize_str(text)


@pytest.mark.skipif(not (ROOT / "conformance/sentencepiece").is_dir(), reason="needs the shared data")
@pytest.mark.parametrize("model", ["test_model.model", "test_ja_model.model"])
def test_maps_of_sentencepiece_models(model: str) -> None:
    data = shared(f"conformance/sentencepiece/{model}").read_bytes()
    # Field 2 of field 3 (normalizer_spec) of the model; its tag and a length of three bytes come before the map.
    at = next(
        at
        for at in range(len(data))
        if data[at] == 0x12 and data[at + 3 : at + 4] < b"\x80" <= data[at + 1 : at + 2] and is_map(data, at)
    )
    length, start = varint(data, at + 1)
    charsmap = data[start : start + length]
    ours, theirs = (p.normalizers.Precompiled(charsmap) for p in (ours_module, theirs_module))
    for path in all_texts()[:60]:
        text = read_text(path)[:5_000]
        assert ours.normalize_str(text) == theirs.normalize_str(text), path


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def is_map(data: bytes, at: int) -> bool:
    length, start = varint(data, at + 1)
    trie = int.from_bytes(data[start : start + 4], "little")
    return 100_000 < length < len(data) - start and 0 < trie < length and trie % 1024 == 0
