"""Long use: memory stays bounded, many threads share a tokenizer, an interrupted batch leaves it as it was.

A longer run for memory: ``python tests/faults/test_tokenizer_endurance.py --megabytes 1024``
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ferrolm.tokenizers import Tokenizer, models, normalizers, pre_tokenizers

ROOM = 96
"""MB that caches of one thread and buffers of one text may take."""


def byte_level() -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("e", "r"), ("o", "n"), ("Ġ", "a")]
    vocab = {token: at for at, token in enumerate([*alphabet, *map("".join, merges)])}
    return Tokenizer.from_bpe(vocab, merges)


def word_pieces() -> Tokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocab = {
        token: at for at, token in enumerate(["[UNK]", *letters, *(f"##{letter}" for letter in letters)])
    }
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


FAMILIES = {"byte_level": byte_level, "word_pieces": word_pieces}


def long_tailed(size: int, seed: int) -> str:
    """Words of which most were never seen before, of all lengths up to some hundred letters."""
    letters = random.Random(seed).randbytes(size).translate(bytes(97 + at % 26 for at in range(256)))
    cuts = np.random.default_rng(seed).pareto(1.2, size // 4).clip(0, 300).astype(int) + 2
    text = bytearray(letters)
    ends = np.cumsum(cuts)
    text_array = np.frombuffer(text, np.uint8)
    text_array[ends[ends < size]] = 32
    return text.decode()


def growth(family: str, megabytes: int) -> tuple[float, float]:
    """MB of resident memory at the most, over what it was after the first text, and MB of text a second."""
    tokenizer = FAMILIES[family]()
    tokenizer.encode_ids(long_tailed(1 << 20, 0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    for seed in range(megabytes):
        tokenizer.encode_ids(long_tailed(1 << 20, seed + 1))
    seconds = time.process_time() - start
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, megabytes / seconds


@pytest.mark.parametrize("family", FAMILIES)
def test_caches_are_bounded(family: str) -> None:
    # In a process of its own, as the most memory of this one was taken by other tests.
    command = [sys.executable, __file__, "--megabytes", "12", family]
    output = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "FERROLM_NUM_THREADS": "1"}
    )
    assert float(output.stdout.split()[2]) < ROOM, output.stdout


@pytest.mark.parametrize("family", FAMILIES)
def test_64_threads_share_a_tokenizer(family: str) -> None:
    tokenizer = FAMILIES[family]()
    texts = [long_tailed(2000, seed) + " the end " * (seed % 5) for seed in range(64)]
    alone = FAMILIES[family]()
    expected = [(alone.encode(text).ids, alone.encode(text).offsets) for text in texts]
    barrier = threading.Barrier(64)

    def work(number: int) -> bool:
        barrier.wait()
        for at in range(number, number + 16):
            ids, offsets = expected[at % 64]
            encoding = tokenizer.encode(texts[at % 64])
            if (encoding.ids, encoding.offsets) != (ids, offsets):
                return False
            if tokenizer.encode_ids(texts[at % 64]).tolist() != ids:
                return False
        return tokenizer.encode_ids_batch(texts).tolist() == [ids for ids, _ in expected]

    with ThreadPoolExecutor(64) as pool:
        assert all(pool.map(work, range(64)))


def test_an_interrupted_batch_leaves_the_tokenizer_usable() -> None:
    tokenizer = byte_level()
    texts = [long_tailed(1 << 16, seed) for seed in range(20)] * 150
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        tokenizer.encode_batch(texts)
    assert time.monotonic() - start < 2  # the whole takes many times as long
    timer.join()
    assert tokenizer.encode("the").tokens == ["the"]
    assert tokenizer.encode_ids_batch(texts[:2]).tolist() == [
        tokenizer.encode_list(text) for text in texts[:2]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("families", nargs="*", default=list(FAMILIES))
    arguments = parser.parse_args()
    for family in arguments.families:
        taken, speed = growth(family, arguments.megabytes)
        print(
            f"{family}: memory {taken:.1f} MB more after {arguments.megabytes} MB of text, {speed:.0f} MB/s"
        )


if __name__ == "__main__":
    main()
