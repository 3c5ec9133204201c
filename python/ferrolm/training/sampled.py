"""Next tokens among a sample of the vocabulary: what word-level models with tens of thousands of words can afford on a CPU.

With 33,278 words and 256 numbers for each, the softmax costs ten times what a small model costs. Here its denominator is
estimated: exactly for the target and the most frequent tokens, which have most of the probability, by importance sampling for
the rest (Bengio & Senécal 2003; Jean et al. 2015). Training alone: evaluation takes the whole softmax.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.data.batches import Batch
from ferrolm.errors import InvalidArgumentError
from ferrolm.training.loss import next_token_loss

__all__ = ["SampledNextToken"]

# The power of the counts that rare tokens are drawn by: flatter than the text, as in word2vec.
_POWER = 0.75


class SampledNextToken:
    """Causal language modeling of ``blocks`` [rows, block_size + 1] with some of the logits; for `CausalLM` with a linear head.

    Of each step's vocabulary there are the targets, the ``frequent`` most frequent tokens, and ``sampled`` draws among the
    others, the same for all positions of a micro-batch, from torch's generator, so that a run resumes to the bit. The sum
    over the vocabulary is unbiased; with ``frequent`` of at least the vocabulary the loss is the exact one.

    Args:
        counts: int or float [vocab], how often each token occurs in the training text.
        frequent: tokens that every step has.
        sampled: draws, with replacement, among the others.

    >>> from ferrolm.models import RecurrentConfig, RecurrentLM
    >>> model = RecurrentLM(RecurrentConfig(vocab_size=50, hidden_size=8)).eval()
    >>> objective = SampledNextToken(torch.arange(50, 0, -1), frequent=10, sampled=20)
    >>> batch = {"blocks": torch.tensor([[1, 2, 3, 44]])}
    >>> objective.targets(batch), objective.loss(model, batch).shape
    (3, torch.Size([]))
    """

    def __init__(self, counts: Tensor, *, frequent: int = 2000, sampled: int = 2000) -> None:
        """Raises `InvalidArgumentError` for counts that are not a vector, or without a draw or a frequent token."""
        if counts.dim() != 1 or frequent < 0 or sampled < 1:
            raise InvalidArgumentError(
                f"counts {list(counts.shape)}, frequent {frequent} and sampled {sampled}: expected [vocab], "
                "frequent >= 0 and sampled >= 1"
            )
        ranked = counts.argsort(descending=True, stable=True)
        self._vocab_size = len(counts)
        self._frequent, self._rare = ranked[:frequent], ranked[frequent:]
        # Tokens without a count are drawn too: their logits have to learn that they are improbable.
        weights = counts[self._rare].double().clamp(min=1.0) ** _POWER
        self._cumulative = weights.cumsum(0) / weights.sum()
        # - log of how often a token is expected among the draws
        self._corrections = -(weights / weights.sum() * sampled).log().float()
        self._sampled = sampled

    def targets(self, batch: Batch) -> int:
        rows, length = batch["blocks"].shape
        return rows * (length - 1)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Raises `InvalidArgumentError` where the head is no `nn.Linear` over as many tokens as there are counts."""
        head = getattr(getattr(model, "module", model), "lm_head", None)
        if type(head) is not nn.Linear or head.out_features != self._vocab_size:
            raise InvalidArgumentError(
                f"lm_head is {head}, expected an nn.Linear with the {self._vocab_size} outputs that counts has"
            )
        blocks = batch["blocks"]
        hidden = model(blocks[:, :-1], with_head=False).logits.flatten(0, 1)
        return self._among(hidden, head, blocks[:, 1:].flatten())

    def _among(self, hidden: Tensor, head: nn.Linear, targets: Tensor) -> Tensor:
        """The mean loss of ``targets`` [n] after ``hidden`` [n, hidden_size]."""
        candidates, corrections = self._candidates(hidden.device)
        count = len(candidates)
        # One look-up for both, because its gradient is as large as the whole matrix.
        ids = torch.cat([candidates, targets])
        weight = F.embedding(ids, head.weight)
        bias = corrections if head.bias is None else corrections + head.bias[candidates]
        of_candidates = torch.addmm(bias.to(hidden.dtype), hidden, weight[:count].t())
        # The target has a column of its own; where it is a candidate too, it must not count twice.
        of_candidates = of_candidates.masked_fill(targets[:, None] == candidates, -torch.inf)
        of_target = (hidden * weight[count:]).sum(1, keepdim=True)
        if head.bias is not None:
            of_target = of_target + head.bias[targets, None]
        logits = torch.cat([of_candidates, of_target], 1)
        return next_token_loss(logits[None], torch.full_like(targets, count)[None])

    def _candidates(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Ids [n] that all positions have, and what their logits are corrected by."""
        exact = torch.zeros(len(self._frequent))
        if not len(self._rare):
            return self._frequent.to(device), exact.to(device)
        draws = torch.searchsorted(self._cumulative, torch.rand(self._sampled, dtype=torch.float64))
        draws = draws.clamp_(max=len(self._rare) - 1)
        candidates = torch.cat([self._frequent, self._rare[draws]])
        return candidates.to(device), torch.cat([exact, self._corrections[draws]]).to(device)
