"""Pre-tokenizers equal to the `tokenizers` package: every type, every code point, real texts, random Unicode."""

from __future__ import annotations

import functools
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import all_texts, read_text

import ferrolm.tokenizers as ours_module
from ferrolm.errors import InvalidFileError

theirs_module = pytest.importorskip("tokenizers")

BEHAVIORS = ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")
LITERALS = (" ", "", "ab", ".", "é")
REGEXES = (r"\s+", r"\d|\s+(?!\S)|\s+", r"a*", r"\p{L}+", r"(?=a)", r"\d{1,3}(?=(\d{3})*\b)")


def makers() -> list[Any]:
    """Functions of a package that make a pre-tokenizer of it."""
    plain = ("BertPreTokenizer", "Whitespace", "WhitespaceSplit", "UnicodeScripts", "Digits", "FixedLength")
    return [
        *(lambda p, name=name: getattr(p.pre_tokenizers, name)() for name in plain),
        *(lambda p, each=each: p.pre_tokenizers.Digits(each) for each in (True, False)),
        *(lambda p, length=length: p.pre_tokenizers.FixedLength(length) for length in (1, 3)),
        *(lambda p, at=at: p.pre_tokenizers.CharDelimiterSplit(at) for at in ("-", "é")),
        *(lambda p, behavior=behavior: p.pre_tokenizers.Punctuation(behavior) for behavior in BEHAVIORS),
        *(
            lambda p, text=text, behavior=behavior, invert=invert: p.pre_tokenizers.Split(
                text, behavior, invert
            )
            for text in LITERALS
            for behavior in BEHAVIORS
            for invert in (False, True)
        ),
        *(
            lambda p, text=text, behavior=behavior, invert=invert: p.pre_tokenizers.Split(
                p.Regex(text), behavior, invert
            )
            for text in REGEXES
            for behavior in BEHAVIORS
            for invert in (False, True)
        ),
        *(
            lambda p, text=text, scheme=scheme, cut=cut: p.pre_tokenizers.Metaspace(text, scheme, cut)
            for text in ("▁", "a", " ")
            for scheme in ("always", "first", "never")
            for cut in (True, False)
        ),
        *(
            lambda p, space=space, regex=regex: p.pre_tokenizers.ByteLevel(space, True, regex)
            for space in (True, False)
            for regex in (True, False)
        ),
        lambda p: p.pre_tokenizers.Sequence([]),
        lambda p: p.pre_tokenizers.Sequence(
            [p.pre_tokenizers.WhitespaceSplit(), p.pre_tokenizers.Metaspace()]
        ),
        lambda p: p.pre_tokenizers.Sequence([p.pre_tokenizers.Digits(True), p.pre_tokenizers.ByteLevel()]),
        lambda p: p.pre_tokenizers.Sequence(
            [p.pre_tokenizers.Punctuation("merged_with_next"), p.pre_tokenizers.Metaspace("-", "first")]
        ),
    ]


@functools.cache
def pairs() -> list[tuple[Any, Any]]:
    return [(make(ours_module), make(theirs_module)) for make in makers()]


def assert_same(ours: Any, theirs: Any, text: str) -> None:
    assert ours.pre_tokenize_str(text) == theirs.pre_tokenize_str(text), (ours, text[:200])


TRICKY = "aabb --..,12٣½Ⅷéßかカ漢ー한ا▁ \n\t\u3000\u00a0\u0301👍\u200d$%+<_¿«»\u1e95\u2e45\u061d\u0378Ω"


def test_tricky_text() -> None:
    random_ = random.Random(5)
    texts = ["", *("".join(random_.choices(TRICKY, k=random_.randint(0, 14))) for _ in range(60))]
    for ours, theirs in pairs():
        for text in texts:
            assert_same(ours, theirs, text)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=12))
def test_any_text(text: str) -> None:
    for ours, theirs in pairs():
        assert_same(ours, theirs, text)


