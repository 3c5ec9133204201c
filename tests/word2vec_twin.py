"""word2vec and fastText, word by word in plain Python: what `ferrolm.embeddings` must compute with one worker.

Every step is the definition: each word around against the true word and each wrong one, all from the vectors before the
step, in double precision. Random numbers are drawn in the same order. The corpus must have fewer than 10,000 words.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from typing import Any

import numpy as np

MASK = (1 << 64) - 1


class SplitMix:
    def __init__(self, seed: int, round_: int, piece: int) -> None:
        self.state = seed
        for part in (round_, piece):
            self.state = self.next() ^ (part * 0xD134_2543_DE82_EF95 & MASK)

    def next(self) -> int:
        self.state = self.state + 0x9E37_79B9_7F4A_7C15 & MASK
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB & MASK
        return z ^ (z >> 31)

    def below(self, bound: int) -> int:
        return bound * (self.next() >> 32) >> 32

    def unit(self) -> float:
        return (self.next() >> 40) / (1 << 24)


def alias_table(counts: list[int], exponent: float) -> list[tuple[int, int]]:
    weights = [count**exponent for count in counts]
    mean = sum(weights) / len(weights)
    rest = [weight / mean for weight in weights]
    slots = [(2**32 - 1, word) for word in range(len(counts))]
    small = [word for word, share in enumerate(rest) if share < 1]
    large = [word for word, share in enumerate(rest) if share >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        slots[low] = (min(int(rest[low] * 2**32), 2**32 - 1), high)
        rest[high] -= 1 - rest[low]
        if rest[high] < 1:
            small.append(large.pop())
    return slots


def huffman(counts: list[int]) -> list[list[tuple[int, float]]]:
    """Of each word the inner nodes on its way, and the label at each."""
    heap = [(count, number) for number, count in enumerate(counts)]
    heapq.heapify(heap)
    parents: dict[int, tuple[int, float]] = {}
    number = len(counts)
    while len(heap) > 1:
        (few, left), (more, right) = heapq.heappop(heap), heapq.heappop(heap)
        parents[left], parents[right] = (number, 1.0), (number, 0.0)
        heapq.heappush(heap, (few + more, number))
        number += 1
    ways = []
    for word in range(len(counts)):
        way, node = [], word
        while node in parents:
            node, label = parents[node]
            way.append((node - len(counts), label))
        ways.append(way[::-1])
    return ways


def buckets(word: str, min_n: int, max_n: int, bucket: int) -> list[int]:
    marked, found = f"<{word}>", []
    for first in range(len(marked)):
        for length in range(min_n, max_n + 1):
            gram = marked[first : first + length]
            if len(gram) < length or gram in ("<", ">"):
                continue
            value = 2_166_136_261
            for byte in gram.encode():
                signed = byte - 256 if byte > 127 else byte
                value = (value ^ signed & 0xFFFF_FFFF) * 16_777_619 & 0xFFFF_FFFF
            found.append(value % bucket)
    return found


class Twin:
    """The constructor's arguments are those of `Word2Vec`, `FastText` without its defaults."""

    def __init__(self, sentences: list[list[str]], **options: Any) -> None:
        self.options = options
        counted = Counter(word for sentence in sentences for word in sentence)
        self.words = [word for word, _ in counted.most_common()]
        self.counts = [counted[word] for word in self.words]
        self.ids = {word: number for number, word in enumerate(self.words)}
        size, self.bucket = options["vector_size"], options.get("bucket", 0)
        self.parts = [
            buckets(word, options["min_n"], options["max_n"], self.bucket) if self.bucket else []
            for word in self.words
        ]
        rows = []
        for number in range(self.bucket + len(self.words)):
            random = SplitMix(options["seed"], MASK, number)
            rows.append([(2 * random.unit() - 1) / size for _ in range(size)])
        self.inputs = np.array(rows, dtype=np.float64)
        self.outputs = np.zeros((len(self.words), size))
        self.nodes = np.zeros((len(self.words), size))
        self.negatives = alias_table(self.counts, options["ns_exponent"])
        self.ways = huffman(self.counts)
        total = sum(self.counts)
        ratios = [options["sample"] * total / count for count in self.counts]
        self.keep = [
            min(int(float(np.float32(min(math.sqrt(r) + r, 1))) * 2**32), 2**32 - 1)
            if options["sample"]
            else 2**32 - 1
            for r in ratios
        ]
        self.loss = 0.0
        for epoch in range(options["epochs"]):
            self.pass_over(sentences, epoch)

    def pass_over(self, sentences: list[list[str]], epoch: int) -> None:
        alpha, least = self.options["alpha"], self.options["min_alpha"]
        self.rate = alpha - (alpha - least) * epoch / self.options["epochs"]
        self.random = SplitMix(self.options["seed"], epoch + 1, 0)
        for sentence in sentences:
            ids = [self.ids[word] for word in sentence]
            kept = [word for word in ids if self.random.next() >> 32 <= self.keep[word]]
            for position, word in enumerate(kept):
                self.step(kept, position, word)

    def step(self, kept: list[int], position: int, word: int) -> None:
        window = self.options["window"]
        reach = 1 + self.random.below(window) if self.options["shrink_windows"] else window
        around = kept[max(position - reach, 0) : position] + kept[position + 1 : position + reach + 1]
        if not around:
            return
        groups = [[self.bucket + other, *self.parts[other]] for other in around]
        if not self.options["sg"]:
            groups = [[row for group in groups for row in group]]
        takes_sum = not self.options["sg"] and not self.options["cbow_mean"]
        chosen = [(word, 1.0)]
        for _ in range(self.options["negative"]):
            bits = self.random.next()
            slot = (bits >> 32) * len(self.negatives) >> 32
            keep, other = self.negatives[slot]
            drawn = slot if bits & 0xFFFF_FFFF <= keep else other
            if drawn != word:
                chosen.append((drawn, 0.0))
        sides = []
        if self.options["hs"]:
            sides.append((self.nodes, self.ways[word]))
        if self.options["negative"]:
            sides.append((self.outputs, chosen))
        plain = self.options["sg"] and not self.bucket

        def read() -> np.ndarray:
            means = [self.inputs[group].sum(axis=0) / (1 if takes_sum else len(group)) for group in groups]
            return np.array(means)

        hidden = read()
        changes = np.zeros_like(hidden)
        for matrix, targets in sides:
            if not targets:
                continue
            if plain:
                hidden, changes = read(), np.zeros_like(hidden)
            rows = [row for row, _ in targets]
            labels = np.array([label for _, label in targets])
            probabilities = 1 / (1 + np.exp(-hidden @ matrix[rows].T))
            self.loss -= np.log(1 - np.abs(labels - probabilities)).sum()
            errors = (labels - probabilities) * self.rate
            changes += errors @ matrix[rows]
            np.add.at(matrix, rows, errors.T @ hidden)
            if plain:
                self.write(groups, changes, takes_sum)
        if not plain:
            self.write(groups, changes, takes_sum)

    def write(self, groups: list[list[int]], changes: np.ndarray, takes_sum: bool) -> None:
        for group, change in zip(groups, changes, strict=True):
            np.add.at(self.inputs, group, change / (len(group) if takes_sum else 1))

    def vectors(self) -> np.ndarray:
        rows = [[self.bucket + number, *parts] for number, parts in enumerate(self.parts)]
        return np.array([self.inputs[group].mean(axis=0) for group in rows])
