"""Damaged and hostile GGUF files: an error that names the file and the place, and no memory for what is not there."""

from __future__ import annotations

import resource
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from ferrolm.errors import FerrolmError, InvalidFileError, MissingFileError, UnknownNameError
from ferrolm.models import GPT2Config, GPT2LMHeadModel, load_causal_lm
from ferrolm.models.gguf import GgufFile


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def number(name: str, value: int) -> bytes:
    return text(name) + struct.pack("<II", 4, value)


def info(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def header(keys: list[bytes], infos: list[bytes], version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, len(infos), len(keys)) + b"".join(keys + infos)


def file(keys: list[bytes], infos: list[bytes], data: int = 0) -> bytes:
    start = header(keys, infos)
    return start + bytes(-len(start) % 32) + bytes(data)


def gpt2(**changes: int) -> bytes:
    """A whole file of a small GPT-2, written by hand: all weights are 0."""
    width, vocab, positions, inner = 4, 8, 6, 16
    sizes = {
        "block_count": 1,
        "context_length": positions,
        "embedding_length": width,
        "feed_forward_length": inner,
    }
    counts = {**sizes, "attention.head_count": 2, **changes}
    keys = [text("general.architecture") + struct.pack("<I", 8) + text("gpt2")]
    keys += [number(f"gpt2.{name}", value) for name, value in counts.items()]
    keys += [text("gpt2.attention.layer_norm_epsilon") + struct.pack("<If", 6, 1e-5)]
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (width, vocab),
        "position_embd.weight": (width, positions),
        **{f"output_norm.{kind}": (width,) for kind in ("weight", "bias")},
    }
    matrices = {"attn_qkv": 3 * width, "attn_output": width, "ffn_up": inner, "ffn_down": width}
    for name, outputs in matrices.items():
        inputs = inner if name == "ffn_down" else width
        shapes |= {f"blk.0.{name}.weight": (inputs, outputs), f"blk.0.{name}.bias": (outputs,)}
    for name in ("attn_norm", "ffn_norm"):
        shapes |= {f"blk.0.{name}.{kind}": (width,) for kind in ("weight", "bias")}
    infos, offset, end = [], 0, 0
    for name, shape in shapes.items():
        infos.append(info(name, shape, 0, offset))
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        end, offset = offset + size, offset + size + -size % 32
    return file(keys, infos, end)


WHOLE = gpt2()


def load(content: bytes) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "odd.gguf"
        path.write_bytes(content)
        return load_causal_lm(path)


def test_the_whole_file_is_a_model() -> None:
    model = load(WHOLE)
    assert isinstance(model, GPT2LMHeadModel)
    expected = GPT2LMHeadModel(
        GPT2Config(vocab_size=8, n_positions=6, n_embd=4, n_layer=1, n_head=2, n_inner=16)
    )
    assert model.num_parameters() == expected.num_parameters()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_is_cut_off(length: int) -> None:
    with pytest.raises(InvalidFileError, match=r"odd.gguf.*(cut off|ends at byte)"):
        load(WHOLE[:length])


