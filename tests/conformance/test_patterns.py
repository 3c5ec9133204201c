"""Regular expressions mean what they mean to the `tokenizers` package: odd ones, random ones, those of tokenizers."""

from __future__ import annotations

import json
import random
import re
import time
from typing import Any

import pytest
from shared_data import ROOT, all_texts, read_text, shared

import ferrolm.tokenizers as ours_module
from ferrolm.errors import InvalidArgumentError, LimitError

theirs_module = pytest.importorskip("tokenizers")

Match = tuple[int, int, bool]

# What the package understands and we refuse.
UNSUPPORTED = re.compile("not supported|unsupported")

ODD = r"""
(?m).+ ::: \p{N}{1,3}+ ::: a{2}? ::: a{3,1} ::: *a ::: ^* ::: (?:^)* ::: (?:a|^)* ::: (?i:^)* ::: a(?i)b|c ::: \N ::: \O
\R ::: (?<=a|bc)d ::: (?<=a+)b ::: (?<!(a))b ::: (?<=(a))b ::: (?<=\z)a ::: (?W)\w ::: (?D:\d) ::: (?S:\s) ::: (?P:[[:alpha:]])
(?<n>a)\k<n> ::: (?<n>a)(b)\1 ::: (a)\k<-1> ::: (a)(?i:\1) ::: (?i)ß ::: (?i)ss ::: (?i)[ß] ::: (?i)[^ß] ::: (?i)[sß] ::: (?i)ﬁ
(?i)\p{Lu} ::: (?i)[[:upper:]] ::: (?i:k) ::: (?i:'s) ::: (?i)ſ ::: (?i)ŉ ::: []a] ::: [] ::: [a-\d] ::: [\w-a] ::: [a-c-e] ::: [-a] ::: [a-]
[a-z&&[^b]c-d] ::: [^a&&b] ::: [a&&] ::: [[a]b] ::: [z-a] ::: [[:foo:]] ::: [[:^alpha:]] ::: [[:punct:]] ::: \p{Punct} ::: [^\S\n]
\x41 ::: \x{41} ::: \u0041 ::: \xE2\x80\x99 ::: \xE2 ::: \101 ::: \08 ::: \8 ::: \cA ::: \e ::: \v ::: [\b] ::: \q ::: \é ::: \pL ::: \p{^L}
\P{^L} ::: \p{greek} ::: \p{Script=Han} ::: \p{isLatin} ::: \p{Foo} ::: a{,2} ::: a{,} ::: a{ ::: a{100001} ::: a{0}b ::: x* ::: a||b
$ ::: ^ ::: ^b? ::: \A ::: \Z ::: \z ::: \Ga ::: \b ::: \B ::: \w+\b ::: (?:a|)* ::: (a*)* ::: (?:a?)*?b ::: a++a ::: a?+a ::: a*+b
(?>a|ab)c ::: (?x) a # c ::: (?#x)a ::: (?a)\w ::: (?s). ::: (?P<n>x) ::: (?|a|b) ::: (?'n'x) ::: (a ::: a) ::: [a ::: (?<1>a)
\s+(?!\S) ::: \s+(?!\S)|\s ::: (\s+(?!\S)|\s+) ::: \s*(?!\S) ::: \s++$ ::: [^\r\n]+(?![^\r\n]) ::: (?=a) ::: (?!a) ::: (.)\1 ::: \w\W
"""
TEXTS = [
    "a",
    "aab abab",
    "aaa b\n\nA é e\u0301 1a\r\nb",
    "ssßSSſs K\u212ak ʼn ŉ ﬁ FI",
    " \n a\n",
    "12345 1½²٣",
    "]-[&|’ ABCabc\x01\x08\x0b\x1b x",
    "'s'S'ſ  $+<=>^`|~ ab\u200db\u0378\u3000漢",
]


def matches(module: Any, pattern: Any, text: str) -> list[Match]:
    """(start, end, whether it is a match) of what covers the text; empty matches are not seen."""

    def cut(behavior: str) -> list[tuple[int, int]]:
        pieces = module.pre_tokenizers.Split(pattern, behavior).pre_tokenize_str(text)
        return [offsets for _, offsets in pieces]

    between = set(cut("removed"))
    return [(start, end, (start, end) not in between) for start, end in cut("isolated")]


def made(module: Any, pattern: str) -> tuple[Any, str]:
    """The pattern, or why it was refused."""
    try:
        return module.Regex(pattern), ""
    except Exception as refused:
        return None, str(refused)


def assert_same(pattern: str, texts: list[str]) -> bool:
    """Whether both engines took the pattern and found the same."""
    theirs, refused_there = made(theirs_module, pattern)
    ours, refused_here = made(ours_module, pattern)
    if refused_there:
        assert "Oniguruma" in refused_there
        assert refused_here, pattern
        return False
    if refused_here:
        assert UNSUPPORTED.search(refused_here), (pattern, refused_here)
        return False
    for text in texts:
        assert matches(ours_module, ours, text) == matches(theirs_module, theirs, text), (pattern, text)
    return True


@pytest.mark.parametrize("pattern", re.split(r" ::: |\n", ODD.strip()))
def test_odd_patterns(pattern: str) -> None:
    assert_same(pattern, TEXTS)


