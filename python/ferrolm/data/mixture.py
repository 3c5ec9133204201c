"""Several sources of batches as one, each with its share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from math import isfinite, lcm
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ferrolm.data._proportions import fair_order, whole_shares
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.data.batches import Batch, BatchSource

__all__ = ["Mixture", "temperature_weights"]

# Turns after which the order repeats, if the weights have no smaller common denominator.
_PERIOD = 10_000


class Mixture:
    """Batches of several sources in turn, as `BatchSource`: after any number of them, each source has given its share of them
    up to less than one batch.

    Each source is read in its own order without gaps: its batch number k is its k-th turn. Whose turn batch ``index`` is
    depends on the weights, the seed and ``index`` alone and is looked up, so that resuming needs no state; streams among the
    sources have theirs, which `state` collects.

    ``weights``: the shares, of sum 1. They are those asked for if these have a common denominator of at most 10,000 (0.7 and
    0.3, thirds, ...), else rounded to 10,000ths, and at least one of these.

    >>> from ferrolm.data import ExampleBatches
    >>> def collate(rows, random):
    ...     return {"input_ids": rows}
    >>> code, prose = ExampleBatches(["c"] * 9, collate, 2), ExampleBatches(["p"] * 9, collate, 2)
    >>> mixture = Mixture([(code, 1), (prose, 3)])
    >>> ["".join(mixture.batch(index)["input_ids"]) for index in range(8)]
    ['pp', 'cc', 'pp', 'pp', 'pp', 'cc', 'pp', 'pp']
    """

    def __init__(
        self, sources: Sequence[tuple[BatchSource, float]], seed: int = 0, *, mix_rows: bool = False
    ) -> None:
        """``sources``: with weights above 0, of any sum. ``seed``: who is first where several could be.

        ``mix_rows``: the turns are of rows instead of batches, so that each batch has rows of all; all batches then must have
        tensors of the same names and shapes, and streams cannot take part.
        """
        if not sources:
            raise InvalidArgumentError("sources is empty, expected one pair of source and weight or more")
        weights = [weight for _, weight in sources]
        if not all(isfinite(weight) and weight > 0 for weight in weights):
            raise InvalidArgumentError(f"weights are {weights}, expected finite numbers above 0")
        self.sources = [source for source, _ in sources]
        self.seed = seed
        self._counts = _turns(weights)
        self.weights = [count / sum(self._counts) for count in self._counts]
        ties = np.random.default_rng(seed).permutation(len(weights)).tolist()
        self._order = fair_order(self._counts, ties)
        self._earlier = _earlier(self._order, len(weights))
        self._streams = [number for number, source in enumerate(self.sources) if _is_stream(source)]
        self._mix_rows = mix_rows
        if mix_rows and self._streams:
            raise InvalidArgumentError(
                f"source {self._streams[0]} can only be read forwards, whose rows cannot be mixed; use mix_rows=False"
            )
        self._held: dict[int, tuple[int, Batch]] = {}

    @property
    def fingerprint(self) -> str:
        parts = (
            [source.fingerprint for source in self.sources],
            self._counts,
            self.seed,
            self._mix_rows,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def batch(self, index: int) -> Batch:
        if self._mix_rows:
            return self._rows(index)
        source, number = self.turn(index)
        return self.sources[source].batch(number)

    def epoch(self, index: int) -> float:
        """How often all of the data has been seen before batch ``index``: the source that is seen least often decides."""
        return min(self.epochs(index))

    def epochs(self, index: int) -> list[float]:
        """How often each source has been seen before batch ``index``."""
        turns = (
            [int(np.floor(index * weight)) for weight in self.weights]
            if self._mix_rows
            else self._read(index)
        )
        return [source.epoch(turn) for source, turn in zip(self.sources, turns, strict=True)]

    def turn(self, index: int) -> tuple[int, int]:
        """The number of the source whose turn ``index`` is, and how many turns it had before."""
        period, place = divmod(index, len(self._order))
        source = int(self._order[place])
        return source, period * self._counts[source] + int(self._earlier[place])

    def state(self) -> list[Any]:
        """Where the streams among the sources are, as JSON."""
        return [self.sources[number].state() for number in self._streams]  # type: ignore[attr-defined]

    def restore(self, state: list[Any]) -> None:
        """Take the streams to where they were."""
        if len(state) != len(self._streams):
            raise InvalidArgumentError(f"state is of {len(state)} streams, expected {len(self._streams)}")
        for number, saved in zip(self._streams, state, strict=True):
            self.sources[number].restore(saved)  # type: ignore[attr-defined]

    def _read(self, index: int) -> list[int]:
        """How many of the first ``index`` turns each source has."""
        period, place = divmod(index, len(self._order))
        within = np.bincount(self._order[:place], minlength=len(self._counts))
        return [period * count + int(more) for count, more in zip(self._counts, within, strict=True)]

    def _rows(self, index: int) -> Batch:
        import torch

        size = len(next(iter(self._held_batch(0, 0).values())))
        rows: list[Batch] = []
        for turn in range(index * size, (index + 1) * size):
            source, number = self.turn(turn)
            batch = self._held_batch(source, number // size)
            rows.append({name: tensor[number % size] for name, tensor in batch.items()})
        first = rows[0]
        for row in rows:
            if {name: tensor.shape for name, tensor in row.items()} != {n: t.shape for n, t in first.items()}:
                raise InvalidArgumentError(
                    f"sources give rows of {_shapes(first)} and of {_shapes(row)}, expected the same for mix_rows"
                )
        return {name: torch.stack([row[name] for row in rows]) for name in first}

    def _held_batch(self, source: int, number: int) -> Batch:
        """A batch of a source; the last of each is kept, since neighbouring rows are mostly of the same."""
        held = self._held.get(source)
        if held is None or held[0] != number:
            batch = self.sources[source].batch(number)
            size = len(next(iter(batch.values())))
            expected = len(next(iter(self._held[0][1].values()))) if 0 in self._held else size
            if size != expected:
                raise InvalidArgumentError(
                    f"source {source} gives {size} rows, source 0 gives {expected}: expected the same for mix_rows"
                )
            self._held[source] = held = (number, batch)
        return held[1]


def temperature_weights(sizes: Sequence[float], temperature: float = 1.0) -> list[float]:
    """Weights for sources of unequal sizes: proportional to size ** (1 / temperature), of sum 1.

    1 draws in proportion to the sizes; higher temperatures come nearer to equal shares, so that small languages or tasks are
    seen more often (multilingual BERT used 1 / 0.7, mT5 1 / 0.3; Arivazhagan et al. 2019).

    >>> [[round(weight, 3) for weight in temperature_weights([900, 100], temperature)] for temperature in (1, 2)]
    [[0.9, 0.1], [0.75, 0.25]]
    """
    if not sizes or not all(isfinite(size) and size > 0 for size in sizes):
        raise InvalidArgumentError(f"sizes are {list(sizes)}, expected finite numbers above 0")
    if not temperature > 0:
        raise InvalidArgumentError(f"temperature is {temperature}, expected a number above 0")
    # By the largest, so that nothing overflows.
    powers = [(size / max(sizes)) ** (1 / temperature) for size in sizes]
    return [power / sum(powers) for power in powers]


def _is_stream(source: BatchSource) -> bool:
    """Whether a source can only be read forwards, which a mixture is if one of its sources is."""
    return bool(source._streams) if isinstance(source, Mixture) else hasattr(source, "state")


def _turns(weights: Sequence[float]) -> list[int]:
    """Turns of each source in a period."""
    total = sum(map(Fraction, weights))
    exact = [Fraction(weight) / total for weight in weights]
    near = [share.limit_denominator(_PERIOD) for share in exact]
    period = lcm(*(share.denominator for share in near))
    same = all(abs(one - other) < Fraction(1, 10**9) for one, other in zip(exact, near, strict=True))
    if same and period <= _PERIOD and sum(near) == 1 and all(near):
        return [int(share * period) for share in near]
    if len(weights) > _PERIOD:
        raise InvalidArgumentError(f"{len(weights)} sources, expected {_PERIOD} or fewer")
    shares = whole_shares(exact, _PERIOD)
    while 0 in shares:
        shares[shares.index(0)] += 1
        shares[shares.index(max(shares))] -= 1
    return shares


def _earlier(order: npt.NDArray[np.int64], sources: int) -> npt.NDArray[np.int64]:
    """How often the member at each place has occurred before it."""
    earlier = np.empty(len(order), dtype=np.int64)
    for source in range(sources):
        places = np.flatnonzero(order == source)
        earlier[places] = np.arange(len(places))
    return earlier


def _shapes(row: Batch) -> str:
    return ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in row.items())
