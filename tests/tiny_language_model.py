"""Random models over bytes, for tests of what is built on a language model."""

from __future__ import annotations

import torch

from ferrolm.generation import GenerationConfig, LanguageModel
from ferrolm.models import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    RecurrentConfig,
    RecurrentLM,
)
from ferrolm.tokenizers import Tokenizer, pre_tokenizers

END = "<|end|>"

torch.set_num_threads(1)  # at this size threads cost more than they bring


def byte_tokenizer() -> Tokenizer:
    """One token a byte, and END: 257 tokens."""
    vocab = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    return Tokenizer.from_bpe(vocab, [], special_tokens=[END])


def tiny_language_model(defaults: GenerationConfig | None = None, **settings: object) -> LanguageModel:
    """A GPT-2 of two layers, 48 positions; weights so large that its choices are clear."""
    tokenizer = byte_tokenizer()
    end = tokenizer.token_to_id(END)
    shape = {"vocab_size": 257, "n_positions": 48, "n_embd": 32, "n_layer": 2, "n_head": 4}
    ids = {"bos_token_id": end, "eos_token_id": end}
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(**{**shape, **ids, "initializer_range": 0.4, **settings})).eval()
    return LanguageModel(model, tokenizer, defaults)


def tiny_llama(defaults: GenerationConfig | None = None, **settings: object) -> LanguageModel:
    """The same of a Llama, in which two queries share a key."""
    tokenizer = byte_tokenizer()
    end = tokenizer.token_to_id(END)
    shape = {"vocab_size": 257, "max_position_embeddings": 48, "hidden_size": 32, "intermediate_size": 64}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    ids = {"bos_token_id": end, "eos_token_id": end}
    torch.manual_seed(0)
    config = LlamaConfig(**{**shape, **layers, **ids, "initializer_range": 0.4, **settings})
    return LanguageModel(LlamaForCausalLM(config).eval(), tokenizer, defaults)


def tiny_recurrent(defaults: GenerationConfig | None = None, **settings: object) -> LanguageModel:
    """The same of an LSTM."""
    tokenizer = byte_tokenizer()
    end = tokenizer.token_to_id(END)
    shape = {"vocab_size": 257, "n_positions": 48, "embedding_size": 24, "hidden_size": 32}
    ids = {"bos_token_id": end, "eos_token_id": end, "initializer_range": 2.0}
    torch.manual_seed(0)
    return LanguageModel(
        RecurrentLM(RecurrentConfig(**{**shape, **ids, **settings})).eval(), tokenizer, defaults
    )


# One of each architecture, for tests of what must not depend on it.
TINY = {
    "gpt2": tiny_language_model,
    "llama": tiny_llama,
    "mistral": lambda: tiny_llama(model_type="mistral", sliding_window=6),
    "recurrent": tiny_recurrent,
}
