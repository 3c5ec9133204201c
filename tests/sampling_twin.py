"""The steps of `ferrolm.sampling` in plain float64 numpy with full sorts: slow, and plainly right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from ferrolm.sampling import SamplingParams


def adjusted(
    logits: Any, params: SamplingParams, prompt: Iterable[int] = (), history: Iterable[int] = ()
) -> Any:
    """Logits [vocab] after bias, penalties and rules."""
    x = np.asarray(logits, np.float64).copy()
    past = [int(token) for token in (*prompt, *history)]
    generated = len(past) - len(list(prompt))
    for token, bias in (params.logit_bias or {}).items():
        x[token] += bias
    for ids, bias in (params.sequence_bias or {}).items():
        if past[len(past) - len(ids) + 1 :] == list(ids[:-1]) and len(past) >= len(ids) - 1:
            x[ids[-1]] += bias
    counts = Counter(history)
    for token in {*prompt, *history}:
        x[token] = (
            x[token] * params.repetition_penalty if x[token] < 0 else x[token] / params.repetition_penalty
        )
        x[token] -= params.frequency_penalty * counts[token] + params.presence_penalty * (counts[token] > 0)
    for token, length in repetitions(past, params).items():
        x[token] -= params.dry_multiplier * params.dry_base ** (length - params.dry_allowed_length)
    x[list(banned(past, generated, params))] = -np.inf
    if params.allowed_token_ids is not None:
        x[~np.isin(np.arange(len(x)), params.allowed_token_ids)] = -np.inf
    first, last = params.forced_bos_token_id, params.forced_eos_token_id
    for token, due in ((last, generated + 1 == params.max_tokens), (first, generated == 0)):
        if token is not None and due:
            x[:] = -np.inf
            x[token] = 0.0
    return x


def repetitions(past: list[int], params: SamplingParams) -> dict[int, int]:
    """For each token that would go on with a repetition, how long the longest one is."""
    found: dict[int, int] = {}
    if params.dry_multiplier == 0 or params.dry_penalty_last_n == 0:
        return found
    past = past if params.dry_penalty_last_n < 0 else past[-params.dry_penalty_last_n :]
    breakers = set(params.dry_sequence_breakers)
    for at in range(len(past) - 1):
        length = 0
        while length <= at and past[at - length] == past[-1 - length] and past[at - length] not in breakers:
            length += 1
        if length >= params.dry_allowed_length and past[at + 1] not in breakers:
            found[past[at + 1]] = max(length, found.get(past[at + 1], 0))
    return found


def banned(past: list[int], generated: int, params: SamplingParams) -> set[int]:
    """Tokens that may not come."""
    found = set(params.suppress_tokens)
    found |= set(params.begin_suppress_tokens) if generated == 0 else set()
    found |= set(params.stop_token_ids) if generated < params.min_tokens else set()
    size = params.no_repeat_ngram_size
    ngrams = [past[at : at + size] for at in range(len(past) - size + 1)] if size else []
    found |= {ngram[-1] for ngram in ngrams if ngram[:-1] == past[len(past) - size + 1 :]}
    words = [list(word) for word in params.bad_words_ids]
    return found | {
        word[-1]
        for word in words
        if len(past) + 1 >= len(word) and past[len(past) - len(word) + 1 :] == word[:-1]
    }


ORDER = (
    "temperature",
    "top_n_sigma",
    "top_h",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "xtc",
    "mirostat",
)


def probabilities(
    logits: Any, params: SamplingParams, prompt: Iterable[int] = (), history: Iterable[int] = ()
) -> Any:
    """float64 [vocab]: the distribution that is drawn from."""
    x = adjusted(logits, params, prompt, history)
    if params.is_greedy:
        return np.eye(len(x))[np.argmax(x)]
    if 0.0 < params.xtc_probability < 1.0:
        share = params.xtc_probability
        with_it, without = (_probabilities(x, params.replace(xtc_probability=own)) for own in (1.0, 0.0))
        return with_it * share + without * (1 - share)
    return _probabilities(x, params)


def _probabilities(x: Any, params: SamplingParams) -> Any:
    for name in params.order or ORDER:
        x = np.where(kept(name, x, params), heated(x, params) if name == "temperature" else x, -np.inf)
    return softmax(x)


def softmax(x: Any) -> Any:
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def entropy(p: Any) -> float:
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def heated(x: Any, params: SamplingParams) -> Any:
    temperature = params.temperature
    if params.dynatemp_range > 0:
        most = np.log(np.isfinite(x).sum())
        share = entropy(softmax(x)) / most if most > 0 else 0.0
        low = max(0.0, temperature - params.dynatemp_range)
        temperature += params.dynatemp_range
        temperature = max(low + (temperature - low) * share**params.dynatemp_exponent, 1e-5)
    return (x - x.max()) / temperature


def kept(name: str, x: Any, params: SamplingParams) -> Any:
    """Which tokens a step keeps."""
    p, order = softmax(x), np.argsort(-x, kind="stable")
    largest = x == x.max()
    everything = np.ones(len(x), bool)
    if name == "top_n_sigma" and params.top_n_sigma > 0:
        return x >= x.max() - params.top_n_sigma * x[np.isfinite(x)].std()
    if name == "top_h" and params.top_h is not None:
        first = softmax(x[order[:100]])
        terms = np.array([-q * np.log(q) if q > 0 else 0.0 for q in first])
        within = np.cumsum(terms) <= params.top_h * terms.sum()
        within[0] = True
        return np.isin(np.arange(len(x)), order[:100][within])
    if name == "top_k" and 0 < params.top_k < len(x):
        return x >= np.sort(x)[-params.top_k]
    if name == "top_p" and params.top_p < 1.0:
        before = np.cumsum(p[order]) - p[order]
        dropped = before >= params.top_p
        dropped[0] = False
        return ~np.isin(np.arange(len(x)), order[dropped])
    if name == "min_p":
        return p >= params.min_p * p.max()
    if name == "typical_p" and params.typical_p < 1.0:
        with np.errstate(divide="ignore"):
            distance = np.abs(-np.log(p) - entropy(p))
        closest = np.argsort(distance, kind="stable")
        last = min((np.cumsum(p[closest]) < params.typical_p).sum(), len(x) - 1)
        return distance <= distance[closest[last]]
    if name == "epsilon_cutoff":
        return (p >= params.epsilon_cutoff) | largest
    if name == "eta_cutoff" and params.eta_cutoff > 0:
        eta = min(params.eta_cutoff, np.sqrt(params.eta_cutoff) * np.exp(-entropy(p)))
        return (p >= eta) | largest
    if name == "xtc" and params.xtc_probability > 0:
        above = np.flatnonzero(p >= params.xtc_threshold)
        least = above[p[above] == p[above].min()].max() if above.size else -1
        return ~np.isin(np.arange(len(x)), above[above != least])
    if name == "mirostat" and params.mirostat == 2:
        return (p >= 2.0 ** -(2 * params.mirostat_tau)) | largest
    if name == "mirostat" and params.mirostat == 1:
        return x >= x[order[zipf_count(p[order], 2 * params.mirostat_tau) - 1]]
    return everything


def zipf_count(p: Any, mu: float) -> int:
    """How many of the falling probabilities mirostat 1 keeps: the algorithm of Basu et al. (2021), as in llama.cpp."""
    first = p[p > 0][:100]
    if len(first) < 2:
        return 1
    ranks = np.arange(1, len(first))
    t, b = np.log((ranks + 1) / ranks), np.log(first[:-1] / first[1:])
    s = (t * b).sum() / (t * t).sum()
    with np.errstate(all="ignore"):
        k = ((s - 1) * 2**mu / (1 - float(len(p)) ** -(s - 1))) ** (1 / s)
    return int(min(max(np.nan_to_num(k), 1), len(first) if k < 100 else len(p[p > 0])))
