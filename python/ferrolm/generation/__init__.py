"""From a prompt to text.

    language_model.py   `LanguageModel`: generate, stream, score
    loading.py          `load_model`: one from a folder, the hub, or the package
    pipelines.py        `pipeline`: tasks by name, with the results of transformers' pipelines
    config.py           `GenerationConfig`: what can be asked for
    decoding.py         the loop: feed, draw, feed
    speculative.py      `NgramDraft`: guesses that the model verifies several at a time
    ngram_model.py      `NgramLanguageModel`: an n-gram model in place of a neural one
    engine.py           `Engine`: many requests at the same time; engine_loop.py is its thread, engine_batch.py its rows
    engine_request.py   `Request`, `Piece`: what comes out of it
    stream.py           `Stream`: a text that is being generated
    text_stream.py      tokens to text, one at a time
    chat_template.py    `ChatTemplate`: a dialogue as the text that a model continues
    template_sandbox.py where a chat template runs
    scoring.py          log-probabilities of long texts

Needs torch and safetensors: ``pip install 'ferrolm[torch]'``.
"""

from __future__ import annotations

from ferrolm._extras import require

require("torch", extra="torch", purpose="a language model")

from ferrolm.errors import EngineError, EngineFullError  # noqa: E402
from ferrolm.generation.chat_template import ChatTemplate  # noqa: E402
from ferrolm.generation.config import GenerationConfig  # noqa: E402
from ferrolm.generation.engine import Engine  # noqa: E402
from ferrolm.generation.engine_request import Piece, Request, TokenLogprobs  # noqa: E402
from ferrolm.generation.language_model import Generation, LanguageModel  # noqa: E402
from ferrolm.generation.loading import load_model  # noqa: E402
from ferrolm.generation.ngram_model import NgramLanguageModel  # noqa: E402
from ferrolm.generation.pipelines import TextGenerationPipeline, pipeline  # noqa: E402
from ferrolm.generation.scoring import Score  # noqa: E402
from ferrolm.generation.speculative import NgramDraft  # noqa: E402
from ferrolm.generation.stream import Stream  # noqa: E402

__all__ = [
    "ChatTemplate",
    "Engine",
    "EngineError",
    "EngineFullError",
    "Generation",
    "GenerationConfig",
    "LanguageModel",
    "NgramDraft",
    "NgramLanguageModel",
    "Piece",
    "Request",
    "Score",
    "Stream",
    "TextGenerationPipeline",
    "TokenLogprobs",
    "load_model",
    "pipeline",
]
