"""Generating 24 tokens after a prompt of 16 with a random GPT-2 of 2 layers, on one thread.

The vocabulary has 50,257 tokens, as GPT-2's, or 151,936, as Qwen's.

"torch loop" is the same model of ours in the shortest greedy loop there is: what is above it is overhead (greedy) or
the sampler. Random weights make flat logits, which is the hard case for top-p.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ferrolm  # noqa: E402
from ferrolm.generation import LanguageModel  # noqa: E402
from ferrolm.models import GPT2Config, GPT2LMHeadModel, KeyValueCache  # noqa: E402
from ferrolm.tokenizers import Tokenizer, pre_tokenizers  # noqa: E402

PROMPT, NEW = 16, 24
DECODINGS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "top-k": {"do_sample": True, "top_k": 50},
    "top-p": {"do_sample": True, "top_k": 0, "top_p": 0.9},
    "top-k, top-p, penalty": {"do_sample": True, "top_k": 50, "top_p": 0.9, "repetition_penalty": 1.1},
    "4 beams": {"num_beams": 4},
}
SMALL, LARGE = 50_257, 151_936
# What grows with the vocabulary.
OF_LARGE = ("greedy", "top-p", "top-k, top-p, penalty")


@functools.cache
def model(vocab_size: int) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    shape = {"n_layer": 2, "n_embd": 128, "n_head": 4, "n_positions": 256}
    return GPT2LMHeadModel(GPT2Config(vocab_size=vocab_size, **shape)).eval()


@functools.cache
def transformers_model(folder: Path, vocab_size: int) -> Any:
    model(vocab_size).save_pretrained(folder / str(vocab_size))
    library = pytest.importorskip("transformers")
    return library.GPT2LMHeadModel.from_pretrained(folder / str(vocab_size)).eval()


def ours(ids: Any, settings: dict[str, Any], folder: Path, vocab_size: int) -> Callable[[], Any]:
    vocab = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    language_model = LanguageModel(model(vocab_size), Tokenizer.from_bpe(vocab, []))
    prompts = [row.numpy() for row in ids]
    return lambda: language_model.generate(prompts, max_new_tokens=NEW, ignore_eos=True, **settings)


def transformers(ids: Any, settings: dict[str, Any], folder: Path, vocab_size: int) -> Callable[[], Any]:
    theirs = transformers_model(folder, vocab_size)
    common = {
        "attention_mask": torch.ones_like(ids),
        "pad_token_id": 0,
        "max_new_tokens": NEW,
        "min_new_tokens": NEW,
    }
    return lambda: theirs.generate(ids, **common, **settings)


def torch_loop(ids: Any, settings: dict[str, Any], folder: Path, vocab_size: int) -> Callable[[], Any]:
    if settings:
        pytest.skip("the bare loop is greedy")

    @torch.inference_mode()
    def loop() -> None:
        cache = KeyValueCache(model(vocab_size).config, capacity=PROMPT + NEW)
        fed = ids
        for _ in range(NEW):
            fed = model(vocab_size)(fed, cache=cache, logits_to_keep=1).logits[:, -1].argmax(-1, keepdim=True)

    return loop


LIBRARIES = {"ferrolm": ours, "transformers": transformers, "torch loop": torch_loop}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoint")


CASES = [
    pytest.param(
        batch,
        decoding,
        vocab_size,
        marks=pytest.mark.benchmark(group=f"{decoding}, batch {batch}, vocabulary {vocab_size}"),
        id=f"{decoding}-{batch}-{vocab_size}",
    )
    for vocab_size, decodings in ((SMALL, DECODINGS), (LARGE, OF_LARGE))
    for batch in (1, 8)
    for decoding in decodings
]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("batch", "decoding", "vocab_size"), CASES)
def test_generate(
    benchmark: Any, library: str, batch: int, decoding: str, vocab_size: int, folder: Path
) -> None:
    threads = torch.get_num_threads()
    ids = torch.randint(0, SMALL, (batch, PROMPT), generator=torch.Generator().manual_seed(0))
    torch.set_num_threads(1)
    ferrolm.set_num_threads(1)
    try:
        work = LIBRARIES[library](ids, DECODINGS[decoding], folder, vocab_size)
        benchmark.extra_info["tokens"] = batch * NEW
        benchmark.pedantic(work, rounds=5, warmup_rounds=1)
    finally:
        torch.set_num_threads(threads)
