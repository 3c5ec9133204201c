"""Kneser-Ney estimation against a plain Python twin that works on dictionaries, as the papers write it."""

from __future__ import annotations

import math
import warnings
from collections import Counter, defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.ngram import NgramLM, count

FALLBACK = (0.5, 1.0, 1.5)


def twin_discounts(counts: Counter) -> tuple[float, ...]:
    n = Counter(min(c, 5) for c in counts.values() if c > 0)
    if not (n[1] and n[2] and n[3]):
        return FALLBACK
    y = n[1] / (n[1] + 2 * n[2])
    discounts = tuple(j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3))
    return discounts if all(0 <= d <= j for j, d in enumerate(discounts, 1)) else FALLBACK


class Twin:
    """Chen and Goodman's interpolated modified Kneser-Ney, with lmplz's conventions for <s>, <unk> and pruning."""

    def __init__(
        self,
        sentences: list[list[int]],
        order: int,
        prune: list[int],
        vocab_size: int,
        only: set[int] | None = None,
    ) -> None:
        self.order = order
        padded = [["<s>", *s, "</s>"] for s in sentences]
        self.words = [*range(vocab_size), "<unk>", "</s>"]
        raw = [
            Counter(tuple(s[i : i + k]) for s in padded for i in range(len(s) - k + 1))
            for k in range(1, order + 1)
        ]
        self.adjusted = []
        for k in range(1, order + 1):
            if k == order:
                counts = Counter(raw[k - 1])
            else:
                counts = Counter(gram[1:] for gram in raw[k])
                counts.update({gram: c for gram, c in raw[k - 1].items() if gram[0] == "<s>"})
            if k == 1:
                counts.pop(("<s>",), None)
            self.adjusted.append(counts)
        self.discounts = [twin_discounts(counts) for counts in self.adjusted]
        self.kept = [
            {
                gram
                for gram in counts
                if (raw[k][gram] > prune[k] or prune[k] == 0 or (k == 0 and gram == ("</s>",)))
                and (only is None or all(word in only or isinstance(word, str) for word in gram))
            }
            for k, counts in enumerate(self.adjusted)
        ]
        self.by_context = [defaultdict(list) for _ in range(order)]
        for k, counts in enumerate(self.adjusted):
            for gram in counts:
                self.by_context[k][gram[:-1]].append(gram)
        if prune[0]:
            self.words = [w for w in self.words if (w,) in self.kept[0] or w in ("<unk>", "</s>")]
        if only is not None:
            self.words = [w for w in self.words if w in only or w in ("<unk>", "</s>")]

    def probability(self, word: object, context: tuple) -> float:
        context = context[-(self.order - 1) :] if self.order > 1 else ()
        k = len(context)
        extensions = self.by_context[k].get(context, [])
        lower = 1 / len(self.words) if k == 0 else self.probability(word, context[1:])
        if not extensions:
            return lower
        counts, discounts = self.adjusted[k], self.discounts[k]
        total = sum(counts[gram] for gram in extensions)
        kept = [gram for gram in extensions if gram in self.kept[k]]
        freed = sum(discounts[min(counts[g], 3) - 1] for g in kept)
        freed += sum(counts[g] for g in extensions if g not in self.kept[k])
        gram = (*context, word)
        own = counts[gram] - discounts[min(counts[gram], 3) - 1] if gram in self.kept[k] else 0.0
        return own / total + freed / total * lower


sentences = st.lists(st.lists(st.integers(0, 4), max_size=8), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(sentences, st.integers(1, 4), st.data())
def test_models_equal_the_twin(sentences: list[list[int]], order: int, data: st.DataObject) -> None:
    prune = sorted(data.draw(st.lists(st.integers(0, 2), min_size=order, max_size=order)))
    only = data.draw(st.none() | st.sets(st.integers(0, 5)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = NgramLM.train(sentences, order, prune=prune, vocabulary=only, vocab_size=6)
    twin = Twin(sentences, order, prune, 6, only)
    contexts = data.draw(st.lists(st.lists(st.integers(0, 5), max_size=5), max_size=4))
    for context in [[], *contexts]:
        logprobs = model.next_token_logprobs(context)
        assert abs(np.exp(logprobs.astype(np.float64)).sum() - 1) < 1e-5
        # A pruned word is an unknown one, in contexts too.
        known = tuple(id if id in twin.words else "<unk>" for id in context)
        for word in twin.words:
            id = {"<unk>": model.unk_id, "</s>": model.eos_id}.get(word, word)
            expected = twin.probability(word, ("<s>", *known))
            assert math.isclose(math.exp(logprobs[id]), expected, rel_tol=1e-4, abs_tol=1e-7), (word, context)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab c\t\n\u00a0é", max_size=20), max_size=10), st.integers(1, 4))
def test_counts_equal_a_counter(sentences: list[str], order: int) -> None:
    split = [sentence.replace("\t", " ").replace("\n", " ").split(" ") for sentence in sentences]
    split = [[word for word in words if word] for words in split]
    expected = Counter(tuple(words[i : i + order]) for words in split for i in range(len(words) - order + 1))
    counts = count(sentences, orders=order)
    assert Counter(dict(counts.most_common(len(counts)))) == expected
    assert all(counts[ngram] == value for ngram, value in expected.items())
