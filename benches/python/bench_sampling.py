"""Sampling one step of a batch of 8: microseconds per call; divide by `tokens` in extra_info for one token.

Logits: "zipf" is a language model's shape (the r-th most probable token has probability ~ r^-1.5, perplexity 16),
"broad" falls as r^-1.1 (perplexity in the hundreds), "flat" is normal noise. All libraries run on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ferrolm
from ferrolm.sampling import Sampler, SamplingParams

BATCH, PAST = 8, 200
CHAINS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0.0},
    "temperature": {"temperature": 0.8},
    "top_k": {"top_k": 50},
    "top_p": {"top_p": 0.9},
    "full": {
        "temperature": 0.8,
        "top_k": 50,
        "top_p": 0.9,
        "min_p": 0.05,
        "repetition_penalty": 1.1,
        "presence_penalty": 0.1,
    },
}
# Beside transformers alone, on one shape each.
MORE: dict[str, dict[str, Any]] = {
    "min_p": {"min_p": 0.05},
    "typical_p": {"typical_p": 0.9},
    "epsilon_cutoff": {"epsilon_cutoff": 3e-4},
    "eta_cutoff": {"eta_cutoff": 2e-3},
    "top_h": {"top_h": 0.5},
    "no_repeat_ngram_size": {"no_repeat_ngram_size": 3},
}
SHAPES = ["zipf", "broad", "flat"]


def make_logits(shape: str, vocab: int) -> Any:
    rng = np.random.default_rng(0)
    if shape == "flat":
        return rng.standard_normal((BATCH, vocab)).astype(np.float32)
    exponent = {"zipf": -1.5, "broad": -1.1}[shape]
    row = exponent * np.log(np.arange(1, vocab + 1))
    return np.stack([rng.permutation(row) for _ in range(BATCH)]).astype(np.float32)


def make_past(vocab: int) -> Any:
    return np.random.default_rng(1).integers(0, vocab, (BATCH, PAST))


def ours(logits: Any, chain: dict[str, Any], past: Any) -> Callable[[], Any]:
    ferrolm.set_num_threads(1)
    sampler = Sampler(SamplingParams(seed=1, **chain), BATCH, prompt=past)
    return lambda: sampler.sample(logits)


def ours_bfloat16(logits: Any, chain: dict[str, Any], past: Any) -> Callable[[], Any]:
    torch = _torch()
    return ours(torch.from_numpy(logits).bfloat16(), chain, past)


def ours_float16(logits: Any, chain: dict[str, Any], past: Any) -> Callable[[], Any]:
    return ours(logits.astype(np.float16), chain, past)


def transformers(logits: Any, chain: dict[str, Any], past: Any) -> Callable[[], Any]:
    torch = _torch()
    processors = pytest.importorskip("transformers.generation.logits_process")
    params, ids, scores = SamplingParams(**chain), torch.from_numpy(past), torch.from_numpy(logits)
    steps: list[Any] = []
    if params.repetition_penalty != 1.0:
        steps.append(processors.RepetitionPenaltyLogitsProcessor(params.repetition_penalty))
    if params.no_repeat_ngram_size:
        steps.append(processors.NoRepeatNGramLogitsProcessor(params.no_repeat_ngram_size))
    if params.is_greedy:
        return lambda: scores.argmax(-1)
    if params.temperature != 1.0:
        steps.append(processors.TemperatureLogitsWarper(params.temperature))
    if params.top_k:
        steps.append(processors.TopKLogitsWarper(params.top_k))
    if params.top_p < 1.0:
        steps.append(processors.TopPLogitsWarper(params.top_p))
    if params.min_p:
        steps.append(processors.MinPLogitsWarper(params.min_p))
    if params.top_h is not None:
        steps.append(processors.TopHLogitsWarper(params.top_h))
    if params.typical_p < 1.0:
        steps.append(processors.TypicalLogitsWarper(params.typical_p))
    if params.epsilon_cutoff:
        steps.append(processors.EpsilonLogitsWarper(params.epsilon_cutoff))
    if params.eta_cutoff:
        steps.append(processors.EtaLogitsWarper(params.eta_cutoff))

    def step() -> Any:
        x = scores
        for process in steps:
            x = process(ids, x)
        return torch.multinomial(x.softmax(-1), 1)

    return step


def vllm_like(logits: Any, chain: dict[str, Any], past: Any) -> Callable[[], Any]:
    """What vLLM's plain torch sampler does: counts, penalties, one sort for top-k and top-p, exponential race."""
    torch = _torch()
    params, ids, scores = SamplingParams(**chain), torch.from_numpy(past), torch.from_numpy(logits)
    if params.is_greedy:
        return lambda: scores.argmax(-1)
    seen = torch.zeros(scores.shape, dtype=torch.bool).scatter_(1, ids, True)

    def step() -> Any:
        x = scores.clone()
        if params.repetition_penalty != 1.0:
            penalty = torch.where(seen, params.repetition_penalty, 1.0)
            x = torch.where(x > 0, x / penalty, x * penalty)
        x.div_(params.temperature)
        if params.min_p:
            probs = x.softmax(-1)
            x.masked_fill_(probs < params.min_p * probs.amax(-1, keepdim=True), -float("inf"))
        if params.top_k or params.top_p < 1.0:
            ordered, order = x.sort(dim=-1, descending=False)
            if params.top_k:
                ordered.masked_fill_(ordered < ordered[:, -params.top_k, None], -float("inf"))
            if params.top_p < 1.0:
                dropped = ordered.softmax(-1).cumsum(-1) <= 1 - params.top_p
                dropped[:, -1] = False
                ordered.masked_fill_(dropped, -float("inf"))
            x = x.scatter_(-1, order, ordered)
        probs = x.softmax(-1)
        return probs.div_(torch.empty_like(probs).exponential_()).argmax(-1)

    return step


