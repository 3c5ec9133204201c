"""The averaged perceptron of `ferrolm.tagging` in plain Python, slow, with the same features, weights and tags."""

from __future__ import annotations

import itertools
import struct
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence

_64 = 2**64 - 1
_BOUNDARY = "\0boundary"


def _mix(state: int) -> int:
    for _ in range(2):
        state ^= state >> 32
        state = state * 0xD6E8_FEB8_6659_FD93 & _64
    return max(1, state >> 32)


def _seed(kind: int) -> int:
    return 0xCBF2_9CE4_8422_2325 ^ (kind * 0x9E37_79B9_7F4A_7C15 & _64)


def of_bytes(kind: int, content: bytes) -> int:
    state = _seed(kind)
    for byte in content:
        state = (state ^ byte) * 0x0100_0000_01B3 & _64
    return _mix(state)


def of_pair(kind: int, first: int, second: int) -> int:
    return _mix(_seed(kind) ^ (first << 32 | second))


def is_number(letter: str) -> bool:
    """By its category, as in Rust: Python's isnumeric has Han numerals too, and more of them in each version."""
    return unicodedata.category(letter).startswith("N")


def _class(letter: str) -> str:
    if letter.isupper():
        return "X"
    if letter.islower():
        return "x"
    return "d" if is_number(letter) else "a" if letter.isalpha() else letter


class Word:
    """What is seen of a word: ``own`` for itself, ``near`` for its neighbours."""

    def __init__(self, word: str) -> None:
        if word == _BOUNDARY:
            self.lower = self.shape = of_bytes(38, b"")
            self.own, self.near = [], [self.lower]
            return
        lower = word.lower()
        self.lower = of_bytes(3, lower.encode())
        suffixes = [of_bytes(10 + n, lower[-n:].encode()) for n in range(1, 6) if n <= len(lower)]
        prefixes = [of_bytes(20 + n, lower[:n].encode()) for n in range(1, 5) if n <= len(lower)]
        long_shape = "".join(map(_class, word))
        self.shape = of_bytes(4, "".join(letter for letter, _ in itertools.groupby(long_shape)).encode())
        suffix = suffixes[2] if len(lower) >= 3 else self.lower
        self.own = [
            of_bytes(1, b""),
            of_bytes(2, word.encode()),
            self.lower,
            *suffixes,
            *prefixes,
            self.shape,
        ]
        self.own.append(of_pair(6, self.shape, suffix))
        if len(word) <= 12:
            self.own.append(of_bytes(5, long_shape.encode()))
        marks = [
            "-" in word, any(map(is_number, word)), word[:1].isupper(), all(map(str.isupper, word)),
            any(map(str.isalpha, word)),
        ]  # fmt: skip
        self.own += [of_bytes(7, bytes(marks)), of_bytes(8, bytes([min(12, len(lower))]))]
        if "-" in word:
            self.own.append(of_bytes(9, lower.rpartition("-")[2].encode()))
        self.near = [self.lower, *suffixes[2:3], *suffixes[1:2], self.shape]


def features(words: Sequence[str], place: int) -> list[int]:
    """The features of a place that do not depend on tags."""
    around = [_BOUNDARY] * 2 + list(words) + [_BOUNDARY] * 2
    second_before, before, word, after, second_after = map(Word, around[place : place + 5])
    found = [*word.own]
    found += [of_pair(30, key, 0) for key in before.near] + [of_pair(31, key, 0) for key in after.near]
    found += [of_pair(32, second_before.lower, 0), of_pair(33, second_after.lower, 0)]
    found += [of_pair(34, before.lower, word.lower), of_pair(35, word.lower, after.lower)]
    found.append(of_pair(36, before.lower, after.lower))
    return found + ([of_pair(37, word.shape, 0)] if place == 0 else [])


def transition(before: int) -> int:
    return of_pair(39, before, 0)


class _Random:
    def __init__(self, seed: int) -> None:
        self.state = seed

    def next(self) -> int:
        self.state = z = (self.state + 0x9E37_79B9_7F4A_7C15) & _64
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9 & _64
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB & _64
        return z ^ (z >> 31)

    def shuffle(self, order: list[int]) -> None:
        for last in range(len(order) - 1, 0, -1):
            chosen = self.next() * (last + 1) >> 64
            order[last], order[chosen] = order[chosen], order[last]


