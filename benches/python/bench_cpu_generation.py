"""Sixteen new tokens after a prompt of 32, greedily, with random weights: what a checkpoint takes from folder to text.

"one pass" is the floor of batch 1: as many bytes as a step has of weights, read once for each token. CTranslate2 converts
the same folder; llama.cpp reads it as GGUF (int8 is Q8_0 and int4 Q4_0 there), and its batches are decoded together. Its
package, llama-cpp-python, is not in the extra `bench`, because installing it compiles it for a quarter of an hour.
"""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import sys
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
    "llama.cpp": ["float32", "bfloat16", "int8", "int4"],
    "one pass": ["float32", "bfloat16", "int8", "int4"],
}


@functools.cache
def folder(shape: str) -> Path:
    """A checkpoint with a tokenizer that has a word for each id."""
    hub, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    path = Path(tempfile.mkdtemp(prefix=f"ferrolm-{shape}-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)  # a gigabyte, with the copies of the others
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


GGUF_TYPES = {"float32": "F32", "bfloat16": "BF16", "int8": "Q8_0", "int4": "Q4_0"}


@functools.cache
def gguf_file(shape: str, dtype: str) -> Path:
    """The checkpoint in the form of llama.cpp, whose tokenizers know no vocabulary of whole words: pieces and a merge."""
    pytest.importorskip("gguf")
    sys.path.append(str(Path(__file__).parents[2] / "tests"))
    from gguf_files import write_gguf

    source, target = folder(shape), folder(shape) / dtype
    target.mkdir()
    for name in ("config.json", "model.safetensors"):
        (target / name).symlink_to(source / name)
    vocab = json.loads((source / "tokenizer.json").read_text())["model"]["vocab"]
    pieces = {"model": {"vocab": vocab, "merges": ["w 0"], "byte_fallback": False}, "added_tokens": []}
    (target / "tokenizer.json").write_text(json.dumps(pieces))
    write_gguf(target, target / "model.gguf", GGUF_TYPES[dtype])
    return target / "model.gguf"


@functools.cache
def silence() -> Any:
    """A log that says nothing; the library keeps no reference to it."""
    return pytest.importorskip("llama_cpp").llama_log_callback(lambda *_: None)


def llama_cpp(shape: str, dtype: str, ids: Any) -> Callable[[], Any]:
    lib = pytest.importorskip("llama_cpp")
    lib.llama_log_set(silence(), None)
    rows, vocab_size = ids.tolist(), SHAPES[shape]["vocab_size"]
    model = lib.llama_model_load_from_file(bytes(gguf_file(shape, dtype)), lib.llama_model_default_params())
    assert model, "llama.cpp does not read the file"
    settings = lib.llama_context_default_params()
    settings.n_seq_max, settings.n_ctx = len(rows), len(rows) * (PROMPT + NEW)
    settings.n_batch = settings.n_ubatch = len(rows) * PROMPT
    settings.n_threads = settings.n_threads_batch = 1
    context = lib.llama_init_from_model(model, settings)
    batch = lib.llama_batch_init(len(rows) * PROMPT, 0, 1)

    def decode(texts: list[list[int]], start: int) -> list[int]:
        """The likeliest token after each of the texts, which stand at the position ``start``."""
        batch.n_tokens, last = 0, []
        for sequence, text in enumerate(texts):
            for offset, token in enumerate(text):
                at = batch.n_tokens
                batch.token[at], batch.pos[at], batch.logits[at] = (
                    token,
                    start + offset,
                    offset == len(text) - 1,
                )
                batch.n_seq_id[at], batch.seq_id[at][0] = 1, sequence
                batch.n_tokens += 1
            last.append(batch.n_tokens - 1)
        assert lib.llama_decode(context, batch) == 0
        logits = (lib.llama_get_logits_ith(context, at) for at in last)
        return [int(np.ctypeslib.as_array(row, (vocab_size,)).argmax()) for row in logits]

    def run() -> list[list[int]]:
        lib.llama_memory_clear(lib.llama_get_memory(context), True)
        tokens = [decode(rows, 0)]
        while len(tokens) < NEW:
            tokens.append(decode([[token] for token in tokens[-1]], PROMPT + len(tokens) - 1))
        return tokens

    return run


def one_pass(shape: str, dtype: str, ids: Any) -> Callable[[], Any]:
    decoder = CpuDecoder.of(ferrolm.load_model(folder(shape), device="cpu", dtype=dtype).model)
    assert decoder is not None
    weights = np.ones(decoder.nbytes // 4, np.float32)
    return lambda: [weights.max() for _ in range(NEW)]


LIBRARIES = {
    "ferrolm": ours,
    "transformers": transformers,
    "ctranslate2": ctranslate2,
    "llama.cpp": llama_cpp,
    "one pass": one_pass,
}


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
