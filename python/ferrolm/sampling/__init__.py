"""From logits to the next token ids.

- `SamplingParams`, `sample`, `Sampler`: a draw for each row of a batch, with a history of each row if wanted
- `DeviceSampler`: a `Sampler` whose state lives on a GPU, which no step waits for
- `filtered_probabilities`, `top_logprobs`: what is drawn from
- `guided`: logits led away from those of another prompt
- `accept_draft`, `accept_tree`: the tokens of a draft, or of a tree of drafts, that speculative decoding keeps
- `beam_candidates`: what a step of beam search chooses from
- `Grammar`, `Constraint`: output that follows a regular expression, a JSON schema or a grammar

Logits are (batch, vocab) arrays of numpy or tensors of torch in float32, float16 or bfloat16. On the CPU they are
read in place by the Rust core; tensors on another device stay there and go through the same steps in torch.

The steps, in their order (those that are at their default are skipped):

1. ``logit_bias`` is added, and ``sequence_bias`` where the sequence has begun.
2. ``repetition_penalty`` divides positive and multiplies negative logits of tokens in the prompt or generated.
3. ``frequency_penalty`` times the count of a generated token, and ``presence_penalty``, are subtracted.
4. ``dry_multiplier`` times a power is subtracted from tokens that would make a repetition longer.
5. ``no_repeat_ngram_size``, ``bad_words_ids``, ``min_tokens``, ``suppress_tokens``, ``begin_suppress_tokens``,
   ``allowed_token_ids`` and the ``mask`` of the step take tokens away; ``forced_bos_token_id`` and
   ``forced_eos_token_id`` leave one.
6. ``temperature`` divides (with ``dynatemp_range`` by more where the entropy is high). Below 1e-5 the largest logit is
   taken, the first one among equals, and the steps below do nothing.
7. ``top_n_sigma`` keeps logits within so many standard deviations (of all finite logits) of the largest.
8. ``top_h`` keeps the most probable tokens, up to a share of the entropy.
9. ``top_k`` keeps what is at least the k-th largest, ties included.
10. ``top_p`` keeps the smallest set of most probable tokens whose mass is at least p, at least one token; among
    equals the first ids.
11. ``min_p`` keeps what is at least this times as probable as the most probable token.
12. ``typical_p`` keeps the tokens closest to the average information, ties included, until their mass is at least p.
13. ``epsilon_cutoff`` and then ``eta_cutoff`` keep what has at least some probability, and the most probable token.
14. ``xtc`` leaves out all tokens of at least the probability ``xtc_threshold`` but the least probable of them (of
    equals the last), in a share ``xtc_probability`` of the draws.
15. ``mirostat`` keeps tokens that carry at most ``mu`` bits (2), or as many as have so much by Zipf's law (1).
16. ``watermark`` favours the tokens of its green list.
17. One token is drawn by a counter-based generator keyed by (seed, step), see ``draw``.

Probabilities are those of the tokens that the steps before have left. ``order`` puts 6 to 16 in another order: that of
llama.cpp, for example, is ``("top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "xtc", "temperature")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ferrolm.sampling.beams import beam_candidates
from ferrolm.sampling.drawing import filtered_probabilities, sample, top_logprobs
from ferrolm.sampling.grammar import Constraint, Grammar
from ferrolm.sampling.guidance import guided
from ferrolm.sampling.params import SamplingParams
from ferrolm.sampling.sampler import Sampler
from ferrolm.sampling.speculation import accept_draft, accept_tree
from ferrolm.sampling.watermark import Watermark

if TYPE_CHECKING:
    from ferrolm.sampling.device_sampler import DeviceSampler

__all__ = [
    "Constraint",
    "DeviceSampler",
    "Grammar",
    "Sampler",
    "SamplingParams",
    "Watermark",
    "accept_draft",
    "accept_tree",
    "beam_candidates",
    "filtered_probabilities",
    "guided",
    "sample",
    "top_logprobs",
]


def __getattr__(name: str) -> Any:
    """`DeviceSampler` needs torch, and the rest does not."""
    if name == "DeviceSampler":
        from ferrolm.sampling.device_sampler import DeviceSampler

        return DeviceSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
