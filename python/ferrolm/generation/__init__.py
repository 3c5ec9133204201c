"""From a prompt to text.

    language_model.py   `LanguageModel`: generate, stream, score
    loading.py          `load_model`: one from a folder, the hub, or the package
    pipelines/          `pipeline`: tasks by name, with the results of transformers' pipelines
    config.py           `GenerationConfig`: what can be asked for
    decoding.py         the loop: feed, draw, feed
    speculative.py      `NgramDraft`: guesses that the model verifies several at a time
    ngram_model.py      `NgramLanguageModel`: an n-gram model in place of a neural one
    stream.py           `Stream`: a text that is being generated
    text_stream.py      tokens to text, one at a time
    scoring.py          log-probabilities of long texts

Needs torch and safetensors: ``pip install 'ferrolm[torch]'``.
"""

from __future__ import annotations

from ferrolm._extras import require

require("torch", extra="torch", purpose="a language model")

from ferrolm.generation.config import GenerationConfig  # noqa: E402
from ferrolm.generation.language_model import Generation, LanguageModel  # noqa: E402
from ferrolm.generation.loading import load_model  # noqa: E402
from ferrolm.generation.ngram_model import NgramLanguageModel  # noqa: E402
from ferrolm.generation.pipelines import TextGenerationPipeline, pipeline  # noqa: E402
from ferrolm.generation.scoring import Score  # noqa: E402
from ferrolm.generation.speculative import NgramDraft  # noqa: E402
from ferrolm.generation.stream import Stream  # noqa: E402

__all__ = [
    "Generation",
    "GenerationConfig",
    "LanguageModel",
    "NgramDraft",
    "NgramLanguageModel",
    "Score",
    "Stream",
    "TextGenerationPipeline",
    "load_model",
    "pipeline",
]
