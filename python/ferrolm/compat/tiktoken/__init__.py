"""A stand-in for the `tiktoken` module: ``import ferrolm.compat.tiktoken as tiktoken``.

The functions, classes, arguments, results and exceptions of `tiktoken` 0.14. Encodings are found where `tiktoken` finds
them: in the folder that ``TIKTOKEN_CACHE_DIR`` names, else in the temporary folder, else they are downloaded, checked
and kept there.

>>> ranks = {bytes([byte]): byte for byte in range(256)} | {b"ab": 256, b"abc": 257}
>>> encoding = Encoding("toy", pat_str="[a-z]+| +", mergeable_ranks=ranks, special_tokens={"<|end|>": 258})
>>> encoding.encode("abc ab<|end|>", allowed_special="all")
[257, 32, 256, 258]
>>> encoding.decode([257, 32, 256, 258])
'abc ab<|end|>'
"""

from __future__ import annotations

from ferrolm.compat.tiktoken.core import Encoding
from ferrolm.compat.tiktoken.model import encoding_for_model, encoding_name_for_model
from ferrolm.compat.tiktoken.registry import get_encoding, list_encoding_names

__all__ = [
    "Encoding",
    "encoding_for_model",
    "encoding_name_for_model",
    "get_encoding",
    "list_encoding_names",
]

__version__ = "0.14.0"
