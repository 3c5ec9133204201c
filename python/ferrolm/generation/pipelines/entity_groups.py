"""From labels of tokens to entities: words get one label each, and neighbours of one kind become an entity.

The strategies and results are those of transformers' token classification.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["STRATEGIES", "TaggedTokens", "entities", "without_overlaps"]

STRATEGIES = ("none", "simple", "first", "average", "max")

_Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class TaggedTokens:
    """The tokens of a text that are no special ones, or its words: all fields have one entry for each.

    scores: [tokens, labels]; tags: the label that each has; starts, ends: of its characters; places: its number among all
    tokens; continues: whether it belongs to the word of the token before.
    """

    words: list[str]
    scores: NDArray[np.float32]
    tags: _Numbers
    starts: _Numbers
    ends: _Numbers
    places: _Numbers
    continues: NDArray[np.bool_]

    @property
    def tag_scores(self) -> NDArray[np.float32]:
        """What each scores for the label that it has, [tokens]."""
        return np.take_along_axis(self.scores, self.tags[:, None], 1)[:, 0]


def entities(
    tokens: TaggedTokens, strategy: str, labels: Sequence[str], ignore: Collection[str], join: Callable[[list[str]], str]
) -> list[dict[str, Any]]:  # fmt: skip
    """The tokens ("none") or the entities of a text that are not to be ignored, as dictionaries.

    join: the text that pieces make. See `ferrolm.generation.pipelines.TokenClassificationPipeline` for the strategies.
    """
    if not len(tokens.tags):
        return []
    if strategy == "none":
        return _each(tokens, labels, ignore)
    return _groups(tokens if strategy == "simple" else _words(tokens, strategy, join), labels, ignore, join)


def _each(tokens: TaggedTokens, labels: Sequence[str], ignore: Collection[str]) -> list[dict[str, Any]]:
    kept = np.flatnonzero(~np.isin(tokens.tags, [n for n, label in enumerate(labels) if label in ignore]))
    scores = tokens.tag_scores
    return [
        {
            "entity": labels[tokens.tags[n]],
            "score": float(scores[n]),
            "index": int(tokens.places[n]),
            "word": tokens.words[n],
            "start": int(tokens.starts[n]),
            "end": int(tokens.ends[n]),
        }
        for n in kept.tolist()
    ]


def _words(tokens: TaggedTokens, strategy: str, join: Callable[[list[str]], str]) -> TaggedTokens:
    """The words of the tokens, each with the scores and the label of its first token, its surest, or their mean."""
    begins = ~tokens.continues
    begins[0] = True
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(begins)) - 1
    chosen = first
    if strategy == "max":
        # Sorted by word and falling score, the surest token of each word is where the word begins.
        chosen = np.lexsort((-tokens.scores.max(1), begins.cumsum()))[first]
    scores, tags = tokens.scores[chosen], tokens.tags[chosen]
    if strategy == "average":
        counts = (last - first + 1).astype(np.float32)
        scores = (np.add.reduceat(tokens.scores, first, axis=0) / counts[:, None]).astype(np.float32)
        tags = scores.argmax(1)
    texts = [
        join(tokens.words[one : other + 1]) for one, other in zip(first.tolist(), last.tolist(), strict=True)
    ]
    return replace(
        tokens, words=texts, scores=scores, tags=tags, starts=tokens.starts[first], ends=tokens.ends[last],
        places=tokens.places[first], continues=np.zeros(len(first), np.bool_),
    )  # fmt: skip


def _groups(
    tokens: TaggedTokens, labels: Sequence[str], ignore: Collection[str], join: Callable[[list[str]], str]
) -> list[dict[str, Any]]:
    """Neighbours of one kind as one entity; a label that begins with B- begins another, one without B- or I- goes on."""
    kinds = [label[2:] if label[:2] in ("B-", "I-") else label for label in labels]
    numbers = np.array([kinds.index(kind) for kind in kinds])[tokens.tags]
    begins = np.array([label.startswith("B-") for label in labels])[tokens.tags]
    begins[1:] |= numbers[1:] != numbers[:-1]
    begins[0] = True
    first = np.flatnonzero(begins)
    scores, after = tokens.tag_scores, np.append(first[1:], len(begins))
    names = [labels[tag].split("-", 1)[-1] for tag in tokens.tags[first]]
    return [
        {
            "entity_group": name,
            "score": float(scores[one:other].mean()),
            "word": join(tokens.words[one:other]),
            "start": int(tokens.starts[one]),
            "end": int(tokens.ends[other - 1]),
        }
        for name, one, other in zip(names, first.tolist(), after.tolist(), strict=True)
        if name not in ignore
    ]


def without_overlaps(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of entities that overlap, as those of overlapping windows do, the longest; of equally long ones the surest.

    >>> one, other = {"start": 0, "end": 4, "score": 0.9}, {"start": 2, "end": 9, "score": 0.5}
    >>> without_overlaps([other, one]) == [other]
    True
    """
    kept: list[dict[str, Any]] = []
    for entity in sorted(found, key=lambda entity: int(entity["start"])):
        if not kept or entity["start"] >= kept[-1]["end"]:
            kept.append(entity)
        elif _rank(entity) > _rank(kept[-1]):
            kept[-1] = entity
    return kept


def _rank(entity: dict[str, Any]) -> tuple[int, float]:
    return entity["end"] - entity["start"], entity["score"]
