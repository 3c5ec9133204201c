"""Requests of unequal length that arrive at random (a Poisson process), by one thread, greedily.

"one by one" is `generate` for each in turn; "static batches" fills batches of 8 in order of arrival, each of which takes as long
as its longest text; "bare loop" feeds 8 rows for as many steps as the tokens need, and neither draws with parameters nor makes
text: what an engine cannot be faster than. The group "first token" ends when the last request has its first token; the engine has
a place for each request then.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from shared_data import shared

torch = pytest.importorskip("torch")

import ferrolm  # noqa: E402
from ferrolm.generation import Engine, LanguageModel  # noqa: E402
from ferrolm.generation.decoders.forward import Forward  # noqa: E402
from ferrolm.generation.decoders.prefill import Prefill  # noqa: E402
from ferrolm.generation.engine.batch import RunningBatch  # noqa: E402

BATCH, SECONDS_BETWEEN = 8, 0.002
MODELS = ("ferrolm-tiny", "stories260K-hf")
ASKED: dict[str, Any] = {"ignore_eos": True, "do_sample": False}
Jobs = list[tuple[list[int], int]]  # prompt and number of new tokens


@functools.cache
def load(name: str) -> LanguageModel:
    return ferrolm.load_model(name if name == "ferrolm-tiny" else shared(f"models/{name}"), device="cpu")


def jobs(model: LanguageModel, count: int) -> Jobs:
    rng, text = (
        random.Random(0),
        "Once upon a time there was a little girl named Lily who had a big red ball. ",
    )
    ids = model.tokenizer.encode_ids(text * 3).tolist()
    return [(ids[: rng.randint(4, 32)], rng.randint(8, 64)) for _ in range(count)]


def engine(model: LanguageModel, work: Jobs, first: bool) -> Callable[[], Any]:
    def run() -> None:
        rng = random.Random(1)
        with Engine(model, max_batch_size=len(work) if first else BATCH, prefix_cache_tokens=0) as running:
            requests = []
            for prompt, new in work:
                requests.append(running.submit(prompt, max_new_tokens=new, **ASKED))
                time.sleep(rng.expovariate(1 / SECONDS_BETWEEN))
            for request in requests:
                if first:
                    next(request)
                else:
                    request.result()

    return run


def one_by_one(model: LanguageModel, work: Jobs, first: bool) -> Callable[[], Any]:
    def run() -> None:
        for place, (prompt, new) in enumerate(work):
            last = first and place == len(work) - 1
            model.generate(prompt, max_new_tokens=1 if last else new, **ASKED)

    return run


def static_batches(model: LanguageModel, work: Jobs, first: bool) -> Callable[[], Any]:
    def run() -> None:
        for begin in range(0, len(work), BATCH):
            batch = work[begin : begin + BATCH]
            longest = max(new for _, new in batch)
            last = first and begin + BATCH >= len(work)
            model.generate([prompt for prompt, _ in batch], max_new_tokens=1 if last else longest, **ASKED)

    return run


def bare_loop(model: LanguageModel, work: Jobs, first: bool) -> Callable[[], Any]:
    if first:
        pytest.skip("the bare loop has no requests")

    @torch.inference_mode()
    def run() -> None:
        forward = Forward(model.model)
        batch = RunningBatch(forward, max_rows=BATCH)
        for prompt, _ in work[:BATCH]:
            prefill = Prefill(forward, np.array(prompt))
            prefill.advance(len(prompt))
            batch.join(prefill)
        ids = [1] * BATCH
        for _ in range(sum(new for _, new in work) // BATCH):
            if batch.cache.length >= model.model.config.n_positions:
                batch.cache.truncate(32)
            ids = batch.step(ids).argmax(-1).tolist()

    return run


LIBRARIES = {
    "ferrolm": engine,
    "one by one": one_by_one,
    "static batches": static_batches,
    "bare loop": bare_loop,
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("count", [16, 64])
@pytest.mark.parametrize("aim", ["all tokens", "first token"])
@pytest.mark.parametrize("model", MODELS)
def test_engine(benchmark: Any, model: str, aim: str, count: int, library: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ferrolm.set_num_threads(1)
    try:
        language_model = load(model)
        work, first = jobs(language_model, count), aim == "first token"
        run = LIBRARIES[library](language_model, work, first)
        benchmark.group = f"{model}, {count} requests, {aim}"
        benchmark.extra_info["tokens"] = count if first else sum(new for _, new in work)
        benchmark.pedantic(run, rounds=2, warmup_rounds=1)
    finally:
        torch.set_num_threads(threads)
