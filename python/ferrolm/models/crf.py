"""`LinearChainCRF`: the best sequence of tags, and the probability of one, where neighbours depend on each other.

Lafferty, McCallum and Pereira 2001; over the states of an encoder, Lample et al. 2016. A sequence of tags scores the sum
of its emissions and of the transitions between neighbours, from the start and to the end; its probability is the softmax
over all sequences. The forward algorithm and Viterbi's take O(time * tags^2) for each row, all rows of a batch at once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["LinearChainCRF"]


class LinearChainCRF(nn.Module):
    """Scores of sequences of ``num_tags`` tags; all transitions start at 0, where tags do not depend on each other.

    A mask [batch, time], nonzero for positions that have a tag, may have holes: the positions left are neighbours (first
    pieces of words, say). A row without any has one sequence, the empty one.

    >>> crf = LinearChainCRF(2)
    >>> _ = crf.transitions.data.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))  # tags like to stay
    >>> emissions = torch.tensor([[[2.0, 0.0], [0.0, 0.5], [2.0, 0.0]]])
    >>> paths, scores = crf.decode(emissions)
    >>> paths.tolist(), scores.tolist()
    ([[0, 0, 0]], [6.0])
    >>> round(crf.log_likelihood(emissions, paths).exp().item(), 3)
    0.864

    Raises `InvalidArgumentError` when num_tags is not positive, and `ShapeError` for tensors that do not fit.
    """

    def __init__(self, num_tags: int) -> None:
        super().__init__()
        if num_tags < 1:
            raise InvalidArgumentError(f"num_tags is {num_tags!r}, expected a positive integer")
        self.num_tags = num_tags
        self.start_transitions = nn.Parameter(torch.zeros(num_tags))
        self.end_transitions = nn.Parameter(torch.zeros(num_tags))
        self.transitions = nn.Parameter(torch.zeros(num_tags, num_tags))  # [from, to]

    def log_likelihood(self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None) -> Tensor:
        """Log probability of ``tags`` in nats, float32 [batch]; its mean, negative, is the loss.

        emissions: [batch, time, num_tags]. tags: int64 [batch, time], of which those outside the mask do not matter.
        """
        return self.score(emissions, tags, mask) - self.log_partition(emissions, mask)

    def score(self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None) -> Tensor:
        """What ``tags`` score, float32 [batch]; the arguments are those of `log_likelihood`."""
        if tags.shape != emissions.shape[:2]:
            raise ShapeError(f"tags have shape {list(tags.shape)}, expected {list(emissions.shape[:2])}")
        emissions, mask, order = self._in_front(emissions, mask)
        tags = tags.gather(1, order).masked_fill(~mask, 0)
        emitted = emissions.gather(2, tags[:, :, None])[:, :, 0]
        moved = self.transitions.float()[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]
        last = tags.gather(1, (mask.sum(1, keepdim=True) - 1).clamp(min=0))[:, 0]
        ends = self.start_transitions.float()[tags[:, 0]] + self.end_transitions.float()[last]
        return (emitted * mask).sum(1) + moved.sum(1) + ends * mask[:, 0]

    def log_partition(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logarithm of the sum over all sequences, float32 [batch]: the forward algorithm."""
        emissions, mask, _ = self._in_front(emissions, mask)
        transitions = self.transitions.float()
        alpha = self.start_transitions.float() + emissions[:, 0]  # [batch, tags]: sequences that end so
        for time in range(1, emissions.shape[1]):
            moved = torch.logsumexp(alpha[:, :, None] + transitions, dim=1) + emissions[:, time]
            alpha = torch.where(mask[:, time, None], moved, alpha)
        total = torch.logsumexp(alpha + self.end_transitions.float(), dim=1)
        return torch.where(mask[:, 0], total, 0.0)

    def marginals(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """How probable each tag is at each position, whatever the others, float32 [batch, time, num_tags]; 0 outside the mask.

        They are the derivatives of `log_partition` by the emissions, which needs no backward algorithm of its own.

        >>> crf = LinearChainCRF(2)
        >>> crf.marginals(torch.tensor([[[0.0, 0.0], [3.0, 0.0]]])).round(decimals=2).tolist()
        [[[0.5, 0.5], [0.949999988079071, 0.05000000074505806]]]
        """
        with torch.enable_grad():
            given = emissions.detach().float().requires_grad_()
            (found,) = torch.autograd.grad(self.log_partition(given, mask).sum(), given)
        return found

    @torch.no_grad()
    def decode(self, emissions: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The tags that score best, int64 [batch, time] with -100 outside the mask, and what they score, float32 [batch].

        Viterbi's algorithm. Of equals the tag with the lower number counts, from the end on.
        """
        emissions, mask, order = self._in_front(emissions, mask)
        transitions = self.transitions.float()
        best = self.start_transitions.float() + emissions[:, 0]
        stay = torch.arange(self.num_tags, device=emissions.device)
        came_from = []  # for each later position [batch, tags]
        for time in range(1, emissions.shape[1]):
            moved, origin = (best[:, :, None] + transitions).max(dim=1)
            inside = mask[:, time, None]
            best = torch.where(inside, moved + emissions[:, time], best)
            came_from.append(torch.where(inside, origin, stay))
        score, tag = (best + self.end_transitions.float()).max(dim=1)
        path = [tag]
        for origin in reversed(came_from):
            path.append(origin.gather(1, path[-1][:, None])[:, 0])
        tags = torch.stack(path[::-1], dim=1).masked_fill(~mask, -100)
        return torch.empty_like(tags).scatter_(1, order, tags), torch.where(mask[:, 0], score, 0.0)

    def _in_front(self, emissions: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Emissions in float32 and the mask with the positions that have a tag in front, and where they came from."""
        if emissions.dim() != 3 or emissions.shape[1] < 1 or emissions.shape[2] != self.num_tags:
            raise ShapeError(
                f"emissions have shape {list(emissions.shape)}, expected [batch, time, {self.num_tags}] with time above 0"
            )
        shape = emissions.shape[:2]
        mask = torch.ones(shape, dtype=torch.bool, device=emissions.device) if mask is None else mask.bool()
        if mask.shape != shape:
            raise ShapeError(f"mask has shape {list(mask.shape)}, expected {list(shape)}")
        order = (~mask).byte().argsort(dim=1, stable=True)
        front = emissions.float().gather(1, order[:, :, None].expand_as(emissions))
        return front, mask.gather(1, order), order
