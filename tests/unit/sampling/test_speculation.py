"""Accepting drafts: the tokens are distributed as the target's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.sampling import accept_draft

VOCAB, LENGTH, ROWS = 7, 3, 200_000


def distributions(rng: np.random.Generator, places: int) -> Any:
    weights = rng.random((places, VOCAB)) ** 3 * (rng.random((places, VOCAB)) < 0.7) + 1e-12
    return weights / weights.sum(-1, keepdims=True)


@pytest.mark.parametrize("drawn", [True, False])
def test_first_tokens_and_pairs_have_the_distribution_of_the_target(drawn: bool) -> None:
    from scipy.stats import chisquare

    rng = np.random.default_rng(1)
    p, q = distributions(rng, LENGTH + 1), distributions(rng, LENGTH)
    draft = np.stack([rng.choice(VOCAB, ROWS, p=one) if drawn else np.full(ROWS, 2) for one in q], axis=1)
    target = np.broadcast_to(p, (ROWS, LENGTH + 1, VOCAB))
    own = np.broadcast_to(q, (ROWS, LENGTH, VOCAB)) if drawn else None
    tokens, counts = accept_draft(draft, target, own, seeds=np.arange(ROWS))
    for place in range(LENGTH + 1):
        found = np.bincount(tokens[tokens[:, place] >= 0, place], minlength=VOCAB)
        if found.sum() < 1000:
            continue
        often = p[place] > 1e-6
        assert found[~often].sum() < 10
        wanted = p[place][often] / p[place][often].sum() * found[often].sum()
        assert chisquare(found[often], wanted).pvalue > 1e-4
    expected = np.minimum(p[0], q[0] if drawn else np.eye(VOCAB)[2]).sum()
    assert (counts > 1).mean() == pytest.approx(expected, abs=0.01)
    assert ((tokens >= 0).sum(-1) == counts).all()


def test_greedy_targets_accept_what_they_would_have_taken() -> None:
    target = np.eye(VOCAB)[[[3, 1, 4, 6]]]
    tokens, counts = accept_draft([[3, 1, 5]], target, seeds=0)
    assert tokens.tolist() == [[3, 1, 4, -1]]
    assert counts.tolist() == [3]
    assert accept_draft([[3, 1, 4]], target, seeds=0)[0].tolist() == [[3, 1, 4, 6]]
    assert accept_draft(np.zeros((1, 0), int), target[:, :1], seeds=0)[0].tolist() == [[3]]


def test_a_row_does_not_depend_on_its_batch() -> None:
    rng = np.random.default_rng(2)
    p, q = (np.stack([distributions(rng, places) for _ in range(20)]) for places in (LENGTH + 1, LENGTH))
    draft = q.argmax(-1)
    together = accept_draft(draft, p, q, seeds=np.arange(20), step=5)
    for row in range(20):
        alone = accept_draft(draft[[row]], p[[row]], q[[row]], seeds=row, step=5)
        assert alone[0].tolist() == together[0][[row]].tolist()


def test_what_does_not_fit_is_named() -> None:
    target = np.full((1, 2, VOCAB), 1 / VOCAB)
    with pytest.raises(ShapeError, match=r"found \(1, 2\) and \(1, 2, 7\)"):
        accept_draft([[1, 2]], target, seeds=0)
    with pytest.raises(InvalidArgumentError, match=r"tokens in \[0, 7\), found 9 to 9"):
        accept_draft([[9]], target, seeds=0)
    for wrong in (np.zeros_like(target), np.full_like(target, np.nan), -target):
        with pytest.raises(InvalidArgumentError, match="target_probabilities of row 0 at place 0 must be"):
            accept_draft([[1]], wrong, seeds=0)
    with pytest.raises(InvalidArgumentError, match="of row 0 are 0 for its token at place 0"):
        accept_draft([[1]], target, np.eye(VOCAB)[[[2]]], seeds=0)
