"""One step of a batch on a GPU, or on the CPU where there is none: microseconds to draw and to take in the ids.

- "device sampler": `DeviceSampler.sample` and `accept`
- "sampler": `Sampler` on logits of the device, whose past and params come from the host at every step
- "transformers": its logits processors, softmax, `torch.multinomial`, and the ids appended to the sequence
- "graph": the first one, captured in a CUDA graph; GPU only

The clock stops when the device is done, so that steps that wait for it pay for that alone.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bench_sampling import CHAINS

import ferrolm
from ferrolm.sampling import Sampler, SamplingParams

VOCAB, PAST, ROUNDS = 50_257, 64, 5
BATCHES = (1, 8, 64, pytest.param(512, marks=pytest.mark.full))
Step = Callable[[], Any]


def ours_on_device(logits: Any, chain: dict[str, Any], past: Any) -> Step:
    from ferrolm.sampling import DeviceSampler

    sampler = DeviceSampler(
        SamplingParams(seed=1, **chain),
        len(logits),
        vocab_size=VOCAB,
        device=logits.device,
        prompt=past,
        max_length=10**4,
    )
    return lambda: sampler.accept(sampler.sample(logits))


def captured(logits: Any, chain: dict[str, Any], past: Any) -> Step:
    torch = pytest.importorskip("torch")
    step = ours_on_device(logits, chain, past)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay  # type: ignore[no-any-return]


def ours_from_host(logits: Any, chain: dict[str, Any], past: Any) -> Step:
    """On the CPU the torch steps too, instead of the Rust core, so that the same work is compared."""
    sampler = Sampler(SamplingParams(seed=1, **chain), len(logits), prompt=past)
    return lambda: sampler.accept(sampler._sample_on_device(logits, None, None))


def transformers(logits: Any, chain: dict[str, Any], past: Any) -> Step:
    torch = pytest.importorskip("torch")
    processors = pytest.importorskip("transformers.generation.logits_process")
    params = SamplingParams(**chain)
    sequence = [torch.from_numpy(past).to(logits.device)]
    steps: list[Any] = []
    if params.repetition_penalty != 1.0:
        steps.append(processors.RepetitionPenaltyLogitsProcessor(params.repetition_penalty))
    if params.temperature not in (0.0, 1.0):
        steps.append(processors.TemperatureLogitsWarper(params.temperature))
    if params.top_k:
        steps.append(processors.TopKLogitsWarper(params.top_k))
    if params.top_p < 1.0:
        steps.append(processors.TopPLogitsWarper(params.top_p))
    if params.min_p:
        steps.append(processors.MinPLogitsWarper(params.min_p))

    def step() -> None:
        x = logits
        for process in steps:
            x = process(sequence[0], x)
        ids = x.argmax(-1, keepdim=True) if params.is_greedy else torch.multinomial(x.softmax(-1), 1)
        sequence[0] = torch.cat([sequence[0], ids], 1)

    return step


PEERS: dict[str, Callable[[Any, dict[str, Any], Any], Step]] = {
    "device sampler": ours_on_device,
    "sampler": ours_from_host,
    "transformers": transformers,
    "graph": captured,
}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("chain", CHAINS)
def test_step(benchmark: Any, batch: int, chain: str) -> None:
    """All in turn; the medians are in extra_info."""
    torch = pytest.importorskip("torch")
    where = "cuda" if torch.cuda.is_available() else "cpu"
    ferrolm.set_num_threads(1)
    torch.set_num_threads(1)
    row = -1.5 * np.log(np.arange(1, VOCAB + 1))
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(np.stack([rng.permutation(row) for _ in range(batch)]).astype(np.float32)).to(
        where
    )
    past = rng.integers(0, VOCAB, (batch, PAST))
    names = [name for name in PEERS if where == "cuda" or name != "graph"]
    steps = {name: PEERS[name](logits, CHAINS[chain], past) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}

    def wait() -> None:
        if where == "cuda":
            torch.cuda.synchronize()

    def all_of_them() -> None:
        for name, step in steps.items():
            wait()
            start = time.perf_counter()
            step()
            wait()
            seconds[name].append(time.perf_counter() - start)

    benchmark.group = f"sampling on {where}, batch {batch}, {chain}"
    benchmark.pedantic(all_of_them, rounds=ROUNDS, warmup_rounds=1)
    medians = {f"{name} us": round(statistics.median(times[1:]) * 1e6, 1) for name, times in seconds.items()}
    benchmark.extra_info.update(medians, device=where, vocab=VOCAB, threads=1)
    print(batch, chain, medians)
