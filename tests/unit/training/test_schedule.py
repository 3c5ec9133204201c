"""Learning rates: their shapes, and the same figures as the schedules of transformers and torch."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ferrolm.training import TrainingConfig, learning_rate


def rates(**settings: Any) -> list[float]:
    config = TrainingConfig(**{"steps": 100, "learning_rate": 1.0, "final_learning_rate": 0.0, **settings})
    return [learning_rate(step, config) for step in range(config.steps)]


def test_the_cosine_rises_then_falls() -> None:
    found = rates(warmup_steps=10, final_learning_rate=0.1)
    assert found[0] == pytest.approx(0.1)
    assert found[9] == found[10] == 1.0
    assert all(left > right for left, right in itertools.pairwise(found[10:]))
    assert found[55] == pytest.approx(0.55)
    assert 0.1 < found[-1] < 0.101
    config = TrainingConfig(steps=100, warmup_steps=10, learning_rate=1.0, final_learning_rate=0.1)
    assert learning_rate(500, config) == pytest.approx(0.1), "a run that is prolonged stays at the end"
    assert rates(steps=1, warmup_steps=0) == [1.0]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant", "inverse_sqrt"])
def test_after_the_warm_up_they_are_those_of_transformers(schedule: str) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    name = {"constant": "constant_with_warmup"}.get(schedule, schedule)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = transformers.get_scheduler(name, optimizer, num_warmup_steps=10, num_training_steps=100)
    ours = rates(schedule=schedule, warmup_steps=10)
    # Their warm-up starts at zero, so that they are a step behind in it, and by the inverse root always.
    behind = 1 if schedule == "inverse_sqrt" else 0
    for step in range(100):
        if step > 10:
            assert ours[step - behind] == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()


def test_wsd_is_flat_and_then_falls_in_a_line() -> None:
    found = rates(schedule="wsd", warmup_fraction=0.1, decay_fraction=0.25)
    assert found[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert set(found[10:76]) == {1.0}
    assert found[76:] == pytest.approx([1 - step / 25 for step in range(1, 25)])
