"""What selection alone is worth, without a model: ``python selection.py DATA``

On rt-polarity and Banking77 each strategy chooses examples for the same queries, and their labels vote, one vote each and by
similarity. The table has 95 % intervals, and each strategy paired with random choice and with the nearest neighbours. --tune
looks at the validation part instead and tries settings of the diverse strategies.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from labelled import TASKS, Task, embedder, parser_of
from numpy.typing import NDArray

from ferrolm.demonstrations import (
    BalancedSelector,
    BM25Selector,
    CoverageSelector,
    DPPSelector,
    KMeansSelector,
    LearnedSelector,
    MMRSelector,
    NearestSelector,
    RandomSelector,
    RestrictedSelector,
    Selector,
    Template,
    compare_strategies,
    majority_label,
    vote_k,
)

SHOTS = {"rt-polarity": 4, "banking77": 8}
Make = Callable[[int], Selector]


def copier(prompts: Sequence[str], continuations: Sequence[str]) -> list[list[float]]:
    """Stands in for a model: finds the label of the example in the prompt likely, whatever is asked."""
    said = [prompt.split("\nLabel: ", 1)[1].split("\n", 1)[0] for prompt in prompts]
    return [[0.0 if text.strip() == each else -5.0 for text in continuations] for each in said]


def strategies(task: Task, embed: Callable[[Sequence[str]], NDArray]) -> dict[str, Make]:
    """By name, from a seed to a selector; random choice first."""
    pool, labels = task.pool
    rows = embed(pool)
    few = vote_k(rows, len(pool) // 10)

    def near(kind: type[NearestSelector], **settings: float) -> Make:
        return lambda seed: kind(pool, embed, embeddings=rows, seed=seed, **settings)  # type: ignore[arg-type]

    nearest = near(NearestSelector)
    return {
        "random": lambda seed: RandomSelector(pool, seed=seed),
        "BM25": lambda seed: BM25Selector(pool, seed=seed),
        "coverage": lambda seed: CoverageSelector(pool, seed=seed),
        "nearest": nearest,
        "MMR": near(MMRSelector),
        "DPP": near(DPPSelector),
        "k-means": near(KMeansSelector),
        "balanced": lambda seed: BalancedSelector(nearest(seed), labels),
        "vote-k": lambda seed: RestrictedSelector(
            pool, few, NearestSelector, embed=embed, embeddings=rows[few], seed=seed
        ),
        "learned": lambda seed: LearnedSelector.train(
            pool,
            labels,
            embed,
            copier,
            embeddings=rows,
            template=Template(),
            queries=1000,
            epochs=20,
            seed=seed,
        ),
    }


def settings(task: Task, embed: Callable[[Sequence[str]], NDArray]) -> dict[str, Make]:
    """Of the diverse strategies, to be tried on the validation part."""
    pool, rows = task.pool[0], embed(task.pool[0])
    tried: dict[str, Make] = {
        "nearest": lambda seed: NearestSelector(pool, embed, embeddings=rows, seed=seed)
    }
    for kind, relevances in ((MMRSelector, (0.5, 0.7, 0.8, 0.9)), (DPPSelector, (2.0, 5.0, 10.0, 20.0))):
        for relevance in relevances:
            for candidates in (16, 64):
                tried[f"{kind.__name__[:3]} relevance={relevance:g} candidates={candidates}"] = (
                    lambda seed, kind=kind, relevance=relevance, candidates=candidates: kind(
                        pool, embed, embeddings=rows, relevance=relevance, candidates=candidates, seed=seed
                    )
                )
    for candidates in (12, 16, 32, 64):
        tried[f"k-means candidates={candidates}"] = lambda seed, candidates=candidates: KMeansSelector(
            pool, embed, embeddings=rows, candidates=candidates, seed=seed
        )
    return tried


def main(arguments: list[str] | None = None) -> None:
    """Print a table for each set and each way to vote."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--shots", type=int, help="examples for a query (default: 4 of reviews, 8 of questions)"
    )
    parser.add_argument("--seeds", type=int, default=3, help="of the selectors (default: 3)")
    parser.add_argument("--tune", action="store_true", help="try settings on the validation part")
    given = parser.parse_args(arguments)
    for name in given.task or TASKS:
        task = TASKS[name](given.data).first(given.queries)
        embed = embedder(task, given.cache, given.encoder)
        kinds = (settings if given.tune else strategies)(task, embed)
        queries, truth = task.validation if given.tune else task.test
        shots = given.shots or SHOTS[name]
        for how, weights in (("one vote each", None), ("votes by similarity", embed)):
            begun = time.process_time()
            predict = majority_label(task.pool[1], queries, shots, embed=weights)
            report = compare_strategies(kinds, predict, truth, seeds=range(given.seeds))
            print(
                f"{task.name}: {len(queries)} queries, {shots} of {len(task.pool[0])} examples, {how}\n{report}"
            )
            if "nearest" in kinds:
                print("against nearest:")
                for other, found in report.against("nearest").items():
                    print(
                        f"  {other}: {found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}] p={found.p_value:.4f}"
                    )
            print(f"({time.process_time() - begun:.0f} CPU seconds)\n", flush=True)
            if given.plot and weights is None:
                given.plot.mkdir(parents=True, exist_ok=True)
                report.plot(given.plot / f"{name}.png")
    print("done", file=sys.stderr)


if __name__ == "__main__":
    main()
