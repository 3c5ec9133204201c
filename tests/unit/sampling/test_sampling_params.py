"""Validation, equality, copies and seeds of SamplingParams."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle

import pytest

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.sampling import SamplingParams


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("temperature", -1, r"temperature must be finite and at least 0, found -1\.0"),
        ("temperature", math.inf, "temperature must be finite and at least 0, found inf"),
        ("temperature", math.nan, "temperature must be finite and at least 0, found NaN"),
        ("top_k", -2, r"top_k must be in \[-1, \d+\], found -2"),
        ("top_p", 1.01, r"top_p must be in \[0, 1\], found 1\.01"),
        ("min_p", -0.5, r"min_p must be in \[0, 1\], found -0\.5"),
        ("repetition_penalty", 0, r"repetition_penalty must be finite and above 0, found 0\.0"),
        ("presence_penalty", 2.5, r"presence_penalty must be in \[-2, 2\], found 2\.5"),
        ("frequency_penalty", -2.5, r"frequency_penalty must be in \[-2, 2\], found -2\.5"),
        ("logit_bias", {1: math.nan}, "logit_bias must be finite or -inf, found NaN for token 1"),
        ("logit_bias", {-1: 0.0}, r"a token of logit_bias must be in \[0, \d+\], found -1"),
        ("seed", -1, r"seed must be in \[0, \d+\], found -1"),
        ("seed", 2**64, r"seed must be in \[0, \d+\], found \d+"),
    ],
)
def test_a_value_out_of_range_names_field_range_and_value(field: str, value: object, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        SamplingParams(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [("temperature", "hot"), ("top_p", None), ("top_k", 1.5), ("logit_bias", [1]), ("seed", 0.5)],
)
def test_a_value_of_the_wrong_type_names_field_and_type(field: str, value: object) -> None:
    with pytest.raises(InvalidTypeError, match=f"{field} must .*, found {type(value).__name__}"):
        SamplingParams(**{field: value})


def test_params_cannot_be_changed_but_replaced() -> None:
    params = SamplingParams(top_k=5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.top_k = 6  # type: ignore[misc]
    assert params.replace(top_k=6) == SamplingParams(top_k=6)


def test_both_spellings_of_no_top_k_are_equal() -> None:
    assert SamplingParams(top_k=-1) == SamplingParams(top_k=0)


def test_the_bias_is_not_shared_with_the_caller() -> None:
    bias = {3: 1.0}
    params = SamplingParams(logit_bias=bias)
    bias[3] = 2.0
    assert params.logit_bias == {3: 1.0}


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda params: pickle.loads(pickle.dumps(params))]
)
def test_copies_are_equal_and_work(duplicate: object) -> None:
    params = SamplingParams(temperature=0.5, logit_bias={1: -math.inf}, seed=2**64 - 1)
    again = duplicate(params)  # type: ignore[operator]
    assert again == params
    assert hash(again) == hash(params)
    assert again.core is not None


def test_as_dictionary_round_trip() -> None:
    params = SamplingParams(top_p=0.5, logit_bias={1: 2.0})
    assert SamplingParams(**dataclasses.asdict(params)) == params


def test_split_seeds_are_distinct_and_repeatable() -> None:
    seeds = [params.seed for params in SamplingParams(seed=5).split(1000)]
    assert len(set(seeds)) == 1000
    assert seeds[:10] == [params.seed for params in SamplingParams(seed=5).split(10)]
    assert SamplingParams().split(2) == [SamplingParams()] * 2


def test_public_names() -> None:
    assert ferrolm.SamplingParams is SamplingParams
    assert ferrolm.sample is ferrolm.sampling.sample
    assert ferrolm.Sampler is ferrolm.sampling.Sampler
