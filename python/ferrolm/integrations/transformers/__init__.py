"""Fitting into `transformers`: its fast tokenizers with our backend, its `generate` with our sampler,
its models with our attention.

- `accelerate`: one loaded tokenizer; `patch`: all that are loaded from then on
- `accelerate_generation`: the processors and the drawing of a model's `generate` in one pass
- `register_attention`: our attention on the CPU as ``attn_implementation="ferrolm"``
- `FerrolmLogitsProcessor`: all sampling steps as one logits processor
"""

from ferrolm.integrations.transformers.attention import register_attention
from ferrolm.integrations.transformers.generation import accelerate_generation
from ferrolm.integrations.transformers.logits_processor import FerrolmLogitsProcessor
from ferrolm.integrations.transformers.patching import patch
from ferrolm.integrations.transformers.tokenizers import accelerate

__all__ = [
    "FerrolmLogitsProcessor",
    "accelerate",
    "accelerate_generation",
    "patch",
    "register_attention",
]
