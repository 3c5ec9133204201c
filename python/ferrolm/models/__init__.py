"""Neural language models in torch, with checkpoints in the layout of the Hugging Face hub.

    catalog.py      checkpoint folders by name: bundled with the package, on disk, or on the hub (needs no torch)
    config.py       what shapes a GPT-2: `GPT2Config`, read from and written to config.json (needs no torch)
    llama_config.py the same of Llama, Mistral, Qwen2 and Qwen3: `LlamaConfig` (needs no torch)
    causal_lm.py    `CausalLM`, what the models have in common: head, loss, loading and saving
    gpt2.py         GPT-2: `GPT2Model`, and `GPT2LMHeadModel` with the language-model head
    llama.py        Llama and its relatives: `LlamaModel` and `LlamaForCausalLM`
    recurrent_config.py  what shapes a recurrent model: `RecurrentConfig` (needs no torch)
    recurrent.py    RNN, LSTM and GRU: `RecurrentLM`, and `RecurrentCache`, its state
    packing.py      recurrent layers over padded rows
    lstm_config.py  what shapes a recurrent classifier or tagger: `LSTMConfig` (needs no torch)
    lstm_encoder.py, lstm_classifier.py, lstm_tagger.py  `LSTMClassifier` of texts, `BiLSTMTagger` of tokens
    rotary.py       positions as rotations of queries and keys
    attention.py    the one place that chooses the attention kernel
    cache.py        `KeyValueCache`, what generation keeps of the tokens already seen
    cpu_decoder.py  `CpuDecoder`: a token without Python between the layers
    quantized.py    `quantize`: weights in 8 or 4 bits
    checkpoint.py   tensors of a checkpoint folder, checked on the way in, written atomically on the way out
    summary.py      `summarize`: parameters, bytes and floating-point operations of a model
    auto.py         `load_causal_lm`: the architecture that a folder's config.json names

The models need torch and safetensors: ``pip install 'ferrolm[torch]'``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ferrolm._extras import require
from ferrolm.models.catalog import bundled, locate
from ferrolm.models.config import GPT2Config
from ferrolm.models.llama_config import LlamaConfig
from ferrolm.models.lstm_config import LSTMConfig
from ferrolm.models.recurrent_config import RecurrentConfig

if TYPE_CHECKING:
    from ferrolm.models.auto import load_causal_lm
    from ferrolm.models.cache import KeyValueCache
    from ferrolm.models.causal_lm import CausalLM, CausalLMOutput
    from ferrolm.models.cpu_decoder import CpuDecoder
    from ferrolm.models.gpt2 import GPT2LMHeadModel, GPT2Model
    from ferrolm.models.llama import LlamaForCausalLM, LlamaModel
    from ferrolm.models.lstm_classifier import LSTMClassifier
    from ferrolm.models.lstm_tagger import BiLSTMTagger
    from ferrolm.models.quantized import quantize
    from ferrolm.models.recurrent import RecurrentCache, RecurrentLM, RecurrentModel
    from ferrolm.models.summary import ModelSummary, summarize, summarize_checkpoint

__all__ = [
    "BiLSTMTagger",
    "CausalLM",
    "CausalLMOutput",
    "CpuDecoder",
    "GPT2Config",
    "GPT2LMHeadModel",
    "GPT2Model",
    "KeyValueCache",
    "LSTMClassifier",
    "LSTMConfig",
    "LlamaConfig",
    "LlamaForCausalLM",
    "LlamaModel",
    "ModelSummary",
    "RecurrentCache",
    "RecurrentConfig",
    "RecurrentLM",
    "RecurrentModel",
    "bundled",
    "load_causal_lm",
    "locate",
    "quantize",
    "summarize",
    "summarize_checkpoint",
]

_NEED_TORCH = {
    "BiLSTMTagger": "lstm_tagger",
    "CausalLM": "causal_lm",
    "CausalLMOutput": "causal_lm",
    "CpuDecoder": "cpu_decoder",
    "GPT2LMHeadModel": "gpt2",
    "GPT2Model": "gpt2",
    "KeyValueCache": "cache",
    "LSTMClassifier": "lstm_classifier",
    "LlamaForCausalLM": "llama",
    "LlamaModel": "llama",
    "ModelSummary": "summary",
    "RecurrentCache": "recurrent",
    "RecurrentLM": "recurrent",
    "RecurrentModel": "recurrent",
    "load_causal_lm": "auto",
    "quantize": "quantized",
    "summarize": "summary",
    "summarize_checkpoint": "summary",
}


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module 'ferrolm.models' has no attribute {name!r}")
    require("torch", extra="torch", purpose="a neural language model")
    value = globals()[name] = getattr(importlib.import_module(f"ferrolm.models.{_NEED_TORCH[name]}"), name)
    return value
