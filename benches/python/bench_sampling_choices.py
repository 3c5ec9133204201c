"""Choices among several continuations, a step: microseconds per call. All libraries run on one thread.

Candidates of beam search for 4 texts of 4 beams, against `log_softmax` and `topk` of torch, as transformers has them; and the
acceptance of drafts of 5 tokens for 8 texts, against the same rule in torch, written without loops over rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ferrolm
from ferrolm.sampling import SamplingParams, accept_draft, accept_tree, beam_candidates

TEXTS, BEAMS, PAST = 4, 4, 50
BATCH, LENGTH, VOCAB = 8, 5, 50_257


def _torch() -> Any:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    ferrolm.set_num_threads(1)
    return torch


def make_beams(vocab: int) -> Any:
    """A language model's shape: the r-th most probable token has probability ~ r^-1.5."""
    torch, rng = _torch(), np.random.default_rng(0)
    row = -1.5 * np.log(np.arange(1, vocab + 1))
    logits = np.stack([rng.permutation(row) for _ in range(TEXTS * BEAMS)]).astype(np.float32)
    scores = -10.0 * rng.random((TEXTS, BEAMS)).astype(np.float32)
    past = rng.integers(0, vocab, (TEXTS * BEAMS, PAST))
    return torch.from_numpy(logits), torch.from_numpy(scores), past


def beams_ours(vocab: int, rules: dict[str, Any]) -> Callable[[], Any]:
    logits, scores, past = make_beams(vocab)
    params = SamplingParams(**rules)
    return lambda: beam_candidates(logits, scores, params=params, history=past)


def beams_ours_bfloat16(vocab: int, rules: dict[str, Any]) -> Callable[[], Any]:
    logits, scores, past = make_beams(vocab)
    params, narrow = SamplingParams(**rules), logits.bfloat16()
    return lambda: beam_candidates(narrow, scores, params=params, history=past)


def beams_drawn(vocab: int, rules: dict[str, Any]) -> Callable[[], Any]:
    logits, scores, past = make_beams(vocab)
    params = SamplingParams(**rules)
    return lambda: beam_candidates(logits, scores, params=params, history=past, seeds=1)


def beams_torch(vocab: int, rules: dict[str, Any], drawn: bool = False) -> Callable[[], Any]:
    torch = _torch()
    processors = pytest.importorskip("transformers.generation.logits_process")
    logits, scores, past = make_beams(vocab)
    ids = torch.from_numpy(past)
    steps = processors.LogitsProcessorList()
    if "repetition_penalty" in rules:
        steps.append(processors.RepetitionPenaltyLogitsProcessor(rules["repetition_penalty"]))
    if "no_repeat_ngram_size" in rules:
        steps.append(processors.NoRepeatNGramLogitsProcessor(rules["no_repeat_ngram_size"]))

    def step() -> Any:
        total = steps(ids, logits.log_softmax(-1)).view(TEXTS, BEAMS, -1) + scores[:, :, None]
        flat = total.view(TEXTS, -1)
        if drawn:
            return torch.multinomial(flat.softmax(-1), 2 * BEAMS)
        return flat.topk(2 * BEAMS)

    return step


def beams_torch_drawn(vocab: int, rules: dict[str, Any]) -> Callable[[], Any]:
    return beams_torch(vocab, rules, drawn=True)


RULES: dict[str, dict[str, Any]] = {
    "plain": {},
    "rules": {"repetition_penalty": 1.2, "no_repeat_ngram_size": 3},
}
SEARCHES = {
    "ferrolm": beams_ours,
    "torch": beams_torch,
    "ferrolm bfloat16": beams_ours_bfloat16,
    "ferrolm drawn": beams_drawn,
    "torch drawn": beams_torch_drawn,
}


@pytest.mark.parametrize("library", SEARCHES)
@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("vocab", [50_257, 151_936])
def test_beam_candidates(benchmark: Any, vocab: int, rules: str, library: str) -> None:
    step = SEARCHES[library](vocab, RULES[rules])
    step()
    benchmark.group = f"beam candidates {vocab} {rules}"
    benchmark.extra_info.update(tokens=TEXTS * BEAMS, bytes=TEXTS * BEAMS * vocab * 4, threads=1)
    benchmark(step)


def make_drafts() -> Any:
    """Distributions of two models that often agree, float32, and tokens drawn from the second."""
    torch = _torch()
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(BATCH, LENGTH + 1, VOCAB, generator=generator)
    other = logits[:, :LENGTH] + 0.5 * torch.randn(BATCH, LENGTH, VOCAB, generator=generator)
    target, own = logits.softmax(-1), other.softmax(-1)
    draft = torch.multinomial(own.flatten(0, 1), 1, generator=generator).view(BATCH, LENGTH)
    return draft, target, own


def accept_ours() -> Callable[[], Any]:
    draft, target, own = make_drafts()
    return lambda: accept_draft(draft, target, own, seeds=1)


def accept_tree_ours() -> Callable[[], Any]:
    """The same as siblings: as many rejections as there can be."""
    draft, target, own = make_drafts()
    siblings = [-1] * LENGTH
    return lambda: accept_tree(draft, siblings, target, own, seeds=1)


def accept_torch() -> Callable[[], Any]:
    torch = _torch()
    draft, target, own = make_drafts()
    rows = torch.arange(BATCH)

    def step() -> Any:
        at = draft[:, :, None]
        ratio = (target[:, :LENGTH].gather(2, at) / own.gather(2, at))[:, :, 0]
        accepted = (torch.rand(BATCH, LENGTH) < ratio).cumprod(-1)
        counts = accepted.sum(-1)
        left = target[rows, counts]
        q = torch.where((counts < LENGTH)[:, None], own[rows, counts.clamp(max=LENGTH - 1)], 0.0)
        last = torch.multinomial((left - q).clamp(min=0.0), 1)
        return torch.cat([draft.where(accepted.bool(), -1), last], 1), counts + 1

    return step


ACCEPTANCES = {"ferrolm": accept_ours, "torch": accept_torch, "ferrolm siblings": accept_tree_ours}


@pytest.mark.parametrize("library", ACCEPTANCES)
def test_acceptance(benchmark: Any, library: str) -> None:
    step = ACCEPTANCES[library]()
    step()
    benchmark.group = f"acceptance of drafts {VOCAB}"
    benchmark.extra_info.update(tokens=BATCH * LENGTH, bytes=BATCH * (2 * LENGTH + 1) * VOCAB * 4, threads=1)
    benchmark(step)
