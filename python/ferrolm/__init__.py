"""ferrolm: from raw text to generated text, with a Rust core.

Importing this package imports neither torch nor transformers; each public name is loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ferrolm._rust import __version__, num_threads, set_num_threads

if TYPE_CHECKING:
    from ferrolm.generation import LanguageModel, load_model, pipeline
    from ferrolm.ngram import NgramLM
    from ferrolm.sampling import Sampler, SamplingParams, sample
    from ferrolm.tokenizers import AddedToken, Encoding, RaggedIds, Tokenizer

__all__ = [
    "AddedToken",
    "Encoding",
    "LanguageModel",
    "NgramLM",
    "RaggedIds",
    "Sampler",
    "SamplingParams",
    "Tokenizer",
    "__version__",
    "load_model",
    "num_threads",
    "pipeline",
    "sample",
    "set_num_threads",
]

_HOMES = {
    "AddedToken": "tokenizers",
    "Encoding": "tokenizers",
    "LanguageModel": "generation",
    "NgramLM": "ngram",
    "RaggedIds": "tokenizers",
    "Sampler": "sampling",
    "SamplingParams": "sampling",
    "Tokenizer": "tokenizers",
    "load_model": "generation",
    "pipeline": "generation",
    "sample": "sampling",
}

_ROOMS = frozenset(
    {
        "attention",
        "data",
        "demonstrations",
        "embeddings",
        "errors",
        "evaluation",
        "explain",
        "generation",
        "models",
        "ngram",
        "sampling",
        "tagging",
        "text",
        "tokenizers",
        "training",
    }
)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"ferrolm.{_HOMES[name]}"), name)
    elif name in _ROOMS:
        value = importlib.import_module(f"ferrolm.{name}")
    else:
        raise AttributeError(f"module 'ferrolm' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})