def numpy(logits: Any, chain: dict[str, Any], past: Any) -> Callable[[], Any]:
    """As well as numpy can: a partition instead of a sort, candidates only, a binary search to draw."""
    params, rng = SamplingParams(**chain), np.random.default_rng(0)
    if params.is_greedy:
        return lambda: logits.argmax(-1)
    distinct = [np.unique(row) for row in past]

    def one(x: Any, seen: Any) -> int:
        if params.repetition_penalty != 1.0:
            x = x.copy()
            x[seen] = np.where(
                x[seen] < 0, x[seen] * params.repetition_penalty, x[seen] / params.repetition_penalty
            )
        tokens = None
        if params.top_k:
            kth = np.partition(x, -params.top_k)[-params.top_k]
            tokens = np.flatnonzero(x >= kth)
            x = x[tokens]
        weights = np.exp((x - x.max()) * np.float32(1 / params.temperature))
        if params.top_p < 1.0:
            target, count = params.top_p * weights.sum(), min(len(weights), 512)
            while True:  # the largest 512, then four times as many, until they hold the mass
                best = (
                    np.argpartition(weights, -count)[-count:]
                    if count < len(weights)
                    else np.arange(len(weights))
                )
                if weights[best].sum() >= target or count == len(weights):
                    break
                count = min(4 * count, len(weights))
            best = best[np.argsort(-weights[best])]
            best = best[: np.searchsorted(np.cumsum(weights[best]), target) + 1]
            weights = weights[best]
            tokens = best if tokens is None else tokens[best]
        if params.min_p:
            kept = weights >= params.min_p * weights.max()
            weights = weights[kept]
            tokens = np.flatnonzero(kept) if tokens is None else tokens[kept]
        sums = np.cumsum(weights)
        at = min(int(np.searchsorted(sums, rng.random() * sums[-1], side="right")), len(sums) - 1)
        return at if tokens is None else int(tokens[at])

    return lambda: [one(row, seen) for row, seen in zip(logits, distinct, strict=True)]


