"""Forks while the pool is busy: a child that inherits locks of threads that it does not have must not wait for them.

``python tests/fork_storm.py --forks 1000``
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from wrong_instances import INSTANCES

from ferrolm import _rust

PATIENCE = 60.0
"""Seconds, on a machine that has other work too, for a call of a millisecond."""


def calls() -> list[Callable[[], object]]:
    """Parallel calls, some of which share caches between threads."""
    tokenizer = INSTANCES["Tokenizer"]()
    texts = [f"ab ba a{number} b " * 20 for number in range(300)]
    model = INSTANCES["NgramModel"]()
    tagger = INSTANCES["TaggerModel"]()
    query = np.ones((4, 4, 64, 32), np.float32)
    logits = np.random.default_rng(0).normal(size=(8, 50_000)).astype(np.float32)
    params = INSTANCES["RowParams"]()
    more = {"prompt": None, "history": None, "mask": None}
    return [
        lambda: tokenizer.encode_ragged(texts),
        lambda: [encoding.offsets for encoding in tokenizer.encode_many(texts, False, True, True)],
        lambda: tokenizer.decode_batch([[0, 1, 2]] * 500),
        lambda: _rust.NgramCounts.of_text("\n".join(texts), [1, 2, 3]),
        lambda: model.total_text("\n".join(texts), True, True),
        lambda: tagger.tag_sents([text.split() for text in texts]),
        lambda: _rust.scaled_dot_product_attention(query, query, query, None, True, None, False, False, None, None, None, None),
        lambda: _rust.filtered_probabilities(logits, "float32", params, **more),
        lambda: _rust.clean_html_batch(["<p>a<b>b"] * 300, True, True),
    ]  # fmt: skip


def storm(forks: int) -> int:
    """Fork so many times; how many children did not end in time, or not well."""
    _rust.set_num_threads(3)
    work, stop = calls(), threading.Event()
    for call in work:
        call()

    def busy() -> None:
        while not stop.is_set():
            for call in work:
                call()

    threads = [threading.Thread(target=busy, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    failed = 0
    try:
        for number in range(forks):
            child = os.fork()
            if child == 0:
                try:
                    work[number % len(work)]()
                    work[(number + 1) % len(work)]()
                    os._exit(0)
                except BaseException:
                    os._exit(1)
            failed += not ended_well(child)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    return failed


def ended_well(child: int) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forks", type=int, default=1000)
    forks = parser.parse_args().forks
    warnings.simplefilter("ignore")
    failed = storm(forks)
    print(f"{forks} forks while the pool was busy, {failed} hung or failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
