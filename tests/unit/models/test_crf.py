"""The linear-chain CRF against all sequences of tags, one by one."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models import LinearChainCRF

TAGS = 3
MASK = torch.tensor(
    [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]
)  # whole, a tail of padding, holes, one position, none


def random_crf() -> tuple[LinearChainCRF, torch.Tensor]:
    torch.manual_seed(0)
    crf = LinearChainCRF(TAGS)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf, torch.randn(5, 5, TAGS)


@torch.no_grad()
def score(crf: LinearChainCRF, emissions: torch.Tensor, tags: tuple[int, ...]) -> float:
    """The definition: emissions [time, tags] of the positions that have a tag."""
    if not tags:
        return 0.0
    total = crf.start_transitions[tags[0]] + crf.end_transitions[tags[-1]]
    for time, tag in enumerate(tags):
        total = total + emissions[time, tag]
    for before, after in itertools.pairwise(tags):
        total = total + crf.transitions[before, after]
    return float(total)


def every_score(crf: LinearChainCRF, emissions: torch.Tensor) -> dict[tuple[int, ...], float]:
    sequences = itertools.product(range(TAGS), repeat=len(emissions))
    return {tags: score(crf, emissions, tags) for tags in sequences}


@pytest.mark.parametrize("row", range(5))
def test_likelihood_and_best_tags_of_a_row_are_those_of_enumeration(row: int) -> None:
    crf, emissions = random_crf()
    tagged = MASK[row].bool()
    scores = every_score(crf, emissions[row, tagged])
    log_partition = math.log(sum(math.exp(value) for value in scores.values()))
    best = max(scores, key=scores.__getitem__)
    # In the batch, where the other rows are longer and shorter.
    assert crf.log_partition(emissions, MASK)[row].item() == pytest.approx(log_partition, abs=1e-5)
    paths, best_scores = crf.decode(emissions, MASK)
    assert tuple(paths[row, tagged].tolist()) == best
    assert set(paths[row, ~tagged].tolist()) <= {-100}
    assert best_scores[row].item() == pytest.approx(scores[best], abs=1e-5)
    for tags, value in scores.items():
        given = torch.full((5, 5), -100).masked_fill(MASK.bool(), 0)  # outside the mask, tags do not matter
        given[row, tagged] = torch.tensor(tags, dtype=torch.long)
        likelihood = crf.log_likelihood(emissions, given, MASK)
        assert likelihood[row].item() == pytest.approx(value - log_partition, abs=1e-5)


@pytest.mark.parametrize("row", range(5))
def test_marginals_are_sums_over_all_sequences(row: int) -> None:
    crf, emissions = random_crf()
    tagged = MASK[row].bool()
    scores = every_score(crf, emissions[row, tagged])
    total = sum(math.exp(value) for value in scores.values())
    expected = torch.zeros(int(tagged.sum()), TAGS)
    for tags, value in scores.items():
        for place, tag in enumerate(tags):
            expected[place, tag] += math.exp(value) / total
    found = crf.marginals(emissions, MASK)[row]
    torch.testing.assert_close(found[tagged], expected, atol=1e-5, rtol=1e-5)
    assert not found[~tagged].any()
    assert all(parameter.grad is None for parameter in crf.parameters())


def test_probabilities_sum_to_one() -> None:
    crf, emissions = random_crf()
    sequences = torch.tensor(list(itertools.product(range(TAGS), repeat=5)))
    likelihoods = crf.log_likelihood(emissions[:1].expand(len(sequences), -1, -1), sequences)
    assert likelihoods.exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_gradients_are_those_of_the_definition() -> None:
    crf, emissions = random_crf()
    emissions.requires_grad_()
    tags = torch.randint(0, TAGS, (5, 5))
    crf.log_likelihood(emissions, tags, MASK).sum().backward()
    assert crf.transitions.grad is not None
    assert torch.isfinite(crf.transitions.grad).all()
    assert not emissions.grad[~MASK.bool()].any()
    # At each position the gradient is 1 for the tag that is there, less the probability of each: they sum to 0.
    torch.testing.assert_close(emissions.grad.sum(-1), torch.zeros(5, 5), atol=1e-5, rtol=0)
    step = 1e-2
    with torch.no_grad():
        before = crf.log_likelihood(emissions, tags, MASK).sum()
        crf.transitions[0, 1] += step
        after = crf.log_likelihood(emissions, tags, MASK).sum()
    assert ((after - before) / step).item() == pytest.approx(crf.transitions.grad[0, 1].item(), abs=2e-2)


def test_training_learns_that_a_tag_never_follows_another() -> None:
    torch.manual_seed(0)
    crf = LinearChainCRF(2)
    tags = torch.tensor([[0, 1, 0, 1, 0, 1]]).repeat(4, 1)  # alternating, while the emissions say nothing
    emissions = torch.zeros(4, 6, 2)
    optimizer = torch.optim.SGD(crf.parameters(), lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        (-crf.log_likelihood(emissions, tags).mean()).backward()
        optimizer.step()
    assert crf.decode(emissions[:1])[0].tolist() == [[0, 1, 0, 1, 0, 1]]


def test_half_precision_is_computed_in_float32() -> None:
    crf, emissions = random_crf()
    rounded = emissions.half()
    tags = torch.zeros(5, 5, dtype=torch.long)
    likelihood = crf.log_likelihood(rounded, tags, MASK)
    assert likelihood.dtype == torch.float32
    assert torch.equal(likelihood, crf.log_likelihood(rounded.float(), tags, MASK))


def test_what_does_not_fit_is_an_error() -> None:
    crf, emissions = random_crf()
    with pytest.raises(ShapeError, match=r"emissions have shape \[5, 5, 2\], expected \[batch, time, 3\]"):
        crf.decode(emissions[..., :2])
    with pytest.raises(ShapeError, match=r"mask has shape \[5, 4\], expected \[5, 5\]"):
        crf.decode(emissions, MASK[:, :4])
    with pytest.raises(ShapeError, match=r"tags have shape \[5, 4\]"):
        crf.log_likelihood(emissions, torch.zeros(5, 4, dtype=torch.long))
    with pytest.raises(InvalidArgumentError, match="num_tags is 0"):
        LinearChainCRF(0)