@pytest.mark.parametrize(
    "pattern",
    [r"\X", r"\y", r"\K", r"(?~ab)", r"(a)?(?(1)b|c)", r"\g<1>(a)", r"\M-a", r"\x{41 42}", r"(a|b\1)+", r"(?y{w})a", r"\p{InThai}"],
)  # fmt: skip
def test_what_is_refused_says_so(pattern: str) -> None:
    assert theirs_module.Regex(pattern)
    with pytest.raises(InvalidArgumentError, match=r"supported.*, at character"):
        ours_module.Regex(pattern)


class Patterns:
    """Random patterns, in which everything that tokenizers use is likely."""

    ATOMS = (
        *(
            "a",
            "b",
            " ",
            "é",
            "ß",
            "s",
            "K",
            "1",
            ".",
            "'s",
            "ss",
            r"\s",
            r"\S",
            r"\w",
            r"\W",
            r"\d",
            r"\p{L}",
        ),
        *(r"\P{L}", r"\p{N}", r"\p{Lu}", "[ab]", "[^ab]", r"[^\s\p{L}]", "[a-c&&[^b]]", "[[:alpha:]]"),
        *("[[:^punct:]]", r"[\w\s]", r"\n", r"[\r\n]", r"\h", r"\R", "[[:word:]]", r"[^\S\n]"),
    )
    ANCHORS = ("^", "$", r"\b", r"\B", r"\A", r"\z", r"\Z", r"\G")
    QUANTIFIERS = ("", "", "", "", "+", "*", "?", "+?", "*?", "??", "++", "*+", "?+", "{2}", "{1,2}", "{,2}")
    QUANTIFIERS_ = (*QUANTIFIERS, "{2,}", "{1,3}?", "{2,1}", "{1,2}+")

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def alternatives(self, depth: int) -> str:
        return "|".join(self.sequence(depth) for _ in range(self.random.choice([1, 1, 2, 3])))

    def sequence(self, depth: int) -> str:
        return "".join(self.term(depth) for _ in range(self.random.randint(1, 3)))

    def term(self, depth: int) -> str:
        dice = self.random.random()
        if depth and dice < 0.2:
            kind, inner = self.random.choice([("=", 1), ("!", 1), ("!", 1), ("<=", 0), ("<!", 0)])
            return f"(?{kind}{self.alternatives(depth - 1) if inner else self.sequence(0)})"
        if dice < 0.27:
            return self.random.choice(self.ANCHORS)
        atom = self.random.choice(self.ATOMS)
        if depth and dice < 0.5:
            atom = (
                f"({self.random.choice(['', '?:', '?:', '?>', '?i:', '?m:'])}{self.alternatives(depth - 1)})"
            )
        return atom + self.random.choice(self.QUANTIFIERS_)

    def text(self) -> str:
        characters = "aabbccss 'AKßéſk1٣²½\n\r\t  -_,.ÀΣ漢\u0301\u200d\u3000"
        return "".join(self.random.choices(characters, k=self.random.randint(0, 9)))


@pytest.mark.parametrize("seed", range(4))
def test_random_patterns(seed: int) -> None:
    patterns = Patterns(seed)
    same = 0
    for _ in range(60):
        pattern = patterns.alternatives(2) + patterns.random.choice(["", r"|\s+(?!\S)|\s+"])
        same += assert_same(pattern, [patterns.text() for _ in range(5)])
    assert same > 20


def known_patterns() -> dict[str, str]:
    path = ROOT / "tokenizers" / "PATTERNS.json"
    return json.loads(path.read_text()) if path.exists() else {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", known_patterns())
def test_patterns_of_tokenizers(name: str) -> None:
    pattern = known_patterns()[name]
    ours, theirs = ours_module.Regex(pattern), theirs_module.Regex(pattern)
    for path in all_texts():
        text = read_text(path)
        text = text[len(text) // 2 :][:5_000]
        assert matches(ours_module, ours, text) == matches(theirs_module, theirs, text), path.name


def test_patterns_inside_files() -> None:
    found = set()
    for path in shared("tokenizers").rglob("tokenizer.json"):
        found.update(
            json.loads(f'"{text}"')
            for text in re.findall(r'"Regex":\s*"((?:[^"\\]|\\.)*)"', path.read_text())
        )
    for pattern in found:
        assert assert_same(pattern, TEXTS)


@pytest.mark.parametrize("unit", [" ", "a", "A", "1", "\u0301", "\n", "'", " a", "漢"])
def test_pathological_text_takes_linear_time(unit: str) -> None:
    text = unit * 100_000
    start = time.process_time()
    for pattern in [*known_patterns().values(), r"\d{1,3}(?=(?:\d{3})*\b)", r"(?!.*x)\w"]:
        ours_module.pre_tokenizers.Split(ours_module.Regex(pattern), "isolated").pre_tokenize_str(text)
    assert time.process_time() - start < 60


def test_what_cannot_be_linear_has_a_limit() -> None:
    split = ours_module.pre_tokenizers.Split(ours_module.Regex(r"(a*)*\1b"), "isolated")
    with pytest.raises(LimitError, match="steps of the pattern"):
        split.pre_tokenize_str("a" * 3_000)
