"""From a prompt to text.

    language_model.py   `LanguageModel`: generate, stream, chat, score
    seq2seq_model.py    `Seq2SeqLanguageModel`: the same of an encoder-decoder
    ngram_model.py      `NgramLanguageModel`: an n-gram model in place of a neural one
    loading.py          `load_model`: one from a folder, the hub, or the package
    pipelines/          `pipeline`: tasks by name, with the results of transformers' pipelines
    speculative.py      guesses of a draft that the model verifies several at a time
    drafts.py           what a draft is asked, and `DraftReport`
    ngram_draft.py      `NgramDraft`: guesses from the text so far, and from an n-gram model
    model_draft.py      `ModelDraft`: guesses from a smaller model
    acceptance.py       how many guesses pay
    verification.py     a model fed several tokens of a text at a time
    config.py           `GenerationConfig`: what can be asked for; config_names.py and config_checks.py: under which
                        names, and what contradicts what
    prompts.py          what may be a prompt; chat_prompt.py: from messages to one
    resolving.py        from the arguments of a call to its settings
    plan.py             `Plan`: what a call has been resolved to, row by row
    running.py          from a plan to results: the way of decoding that it asks for
    decoder.py          `Decoder`: the state of a model for a batch; seq2seq_decoder.py, guided_decoder.py,
                        observed_decoder.py: of an encoder-decoder, of two prompts, with attentions and states
    decoding.py         greedy decoding and sampling: feed, draw, feed
    choosing.py         from the logits of a step to tokens; processing.py and processors.py: with functions of the user
    beam_search.py      beam search, with groups; beam_candidates.py and beam_hypotheses.py: its parts
    constrained_beams.py, constraints.py    beam search in which words must come
    contrastive.py      contrastive search
    stopping.py         time, stop strings and criteria; streamers
    output.py           `Generation`, `GenerateOutput` and the log-probabilities of tokens
    tensors.py          tensors in, tensors out
    engine.py           `Engine`: many requests at the same time; engine_loop.py is its thread, engine_batch.py its rows
    engine_request.py   `Request`, `Piece`: what comes out of it
    engine_async.py     `stream_async`: one text in a coroutine
    prefix_cache.py     `PrefixCache`: what prompts have in common is computed once; prefixed_decoder.py: by generate
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

from ferrolm.generation.chat_template import ChatTemplate  # noqa: E402
from ferrolm.generation.config import GenerationConfig  # noqa: E402
from ferrolm.generation.constraints import DisjunctiveConstraint, PhrasalConstraint  # noqa: E402
from ferrolm.generation.drafts import DraftReport  # noqa: E402
from ferrolm.generation.engine import Engine  # noqa: E402
from ferrolm.generation.engine_async import stream_async  # noqa: E402
from ferrolm.generation.engine_request import Piece, Request  # noqa: E402
from ferrolm.generation.language_model import LanguageModel  # noqa: E402
from ferrolm.generation.loading import load_model  # noqa: E402
from ferrolm.generation.model_draft import ModelDraft  # noqa: E402
from ferrolm.generation.ngram_draft import NgramDraft  # noqa: E402
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
