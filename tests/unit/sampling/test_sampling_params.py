"""Validation, equality, copies and seeds of SamplingParams."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from types import SimpleNamespace
from typing import Any

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


def test_params_of_other_libraries_are_read() -> None:
    vllm = SimpleNamespace(
        n=2, temperature=0.5, top_k=-1, top_p=0.9, min_tokens=3, stop_token_ids=[7], logit_bias={1: 2.0}, seed=None,
        bad_words=None, allowed_token_ids=None,
    )  # fmt: skip
    expected = SamplingParams(
        temperature=0.5, top_p=0.9, min_tokens=3, stop_token_ids=[7], logit_bias={1: 2.0}
    )
    assert SamplingParams.like(vllm) == expected
    assert SamplingParams.like(SimpleNamespace(do_sample=False, temperature=0.7)).is_greedy
    with pytest.raises(InvalidArgumentError, match="bad_words are strings here"):
        SamplingParams.like(SimpleNamespace(bad_words=["no"]))
    assert SamplingParams.like(SimpleNamespace(bad_words=["no"]), bad_words_ids=[[4]]).bad_words_ids == (
        (4,),
    )


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"order": "top_k"}, InvalidTypeError, "order must be a sequence of names of steps, found 'top_k'"),
        ({"order": ["top-k"]}, InvalidArgumentError, 'order must hold names of steps .*found "top-k"'),
        (
            {"order": ["top_k"], "min_p": 0.1},
            InvalidArgumentError,
            "order must be of all the steps that are set",
        ),
        ({"top_h": 2.0}, InvalidArgumentError, "top_h must be above 0 and at most 1, found 2.0"),
        ({"bad_words_ids": [[]]}, InvalidArgumentError, "bad_words must be sequences of at least one token"),
        (
            {"bad_words_ids": ["no"]},
            InvalidTypeError,
            "a sequence of bad_words_ids must be a sequence of token ids",
        ),
        (
            {"suppress_tokens": 3},
            InvalidTypeError,
            "suppress_tokens must be a sequence of token ids, found int",
        ),
        ({"sequence_bias": [[1], 2.0]}, InvalidTypeError, "sequence_bias must map tuples"),
        ({"allowed_token_ids": []}, InvalidArgumentError, "allowed_token_ids must be at least one token"),
        (
            {"forced_eos_token_id": 3},
            InvalidArgumentError,
            "max_tokens must be given with forced_eos_token_id",
        ),
        ({"min_tokens": 3}, InvalidArgumentError, "stop_token_ids must be given with min_tokens, found none"),
        ({"no_repeat_ngram_size": -1}, InvalidArgumentError, "no_repeat_ngram_size must be in"),
        (
            {"dry_multiplier": 1.0, "dry_base": 0.5},
            InvalidArgumentError,
            "dry_base must be finite and at least 1",
        ),
    ],
)
def test_steps_and_rules_that_make_no_sense_are_named(fields: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        SamplingParams(**fields)
