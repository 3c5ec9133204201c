"""Types of the Rust extension, by crate; checked against the module by mypy's stubtest."""

import os
from collections.abc import Sequence
from typing import Any, Self, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

# base
__version__: str

def num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def simd_level() -> str: ...

# tokenizer

# tokenizer: trainers
@final
class BpeWordCounter:
    def __new__(cls, *, add_prefix_space: bool = False, split: bool = True, by_line: bool = False) -> Self: ...
    def add(self, texts: Sequence[str]) -> None: ...
    def add_file(self, path: str | os.PathLike[str]) -> None: ...
    def __len__(self) -> int: ...
    def train(
        self,
        *,
        vocab_size: int,
        min_frequency: int,
        special_tokens: Sequence[str],
        limit_alphabet: int | None,
        initial_alphabet: Sequence[str],
        continuing_subword_prefix: str,
        end_of_word_suffix: str,
        max_token_length: int | None,
    ) -> tuple[list[str], list[tuple[int, int]]]: ...

# ngram

# sampling
_Ragged: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.int64]]
_Tokens: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.float32] | None]

@final
class RowParams:
    def __new__(
        cls,
        *,
        temperature: float,
        top_k: int,
        top_p: float,
        min_p: float,
        repetition_penalty: float,
        presence_penalty: float,
        frequency_penalty: float,
        logit_bias: list[tuple[int, float]],
        seed: int | None,
    ) -> RowParams: ...

@final
class Sampler:
    def __new__(cls, params: list[RowParams]) -> Sampler: ...
    def __len__(self) -> int: ...
    def sample(
        self, logits: NDArray[Any], dtype: str, rows: list[int] | None, logprobs: str | None
    ) -> _Tokens: ...
    def accept(self, tokens: NDArray[np.uint32], rows: list[int] | None) -> None: ...
    def reset(self, row: int, params: RowParams | None, prompt: NDArray[np.uint32]) -> None: ...
    def clocks(self) -> tuple[list[int], list[int]]: ...
    def histories(self) -> tuple[list[int], NDArray[np.uint32], NDArray[np.uint32]]: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(state: bytes) -> Sampler: ...

def sample(
    logits: NDArray[Any],
    dtype: str,
    params: RowParams | list[RowParams],
    *,
    prompt: _Ragged | None,
    history: _Ragged | None,
    seeds: NDArray[np.uint64] | None,
    steps: NDArray[np.uint64],
    logprobs: str | None,
) -> _Tokens: ...
def filtered_probabilities(
    logits: NDArray[Any],
    dtype: str,
    params: RowParams | list[RowParams],
    *,
    prompt: _Ragged | None,
    history: _Ragged | None,
) -> NDArray[np.float32]: ...
def derived_seeds(seed: int, count: int) -> list[int]: ...
def uniforms(seeds: NDArray[np.uint64], steps: NDArray[np.uint64]) -> NDArray[np.float64]: ...

# attention
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any | None,
    causal: bool,
    scale: float | None,
    grouped: bool,
    lower_right: bool,
    window: int | None,
    softcap: float | None,
    /,
) -> NDArray[Any]: ...

# embedding
