"""Neural language models in torch, with checkpoints in the layout of the Hugging Face hub.

    catalog.py      checkpoint folders and GGUF files by name: bundled with the package, on disk, or on the hub (needs no torch)
    config.py       what shapes a GPT-2: `GPT2Config`, read from and written to config.json (needs no torch)
    llama_config.py the same of Llama, Mistral, Qwen2 and Qwen3: `LlamaConfig` (needs no torch)
    causal_lm.py    `CausalLM`, what the models have in common: head, loss, loading and saving
    gpt2.py         GPT-2: `GPT2Model`, and `GPT2LMHeadModel` with the language-model head
    llama.py        Llama and its relatives: `LlamaModel` and `LlamaForCausalLM`
    seq2seq.py      `Seq2SeqLM`, the same of encoder-decoders, with `EncoderDecoderCache`
    t5_config.py    `T5Config` (needs no torch)
    t5.py           T5: `T5Model`, and `T5ForConditionalGeneration`
    transformer_config.py  `TransformerConfig` (needs no torch)
    transformer.py  the encoder-decoder of 2017, for ids and for features: `Transformer`
    bert_config.py  what shapes a BERT, RoBERTa or DistilBERT: `BertConfig` (needs no torch)
    bert.py         the encoder: `BertModel`
    bert_names.py   what the tensors of these families are called
    pretraining_heads.py, heads.py, sentence_encoder.py   encoders with a head for a task; encoder_head.py, what they share
    crf.py          `LinearChainCRF`: the best sequence of tags
    initialization.py  how weights start
    recurrent_config.py  what shapes a recurrent model: `RecurrentConfig` (needs no torch)
    recurrent.py    RNN, LSTM and GRU: `RecurrentLM`, and `RecurrentCache`, its state
    packing.py      recurrent layers over padded rows
    lstm_config.py  what shapes a recurrent classifier or tagger: `LSTMConfig` (needs no torch)
    lstm_encoder.py, lstm_classifier.py, lstm_tagger.py  `LSTMClassifier` of texts, `BiLSTMTagger` of tokens
    characters.py   the letters of words: `CharacterEncoder`
    gguf.py, gguf_types.py  `GgufFile`: what a GGUF file holds (needs no torch)
    gguf_names.py, gguf_loading.py  the language model of a GGUF file
    lora.py, lora_files.py  low-rank adapters: `add_lora`, `merge_lora`, `save_adapter`, `load_adapter`
    ensemble.py     `Ensemble` of models, and `average_weights`
    rope_config.py  what config.json says of rotary positions (needs no torch)
    rotary.py       positions as rotations of queries and keys
    attention.py    the one place that chooses the attention kernel
    cache.py        `KeyValueCache`, what generation keeps of the tokens already seen
    activations.py  the functions that config.json names
    cpu_decoder.py  `CpuDecoder`: a token without Python between the layers
    quantized.py    `quantize`: weights in 8 or 4 bits
    pretrained.py   loading and saving, the same for all
    checkpoint.py   tensors of a checkpoint folder, checked on the way in, written atomically on the way out
    attention_costs.py  what attention costs
    summary.py      `summarize`: parameters, bytes and floating-point operations of a model
    auto.py         `load`, `load_causal_lm`, `load_seq2seq_lm`, `load_encoder`: the architecture that config.json names

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
from ferrolm.models.lstm_config import LSTMConfig
from ferrolm.models.recurrent_config import RecurrentConfig
from ferrolm.models.t5_config import T5Config
from ferrolm.models.transformer_config import TransformerConfig

if TYPE_CHECKING:
    from ferrolm.models.auto import load, load_causal_lm, load_encoder, load_seq2seq_lm
    from ferrolm.models.bert import BertModel
    from ferrolm.models.cache import KeyValueCache
    from ferrolm.models.causal_lm import CausalLM, CausalLMOutput
    from ferrolm.models.cpu_decoder import CpuDecoder
    from ferrolm.models.crf import LinearChainCRF
    from ferrolm.models.ensemble import Ensemble, average_weights
    from ferrolm.models.gpt2 import GPT2LMHeadModel, GPT2Model
    from ferrolm.models.heads import (
        BertCrfForTokenClassification,
        BertForQuestionAnswering,
        BertForSequenceClassification,
        BertForTokenClassification,
    )
    from ferrolm.models.llama import LlamaForCausalLM, LlamaModel
    from ferrolm.models.lora import LoraConfig, add_lora, has_lora, merge_lora, remove_lora, unmerge_lora
    from ferrolm.models.lora_files import load_adapter, save_adapter
    from ferrolm.models.lstm_classifier import LSTMClassifier
    from ferrolm.models.lstm_tagger import BiLSTMTagger
    from ferrolm.models.pretrained import PretrainedModel
    from ferrolm.models.pretraining_heads import (
        BertForMaskedLM,
        BertForNextSentencePrediction,
        BertForPreTraining,
    )
    from ferrolm.models.quantized import quantize
    from ferrolm.models.recurrent import RecurrentCache, RecurrentLM, RecurrentModel
    from ferrolm.models.sentence_encoder import BertForSentenceEmbedding
    from ferrolm.models.seq2seq import EncoderDecoderCache, Seq2SeqLM, Seq2SeqLMOutput
    from ferrolm.models.summary import ModelSummary, summarize, summarize_checkpoint
    from ferrolm.models.t5 import T5ForConditionalGeneration, T5Model
    from ferrolm.models.transformer import Transformer

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
    "BiLSTMTagger",
    "CausalLM",
    "CausalLMOutput",
    "CpuDecoder",
    "EncoderDecoderCache",
    "Ensemble",
    "GPT2Config",
    "GPT2LMHeadModel",
    "GPT2Model",
    "KeyValueCache",
    "LSTMClassifier",
    "LSTMConfig",
    "LinearChainCRF",
    "LlamaConfig",
    "LlamaForCausalLM",
    "LlamaModel",
    "LoraConfig",
    "ModelSummary",
    "PretrainedModel",
    "RecurrentCache",
    "RecurrentConfig",
    "RecurrentLM",
    "RecurrentModel",
    "Seq2SeqLM",
    "Seq2SeqLMOutput",
    "T5Config",
    "T5ForConditionalGeneration",
    "T5Model",
    "Transformer",
    "TransformerConfig",
    "add_lora",
    "average_weights",
    "bundled",
    "has_lora",
    "load",
    "load_adapter",
    "load_causal_lm",
    "load_encoder",
    "load_seq2seq_lm",
    "locate",
    "merge_lora",
    "quantize",
    "remove_lora",
    "save_adapter",
    "summarize",
    "summarize_checkpoint",
    "unmerge_lora",
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
    "BiLSTMTagger": "lstm_tagger",
    "CausalLM": "causal_lm",
    "CausalLMOutput": "causal_lm",
    "CpuDecoder": "cpu_decoder",
    "EncoderDecoderCache": "seq2seq",
    "Ensemble": "ensemble",
    "GPT2LMHeadModel": "gpt2",
    "GPT2Model": "gpt2",
    "KeyValueCache": "cache",
    "LSTMClassifier": "lstm_classifier",
    "LinearChainCRF": "crf",
    "LlamaForCausalLM": "llama",
    "LlamaModel": "llama",
    "LoraConfig": "lora",
    "ModelSummary": "summary",
    "PretrainedModel": "pretrained",
    "RecurrentCache": "recurrent",
    "RecurrentLM": "recurrent",
    "RecurrentModel": "recurrent",
    "Seq2SeqLM": "seq2seq",
    "Seq2SeqLMOutput": "seq2seq",
    "T5ForConditionalGeneration": "t5",
    "T5Model": "t5",
    "Transformer": "transformer",
    "add_lora": "lora",
    "average_weights": "ensemble",
    "has_lora": "lora",
    "load": "auto",
    "load_adapter": "lora_files",
    "load_causal_lm": "auto",
    "load_encoder": "auto",
    "load_seq2seq_lm": "auto",
    "merge_lora": "lora",
    "quantize": "quantized",
    "remove_lora": "lora",
    "save_adapter": "lora_files",
    "summarize": "summary",
    "summarize_checkpoint": "summary",
    "unmerge_lora": "lora",
}


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module 'ferrolm.models' has no attribute {name!r}")
    require("torch", extra="torch", purpose="a neural language model")
    value = globals()[name] = getattr(importlib.import_module(f"ferrolm.models.{_NEED_TORCH[name]}"), name)
    return value
