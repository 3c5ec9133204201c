"""Types of the Rust extension, by crate; checked against the module by mypy's stubtest."""

# base
__version__: str

def num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def simd_level() -> str: ...

# tokenizer

# ngram

# sampling

# attention

# embedding
