"""From logits to the next token ids: `SamplingParams`, `sample`, `Sampler`, `filtered_probabilities`.

Logits are (batch, vocab) arrays of numpy or tensors of torch in float32, float16 or bfloat16. On the CPU they are
read in place by the Rust core; tensors on another device stay there and go through the same steps in torch.

The steps, in their fixed order (those that are at their default are skipped):

1. ``logit_bias`` is added.
2. ``repetition_penalty`` divides positive and multiplies negative logits of tokens in the prompt or generated.
3. ``frequency_penalty`` times the count of a generated token, and ``presence_penalty``, are subtracted.
4. ``temperature`` divides. Below 1e-5 the largest logit is taken, the first one among equals.
5. ``top_k`` keeps what is at least the k-th largest, ties included.
6. ``top_p`` keeps the smallest set of most probable tokens whose mass is at least p, at least one token; among
   equals the first ids.
7. ``min_p`` keeps what is at least this times as probable as the most probable token.
8. One token is drawn by a counter-based generator keyed by (seed, step).
"""

from __future__ import annotations

from ferrolm.sampling.drawing import filtered_probabilities, sample
from ferrolm.sampling.params import SamplingParams
from ferrolm.sampling.sampler import Sampler

__all__ = ["Sampler", "SamplingParams", "filtered_probabilities", "sample"]
