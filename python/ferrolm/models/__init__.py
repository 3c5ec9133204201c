"""Neural language models in torch, with checkpoints in the layout of the Hugging Face hub.

    config.py       what shapes a model: `GPT2Config`, read from and written to config.json
    gpt2.py         the model: `GPT2Model`, and `GPT2LMHeadModel` with the language-model head
    attention.py    the one place that chooses the attention kernel
    cache.py        `KeyValueCache`, what generation keeps of the tokens already seen
    checkpoint.py   tensors of a checkpoint folder, checked on the way in, written atomically on the way out
    auto.py         `load_causal_lm`: the architecture that a folder's config.json names

Needs torch and safetensors: ``pip install 'ferrolm[torch]'``.
"""

from __future__ import annotations

from ferrolm._extras import require

require("torch", extra="torch", purpose="a neural language model")

from ferrolm.models.auto import load_causal_lm  # noqa: E402
from ferrolm.models.cache import KeyValueCache  # noqa: E402
from ferrolm.models.config import GPT2Config  # noqa: E402
from ferrolm.models.gpt2 import CausalLMOutput, GPT2LMHeadModel, GPT2Model  # noqa: E402

__all__ = [
    "CausalLMOutput",
    "GPT2Config",
    "GPT2LMHeadModel",
    "GPT2Model",
    "KeyValueCache",
    "load_causal_lm",
]
