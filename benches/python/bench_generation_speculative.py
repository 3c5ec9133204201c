"""Speculative decoding: 64 tokens after a prompt of 32 with a GPT-2 of 124 million random weights, on one thread.

"repetitive": greedily, where random weights soon repeat themselves, as edits of code and summaries do: nearly every guess is
right. "free": drawn from flat distributions, where nearly every guess is wrong and a draft must not cost anything. "model": the
draft is the large model's first two layers under its own head, and the large model such that it agrees with them mostly: its other layers
add little. Peers: ours without a draft, and transformers with its prompt lookup and its assistant.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ferrolm  # noqa: E402
from ferrolm.generation import LanguageModel, ModelDraft, NgramDraft  # noqa: E402
from ferrolm.models import GPT2Config, GPT2LMHeadModel  # noqa: E402
from ferrolm.tokenizers import Tokenizer, pre_tokenizers  # noqa: E402

PROMPT, NEW, SMALL = 32, 64, 2
TEXTS: dict[str, dict[str, Any]] = {
    "repetitive": {},
    "free": {"do_sample": True, "top_k": 0},
    "model": {},
}


@functools.cache
def models() -> tuple[GPT2LMHeadModel, GPT2LMHeadModel]:
    """A model of twelve layers, of which the last ten whisper, and one of its first two."""
    torch.manual_seed(0)
    large = GPT2LMHeadModel(GPT2Config(n_positions=256)).eval()
    with torch.no_grad():
        for block in list(large.transformer.h)[SMALL:]:
            for projection in (block.attn.c_proj, block.mlp.c_proj):
                projection.weight *= 0.1
    small = GPT2LMHeadModel(GPT2Config(n_positions=256, n_layer=SMALL)).eval()
    small.load_state_dict(large.state_dict(), strict=False)
    return large, small


@functools.cache
def transformers_models() -> tuple[Any, Any]:
    library = pytest.importorskip("transformers")
    found = []
    for model in models():
        with tempfile.TemporaryDirectory(prefix="ferrolm-speculative-") as folder:
            model.save_pretrained(folder)
            found.append(library.GPT2LMHeadModel.from_pretrained(folder).eval())
    return found[0], found[1]


def ours(text: str, ids: Any, *, drafted: bool) -> Callable[[], Any]:
    vocab = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    large, small = models()
    model = LanguageModel(large, Tokenizer.from_bpe(vocab, []))
    draft = (ModelDraft(small) if text == "model" else NgramDraft()) if drafted else None
    settings = {"max_new_tokens": NEW, "ignore_eos": True, **TEXTS[text]}
    if text == "free":
        settings["seed"] = 0
    return lambda: model.generate(ids[0].numpy(), draft=draft, **settings)


def transformers(text: str, ids: Any, *, drafted: bool) -> Callable[[], Any]:
    large, small = transformers_models()
    settings = {"max_new_tokens": NEW, "min_new_tokens": NEW, "pad_token_id": 0, "do_sample": False}
    settings |= TEXTS[text]
    if drafted and text == "model":
        settings["assistant_model"] = small
    elif drafted:
        settings["prompt_lookup_num_tokens"] = 5
    return lambda: large.generate(ids, attention_mask=torch.ones_like(ids), **settings)


LIBRARIES = {
    "ferrolm": functools.partial(ours, drafted=True),
    "without a draft": functools.partial(ours, drafted=False),
    "transformers": functools.partial(transformers, drafted=True),
    "transformers without": functools.partial(transformers, drafted=False),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("text", TEXTS)
def test_speculative(benchmark: Any, text: str, library: str) -> None:
    torch.set_num_threads(1)
    ferrolm.set_num_threads(1)
    ids = torch.randint(0, 50_257, (1, PROMPT), generator=torch.Generator().manual_seed(0))
    run = LIBRARIES[library](text, ids)
    benchmark.group = f"speculative, {text}"
    benchmark.extra_info["tokens"] = NEW
    benchmark.pedantic(run, rounds=2, warmup_rounds=1)
