"""Bad logits, shapes and tokens: an error that says what and where, and never a token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ferrolm.errors import FerrolmError, InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.sampling import Sampler, SamplingParams, filtered_probabilities, sample

GOOD = np.zeros((3, 600), np.float32)
CHAINS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.0},
    {"top_k": 3},
    {"top_p": 0.5},
    {"min_p": 0.5},
    {"top_k": 599},
]


def spoiled(value: float, row: int, token: int | slice) -> Any:
    logits = GOOD.copy()
    logits[row, token] = value
    return logits


@pytest.mark.parametrize("chain", CHAINS, ids=str)
@pytest.mark.parametrize("token", [0, 255, 256, 599])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_values_that_cannot_be_used_name_row_and_token(chain: dict[str, Any], token: int, dtype: str) -> None:
    params = SamplingParams(**chain)
    for value, name in ((np.nan, "NaN"), (-np.nan, "NaN"), (np.inf, r"\+inf")):
        with pytest.raises(InvalidArgumentError, match=f"logits of row 1 are {name} at token {token}"):
            sample(spoiled(value, 1, token).astype(dtype), params)
    with pytest.raises(InvalidArgumentError, match="logits of row 2 are all -inf"):
        sample(spoiled(-np.inf, 2, slice(None)).astype(dtype), params)


def test_the_first_bad_row_is_reported_also_with_many_threads() -> None:
    logits = np.zeros((40, 20_000), np.float32)
    logits[[7, 30], 5] = np.nan
    for _ in range(5):
        with pytest.raises(InvalidArgumentError, match="row 7 "):
            sample(logits)


def test_penalties_that_overflow_are_seen() -> None:
    logits = spoiled(3e38, 0, 4)
    with pytest.raises(InvalidArgumentError, match=r"row 0 are \+inf at token 4"):
        sample(logits, SamplingParams(repetition_penalty=0.1), history=[[4], [], []])
    with pytest.raises(InvalidArgumentError, match="row 0 are all -inf"):
        sample(np.zeros((1, 1), np.float32), SamplingParams(logit_bias={0: -np.inf}))


@pytest.mark.parametrize(
    ("logits", "error", "message"),
    [
        ([[0.0, 1.0]], InvalidTypeError, "logits must be a numpy array or a torch tensor, found list"),
        (GOOD[0], ShapeError, r"logits must have the shape \(batch, vocab\), found \(600,\)"),
        (GOOD[None], ShapeError, r"\(batch, vocab\), found \(1, 3, 600\)"),
        (GOOD.astype(np.float64), ShapeError, "logits must be float32, float16 or bfloat16, found float64"),
        (GOOD.astype(np.int32), ShapeError, "found int32"),
        (np.zeros((3, 0), np.float32), ShapeError, "vocabulary of size 0"),
        (
            np.zeros((600, 3), np.float32).T,
            ShapeError,
            r"last dimension .* shape \[3, 600\] with strides of \[4, 12\]",
        ),
        (GOOD[:, ::2], ShapeError, "last dimension of logits must be contiguous"),
    ],
)
def test_arrays_that_cannot_be_used(logits: Any, error: type[FerrolmError], message: str) -> None:
    with pytest.raises(error, match=message):
        sample(logits)
    with pytest.raises(error, match=message):
        filtered_probabilities(logits)
    with pytest.raises(error, match=message):
        Sampler(SamplingParams(), batch=3).sample(logits)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"params": [SamplingParams()] * 2}, "params has 2 entries for a batch of 3 rows"),
        ({"params": [None] * 3}, "params must be SamplingParams or a list of them, found NoneType"),
        ({"history": [[1]]}, "history has 1 rows for a batch of 3 rows"),
        ({"history": np.zeros(3, np.int64)}, r"history must have the shape \(batch, time\) .* found \(3,\)"),
        ({"prompt": [[1], [0.5], []]}, "prompt of row 1 must hold integers, found float64"),
        ({"prompt": [[1], [-5], []]}, r"prompt of row 1 must hold token ids in \[0, \d+\], found -5 to -5"),
        (
            {"history": [[], [1, 600], []]},
            "history of row 1 names token 600, but the vocabulary has 600 tokens",
        ),
        ({"params": SamplingParams(logit_bias={600: 1.0})}, "logit_bias of row 0 names token 600"),
        ({"seeds": [1, 2]}, r"seeds must be one number or have the shape \(3,\), found \(2,\)"),
        ({"step": -1}, r"step must hold integers in \[0, 2\*\*64\), found .* from -1"),
        ({"step": 0.5}, "step must hold integers"),
        ({"logprobs": "all"}, "logprobs must be None, 'raw' or 'processed', found \"all\""),
    ],
    ids=str,
)
def test_arguments_that_do_not_fit(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(FerrolmError, match=message):
        sample(GOOD, **arguments)
