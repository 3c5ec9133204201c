"""`NormalizedString` equal to that of the `tokenizers` package, after any changes."""

from __future__ import annotations

from typing import Any

import pytest
from code_points import CHARACTERS
from hypothesis import given, settings
from hypothesis import strategies as st
from normalized_texts import TEXTS, alignment, panics

import ferrolm.tokenizers as ours_module

theirs_module = pytest.importorskip("tokenizers")

BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
SHORT = st.text("aé漢 \u0301-", max_size=3)
NAMES = ["nfd", "nfkd", "nfc", "nfkc", "lowercase", "uppercase", "lstrip", "rstrip", "strip", "clear"]
CHANGES = st.one_of(
    st.tuples(st.sampled_from(NAMES)),
    st.tuples(st.sampled_from(["prepend", "append"]), SHORT),
    st.tuples(st.just("replace"), SHORT, SHORT),
    st.tuples(
        st.just("replace"),
        st.sampled_from([r"\s", "^", "$", "a*", r"\p{M}+"]).map(lambda s: ("Regex", s)),
        SHORT,
    ),
    st.tuples(st.just("filter"), st.sampled_from(["a", " ", "\u0301", "é"])),
    st.tuples(st.just("map"), st.sampled_from(["a", " ", "é"])),
    st.tuples(st.just("slice"), st.integers(0, 8), st.integers(0, 8)),
    # Split by nothing the reference takes a count of characters for one of bytes, and cuts texts off.
    st.tuples(st.just("split"), SHORT.filter(bool), st.sampled_from(BEHAVIORS)),
)


def apply(package: Any, text: Any, change: tuple[Any, ...]) -> Any:
    """The text after the change: a new one for slices and splits."""
    match change:
        case ("slice", start, end):
            return text.slice((start, end)) or text
        case ("split", pattern, behavior):
            return next((part for part in text.split(pattern, behavior) if part.normalized), text)
        case ("filter", character):
            text.filter(lambda each: each != character)
        case ("map", character):
            text.map(lambda each: "漢" if each == character else each)
        case ("replace", ("Regex", pattern), content):
            text.replace(package.Regex(pattern), content)
        case (name, *arguments):
            getattr(text, name)(*arguments)
    return text


@settings(max_examples=600, deadline=None)
@given(text=TEXTS, changes=st.lists(CHANGES, max_size=5))
def test_any_changes(text: str, changes: list[tuple[Any, ...]]) -> None:
    ours, theirs = ours_module.NormalizedString(text), theirs_module.NormalizedString(text)
    for change in changes:
        changed: list[Any] = []
        panicked = panics(
            lambda change=change, text=theirs, changed=changed: changed.append(
                apply(theirs_module, text, change)
            )
        )
        ours = apply(ours_module, ours, change)
        if panicked:
            return
        theirs = changed[0]
        assert repr(ours) == repr(theirs), change
        assert alignment(ours) == alignment(theirs), change


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, pattern=st.text("a -", max_size=2), behavior=st.sampled_from(BEHAVIORS))
def test_splits(text: str, pattern: str, behavior: str) -> None:
    text = text.replace("é", "a-")
    ours, theirs = ours_module.NormalizedString(text), theirs_module.NormalizedString(text)
    if pattern:
        assert list(map(repr, ours.split(pattern, behavior))) == list(
            map(repr, theirs.split(pattern, behavior))
        )


@pytest.mark.parametrize(
    "key",
    [
        *(0, 1, -1, 3, 4, -4, 9, (1, 2), (2, 1), (3, 3), (4, 4), (0, 0), (1, 9)),
        *(slice(1, 3), slice(None), slice(3, 1), slice(-2, None), slice(0, 4, 2)),
    ],
    ids=repr,
)
def test_slices(key: Any) -> None:
    ours, theirs = ours_module.NormalizedString("aé漢b"), theirs_module.NormalizedString("aé漢b")
    assert repr(ours[key]) == repr(theirs[key])
    assert repr(ours.slice(key)) == repr(theirs.slice(key))


def test_uppercase_of_every_code_point() -> None:
    for at in range(0, len(CHARACTERS), 4096):
        ours, theirs = (
            package.NormalizedString("".join(CHARACTERS[at : at + 4096]))
            for package in (ours_module, theirs_module)
        )
        ours.uppercase()
        theirs.uppercase()
        assert ours.normalized == theirs.normalized
