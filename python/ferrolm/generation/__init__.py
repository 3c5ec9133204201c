"""From a prompt to text.

    language_model.py   `LanguageModel`: generate, stream, chat, score
    seq2seq_model.py    `Seq2SeqLanguageModel`: the same of an encoder-decoder
    ngram_model.py      `NgramLanguageModel`: an n-gram model in place of a neural one
    loading.py          `load_model`: one from a folder, the hub, or the package
    pipelines/          `pipeline`: tasks by name, with the results of transformers' pipelines
    engine/             `Engine`: many requests at the same time
    prefix_cache.py     `PrefixCache`: what prompts have in common is computed once
    config.py           `GenerationConfig`: what can be asked for; config_names.py and config_checks.py: under which
                        names, and what contradicts what
    prompts.py, resolving.py    from what is given to ids, and to settings
    plan.py             `Plan`: what a call has been resolved to, row by row
    running.py          from a plan to results: the way of decoding that it asks for
    decoders/           `Decoder`: the state of a model for a batch, of each kind of model
    decoding.py         greedy decoding and sampling: feed, draw, feed
    choosing.py         from the logits of a step to tokens; processing.py and processors.py: with functions of the user
    beams/              beam search, with groups and with words that must come
    contrastive.py      contrastive search
    drafts/             speculative decoding: `NgramDraft`, `ModelDraft`
    stopping.py         time, stop strings and criteria; streamers
    output.py           `Generation`, `GenerateOutput` and the log-probabilities of tokens
    tensors.py          tensors in, tensors out
    stream.py           `Stream`: a text that is being generated
    text_stream.py      tokens to text, one at a time
    chat_template.py    `ChatTemplate`: a dialogue as the text that a model continues; template_sandbox.py: where it runs
    chat_prompt.py      dialogues as prompts
    scoring.py          log-probabilities of long texts

Needs torch and safetensors: ``pip install 'ferrolm[torch]'``.
"""

from __future__ import annotations

from ferrolm._extras import require

require("torch", extra="torch", purpose="a language model")

from ferrolm.generation.beams.constraints import DisjunctiveConstraint, PhrasalConstraint  # noqa: E402
from ferrolm.generation.chat_template import ChatTemplate  # noqa: E402
from ferrolm.generation.config import GenerationConfig  # noqa: E402
from ferrolm.generation.drafts.draft import DraftReport  # noqa: E402
from ferrolm.generation.drafts.model import ModelDraft  # noqa: E402
from ferrolm.generation.drafts.ngram import NgramDraft  # noqa: E402
from ferrolm.generation.engine.coroutines import stream_async  # noqa: E402
from ferrolm.generation.engine.engine import Engine  # noqa: E402
from ferrolm.generation.engine.request import Piece, Request  # noqa: E402
from ferrolm.generation.language_model import LanguageModel  # noqa: E402
from ferrolm.generation.loading import load_model  # noqa: E402
from ferrolm.generation.ngram_model import NgramLanguageModel  # noqa: E402
from ferrolm.generation.output import GenerateOutput, Generation, TokenLogprobs  # noqa: E402
from ferrolm.generation.pipelines import TextGenerationPipeline, pipeline  # noqa: E402
from ferrolm.generation.prefix_cache import PrefixCache  # noqa: E402
from ferrolm.generation.scoring import Score  # noqa: E402
from ferrolm.generation.seq2seq_model import Seq2SeqLanguageModel  # noqa: E402
from ferrolm.generation.stream import Stream  # noqa: E402

__all__ = [
    "ChatTemplate",
    "DisjunctiveConstraint",
    "DraftReport",
    "Engine",
    "GenerateOutput",
    "Generation",
    "GenerationConfig",
    "LanguageModel",
    "ModelDraft",
    "NgramDraft",
    "NgramLanguageModel",
    "PhrasalConstraint",
    "Piece",
    "PrefixCache",
    "Request",
    "Score",
    "Seq2SeqLanguageModel",
    "Stream",
    "TextGenerationPipeline",
    "TokenLogprobs",
    "load_model",
    "pipeline",
    "stream_async",
]