@pytest.mark.exhaustive
def test_real_texts() -> None:
    for path in all_texts():
        text = read_text(path)
        text = text[len(text) // 2 :][:800]
        for ours, theirs in pairs():
            assert_same(ours, theirs, text)


# Beyond these planes there are only ideographs, private use and nothing.
@pytest.mark.parametrize("start", [*range(0, 0x33000, 0x11000), 0xE0000])
def test_every_character(start: int) -> None:
    codes = range(start, min(start + 0x11000, 0xE0200 if start == 0xE0000 else 0x33500))
    characters = [chr(code) for code in codes if not 0xD800 <= code < 0xE000]
    # Between letters of two scripts, since what is in none goes with any.
    text = "".join(f"a{character}漢{character}" for character in characters)
    for ours, theirs in pairs()[:7] + pairs()[12:13]:
        assert_same(ours, theirs, text)


def test_what_they_say_of_themselves() -> None:
    for ours, theirs in pairs():
        assert repr(ours) == repr(theirs)
        assert str(ours) == str(theirs)
        assert ours.__getstate__() == theirs.__getstate__()


def files(module: Any, section: str) -> Any:
    model = '{"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}'
    return module.Tokenizer.from_str(f'{{"version": "1.0", "pre_tokenizer": {section}, "model": {model}}}')


@pytest.mark.parametrize(
    "section",
    [
        '{"type": "Metaspace", "replacement": "▁", "add_prefix_space": true}',
        '{"type": "Metaspace", "replacement": "▁", "str_rep": "▁", "add_prefix_space": true}',
        '{"type": "Metaspace", "replacement": "▁", "add_prefix_space": false}',
        '{"type": "Metaspace", "replacement": "▁", "add_prefix_space": false, "prepend_scheme": "never"}',
        '{"type": "Metaspace", "replacement": "▁", "add_prefix_space": true, "prepend_scheme": "first"}',
        '{"type": "Metaspace", "replacement": "▁", "split": null}',
        '{"type": "Metaspace", "replacement": "▁▁"}',
        '{"type": "Metaspace"}',
        '{"type": "Delimiter", "delimiter": "-"}',
        '{"type": "CharDelimiterSplit", "delimiter": "-"}',
        '{"type": "CharDelimiterSplit", "delimiter": ""}',
        '{"type": "Punctuation"}',
        '{"type": "Punctuation", "behavior": "isolated"}',
        '{"type": "FixedLength"}',
        '{"type": "FixedLength", "length": -1}',
        '{"type": "Digits"}',
        '{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true}',
        '{"type": "ByteLevel", "add_prefix_space": true}',
        '{"type": "Split", "pattern": {"String": "a"}, "behavior": "Removed", "invert": false}',
        '{"type": "Split", "pattern": {"Regex": "a("}, "behavior": "Removed", "invert": false}',
        '{"type": "Split", "pattern": "a", "behavior": "Removed", "invert": false}',
        '{"type": "Split", "pattern": {"String": "a"}, "behavior": "Removed"}',
        '{"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}, {"type": "Sequence", "pretokenizers": []}]}',
        '{"type": "Sequence", "pretokenizers": {}}',
        '{"type": "Whitespace", "more": 1}',
        '{"type": "Nothing"}',
        '{"replacement": "▁", "add_prefix_space": true, "prepend_scheme": "always"}',
        "{}",
        "[]",
    ],
)
def test_forms_in_files(section: str) -> None:
    try:
        theirs = files(theirs_module, section)
    except Exception:
        with pytest.raises(InvalidFileError, match="pre_tokenizer"):
            files(ours_module, section)
        return
    ours = files(ours_module, section)
    written = json.loads(ours.to_str())["pre_tokenizer"]
    assert written == json.loads(theirs.to_str())["pre_tokenizer"]
    assert_same(ours.pre_tokenizer, theirs.pre_tokenizer, TRICKY)
