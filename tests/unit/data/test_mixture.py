"""Several sources as one: shares at any time, every source without gaps, and the same after a resume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.data import ExampleBatches, Mixture, TokenBlocks, TokenFile, TokenFileWriter, temperature_weights
from ferrolm.data._proportions import fair_order
from ferrolm.errors import InvalidArgumentError

torch = pytest.importorskip("torch")


class Numbers:
    """Batch k of source s is [s, k], so that a test sees where each came from."""

    fingerprint = "numbers"

    def __init__(self, source: int, per_epoch: int = 10) -> None:
        self.source, self.per_epoch = source, per_epoch

    def batch(self, index: int) -> dict[str, torch.Tensor]:
        return {"rows": torch.tensor([[self.source, index, row] for row in range(4)])}

    def epoch(self, index: int) -> float:
        return index / self.per_epoch


def mixed(weights: list[float], seed: int = 0, **options: bool) -> Mixture:
    return Mixture([(Numbers(number), weight) for number, weight in enumerate(weights)], seed, **options)


_WEIGHTS = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(_WEIGHTS, st.integers(0, 9), st.integers(0, 30_000))
def test_shares_hold_at_any_time_and_no_source_has_gaps(weights: list[float], seed: int, start: int) -> None:
    mixture = mixed(weights, seed)
    assert sum(mixture.weights) == pytest.approx(1)
    asked = np.array(weights) / sum(weights)
    assert np.abs(mixture.weights - asked).max() < 1e-4 * len(weights)
    read = [round(epoch * 10) for epoch in mixture.epochs(start)]
    for index in range(start, start + 60):
        assert np.abs(np.array(read) - index * np.array(mixture.weights)).max() < 1 + 1e-6
        source, number = mixture.turn(index)
        assert number == read[source]
        read[source] += 1
    assert [round(epoch * 10) for epoch in mixture.epochs(start + 60)] == read


@given(st.lists(st.integers(1, 60), min_size=2, max_size=7), st.randoms())
def test_turns_stay_within_the_bound_of_tijdeman(counts: list[int], random) -> None:
    ties = list(range(len(counts)))
    random.shuffle(ties)
    order = fair_order(counts, ties)
    turns = np.cumsum(order[:, None] == np.arange(len(counts)), axis=0)
    shares = np.arange(1, len(order) + 1)[:, None] * np.array(counts) / sum(counts)
    assert np.abs(turns - shares).max() <= 1 - 1 / (2 * len(counts) - 2) + 1e-9
    assert turns[-1].tolist() == counts


def test_usual_weights_are_kept_exactly() -> None:
    assert mixed([0.7, 0.3]).weights == [0.7, 0.3]
    assert mixed([1, 1, 1]).weights == [1 / 3] * 3
    assert mixed([3, 1]).weights == [0.75, 0.25]
    assert mixed([1, 1e-9]).weights == [0.9999, 0.0001]  # at least one in 10,000


def test_a_batch_is_that_of_its_source() -> None:
    mixture = mixed([0.5, 0.3, 0.2])
    for index in (7, 3, 20_001):
        source, number = mixture.turn(index)
        assert mixture.batch(index)["rows"][0].tolist() == [source, number, 0]
    assert mixture.epoch(100) == min(mixture.epochs(100)) == 2.0


def test_rows_of_all_sources_in_each_batch() -> None:
    mixture = mixed([1, 1], mix_rows=True)
    rows = np.concatenate([mixture.batch(index)["rows"].numpy() for index in range(20)])
    for source in (0, 1):
        own = rows[rows[:, 0] == source]
        assert own[:, 1:].tolist() == [[number // 4, number % 4] for number in range(40)]
    assert all(set(mixture.batch(index)["rows"][:, 0].tolist()) == {0, 1} for index in range(5))
    again = mixed([1, 1], mix_rows=True)
    assert torch.equal(again.batch(13)["rows"], mixture.batch(13)["rows"])


def test_rows_that_do_not_fit_together_are_named() -> None:
    class Wide(Numbers):
        def batch(self, index: int) -> dict[str, torch.Tensor]:
            return {"rows": torch.zeros(4, 5)}

    class Tall(Numbers):
        def batch(self, index: int) -> dict[str, torch.Tensor]:
            return {"rows": torch.zeros(6, 3)}

    for other, message in (
        (Wide(1), r"rows \[3\] and of rows \[5\]|rows \[5\] and of rows \[3\]"),
        (Tall(1), "gives 6 rows"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            Mixture([(Numbers(0), 1), (other, 1)], mix_rows=True).batch(0)


def test_fingerprints_tell_mixtures_apart() -> None:
    prints = {mixed(weights, seed).fingerprint for weights in ([1, 2], [2, 1]) for seed in (0, 1)}
    assert len(prints) == 4
    assert mixed([1, 2]).fingerprint == mixed([2, 4]).fingerprint


def test_wrong_weights() -> None:
    for weights in ([1, 0], [float("nan")], [float("inf"), 1], [-1.0]):
        with pytest.raises(InvalidArgumentError, match="expected finite numbers above 0"):
            mixed(weights)
    with pytest.raises(InvalidArgumentError, match="sources is empty"):
        Mixture([])


def test_temperatures_flatten() -> None:
    sizes = [1_000_000, 1000, 10]
    assert temperature_weights(sizes) == pytest.approx([size / 1_001_010 for size in sizes])
    assert temperature_weights(sizes, 1e9) == pytest.approx([1 / 3] * 3)
    half = temperature_weights(sizes, 2)
    assert half[0] / half[1] == pytest.approx(1000**0.5)
    assert temperature_weights([1e300, 1], 0.1) == pytest.approx([1, 0])
    for wrong, temperature in (([], 1), ([0], 1), ([1], 0)):
        with pytest.raises(InvalidArgumentError):
            temperature_weights(wrong, temperature)


def test_blocks_of_token_files_mixed(tmp_path) -> None:
    files = []
    for number in range(2):
        with TokenFileWriter(tmp_path / f"{number}.tokens", 1000) as writer:
            writer.add(np.arange(400) + 500 * number, text_bytes=1)
        files.append(TokenFile(tmp_path / f"{number}.tokens"))
    blocks = [TokenBlocks(file, 8, 4, seed=3) for file in files]
    mixture = Mixture([(blocks[0], 1), (blocks[1], 1)])
    low, high = (blocks[number].batch(0)["blocks"] for number in range(2))
    assert low.dtype == torch.int64
    assert (low.max() < 500, high.min() >= 500) == (True, True)
    first = mixture.batch(0)["blocks"]
    assert torch.equal(first, low) or torch.equal(first, high)
    # Two processes together have the rows of one, and the fingerprint says that it is the same data.
    halves = [TokenBlocks(files[0], 8, 2, seed=3, rank=rank, world_size=2) for rank in range(2)]
    assert torch.equal(torch.cat([half.batch(5)["blocks"] for half in halves]), blocks[0].batch(5)["blocks"])
    assert {half.fingerprint for half in halves} == {blocks[0].fingerprint}
    others = {
        TokenBlocks(files[0], 8, 4, seed=4).fingerprint,
        TokenBlocks(files[0], 7, 4, seed=3).fingerprint,
    }
    assert blocks[0].fingerprint not in others


def test_example_batches_take_part() -> None:
    def collate(rows, random):
        return {"input_ids": torch.tensor(rows)[:, None]}

    mixture = Mixture(
        [(ExampleBatches(range(10), collate, 5), 1), (ExampleBatches(range(100, 110), collate, 5), 1)]
    )
    seen = torch.cat([mixture.batch(index)["input_ids"] for index in range(4)]).flatten().tolist()
    assert sorted(seen) == [*range(10), *range(100, 110)]
    assert mixture.epoch(4) == 1.0
