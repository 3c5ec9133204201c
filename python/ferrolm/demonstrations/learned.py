"""A selector that learns from the model which examples help (Rubin, Herzig and Berant 2022, "EPR").

For some queries of the pool, candidates are ranked by how probable the model finds the true answer after each. Two linear maps
of given embeddings, one for queries and one for examples, learn to put the helpful ones near (contrastive loss with the
other queries' candidates as negatives). The encoder stays as it is, so that learning takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm._extras import require
from ferrolm.demonstrations.scoring import as_scorer, checked_scores
from ferrolm.demonstrations.selectors import BM25Selector, Embed, NearestSelector, Selector, unit_rows
from ferrolm.demonstrations.template import Example, Template
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["LearnedSelector", "Preferences", "preferences"]


@dataclass(frozen=True)
class Preferences:
    """What the model said: for each of the ``queries`` (positions in the pool) its best and worst candidates, int64[n, m]."""

    queries: NDArray[np.int64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]


def preferences(
    selector: Selector,
    labels: Sequence[str],
    model: Any,
    *,
    template: Template | None = None,
    queries: int = 300,
    candidates: int = 20,
    keep: int = 5,
    seed: int = 0,
) -> Preferences:
    """Ask the model which of the ``candidates`` of a selector make the true answers of some of the pool's texts likeliest.

    Args:
        selector: proposes candidates, `BM25Selector` in the paper; a text is never its own candidate.
        labels: answers of the pool's texts.
        model: a `LanguageModel` or a `Scorer`; it reads ``queries * candidates`` prompts of one example each.
        keep: of each query, how many of the best are positives and of the worst negatives.
        seed: of the choice of queries.

    Raises `InvalidArgumentError` for a pool that has fewer than ``2 * keep`` candidates.
    """
    if keep < 1 or candidates < 2 * keep or queries < 1:
        raise InvalidArgumentError(
            f"candidates is {candidates}, keep {keep} and queries {queries}: expected candidates of twice keep or more"
        )
    if len(labels) != len(selector.pool):
        raise ShapeError(f"there are {len(labels)} labels for {len(selector.pool)} texts: expected as many")
    form, score = template or Template(), as_scorer(model)
    chosen = np.random.default_rng(seed).permutation(len(selector.pool))[:queries]
    rows, best, worst = [], [], []
    for place in chosen.tolist():
        query, label = selector.pool[place], labels[place]
        near = selector.select(query, candidates)
        if len(near) < 2 * keep:
            raise InvalidArgumentError(f"the pool has {len(near)} candidates, expected {2 * keep} or more")
        prompts = [form.prompt([Example(selector.pool[each], labels[each])], query) for each in near.tolist()]
        order = np.argsort(-checked_scores(score, prompts, [form.continuation(label)])[:, 0], kind="stable")
        rows.append(place)
        best.append(near[order[:keep]])
        worst.append(near[order[-keep:]])
    return Preferences(np.array(rows, np.int64), np.array(best, np.int64), np.array(worst, np.int64))


class LearnedSelector(NearestSelector):
    """Nearest neighbours under two learned linear maps, one of queries and one of examples.

    Made by `train`; ``query_map`` and ``example_map`` are (dimensions, size).
    """

    def __init__(
        self,
        pool: Sequence[str],
        embed: Embed,
        query_map: ArrayLike,
        example_map: ArrayLike,
        *,
        embeddings: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.query_map, self.example_map = (np.asarray(each, np.float32) for each in (query_map, example_map))
        if self.query_map.ndim != 2 or self.query_map.shape != self.example_map.shape:
            raise ShapeError(
                f"the maps have shapes {self.query_map.shape} and {self.example_map.shape}, expected both (dimensions, size)"
            )
        base = unit_rows(embed(list(pool)) if embeddings is None else embeddings, len(pool))

        def mapped(texts: Sequence[str]) -> NDArray[np.float32]:
            return unit_rows(embed(texts), len(texts)) @ self.query_map

        super().__init__(pool, mapped, embeddings=base @ self.example_map, seed=seed)

    @classmethod
    def train(
        cls,
        pool: Sequence[str],
        labels: Sequence[str],
        embed: Embed,
        model: Any,
        *,
        embeddings: ArrayLike | None = None,
        template: Template | None = None,
        queries: int = 300,
        candidates: int = 20,
        keep: int = 5,
        epochs: int = 30,
        learning_rate: float = 1e-3,
        temperature: float = 0.05,
        seed: int = 0,
    ) -> Self:
        """Ask the model (`preferences`, candidates by BM25) and learn the maps from what it says.

        Needs torch. The maps begin as the identity, which is `NearestSelector`.
        """
        base = unit_rows(embed(list(pool)) if embeddings is None else embeddings, len(pool))
        asked = preferences(
            BM25Selector(pool, seed=seed), labels, model,
            template=template, queries=queries, candidates=candidates, keep=keep, seed=seed,
        )  # fmt: skip
        maps = learned_maps(
            base, asked, epochs=epochs, learning_rate=learning_rate, temperature=temperature, seed=seed
        )
        return cls(pool, embed, *maps, embeddings=base, seed=seed)


def learned_maps(
    rows: NDArray[np.float32],
    asked: Preferences,
    *,
    epochs: int = 30,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    temperature: float = 0.05,
    seed: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The maps of queries and examples that put each query next to its positives: InfoNCE with Adam, in torch.

    rows: unit embeddings of the pool, (texts, dimensions).
    """
    torch = require("torch", "torch", "learning a selector")
    generator = torch.Generator().manual_seed(seed)
    table = torch.from_numpy(rows)
    maps = [torch.eye(rows.shape[1], requires_grad=True) for _ in range(2)]
    optimizer = torch.optim.Adam(maps, lr=learning_rate)
    normalize = torch.nn.functional.normalize
    for _ in range(epochs):
        for batch in torch.randperm(len(asked.queries), generator=generator).split(batch_size):
            # One positive and one negative of each query; the others' are negatives too.
            draw = torch.randint(asked.positives.shape[1], (2, len(batch)), generator=generator)
            places = batch.numpy()
            examples = np.concatenate(
                [asked.positives[places, draw[0].numpy()], asked.negatives[places, draw[1].numpy()]]
            )
            queries = normalize(table[asked.queries[places]] @ maps[0], dim=1)
            others = normalize(table[examples] @ maps[1], dim=1)
            loss = torch.nn.functional.cross_entropy(
                queries @ others.T / temperature, torch.arange(len(batch))
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return maps[0].detach().numpy(), maps[1].detach().numpy()