def llama_cpp(logits: Any, chain: dict[str, Any], past: Any) -> Callable[[], Any]:
    """The chain of samplers of llama.cpp, in its own order, on candidates that are filled from the logits as it does."""
    import ctypes

    lib = pytest.importorskip("llama_cpp")
    params, vocab = SamplingParams(**chain), logits.shape[1]
    candidates = np.zeros(vocab, [("id", np.int32), ("logit", np.float32), ("p", np.float32)])
    tokens = np.arange(vocab, dtype=np.int32)
    data = candidates.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))
    array = lib.llama_token_data_array()

    def chain_of(seen: Any) -> Any:
        samplers = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        steps = []
        if params.penalizes:
            numbers = (params.repetition_penalty, params.frequency_penalty, params.presence_penalty)
            steps.append(lib.llama_sampler_init_penalties(vocab, PAST, *numbers))
        if params.is_greedy:
            steps.append(lib.llama_sampler_init_greedy())
        else:
            if params.top_k:
                steps.append(lib.llama_sampler_init_top_k(params.top_k))
            if params.top_p < 1.0:
                steps.append(lib.llama_sampler_init_top_p(params.top_p, 1))
            if params.min_p:
                steps.append(lib.llama_sampler_init_min_p(params.min_p, 1))
            steps += [lib.llama_sampler_init_temp(params.temperature), lib.llama_sampler_init_dist(1)]
        for step in steps:
            lib.llama_sampler_chain_add(samplers, step)
        for token in seen:
            lib.llama_sampler_accept(samplers, int(token))
        return samplers

    chains = [chain_of(seen) for seen in past]

    def one(row: Any, samplers: Any) -> int:
        candidates["id"], candidates["logit"] = tokens, row
        array.data, array.size, array.selected, array.sorted = data, vocab, -1, False
        lib.llama_sampler_apply(samplers, ctypes.byref(array))
        return int(candidates["id"][array.selected])

    return lambda: [one(row, samplers) for row, samplers in zip(logits, chains, strict=True)]


def one_pass(logits: Any, chain: dict[str, Any], past: Any) -> Callable[[], Any]:
    """The floor: reading every logit once, as fast as numpy's vectorised maximum does."""
    return lambda: logits.max(-1)


LIBRARIES = {
    "ferrolm": ours,
    "one pass": one_pass,
    "transformers": transformers,
    "vllm-like torch": vllm_like,
    "numpy": numpy,
    "llama.cpp": llama_cpp,
    "ferrolm bfloat16": ours_bfloat16,
    "ferrolm float16": ours_float16,
}


def _torch() -> Any:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def pytest_generate_tests(metafunc: Any) -> None:
    cases = [
        pytest.param(
            vocab,
            shape,
            chain,
            library,
            marks=pytest.mark.benchmark(group=f"sampling {shape} {vocab} {chain}"),
        )
        for vocab in (50_257, 151_936)
        for shape in SHAPES
        for chain in (CHAINS if shape != "broad" else ("top_p",))
        for library in LIBRARIES
    ]
    cases += [
        pytest.param(
            50_257,
            "zipf",
            chain,
            library,
            marks=pytest.mark.benchmark(group=f"sampling zipf 50257 {chain}"),
        )
        for chain in MORE
        for library in ("ferrolm", "one pass", "transformers")
    ]
    metafunc.parametrize(
        ("vocab", "shape", "chain", "library"), cases, ids=["-".join(map(str, case.values)) for case in cases]
    )


def test_step(benchmark: Any, vocab: int, shape: str, chain: str, library: str) -> None:
    logits, past = make_logits(shape, vocab), make_past(vocab)
    step = LIBRARIES[library](logits, {**CHAINS, **MORE}[chain], past)
    step()
    benchmark.extra_info.update(tokens=BATCH, bytes=logits.nbytes, threads=1)
    benchmark(step)
