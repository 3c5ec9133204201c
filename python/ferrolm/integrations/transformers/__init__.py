"""Fitting into `transformers`: its fast tokenizers with our backend, its `generate` with our sampler.

- `accelerate`: one loaded tokenizer; `patch`: all that are loaded from then on
- `FerrolmLogitsProcessor`: all sampling steps in one pass
"""

from ferrolm.integrations.transformers.logits_processor import FerrolmLogitsProcessor
from ferrolm.integrations.transformers.patching import patch
from ferrolm.integrations.transformers.tokenizers import accelerate

__all__ = ["FerrolmLogitsProcessor", "accelerate", "patch"]
