"""Types of the Rust extension, by crate; checked against the module by mypy's stubtest."""

import os
from collections.abc import Sequence
from typing import Self, final

# base
__version__: str

def num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def simd_level() -> str: ...

# tokenizer

# tokenizer: trainers
@final
class BpeWordCounter:
    def __new__(
        cls, *, add_prefix_space: bool = False, split: bool = True, by_line: bool = False
    ) -> Self: ...
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

# attention

# embedding
