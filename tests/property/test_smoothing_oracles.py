"""Witten-Bell, absolute discounting, add-k and stupid backoff against plain Python twins, as the papers write them."""

from __future__ import annotations

import math
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.ngram import NgramLM

VOCAB_SIZE = 6
UNSEEN = 1e-100


class Twin:
    """What the methods share: counts of n-grams in markers, and which of them are kept."""

    def __init__(
        self,
        sentences: list[list[int]],
        order: int,
        prune: list[int],
        only: set[int] | None,
        **options: float,
    ) -> None:
        self.order, self.options = order, options
        self.begin = ["<s>"] * self.begins(order)
        padded = [[*self.begin, *s, "</s>"] for s in sentences]
        predicted = [(s, i) for s in padded for i in range(len(self.begin), len(s))]
        self.counts = [Counter(tuple(s[i - k : i + 1]) for s, i in predicted if i >= k) for k in range(order)]

        def kept(gram: tuple) -> bool:
            count = self.counts[len(gram) - 1][gram]
            words = [word for word in gram if word not in ("<s>", "</s>")]
            # Filled up with <s> or not, it is the same n-gram: the order's threshold counts one <s>.
            threshold = prune[len(gram) - max(gram.count("<s>"), 1)]
            return (count > threshold or threshold == 0 or gram == ("</s>",)) and (
                only is None or all(word in only for word in words)
            )

        self.kept = [{gram for gram in counts if kept(gram)} for counts in self.counts]
        self.words = [
            word
            for word in [*range(VOCAB_SIZE), "<unk>", "</s>"]
            if word in ("<unk>", "</s>")
            or ((only is None or word in only) and (prune[0] == 0 or (word,) in self.kept[0]))
        ]

    def continuations(self, context: tuple) -> tuple[Counter, set]:
        """The counts after a context, and which of the words are kept."""
        counts = self.counts[len(context)]
        after = Counter({gram[-1]: count for gram, count in counts.items() if gram[:-1] == context})
        return after, {word for word in after if (*context, word) in self.kept[len(context)]}

    def begins(self, order: int) -> int:
        """How many <s> a sentence begins with."""
        return 1

    def full(self, context: list) -> tuple:
        return tuple([*self.begin, *context][-(self.order - 1) :]) if self.order > 1 else ()


class Interpolated(Twin):
    def probability(self, word: object, context: tuple) -> float:
        lower = self.probability(word, context[1:]) if context else 1 / len(self.words)
        after, kept = self.continuations(context)
        if not after:
            return lower
        freed = sum(count for other, count in after.items() if other not in kept)
        own = after[word] if word in kept else 0
        return self.mix(len(context), own, after, len(kept), freed, lower)


class WittenBell(Interpolated):
    def mix(self, k: int, own: int, after: Counter, kept: int, freed: int, lower: float) -> float:
        types = len(after)
        return (own + (types + freed) * lower) / (after.total() + types)


class Absolute(Interpolated):
    def discount(self, k: int) -> float:
        if "discount" in self.options:
            return self.options["discount"]
        occurring = Counter(self.counts[k].values())
        if not occurring[1] or not occurring[2]:
            return 0.5
        return occurring[1] / (occurring[1] + 2 * occurring[2])

    def mix(self, k: int, own: int, after: Counter, kept: int, freed: int, lower: float) -> float:
        discount = self.discount(k)
        return (max(own - discount, 0) + (discount * kept + freed) * lower) / after.total()


class AddK(Twin):
    def begins(self, order: int) -> int:
        return max(order - 1, 1)

    def probability(self, word: object, context: tuple) -> float:
        after, kept = self.continuations(context)
        added = self.options["k"]
        freed = sum(count for other, count in after.items() if other not in kept)
        own = after[word] if word in kept else 0
        return (own + added + freed / len(self.words)) / (after.total() + added * len(self.words))


class StupidBackoff(Twin):
    def probability(self, word: object, context: tuple) -> float:
        after, kept = self.continuations(context)
        if word in kept:
            return after[word] / after.total()
        if not context:
            freed = sum(count for other, count in after.items() if other not in kept)
            return freed / after.total() if word == "<unk>" and freed else UNSEEN
        # The paper charges for contexts that never occur too; a back-off model does not, and ranks alike.
        known = after and (context in self.kept[len(context) - 1] or context == ("<s>",))
        return (self.options["backoff_factor"] if known else 1.0) * self.probability(word, context[1:])


sentences = st.lists(st.lists(st.integers(0, 4), max_size=8), min_size=1, max_size=25)
METHODS = [
    ("witten-bell", WittenBell, {}),
    ("absolute", Absolute, {}),
    ("absolute", Absolute, {"discount": 0.75}),
    ("add-k", AddK, {"k": 1.0}),
    ("add-k", AddK, {"k": 0.03}),
    ("stupid-backoff", StupidBackoff, {"backoff_factor": 0.4}),
]


@pytest.mark.parametrize(("smoothing", "twin_of", "options"), METHODS)
@settings(max_examples=40, deadline=None)
@given(sentences, st.integers(1, 4), st.data())
def test_models_equal_the_twin(
    smoothing: str,
    twin_of: type[Twin],
    options: dict,
    sentences: list[list[int]],
    order: int,
    data: st.DataObject,
) -> None:
    prune = sorted(data.draw(st.lists(st.integers(0, 2), min_size=order, max_size=order)))
    only = data.draw(st.none() | st.sets(st.integers(0, 5)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = NgramLM.train(
            sentences,
            order,
            smoothing=smoothing,
            prune=prune,
            vocabulary=only,
            vocab_size=VOCAB_SIZE,
            **options,
        )
    twin = twin_of(sentences, order, prune, only, **options)
    for context in [[], *data.draw(st.lists(st.lists(st.integers(0, 5), max_size=5), max_size=4))]:
        logprobs = model.next_token_logprobs(context).astype(np.float64)
        if smoothing != "stupid-backoff":
            assert abs(np.exp(logprobs).sum() - 1) < 1e-5
        # A word that was left out is an unknown one, in contexts too.
        known = twin.full([id if id in twin.words else "<unk>" for id in context])
        for word in twin.words:
            id = {"<unk>": model.unk_id, "</s>": model.eos_id}.get(word, word)
            expected = twin.probability(word, known)
            assert math.isclose(math.exp(logprobs[id]), expected, rel_tol=1e-4, abs_tol=1e-44), (
                word,
                context,
            )
