"""Neural language models in torch, with checkpoints in the layout of the Hugging Face hub.

    catalog.py      checkpoint folders by name: bundled with the package, on disk, or on the hub (needs no torch)
    config.py       what shapes a GPT-2: `GPT2Config`, read from and written to config.json (needs no torch)
    llama_config.py the same of Llama, Mistral, Qwen2 and Qwen3: `LlamaConfig` (needs no torch)
    causal_lm.py    `CausalLM`, what the models have in common: head, loss, loading and saving
    gpt2.py         GPT-2: `GPT2Model`, and `GPT2LMHeadModel` with the language-model head
    llama.py        Llama and its relatives: `LlamaModel` and `LlamaForCausalLM`
    bert_config.py  what shapes a BERT, RoBERTa or DistilBERT: `BertConfig` (needs no torch)
    bert.py         the encoder: `BertModel`
    bert_names.py   what the tensors of these families are called
    pretraining_heads.py, heads.py, sentence_encoder.py   encoders with a head for a task; encoder_head.py, what they share
    crf.py          `LinearChainCRF`: the best sequence of tags
    pretrained.py   `PretrainedModel`: loading, saving and counting, for all models
    initialization.py, activations.py   how weights start; functions by name
    rotary.py       positions as rotations of queries and keys
    attention.py    the one place that chooses the attention kernel
    cache.py        `KeyValueCache`, what generation keeps of the tokens already seen
    cpu_decoder.py  `CpuDecoder`: a token without Python between the layers
    quantized.py    `quantize`: weights in 8 or 4 bits
    checkpoint.py   tensors of a checkpoint folder, checked on the way in, written atomically on the way out
    auto.py         `load`, `load_causal_lm`, `load_encoder`: the architecture that a folder's config.json names

The models need torch and safetensors: ``pip install 'ferrolm[torch]'``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ferrolm._extras import require
from ferrolm.models.bert_config import BertConfig
from ferrolm.models.catalog import bundled, locate
from ferrolm.models.config import GPT2Config
from ferrolm.models.llama_config import LlamaConfig

if TYPE_CHECKING:
    from ferrolm.models.auto import load, load_causal_lm, load_encoder
    from ferrolm.models.bert import BertModel
    from ferrolm.models.cache import KeyValueCache
    from ferrolm.models.causal_lm import CausalLM, CausalLMOutput
    from ferrolm.models.cpu_decoder import CpuDecoder
    from ferrolm.models.crf import LinearChainCRF
    from ferrolm.models.gpt2 import GPT2LMHeadModel, GPT2Model
    from ferrolm.models.heads import (
        BertCrfForTokenClassification,
        BertForQuestionAnswering,
        BertForSequenceClassification,
        BertForTokenClassification,
    )
    from ferrolm.models.llama import LlamaForCausalLM, LlamaModel
    from ferrolm.models.pretrained import PretrainedModel
    from ferrolm.models.pretraining_heads import (
        BertForMaskedLM,
        BertForNextSentencePrediction,
        BertForPreTraining,
    )
    from ferrolm.models.quantized import quantize
    from ferrolm.models.sentence_encoder import BertForSentenceEmbedding

__all__ = [
    "BertConfig",
    "BertCrfForTokenClassification",
    "BertForMaskedLM",
    "BertForNextSentencePrediction",
    "BertForPreTraining",
    "BertForQuestionAnswering",
    "BertForSentenceEmbedding",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertModel",
    "CausalLM",
    "CausalLMOutput",
    "CpuDecoder",
    "GPT2Config",
    "GPT2LMHeadModel",
    "GPT2Model",
    "KeyValueCache",
    "LinearChainCRF",
    "LlamaConfig",
    "LlamaForCausalLM",
    "LlamaModel",
    "PretrainedModel",
    "bundled",
    "load",
    "load_causal_lm",
    "load_encoder",
    "locate",
    "quantize",
]

_NEED_TORCH = {
    "BertCrfForTokenClassification": "heads",
    "BertForMaskedLM": "pretraining_heads",
    "BertForNextSentencePrediction": "pretraining_heads",
    "BertForPreTraining": "pretraining_heads",
    "BertForQuestionAnswering": "heads",
    "BertForSentenceEmbedding": "sentence_encoder",
    "BertForSequenceClassification": "heads",
    "BertForTokenClassification": "heads",
    "BertModel": "bert",
    "CausalLM": "causal_lm",
    "CausalLMOutput": "causal_lm",
    "CpuDecoder": "cpu_decoder",
    "GPT2LMHeadModel": "gpt2",
    "GPT2Model": "gpt2",
    "KeyValueCache": "cache",
    "LinearChainCRF": "crf",
    "LlamaForCausalLM": "llama",
    "LlamaModel": "llama",
    "PretrainedModel": "pretrained",
    "load": "auto",
    "load_causal_lm": "auto",
    "load_encoder": "auto",
    "quantize": "quantized",
}


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module 'ferrolm.models' has no attribute {name!r}")
    require("torch", extra="torch", purpose="a neural language model")
    value = globals()[name] = getattr(importlib.import_module(f"ferrolm.models.{_NEED_TORCH[name]}"), name)
    return value
