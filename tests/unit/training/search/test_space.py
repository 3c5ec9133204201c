"""What may vary: values of grids and draws, and what is said of spaces that make no sense."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferrolm.errors import FerrolmError, InvalidArgumentError, InvalidTypeError, UnknownNameError
from ferrolm.training.search.samplers import GridSampler, RandomSampler
from ferrolm.training.search.space import Choices, Range, read_space

TABLE = """
[search.space]
"training.learning_rate" = {low = 1e-5, high = 1e-2, log = true}
"model.n_layer" = {low = 1, high = 8, step = 1}
model.activation_function = ["relu", "gelu"]
training.weight_decay = {choices = [0.0, 0.1]}
"""


def test_quoted_names_and_names_with_dots_are_the_same() -> None:
    assert read_space(tomllib.loads(TABLE)["search"]["space"]) == {
        "training.learning_rate": Range(1e-5, 1e-2, log=True),
        "model.n_layer": Range(1, 8, step=1),
        "model.activation_function": Choices(("relu", "gelu")),
        "training.weight_decay": Choices((0.0, 0.1)),
    }


@pytest.mark.parametrize(
    ("dimension", "values"),
    [
        (Range(1, 4), (1, 2, 3, 4)),
        (Range(1, 8, step=3), (1, 4, 7)),
        (Range(0.0, 0.3, step=0.1), (0.0, 0.1, 0.2, 0.3)),
        (Range(0.0, 1.0, count=3), (0.0, 0.5, 1.0)),
        (Range(1e-4, 1e-1, log=True, count=4), (1e-4, 1e-3, 1e-2, 1e-1)),
        (Range(16, 256, log=True, count=5), (16, 32, 64, 128, 256)),
        (Range(1, 3, log=True, count=9), (1, 2, 3)),
        (Range(5, 5), (5,)),
        (Choices((True, "a", 2)), (True, "a", 2)),
    ],
)
def test_a_grid_takes(dimension: Range | Choices, values: tuple[Any, ...]) -> None:
    assert dimension.grid() == values
    assert [type(value) for value in dimension.grid()] == [type(value) for value in values]


def test_a_grid_has_every_combination_once() -> None:
    grid = GridSampler(read_space({"a": [1, 2, 3], "b": {"low": 0, "high": 1}, "c": ["x", "y"]}))
    points = [tuple(grid.ask(number).values()) for number in range(grid.size)]
    assert points[:3] == [(1, 0, "x"), (1, 0, "y"), (1, 1, "x")]
    assert len(set(points)) == len(points) == 12
    with pytest.raises(InvalidArgumentError, match="the grid has 12 points, and no number 12"):
        grid.ask(12)


numbers = st.floats(1e-6, 1e6) | st.integers(1, 10**6)


@given(low=numbers, high=numbers, log=st.booleans(), seed=st.integers(0, 2**32))
def test_draws_stay_in_the_range(low: float, high: float, log: bool, seed: int) -> None:
    dimension = Range(min(low, high), max(low, high), log=log)
    value = dimension.sample(np.random.default_rng(seed))
    assert dimension.low <= value <= dimension.high
    assert isinstance(value, int if dimension.integer else float)


@given(low=st.integers(-50, 50), steps=st.integers(0, 20), step=st.sampled_from([1, 3, 0.1, 0.25]))
def test_draws_are_on_the_steps_of_the_grid(low: int, steps: int, step: float) -> None:
    dimension = Range(low, low + steps * step, step=step)
    random = np.random.default_rng(0)
    drawn = {dimension.sample(random) for _ in range(400)}
    assert drawn <= set(dimension.grid())
    assert steps > 10 or drawn == set(dimension.grid())
    assert len(dimension.grid()) == steps + 1


def test_draws_are_even_on_the_logarithm() -> None:
    sampler = RandomSampler({"rate": Range(1e-5, 1e-1, log=True), "size": Range(1, 1000, log=True)}, seed=1)
    points = [sampler.ask(number) for number in range(2000)]
    decades = np.histogram([math.log10(point["rate"]) for point in points], bins=4, range=(-5, -1))[0]
    assert (np.abs(decades - 500) < 80).all()
    assert abs(np.median([point["size"] for point in points]) - 31) < 6


def test_a_point_depends_on_the_seed_and_its_number_alone() -> None:
    space = read_space({"a": {"low": 0.0, "high": 1.0}, "b": ["x", "y"]})
    one, other = RandomSampler(space, seed=3), RandomSampler(space, seed=3)
    assert one.ask(5) == [other.ask(number) for number in range(6)][5]
    assert RandomSampler(space, seed=4).ask(5) != one.ask(5)


@pytest.mark.parametrize(
    ("dimension", "kind", "message"),
    [
        ({"low": 2, "high": 1}, InvalidArgumentError, "search.space.a.b: low 2 is more than high 1"),
        ({"low": 0, "high": 1, "log": True}, InvalidArgumentError, "log needs a low above 0, not 0"),
        (
            {"low": 1, "high": 9, "log": True, "step": 2},
            InvalidArgumentError,
            "log and step exclude each other",
        ),
        ({"low": 0, "high": 1, "step": 0}, InvalidArgumentError, "step must be positive, not 0"),
        ({"low": 0, "high": math.inf}, InvalidArgumentError, "high must be finite, not inf"),
        ({"low": "0", "high": 1}, InvalidTypeError, "low must be a number, not '0'"),
        ({"low": 0, "high": 1, "count": 0}, InvalidArgumentError, "count must be at least 1, not 0"),
        ({"low": 0, "high": 1, "log": "yes"}, InvalidTypeError, "log must be true or false, not 'yes'"),
        ({"low": 0}, InvalidArgumentError, "a range needs high"),
        ({"low": 0, "hihg": 1}, UnknownNameError, "unknown key 'hihg'; did you mean 'high'"),
        ({"choices": [1], "low": 0}, InvalidArgumentError, "choices exclude low"),
        ({"choices": "ab"}, InvalidTypeError, "choices must be a list, not 'ab'"),
        ([], InvalidArgumentError, "search.space.a.b: there are no choices"),
        ([1, 1], InvalidArgumentError, r"a choice is there twice: \[1, 1\]"),
        ([[1]], InvalidTypeError, "a choice must be a string, a number, true or false, not list"),
        (0.1, InvalidTypeError, "search.space.a.b must be a list of choices or a range .*, not 0.1"),
    ],
)
def test_a_space_that_makes_no_sense_is_named(dimension: Any, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        read_space({"a.b": dimension})


def test_spaces_as_a_whole() -> None:
    with pytest.raises(InvalidArgumentError, match=r"is empty: name settings .* in \[search.space\]"):
        read_space({})
    with pytest.raises(InvalidArgumentError, match=r"search.space.a.b is there twice"):
        read_space({"a.b": [1], "a": {"b": [2]}})
    with pytest.raises(FerrolmError, match=r"search.space.x: a grid needs to know how many values"):
        GridSampler({"x": Range(0.0, 1.0)})