def best_tags(scores: list[list[float]], transitions: list[list[float]]) -> list[int]:
    """Viterbi; of equal sequences the one whose last differing tag comes first, as in Rust."""
    size = len(scores[0])
    current = [transitions[size][tag] + scores[0][tag] for tag in range(size)]
    back: list[list[int]] = []
    for row in scores[1:]:
        before = [
            max(range(size), key=lambda p, t=tag: (current[p] + transitions[p][t], -p)) for tag in range(size)
        ]
        current = [current[before[tag]] + transitions[before[tag]][tag] + row[tag] for tag in range(size)]
        back.append(before)
    tags = [max(range(size), key=lambda tag: (current[tag], -tag))]
    for before in reversed(back):
        tags.append(before[tags[-1]])
    return tags[::-1]


class Perceptron:
    """Learns free tags (no BIO); ``means`` has {key: {tag: mean weight}} in the end."""

    def __init__(
        self, sentences: Sequence[tuple[Sequence[str], Sequence[str]]], epochs: int, seed: int, margin: int
    ) -> None:
        self.tags = sorted({tag for _, tags in sentences for tag in tags})
        self.weights: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        sums: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        order, random, seen = list(range(len(sentences))), _Random(seed), 0
        for _ in range(epochs):
            random.shuffle(order)
            for number in order:
                words, tags = sentences[number]
                if not words:
                    continue
                self._learn(words, [self.tags.index(tag) for tag in tags], margin)
                seen += 1
                for key, row in self.weights.items():  # what lazy averaging saves
                    for tag, value in row.items():
                        sums[key][tag] += value
        self.means = {key: {tag: total / seen for tag, total in row.items()} for key, row in sums.items()}

    def _learn(self, words: Sequence[str], gold: list[int], margin: int) -> None:
        scores = self._scores(words, self.weights)
        for row, true in zip(scores, gold, strict=True):
            for tag in range(len(row)):
                row[tag] += margin * (tag != true)
        found = best_tags(scores, self._transitions(self.weights))
        for place in range(len(words)):
            pairs = [(tags[place], tags[place - 1] if place else len(self.tags)) for tags in (gold, found)]
            if pairs[0] != pairs[1]:
                for (tag, before), by in zip(pairs, (1, -1), strict=True):
                    self.weights[transition(before)][tag] += by
            if gold[place] != found[place]:
                for key in features(words, place):
                    self.weights[key][gold[place]] += 1
                    self.weights[key][found[place]] -= 1

    def _scores(self, words: Sequence[str], weights: dict[int, dict[int, int]]) -> list[list[float]]:
        rows = []
        for place in range(len(words)):
            row = [0.0] * len(self.tags)
            for key in features(words, place):
                for tag, value in weights.get(key, {}).items():
                    row[tag] += value
            rows.append(row)
        return rows

    def _transitions(self, weights: dict[int, dict[int, int]]) -> list[list[float]]:
        size = len(self.tags)
        rows = [weights.get(transition(before), {}) for before in range(size + 1)]
        return [[row.get(tag, 0) for tag in range(size)] for row in rows]

    def tag(self, words: Sequence[str], weights: dict[int, dict[int, int]]) -> list[str]:
        """The tags by weights such as `read_file` gives."""
        if not words:
            return []
        return [self.tags[tag] for tag in best_tags(self._scores(words, weights), self._transitions(weights))]


def read_file(content: bytes) -> tuple[float, list[str], dict[int, dict[int, int]]]:
    """A tagger's file: the step of the weights, the tags, {key: {tag: weight in steps}}."""
    assert content[:8] == b"FLMTAG01"
    payload = content[20:-8]
    (step,) = struct.unpack("<d", payload[1:9])
    numbers = _Numbers(payload, 9)
    numbers.text()
    tags = [numbers.text() for _ in range(numbers.next())]
    for _ in range(numbers.next()):
        numbers.text()
    key, weights = 0, {}
    for _ in range(numbers.next()):
        key += numbers.next()
        weights[key] = {numbers.next(): _signed(numbers.next()) for _ in range(numbers.next())}
    assert numbers.place == len(payload)
    return step, tags, weights


def _signed(number: int) -> int:
    return number >> 1 ^ -(number & 1)


class _Numbers:
    def __init__(self, content: bytes, place: int) -> None:
        self.content, self.place = content, place

    def _bytes(self) -> Iterator[int]:
        while True:
            byte = self.content[self.place]
            self.place += 1
            yield byte & 0x7F
            if byte < 0x80:
                return

    def next(self) -> int:
        return sum(byte << 7 * number for number, byte in enumerate(self._bytes()))

    def text(self) -> str:
        length = self.next()
        self.place += length
        return self.content[self.place - length : self.place].decode()
