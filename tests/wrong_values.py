"""Values for arguments: plausible ones for an annotation of a stub, extreme ones, and what does not belong there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

INTEGERS = (-(2**63), -1, 0, 1, 2, 3, 7, 255, 2**16, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64, 10**30)
FLOATS = (0.0, -0.0, 0.5, 1.0, -1.0, 2.0, 1e-320, 1e308, float("nan"), float("inf"), float("-inf"))
TEXTS = (
    *("", "a", "b", "a b", "the ab\nab a", "\ud800", "\0", "e\u0301 漢字 🙂", "a" * 5000, "\n\n", "{", "[]", "null", "(", "a|"),
    *("right", "left", "longest_first", "only_first", "original", "normalized", "char", "byte", "word", "isolated", "removed"),
    *("float32", "float16", "bfloat16", "int8", "int4", "l1", "l2", "raw", "processed", "linear", "log", "strict", "replace"),
    *("tiktoken", "tekken", "sentencepiece", "gguf", "vocab", "gpt2", "cl100k_base", "temperature", "top_k", "_", "BPE", "Unigram"),
    *("WordLevel", "WordPiece", "email", "phone", "min_words", "kneser_ney", "modified_kneser_ney", "witten_bell", "add_k"),
)  # fmt: skip
BYTES = (
    b"",
    b"a",
    b"a b\n",
    b"\xff\xfe\x00",
    b"FLMTAG01" + bytes(30),
    b"FERROCNT" + bytes(90),
    b"GGUF\3",
    b"{}",
    bytes(200),
)
SHAPES = ((), (0,), (1,), (3,), (7,), (2, 3), (3, 0), (8, 32), (1, 2, 3), (1, 2, 3, 4), (2, 2, 5, 8), (1, 1, 1, 1, 1))  # fmt: skip
DTYPES = ("uint32", "int64", "uint64", "float32", "float64", "float16", "bool", "uint16", "uint8", "int32", ">u4", "complex64")  # fmt: skip


class Raising:
    """Every question about it is an error."""

    def fail(self, *arguments: Any) -> Any:
        raise ZeroDivisionError("on purpose")

    __len__ = __iter__ = __getitem__ = __index__ = __int__ = __float__ = __bool__ = __str__ = __repr__ = fail
    __fspath__ = __array__ = __buffer__ = __call__ = __eq__ = __hash__ = __contains__ = __next__ = fail


class Lying:
    """It has fewer elements than it says, and its path is none."""

    def __len__(self) -> int:
        return 2**62

    def __iter__(self) -> Iterator[str]:
        return iter(["a", "b"])

    def __getitem__(self, key: Any) -> str:
        if key in (0, 1):
            return "a"
        raise IndexError(key)

    def __fspath__(self) -> str:
        return "\0"


def stops_early() -> Iterator[str]:
    yield "a"
    raise ZeroDivisionError("on purpose")


class Values:
    """Draws arguments; the same seed draws the same."""

    def __init__(self, seed: int, folder: Path, instances: dict[str, Callable[[], Any]]) -> None:
        self.random = Random(seed)
        self.instances = instances
        (folder / "folder").mkdir(exist_ok=True)
        (folder / "text").write_text("a b c\nb c\n\n2 2\n")
        (folder / "binary").write_bytes(bytes(range(256)))
        (folder / "empty").write_bytes(b"")
        self.paths: list[Any] = [
            folder / name for name in ("folder", "text", "binary", "empty", "missing", "missing/a")
        ]
        self.paths += [
            str(folder / "text"),
            "\0",
            "",
            "\ud800",
            b"\xff",
            "/dev/null",
            "/dev/full",
            folder / "written",
        ]
        self.plain_junk: list[Any] = [
            *(None, Ellipsis, object(), Raising(), Lying(), int, len, lambda *a: a, 1j, range(3), range(2**40), slice(0, 2), {}, set()),
            *([], (), [None], [[]], [1, "a"], ["\ud800"], {"a": 1}, {1: 2}, frozenset("ab"), bytearray(b"ab"), memoryview(b"abcd")),
            *(np.float32(1.5), np.int8(-1), np.datetime64("nat"), np.array(["a"], object), np.zeros(2, [("x", "i4")])),
        ]  # fmt: skip

    def array(self, dtype: str | None = None) -> Any:
        choice = self.random.choice
        if dtype is None or self.random.random() < 0.1:
            dtype = choice(DTYPES)
        shape = choice(SHAPES)
        fill = choice((0, 1, 2, 3, "count", "count", 200))
        array = np.zeros(shape, dtype) if fill == "count" else np.full(shape, fill).astype(dtype)
        if fill == "count":
            array = np.arange(array.size).reshape(shape).astype(dtype)
        if array.dtype.kind == "f" and array.size and self.random.random() < 0.2:
            array.flat[self.random.randrange(array.size)] = choice(FLOATS[:6] + FLOATS[8:])
        form = self.random.random()
        if form < 0.1 and array.ndim:
            return array[::-1]
        if form < 0.2 and array.ndim:
            return array[..., ::2]
        if form < 0.25:
            return np.asfortranarray(array)
        if form < 0.3:
            array.flags.writeable = False
        elif form < 0.35:
            raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
            return raw.view(array.dtype).reshape(shape) if array.size else array
        return array

    def junk(self) -> Any:
        kinds = (INTEGERS, FLOATS, TEXTS, BYTES, self.plain_junk, self.plain_junk)
        return self.array() if self.random.random() < 0.1 else self.random.choice(self.random.choice(kinds))

    def of(self, annotation: ast.expr | None, depth: int = 0) -> Any:
        """A value for a parameter with this annotation; one in eight is of another kind."""
        if annotation is None or self.random.random() < 0.12:
            return self.junk()
        match annotation:
            case ast.BinOp(left=left, right=right):
                return self.of(self.random.choice((left, left, right)), depth)
            case ast.Constant(value=None):
                return None
            case ast.Subscript(value=ast.Name(id=name), slice=inner):
                return self.generic(name, inner, depth)
            case ast.Name(id=name):
                return self.named(name, depth)
            case ast.Attribute(attr=name):
                return self.random.choice(self.paths) if name == "PathLike" else self.named(name, depth)
        return self.junk()

    def generic(self, name: str, inner: ast.expr, depth: int) -> Any:
        if name == "NDArray":
            return self.array(inner.attr.rstrip("_") if isinstance(inner, ast.Attribute) else None)
        if name == "tuple" and isinstance(inner, ast.Tuple):
            return tuple(self.of(part, depth + 1) for part in inner.elts)
        if name in ("PathLike",):
            return self.random.choice(self.paths)
        if name == "Callable":
            return self.random.choice((lambda *a: a[-1], lambda *a: None, lambda *a: 1 // 0, lambda *a: "a", lambda *a: [a[-1]]))  # fmt: skip
        count = self.random.choice((0, 1, 1, 2, 3, 5)) if depth < 3 else 1
        if name == "dict" and isinstance(inner, ast.Tuple):
            key, value = inner.elts
            made = [(self.of(key, depth + 1), self.of(value, depth + 1)) for _ in range(count)]
            return {key: value for key, value in made if isinstance(key, str | bytes | int)}
        element = inner.elts[0] if isinstance(inner, ast.Tuple) else inner
        elements = [self.of(element, depth + 1) for _ in range(count)]
        if name == "Iterable":
            return self.random.choice((elements, iter(elements), stops_early(), Lying()))
        if name in ("set", "frozenset"):
            return {element for element in elements if isinstance(element, str | bytes | int)}
        return elements

    def named(self, name: str, depth: int) -> Any:
        plain = {
            "int": INTEGERS,
            "float": FLOATS,
            "str": TEXTS,
            "bytes": BYTES,
            "bool": (True, False),
            "Path": self.paths,
        }
        if name in plain:
            return self.random.choice(plain[name])
        if name in self.instances:
            return self.instances[name]()
        if name == "Any":
            return self.random.choice(
                (self.array("float32"), self.array("float32"), self.array(), self.junk(), "a b", [0, 1])
            )
        aliases = {
            "_Ragged": lambda: (self.array("uint32"), self.array("int64")),
            "_Documents": lambda: (self.array("uint32"), self.array("int64"), [0, 1]),
            "slice": lambda: slice(self.random.choice(INTEGERS), self.random.choice(INTEGERS)),
        }
        return aliases.get(name, self.junk)()