def test_every_cut_in_the_header_is_an_error_of_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    content = header([number("a.b", 3)], [info("x", (4, 4))])
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(
            InvalidFileError, match=r"byte \d+: expected \d+ bytes, found \d+: the file is cut off"
        ):
            GgufFile(path)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_any_other_byte_is_an_error_or_another_model(at: int, byte: int) -> None:
    content = bytearray(WHOLE)
    content[at] = byte
    messages = []
    try:
        assert isinstance(load(bytes(content)), GPT2LMHeadModel)
    except FerrolmError as error:
        messages.append(str(error))
    assert all("odd.gguf" in message for message in messages)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GGUX" + bytes(20), r"byte 0: found b'GGUX', expected b'GGUF'"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "byte 4: found version 1, expected 2 or 3"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian machines are not read"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), f"byte 8: found {1 << 60} tensors, expected at most"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), f"byte 16: found {1 << 60} keys, expected at most"),
        (header([struct.pack("<Q", 1 << 62)], []), "found a name of 4611686018427387904 bytes"),
        (header([text("a") + struct.pack("<IQ", 8, 1 << 62)], []), "the file is cut off or damaged"),
        (header([text("a") + struct.pack("<IIQ", 9, 4, 1 << 61)], []), "cut off or damaged"),
        (header([text("a") + struct.pack("<IIQ", 9, 8, 1 << 61)], []), "cut off or damaged"),
        (
            header([text("a") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 9], []),
            "arrays more than 4 deep",
        ),
        (
            header([text("a") + struct.pack("<I", 77)], []),
            "byte 33: found a value of type 77, expected 0 to 12",
        ),
        (header([text("a") + struct.pack("<IIQ", 9, 77, 0)], []), "found an array of type 77"),
        (header([number("a", 1), number("a", 1)], []), "the key 'a' a second time"),
        (header([struct.pack("<Q", 2) + b"\xff\xfe" + struct.pack("<II", 4, 1)], []), "expected UTF-8"),
        (header([number("general.alignment", 0)], []), "general.alignment is 0"),
        (header([], [info("x", ())]), "x has 0 dimensions, expected 1 to 4"),
        (header([], [text("x") + struct.pack("<I", 5)]), "x has 5 dimensions"),
        (file([], [info("x", (4,), 10)], 32), "x has type Q2_K, expected one of F32, F16, BF16, Q4_0"),
        (file([], [info("x", (4,), 77)], 32), "x has type 77, expected one of"),
        (file([], [info("x", (33,), 8)], 64), "x has rows of 33 numbers, expected a multiple of 32"),
        (file([], [info("x", (1 << 40, 1 << 40))], 32), "x ends at byte .*, but the file has"),
        (file([], [info("x", (4,), 0, 1 << 63)], 32), "x ends at byte"),
        (file([], [info("x", (4,), 0, 8)], 32), "x has offset 8, expected a multiple of 32"),
        (file([], [info("x", (4,)), info("x", (4,), 0, 32)], 64), "the tensor x a second time"),
        (file([], [info("x", (12,)), info("y", (4,), 0, 32)], 64), "the tensors x and y overlap"),
        (file([], []), "has no tensors"),
        (gpt2(block_count=2), "gpt2.block_count is 2, but tensors of 1 blocks are there"),
        (gpt2(block_count=1 << 31), "block_count is 2147483648"),
        (gpt2(embedding_length=0, context_length=0), "gpt2.context_length is 0, expected a positive integer"),
        (
            gpt2(context_length=1 << 31),
            r"position_embd.weight has shape \[6, 4\], expected \[2147483648, 4\]",
        ),
        (gpt2(feed_forward_length=(1 << 32) - 1), r"blk.0.ffn_down.bias|blk.0.ffn_up.weight has shape"),
        (gpt2(**{"attention.head_count": 3}), "n_embd is 4, expected a multiple of n_head, 3"),
        (gpt2(expert_count=8), "gpt2.expert_count is 8, which this model does not have"),
    ],
)
def test_what_is_wrong_is_named(content: bytes, message: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidFileError, match=message) as error:
        load(content)
    assert "odd.gguf" in str(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_other_architectures_and_missing_files(tmp_path: Path) -> None:
    keys = [text("general.architecture") + struct.pack("<I", 8) + text("lama")]
    with pytest.raises(
        UnknownNameError, match=r"'lama', expected one of gpt2, llama, .*did you mean 'llama'"
    ):
        load(file(keys, [info("x", (4,))], 32))
    with pytest.raises(MissingFileError, match=r"no.gguf: it does not exist"):
        GgufFile(tmp_path / "no.gguf")
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(WHOLE)
    with pytest.raises(InvalidFileError, match=r"has 2 GGUF files, expected the name of one: a.gguf, b.gguf"):
        load_causal_lm(tmp_path)


def test_a_file_that_becomes_shorter_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(WHOLE)
    opened = GgufFile(path)
    path.write_bytes(WHOLE[:-8])
    last = list(opened.tensors)[-1]
    with pytest.raises(InvalidFileError, match=f"became shorter while {last}"):
        opened.read(last)
    assert opened.read("token_embd.weight").shape == (8, 4)
