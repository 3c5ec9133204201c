"""Sixteen new tokens after a prompt of 32, greedily, with random weights: what a checkpoint takes from folder to text.

"one pass" is the floor of batch 1: as many bytes as a step has of weights, read once for each token. CTranslate2 converts
the same folder.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import ferrolm  # noqa: E402
from ferrolm.models import CpuDecoder  # noqa: E402

PROMPT, NEW = 32, 16
SHAPES: dict[str, dict[str, Any]] = {
    # As GPT-2 small: 124 million parameters.
    "gpt2": {"vocab_size": 50_257, "n_positions": 256},
    # As SmolLM: 135 million.
    "llama": {
        "vocab_size": 49_152,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
    },
}
DTYPES = {
    "ferrolm": ["float32", "bfloat16", "int8", "int4"],
    "transformers": ["float32", "bfloat16"],
    "ctranslate2": ["float32", "int8"],
    "one pass": ["float32", "bfloat16", "int8", "int4"],
}


@functools.cache
def folder(shape: str) -> Path:
    """A checkpoint with a tokenizer that has a word for each id."""
    hub, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    path = Path(tempfile.mkdtemp(prefix=f"ferrolm-{shape}-"))
    torch.manual_seed(0)
    config = hub.AutoConfig.for_model(shape, **SHAPES[shape])
    hub.AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(path)
    words = {f"w{index}": index for index in range(config.vocab_size)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = hub.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="w1", eos_token="w2", unk_token="w0"
    )
    fast.save_pretrained(path)
    return path


def ours(shape: str, dtype: str, ids: Any) -> Callable[[], Any]:
    model = ferrolm.load_model(folder(shape), device="cpu", dtype=dtype)
    prompts = [row.numpy() for row in ids]
    return lambda: model.generate(prompts, max_new_tokens=NEW, ignore_eos=True)


def transformers(shape: str, dtype: str, ids: Any) -> Callable[[], Any]:
    hub = pytest.importorskip("transformers")
    model = hub.AutoModelForCausalLM.from_pretrained(folder(shape), dtype=getattr(torch, dtype)).eval()
    settings = {"max_new_tokens": NEW, "min_new_tokens": NEW, "do_sample": False, "pad_token_id": 0}
    return lambda: model.generate(ids, attention_mask=torch.ones_like(ids), **settings)


def ctranslate2(shape: str, dtype: str, ids: Any) -> Callable[[], Any]:
    library = pytest.importorskip("ctranslate2")
    target = folder(shape) / f"ctranslate2-{dtype}"
    if not target.exists():
        library.converters.TransformersConverter(str(folder(shape))).convert(str(target), quantization=dtype)
    generator = library.Generator(str(target), compute_type=dtype, inter_threads=1, intra_threads=1)
    prompts = [[f"w{index}" for index in row] for row in ids.tolist()]
    settings = {"max_length": NEW, "min_length": NEW, "include_prompt_in_result": False, "sampling_topk": 1}
    return lambda: generator.generate_batch(prompts, **settings)


def one_pass(shape: str, dtype: str, ids: Any) -> Callable[[], Any]:
    decoder = CpuDecoder.of(ferrolm.load_model(folder(shape), device="cpu", dtype=dtype).model)
    assert decoder is not None
    weights = np.ones(decoder.nbytes // 4, np.float32)
    return lambda: [weights.max() for _ in range(NEW)]


LIBRARIES = {"ferrolm": ours, "transformers": transformers, "ctranslate2": ctranslate2, "one pass": one_pass}


@pytest.mark.parametrize(
    ("library", "dtype"), [(library, dtype) for library, dtypes in DTYPES.items() for dtype in dtypes]
)
@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("shape", SHAPES)
def test_generate(benchmark: Any, shape: str, batch: int, library: str, dtype: str) -> None:
    torch.set_num_threads(1)
    ferrolm.set_num_threads(1)
    ids = torch.randint(3, 49_000, (batch, PROMPT), generator=torch.Generator().manual_seed(0))
    run = LIBRARIES[library](shape, dtype, ids)
    benchmark.group = "generation on a CPU"
    benchmark.extra_info["tokens"] = batch * NEW
    with torch.inference_mode():
        # Without units for bfloat16, transformers takes a minute for what others do in a second.
        slow = library == "transformers" and dtype == "bfloat16"
        benchmark.pedantic(run, rounds=1 if slow else 2, warmup_rounds=0 if slow else 1)
