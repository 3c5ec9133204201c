"""Types of the Rust extension, by crate; checked against the module by mypy's stubtest."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# base
__version__: str

def num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def simd_level() -> str: ...

# tokenizer

# ngram

# sampling

# attention
def scaled_dot_product_attention(
    query: NDArray[Any],
    key: NDArray[Any],
    value: NDArray[Any],
    mask: NDArray[np.bool_] | NDArray[np.float32] | None,
    *,
    dtype: str,
    causal: bool,
    lower_right: bool,
    scale: float | None,
    window: int | None,
    softcap: float | None,
) -> NDArray[Any]: ...

# embedding
