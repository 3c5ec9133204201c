"""Bad input: clear exceptions of `ferrolm.errors`, never a panic, never a hang."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import pickle
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ferrolm import errors
from ferrolm.tokenizers import AddedToken, RaggedIds, Tokenizer, models, pre_tokenizers, processors

ALPHABET = {character: index for index, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}


def byte_level(merges: list[tuple[str, str]] | None = None) -> Tokenizer:
    merges = merges or [("a", "b"), ("Ġ", "a"), ("Ġa", "b"), ("a", "a"), ("aa", "aa")]
    vocab = dict(ALPHABET)
    for left, right in merges:
        vocab[left + right] = len(vocab)
    return Tokenizer.from_bpe(vocab, merges, special_tokens=["<|endoftext|>"])


GOOD: dict[str, Any] = json.loads(byte_level().to_str())


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"version": "2.0"}, "version"),
        ({"model": None}, "model"),
        ({"model": GOOD["model"] | {"type": "WordPiece"}}, "model"),
        ({"model": GOOD["model"] | {"vocab": None}}, "vocab"),
        ({"model": GOOD["model"] | {"vocab": {"a": 0, "b": 0}}}, "model.merges[0]"),
        ({"model": GOOD["model"] | {"vocab": {"a": -1}}}, "model.vocab"),
        ({"model": GOOD["model"] | {"vocab": {"a": 4294967295}}}, "model.vocab"),
        ({"model": GOOD["model"] | {"vocab": {"a": "x"}}}, "model.vocab"),
        ({"model": GOOD["model"] | {"merges": [["a", "nope"]]}}, "model.merges[0]"),
        ({"model": GOOD["model"] | {"merges": [["a"]]}}, "model.merges"),
        ({"model": GOOD["model"] | {"merges": ["a b c"]}}, "model.merges[0]"),
        ({"model": GOOD["model"] | {"merges": 7}}, "model.merges"),
        ({"model": GOOD["model"] | {"dropout": 1.5}}, "model.dropout"),
        ({"normalizer": {"type": "NFQ"}}, "normalizer"),
        ({"pre_tokenizer": {"type": "Blackspace"}}, "pre_tokenizer"),
        ({"pre_tokenizer": {"type": "ByteLevel"}}, "pre_tokenizer"),
        ({"pre_tokenizer": 3}, "pre_tokenizer"),
        (
            {"post_processor": {"type": "Sequence", "processors": [{"type": "New"}]}},
            "post_processor.processors[0]",
        ),
        ({"post_processor": {"type": "RobertaProcessing", "sep": ["</s>"]}}, "post_processor.sep"),
        ({"decoder": {"type": "WordPiece"}}, "decoder"),
        (
            {"truncation": {"max_length": -1, "strategy": "LongestFirst", "stride": 0}},
            "truncation.max_length",
        ),
        ({"truncation": {"max_length": 1, "strategy": "Longest", "stride": 0}}, "truncation.strategy"),
        ({"padding": {"strategy": "Other"}}, "padding.strategy"),
        ({"added_tokens": [{"id": 1}]}, "added_tokens[0]"),
        ({"added_tokens": [{"id": -1, "content": "x"}]}, "added_tokens[0].id"),
        ({"added_tokens": {}}, "added_tokens"),
    ],
)
def test_bad_parts_of_a_file_are_named(change: dict[str, Any], place: str) -> None:
    with pytest.raises(errors.InvalidFileError) as caught:
        Tokenizer.from_str(json.dumps(GOOD | change))
    assert place in str(caught.value)


def test_padding_to_a_multiple_of_zero_is_refused_everywhere() -> None:
    with pytest.raises(errors.InvalidArgumentError, match="pad_to_multiple_of"):
        byte_level().enable_padding(pad_to_multiple_of=0)
    padding = {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": 0, "pad_id": 0, "pad_type_id": 0, "pad_token": "x"}  # fmt: skip
    with pytest.raises(errors.InvalidFileError, match="pad_to_multiple_of"):
        Tokenizer.from_str(json.dumps(GOOD | {"padding": padding}))
    with pytest.raises(errors.LimitError, match="limit"):
        byte_level().enable_padding(length=10**15)


def test_any_prefix_and_any_flipped_byte_of_a_file_loads_or_raises() -> None:
    content = json.dumps(GOOD).encode()
    generator = np.random.default_rng(0)
    for length in generator.integers(0, len(content), 200):
        with pytest.raises(errors.InvalidFileError):
            Tokenizer.from_buffer(content[:length])
    for position in generator.integers(0, len(content), 400):
        damaged = bytearray(content)
        damaged[position] = generator.integers(256)
        with contextlib.suppress(errors.FerrolmError):
            Tokenizer.from_buffer(bytes(damaged)).encode("ab <|endoftext|>")


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(errors.MissingFileError, match="nowhere"):
        Tokenizer.from_file(tmp_path / "nowhere.json")
    with pytest.raises(errors.MissingFileError, match=r"tokenizer\.json"):
        Tokenizer.from_pretrained(tmp_path)
    with pytest.raises(errors.FileAccessError):
        Tokenizer.from_file(tmp_path)
    (tmp_path / "vocab.json").write_text("{}")
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\nx\n")
    with pytest.raises(errors.InvalidFileError, match="line 3"):
        Tokenizer.from_pretrained(tmp_path)


def test_text_that_is_not_unicode_is_named() -> None:
    tokenizer = byte_level()
    with pytest.raises(errors.InvalidEncodingError, match="text: lone surrogate at character 2"):
        tokenizer.encode_ids("ab\ud800")
    with pytest.raises(errors.InvalidEncodingError, match=r"texts\[1\]: invalid UTF-8 at byte 1"):
        tokenizer.encode_ids_batch([b"ab", b"a\xff"])
    with pytest.raises(errors.InvalidEncodingError, match="pair"):
        tokenizer.encode("a", "\udfff")
    with pytest.raises(errors.InvalidTypeError, match="sequence: found int"):
        tokenizer.encode(3)
    with pytest.raises(errors.InvalidTypeError, match=r"texts\[0\]"):
        tokenizer.encode_ids_batch([None])  # type: ignore[list-item]
    with pytest.raises(errors.InvalidTypeError, match="texts"):
        tokenizer.encode_ids_batch("one text")


def test_settings_that_cannot_work() -> None:
    tokenizer = byte_level()
    with pytest.raises(errors.InvalidArgumentError, match="stride"):
        tokenizer.enable_truncation(3, stride=3)
    with pytest.raises(errors.InvalidArgumentError, match="strategy"):
        tokenizer.enable_truncation(3, strategy="other")
    with pytest.raises(errors.InvalidArgumentError, match="direction"):
        tokenizer.enable_padding(direction="up")
    tokenizer.post_processor = processors.BertProcessing(("a", 1), ("b", 2))
    with pytest.raises(errors.InvalidArgumentError, match="max_length"):
        tokenizer.enable_truncation(1)
    tokenizer.enable_truncation(3, strategy="only_second")
    with pytest.raises(errors.InvalidArgumentError, match="only_second"):
        tokenizer.encode("a b c d")
    with pytest.raises(errors.FerrolmError):
        tokenizer.encode("x").pad(10**15)
    with pytest.raises(errors.InvalidTypeError):
        tokenizer.add_tokens([3])  # type: ignore[list-item]
    with pytest.raises(errors.InvalidArgumentError, match="`vocab` and `merges`"):
        models.BPE({"a": 0})
    with pytest.raises(errors.InvalidArgumentError):
        processors.TemplateProcessing("[X] $A", special_tokens=[])


def test_calls_that_cannot_work() -> None:
    tokenizer = byte_level()
    with pytest.raises(errors.InvalidArgumentError, match="padding token"):
        tokenizer(["a", "ab ab"], padding=True)
    with pytest.raises(errors.ShapeError, match="padding=True"):
        tokenizer(["a", "aab a"], return_tensors="np")
    with pytest.raises(errors.InvalidArgumentError, match="max_length"):
        tokenizer("a", truncation=True)
    with pytest.raises(errors.InvalidArgumentError, match="padding: found 'far'"):
        tokenizer("a", padding="far")
    with pytest.raises(errors.InvalidArgumentError, match="text_pair"):
        tokenizer(["a"], ["b", "c"])


def test_empty_input() -> None:
    tokenizer = byte_level()
    assert tokenizer.encode("").ids == []
    assert tokenizer.encode_batch([]) == []
    assert len(tokenizer.encode_ids_batch([])) == 0
    assert tokenizer.encode_ids("").dtype == np.uint32
    assert tokenizer.decode([]) == ""
    assert tokenizer([])["input_ids"] == []
    with pytest.raises(errors.ShapeError):
        RaggedIds(np.zeros(3, np.uint32), np.array([0, 2]))


@pytest.mark.parametrize("unit", ["a", " ", "\n", "ab", "'", "漢", "\u0301", "1", "!", "é ", "a" * 70 + " "])
def test_long_input_takes_linear_time(unit: str) -> None:
    tokenizer = byte_level()
    sizes = [2**15, 2**18]
    seconds = []
    for size in sizes:
        text = unit * (size // len(unit.encode()))
        tokenizer.encode_ids(text)
        start = time.process_time()
        tokenizer.encode_ids(text)
        seconds.append(time.process_time() - start)
    # Eight times the text may take some 8 times as long, and quadratic work 64 times.
    assert seconds[1] < 24 * max(seconds[0], 0.001)


def test_interruption_is_answered_and_leaves_the_tokenizer_usable() -> None:
    tokenizer = byte_level()
    text = "ab aab baab " * 4_000_000
    delays = []

    def interrupt() -> None:
        time.sleep(0.1)
        delays.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        tokenizer.encode_ids(text)
    answered = time.monotonic() - delays[0]
    thread.join()
    assert answered < 0.5  # 0.1 s on a machine that is not shared
    assert tokenizer.encode("ab").ids == [256]


def _encode_in_child(tokenizer: Tokenizer, texts: list[str], results: Any) -> None:
    results.put(tokenizer.encode_ids_batch(texts).tolist())


def test_fork_after_use() -> None:
    tokenizer = byte_level()
    texts = ["ab aab baab " * 1000] * 200
    expected = tokenizer.encode_ids_batch(texts).tolist()
    context = multiprocessing.get_context("fork")
    for _ in range(3):
        results = context.Queue()
        child = context.Process(target=_encode_in_child, args=(tokenizer, texts, results))
        child.start()
        assert results.get(timeout=30) == expected
        child.join(timeout=30)
        assert child.exitcode == 0


def test_pickles_keep_everything() -> None:
    tokenizer = byte_level()
    tokenizer.enable_truncation(4, stride=1)
    tokenizer.enable_padding(pad_id=5)
    tokenizer.add_tokens([AddedToken("<x>", lstrip=True)])
    tokenizer.encode_special_tokens = True
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.to_str() == tokenizer.to_str()
    assert copy.encode_special_tokens
    encoding = tokenizer.encode("a <x> b<|endoftext|>", "aab")
    again = pickle.loads(pickle.dumps(encoding))
    assert (again.ids, again.tokens, again.offsets) == (encoding.ids, encoding.tokens, encoding.offsets)
    for part in (
        tokenizer.pre_tokenizer,
        tokenizer.post_processor,
        tokenizer.decoder,
        tokenizer.model,
        AddedToken("x"),
    ):
        assert repr(pickle.loads(pickle.dumps(part))) == repr(part)
