"""Accepting drafts: the tokens are distributed as the target's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ferrolm
from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.sampling import accept_draft, accept_tree

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


def plain_accept(draft: Any, parents: Any, target: Any, own: Any, seed: int, step: int) -> Any:
    """Tokens and nodes of one row, by the definition: every p and q as a whole, and normalised again each time."""
    node, tokens, nodes = -1, [], []
    while True:
        u = _rust.uniforms(*(np.array([number], np.uint64) for number in (seed, step + len(tokens))))[0]
        p, accepted = target[node + 1], None
        for child in np.flatnonzero(np.asarray(parents) == node):
            q = np.eye(len(p))[draft[child]] if own is None else own[child]
            ratio = min(p[draft[child]] / q[draft[child]], 1.0)
            if u < ratio:
                accepted = int(child)
                break
            u, left = (u - ratio) / (1.0 - ratio), np.maximum(p - q, 0.0)
            p = left / left.sum() if left.any() else p
        if accepted is None:
            sums = p.cumsum()
            return [*tokens, int((sums <= u * sums[-1]).sum())], nodes
        node = accepted
        tokens.append(int(draft[node]))
        nodes.append(node)


@pytest.mark.parametrize("drawn", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_those_of_the_definition(drawn: bool, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    for row in range(300):
        nodes = int(rng.integers(0, 9))
        parents = np.array([rng.integers(-1, node) for node in range(nodes)], np.int64)
        p, q = (distributions(rng, places).astype(dtype) for places in (nodes + 1, nodes))
        draft = np.array([rng.choice(VOCAB, p=one / one.sum()) for one in q.astype(float)], np.int64)
        tokens, counts, path = accept_tree(
            draft[None], parents, p[None], q[None] if drawn else None, seeds=row, step=9
        )
        wide = q.astype(float) if drawn else None
        expected = plain_accept(draft, parents, p.astype(float), wide, row, 9)
        assert (tokens[0, : counts[0]].tolist(), path[0, : counts[0] - 1].tolist()) == expected
        assert (tokens[0, counts[0] :] == -1).all()
        assert (path[0, counts[0] - 1 :] == -1).all()


def as_expected(found: Any, p: Any) -> bool:
    from scipy.stats import chisquare

    often = p > 1e-6
    assert found[~often].sum() < 10
    wanted = p[often] / p[often].sum() * found[often].sum()
    return bool(chisquare(found[often], wanted).pvalue > 1e-4)


# Three children of the text, the second of which has two, the third three.
PARENTS = [-1, -1, -1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("kind", ["drawn", "float32", "nothing drawn", "duplicates"])
def test_trees_leave_first_tokens_and_pairs_as_the_target_draws_them(kind: str) -> None:
    rng = np.random.default_rng(4)
    first, q = distributions(rng, 1)[0], distributions(rng, VOCAB + 1)
    second, nodes = distributions(rng, VOCAB), len(PARENTS)
    if kind in ("drawn", "float32"):
        draft = np.empty((ROWS, nodes), np.int64)
        draft[:, :3] = rng.choice(VOCAB, (ROWS, 3), p=q[-1])
        for node, parent in enumerate(PARENTS[3:], 3):
            sums, u = q[draft[:, parent]].cumsum(-1), rng.random((ROWS, 1))
            draft[:, node] = np.minimum((sums <= u).sum(-1), VOCAB - 1)
        own = np.empty((ROWS, nodes, VOCAB))
        own[:, :3] = q[-1]
        own[:, 3:] = q[draft[:, PARENTS[3:]]]
    else:
        tokens = [1, 3, 5, 0, 2, 4, 6, 1] if kind == "nothing drawn" else [3, 3, 1, 2, 2, 4, 4, 2]
        draft, own = np.broadcast_to(np.array(tokens), (ROWS, nodes)), None
    target = np.empty((ROWS, nodes + 1, VOCAB))
    target[:, 0], target[:, 1:] = first, second[draft]
    if kind == "float32":
        target, own = target.astype(np.float32), np.asarray(own, np.float32)
    tokens, counts, path = accept_tree(draft, PARENTS, target, own, seeds=np.arange(ROWS))
    kept = path[:, 0] >= 0
    assert (kept == (counts > 1)).all()
    assert (draft[kept, path[kept, 0]] == tokens[kept, 0]).all()
    # Where the step ends after one token, the target draws the second one.
    drawn = (second.cumsum(-1)[tokens[:, 0]] <= rng.random((ROWS, 1))).sum(-1).clip(max=VOCAB - 1)
    pairs = tokens[:, 0] * VOCAB + np.where(counts > 1, tokens[:, 1], drawn)
    assert as_expected(np.bincount(tokens[:, 0], minlength=VOCAB), first)
    assert as_expected(np.bincount(pairs, minlength=VOCAB**2), (first[:, None] * second).ravel())


def test_siblings_are_accepted_more_often_than_one_token() -> None:
    rng = np.random.default_rng(5)
    p = np.arange(1, VOCAB + 1) / np.arange(1, VOCAB + 1).sum()
    q = p[::-1]
    draft = rng.choice(VOCAB, (20_000, 4), p=q)

    def share(siblings: int) -> float:
        target = np.broadcast_to(p, (20_000, siblings + 1, VOCAB))
        own = np.broadcast_to(q, (20_000, siblings, VOCAB))
        found = accept_tree(draft[:, :siblings], [-1] * siblings, target, own, seeds=np.arange(20_000))
        return float((found[1] > 1).mean())

    assert share(1) + 0.05 < share(4)


def test_a_chain_is_a_tree() -> None:
    rng = np.random.default_rng(6)
    p, q = (np.stack([distributions(rng, places) for _ in range(500)]) for places in (LENGTH + 1, LENGTH))
    draft = (q.cumsum(-1) < rng.random((500, LENGTH, 1))).sum(-1)
    for own in (q, None):
        tokens, counts = accept_draft(draft, p, own, seeds=np.arange(500), step=2)
        tree = accept_tree(draft, np.arange(LENGTH) - 1, p, own, seeds=np.arange(500), step=2)
        assert (tree[0] == tokens).all()
        assert (tree[1] == counts).all()
        assert (tree[2] == np.where(np.arange(LENGTH) < counts[:, None] - 1, np.arange(LENGTH), -1)).all()


def test_a_greedy_target_walks_the_tree_as_it_would_decode() -> None:
    target = np.eye(VOCAB)[[[3, 0, 1, 0, 4]]]
    tokens, counts, path = accept_tree([[2, 3, 2, 1]], [-1, -1, 1, 1], target, seeds=0)
    assert (tokens.tolist(), counts.tolist(), path.tolist()) == ([[3, 1, 4, -1, -1]], [3], [[1, 3, -1, -1]])


def test_rows_of_trees_do_not_depend_on_their_batch_or_on_threads() -> None:
    rng = np.random.default_rng(7)
    vocab, batch = 20_000, 12
    p = rng.dirichlet(np.full(vocab, 0.01), (batch, 4))
    q = rng.dirichlet(np.full(vocab, 0.01), (batch, 3))
    draft, parents = q.argmax(-1), np.array([[-1, -1, 0], [-1, 0, 1]] * 6)
    threads = ferrolm.num_threads()
    together = []
    try:
        for count in (1, 2, 3):
            ferrolm.set_num_threads(count)
            together.append(accept_tree(draft, parents, p, q, seeds=np.arange(batch), step=5))
    finally:
        ferrolm.set_num_threads(threads)
    for found in together[1:]:
        assert all((a == b).all() for a, b in zip(found, together[0], strict=True))
    for row in range(batch):
        alone = accept_tree(draft[[row]], parents[row], p[[row]], q[[row]], seeds=row, step=5)
        assert all((a == b[[row]]).all() for a, b in zip(alone, together[0], strict=True))


def test_tensors_and_strided_arrays_are_taken() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    p, q = (np.stack([distributions(rng, places) for _ in range(50)]) for places in (LENGTH + 1, LENGTH))
    p, q = p.astype(np.float32), q.astype(np.float32)
    draft = q.argmax(-1)
    expected = accept_draft(draft, p, q, seeds=1)[0].tolist()
    tensors = [torch.from_numpy(array) for array in (draft, p, q)]
    assert accept_draft(*tensors, seeds=1)[0].tolist() == expected
    assert accept_draft(draft, np.asfortranarray(p), q.astype(">f4"), seeds=1)[0].tolist() == expected
    for dtype in (torch.float16, torch.bfloat16):
        narrow = [tensor.to(dtype) for tensor in tensors[1:]]
        wide = accept_draft(draft, *(tensor.float() for tensor in narrow), seeds=1)
        assert accept_draft(draft, *narrow, seeds=1)[0].tolist() == wide[0].tolist()


def test_what_does_not_fit_in_a_tree_is_named() -> None:
    target = np.full((1, 3, VOCAB), 1 / VOCAB)
    with pytest.raises(
        ShapeError, match=r"draft must have the shape \(batch, n\) .* \(1, 3\) and \(1, 3, 7\)"
    ):
        accept_tree([[1, 2, 3]], [-1, 0, 1], target, seeds=0)
    with pytest.raises(ShapeError, match=r"parents must have the shape \(1, 2\) or \(2,\), found \(3,\)"):
        accept_tree([[1, 2]], [-1, 0, 1], target, seeds=0)
    with pytest.raises(ShapeError, match=r"draft_probabilities must have the shape \(1, 2, 7\)"):
        accept_tree([[1, 2]], [-1, 0], target, target, seeds=0)
    for wrong in ([-1, 1], [0, 0], [-2, 0]):
        place = 0 if wrong[0] != -1 else 1
        message = f"parents of row 0 must be -1 or a node before node {place}, found {wrong[place]}"
        with pytest.raises(InvalidArgumentError, match=message):
            accept_tree([[1, 2]], wrong, target, seeds=0)
    with pytest.raises(InvalidTypeError, match="parents must hold integers, found float64"):
        accept_tree([[1, 2]], [-1.0, 0.0], target, seeds=0)
    with pytest.raises(InvalidTypeError, match="draft must hold integers, found float64"):
        accept_tree([[1.5, 2.0]], [-1, 0], target, seeds=0)
    with pytest.raises(InvalidTypeError, match="found None"):
        accept_tree([[1, 2]], None, target, seeds=0)
    with pytest.raises(InvalidArgumentError, match=r"tokens in \[0, 7\), found -1 to 2"):
        accept_tree([[-1, 2]], [-1, -1], target, seeds=0)
    own = np.eye(VOCAB)[[[1, 3]]]
    greedy = np.broadcast_to(np.eye(VOCAB)[5], (1, 3, VOCAB))
    with pytest.raises(
        InvalidArgumentError, match="draft_probabilities of row 0 are 0 for its token at place 1"
    ):
        accept_tree([[1, 2]], [-1, -1], greedy, own, seeds=0)
    for value in (np.nan, -0.1, np.inf):
        two = np.repeat(target, 2, 0)
        two[1, 2, 3] = value
        with pytest.raises(
            InvalidArgumentError, match="target_probabilities of row 1 at place 2 must be finite"
        ):
            accept_tree([[1, 2]] * 2, [-1, -1], two, seeds=0)
        with pytest.raises(
            InvalidArgumentError, match="draft_probabilities of row 1 at place 1 must be finite"
        ):
            accept_tree([[1, 2]] * 2, [-1, -1], np.repeat(target, 2, 0), two[:, 1:], seeds=0)
