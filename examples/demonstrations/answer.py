"""What examples do for a model that reads them: ``python answer.py DATA MODEL``, MODEL by train.py

`InContextClassifier` asks the model the test queries of rt-polarity and Banking77 after examples by each strategy. The table
has 95 % intervals, and each strategy paired with random choice. Then, with the nearest neighbours: the best example first instead of
last, orders by entropy (GlobalE, of four random ones, on the validation part), and contextual calibration.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from labelled import TASKS, Task, embedder, parser_of
from numpy.typing import NDArray
from train import symbols, template

from ferrolm import Tokenizer, load_model
from ferrolm.demonstrations import (
    BalancedSelector,
    BM25Selector,
    CoverageSelector,
    DPPSelector,
    InContextClassifier,
    KMeansSelector,
    LikelihoodScorer,
    MMRSelector,
    NearestSelector,
    RandomSelector,
    Selector,
    by_entropy,
    candidate_orders,
    compare_strategies,
)

SHOTS = 4  # as in training


class Shown(Selector):
    """Another selector's choice, its places dealt out in a given order, and whether answers to it are calibrated."""

    def __init__(self, inner: Selector, order: Sequence[int], *, calibrate: bool = False) -> None:
        super().__init__(inner.pool)
        self._inner, self._order, self.calibrate = inner, list(order), calibrate

    def scores(self, query: str) -> NDArray[np.float64]:
        """Those of the other selector."""
        return self._inner.scores(query)

    def select(self, query: str, k: int) -> NDArray[np.int64]:
        """The same examples in the other order."""
        return self._inner.select(query, k)[self._order[:k]]


def words(labels: Sequence[str], tokenizer: Tokenizer) -> dict[str, str]:
    """A word for each label, of those that stood for labels in training."""
    return dict(zip(sorted(set(labels)), symbols(tokenizer), strict=False))


def strategies(task: Task, embed: Callable[[Sequence[str]], NDArray]) -> dict[str, Callable[[int], Selector]]:
    """By name, from a seed to a selector; random choice first."""
    pool, rows = task.pool[0], embed(task.pool[0])
    kinds = {"nearest": NearestSelector, "MMR": MMRSelector, "DPP": DPPSelector, "k-means": KMeansSelector}
    return {
        "random": lambda seed: RandomSelector(pool, seed=seed),
        "BM25": lambda seed: BM25Selector(pool, seed=seed),
        "coverage": lambda seed: CoverageSelector(pool, seed=seed),
        "balanced": lambda seed: BalancedSelector(
            NearestSelector(pool, embed, embeddings=rows, seed=seed), task.pool[1]
        ),
        **{
            name: lambda seed, kind=kind: kind(pool, embed, embeddings=rows, seed=seed)
            for name, kind in kinds.items()
        },
    }


def asked(task: Task, model: LikelihoodScorer, selector: Selector, shots: int) -> InContextClassifier:
    """The model with the examples of a selector."""
    calibrate = isinstance(selector, Shown) and selector.calibrate
    return InContextClassifier(
        model,
        selector,
        task.pool[1],
        k=shots,
        template=template(words(task.pool[1], model.model.tokenizer)),
        calibrate=calibrate,
    )


def forms(
    task: Task, model: LikelihoodScorer, chooser: Selector, shots: int
) -> dict[str, Callable[[int], Selector]]:
    """Ways to show the same examples, by name."""
    probes, given = task.validation[0][:100], list(range(shots))

    def probabilities(order: Sequence[int]) -> NDArray[np.float64]:
        return asked(task, model, Shown(chooser, order), shots).probabilities(probes)

    ranked = by_entropy(candidate_orders(shots, 4), probabilities)
    return {
        "best last": lambda seed: chooser,
        "best first": lambda seed: Shown(chooser, given[::-1]),
        "highest entropy": lambda seed: Shown(chooser, ranked[0]),
        "lowest entropy": lambda seed: Shown(chooser, ranked[-1]),
        "best last, calibrated": lambda seed: Shown(chooser, given, calibrate=True),
    }


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = parser_of(__doc__)
    parser.add_argument("model", type=Path, help="folder that train.py made")
    parser.add_argument("--shots", type=int, default=SHOTS, help="examples for a query (default: 4)")
    parser.add_argument("--seeds", type=int, default=1, help="of the selectors (default: 1)")
    given = parser.parse_args(arguments)
    model = LikelihoodScorer(load_model(given.model), batch_size=32)
    for name in given.task or TASKS:
        begun = time.process_time()
        task = TASKS[name](given.data).first(given.queries)
        shots, (queries, truth) = given.shots, task.test
        kinds = strategies(task, embedder(task, given.cache, given.encoder))

        def predict(
            selector: Selector,
            seed: int,
            task: Task = task,
            shots: int = shots,
            queries: Sequence[str] = queries,
        ) -> list[str]:
            return asked(task, model, selector, shots).predict(queries)

        report = compare_strategies(kinds, predict, truth, seeds=range(given.seeds))
        print(f"{task.name}: {len(queries)} queries, {shots} of {len(task.pool[0])} examples\n{report}")
        order = compare_strategies(forms(task, model, kinds["nearest"](0), shots), predict, truth, seeds=[0])
        print(f"nearest neighbours, shown in other ways\n{order}")
        print(f"({time.process_time() - begun:.0f} CPU seconds)\n", flush=True)
        if given.plot:
            given.plot.mkdir(parents=True, exist_ok=True)
            report.plot(given.plot / f"{name}-in-context.png")


if __name__ == "__main__":
    main()
