"""What prompts have in common is computed once, forgotten when there is no room, and changes no result."""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_language_model import TINY, tiny_language_model, tiny_llama, tiny_recurrent
from watched_model import PATIENCE, Watched

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation import Engine, LanguageModel, PrefixCache
from ferrolm.generation.decoders.forward import Forward
from ferrolm.generation.decoders.prefill import Prefill, read_prompts
from ferrolm.models.cache_rows import KeyValueRows

model = tiny_language_model(n_positions=256)
forward = Forward(model.model)


def read(ids: list[int], prefixes: PrefixCache) -> torch.Tensor:
    with torch.inference_mode():
        logits = Prefill(forward, np.array(ids), prefixes).advance(len(ids))
    assert logits is not None
    return logits


def common(first: list[int], second: list[int]) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=150), min_size=1, max_size=8))
@settings(max_examples=15, deadline=None)
def test_the_longest_common_prefix_is_found_and_nothing_changes(prompts: list[list[int]]) -> None:
    prefixes = PrefixCache(10_000)
    for place, prompt in enumerate(prompts):
        before = prefixes.tokens_saved
        logits = read(prompt, prefixes)
        longest = max((common(prompt, other) for other in prompts[:place]), default=0)
        assert prefixes.tokens_saved - before == min(longest, len(prompt) - 1)
        with torch.inference_mode():
            alone = model.model(torch.tensor([prompt])).logits[:, -1]
        torch.testing.assert_close(logits, alone, atol=1e-4, rtol=1e-4)
    # A prefix that several have is kept once: as many tokens as the tree of the prompts has.
    assert prefixes.num_tokens == len(
        {tuple(prompt[: n + 1]) for prompt in prompts for n in range(len(prompt))}
    )


@given(st.integers(0, 2**32), st.integers(1, 90))
@settings(max_examples=10, deadline=None)
def test_it_never_keeps_more_than_it_may(seed: int, max_tokens: int) -> None:
    prefixes, rng = PrefixCache(max_tokens), random.Random(seed)
    for _ in range(12):
        prompt = [rng.randrange(2) for _ in range(rng.randint(1, 60))]
        logits = read(prompt, prefixes)
        with torch.inference_mode():
            alone = model.model(torch.tensor([prompt])).logits[:, -1]
        torch.testing.assert_close(logits, alone, atol=1e-4, rtol=1e-4)
        assert 0 < prefixes.num_tokens <= max_tokens
        held = prefixes.num_tokens
        saved = prefixes.tokens_saved
        read(prompt, prefixes)  # what was kept last is there
        assert prefixes.tokens_saved - saved == min(len(prompt) - 1, max_tokens)
        assert prefixes.num_tokens == held


def test_what_was_not_used_for_longest_goes_first() -> None:
    prefixes = PrefixCache(20)
    first, second, third = ([n] * 10 for n in (1, 2, 3))
    for prompt in (first, second, first, third):
        read(prompt, prefixes)
    saved = prefixes.tokens_saved
    read(first, prefixes)
    assert prefixes.tokens_saved == saved + 9
    read(second, prefixes)
    assert prefixes.tokens_saved == saved + 9
    assert repr(prefixes) == "PrefixCache(tokens=20, lookups=6, hits=2, tokens_saved=18)"
    prefixes.clear()
    assert prefixes.num_tokens == 0
    read(first, prefixes)
    assert prefixes.hits == 2


def test_it_belongs_to_one_model() -> None:
    prefixes = PrefixCache()
    read([1, 2, 3], prefixes)
    other = tiny_llama()
    with pytest.raises(InvalidArgumentError, match="another model"):
        Prefill(Forward(other.model), np.array([1, 2, 3]), prefixes)
    with pytest.raises(InvalidArgumentError, match="max_tokens is 0"):
        PrefixCache(0)
    with pytest.raises(TypeError, match="not pickled or copied"):
        copy.copy(prefixes)


def greedy(
    language_model: LanguageModel, prompts: list[list[int]], prefixes: PrefixCache | None, new: int
) -> Any:
    """Continuations by the batch that `read_prompts` gives, as a loop over torch would make them."""
    logits, cache = read_prompts(
        language_model.model, [np.array(prompt) for prompt in prompts], prefixes, new_tokens=new
    )
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    columns = torch.arange(int(lengths.max()) + new)
    mask = columns >= (lengths.max() - lengths)[:, None]
    ids = []
    with torch.inference_mode():
        for step in range(new):
            ids.append(logits.argmax(-1))
            seen = mask[:, : cache.length + 1] if isinstance(cache, KeyValueRows) else None
            output = language_model.model(
                ids[-1][:, None], attention_mask=seen, position_ids=(lengths + step)[:, None], cache=cache
            )
            logits = output.logits[:, -1]
    return torch.stack(ids, dim=1).tolist()


@pytest.mark.parametrize("architecture", TINY)
def test_read_prompts_gives_the_batch_that_generate_has(architecture: str) -> None:
    language_model = TINY[architecture]()
    prefixes = PrefixCache()
    prompts = [[5, 6, 7, 8, 9], [5, 6, 7], [5, 6, 7, 8, 1, 2, 3, 4], [9]]
    expected = [
        language_model.generate(prompt, max_new_tokens=10, ignore_eos=True).ids.tolist() for prompt in prompts
    ]
    for _ in range(2):
        assert greedy(language_model, prompts, prefixes, 10) == expected
    assert greedy(language_model, prompts, None, 10) == expected
    saved = {"recurrent": 0}.get(architecture, 0 + 2 + 4 + 0 + 4 + 2 + 7 + 0)
    assert prefixes.tokens_saved == saved


@pytest.mark.parametrize("architecture", TINY)
def test_generate_gives_the_same_with_it(architecture: str) -> None:
    language_model, prefixes = TINY[architecture](), PrefixCache(60)
    prompts = ["abc", "abcde", "b", "abcd", "abc" * 5]
    for asked in (
        {},
        {"do_sample": True, "seed": 3},
        {"do_sample": True, "seed": 3, "num_return_sequences": 2},
        {"stop": "e"},
        {"num_beams": 2},
        {"penalty_alpha": 0.6, "top_k": 4} if architecture != "recurrent" else {},
        {"guidance_scale": 1.5},
    ):
        settings: dict[str, Any] = {"max_new_tokens": 12, **asked}
        expected = language_model.generate(prompts, **settings)
        assert str(language_model.generate(prompts, prefix_cache=prefixes, **settings)) == str(expected)
    assert "".join(language_model.stream("abc", prefix_cache=prefixes)) == language_model.generate("abc").text
    assert (prefixes.tokens_saved > 0) == (architecture != "recurrent")


def test_a_dialogue_goes_on_from_where_it_was() -> None:
    language_model, prefixes = tiny_language_model(n_positions=256), PrefixCache()
    text = [*range(40, 70)]
    for turn in range(3):
        before = prefixes.tokens_saved
        answer = language_model.generate(text, max_new_tokens=10, ignore_eos=True, prefix_cache=prefixes)
        assert prefixes.tokens_saved - before == (len(text) - 4 if turn else 0)
        assert (
            answer.ids.tolist()
            == language_model.generate(text, max_new_tokens=10, ignore_eos=True).ids.tolist()
        )
        text = [*text, *answer.ids.tolist(), 7, 8, 9]
    with pytest.raises(InvalidTypeError, match="prefix_cache is int, expected a PrefixCache"):
        language_model.generate(text, prefix_cache=5)


def test_an_engine_reads_a_dialogue_on_from_where_it_was() -> None:
    language_model = tiny_language_model(n_positions=256)
    passes = Watched(language_model)
    with Engine(language_model, max_batch_size=2) as engine:
        asked: dict[str, Any] = {"max_new_tokens": 20, "ignore_eos": True}
        first = [*range(30, 70)]
        answer = engine.submit(first, **asked).result(PATIENCE).ids.tolist()
        passes.shapes.clear()
        request = engine.submit([*first, *answer, 7, 8, 9], **asked)
        result = request.result(PATIENCE)
        # The last token of an answer is not fed, and so has no keys.
        assert passes.shapes[0] == (1, 4)
        assert engine.prefix_cache is not None
        assert engine.prefix_cache.tokens_saved == 59
    assert result.ids.tolist() == language_model.generate(request.prompt_ids, **asked).ids.tolist()


def test_positions_that_depend_on_the_length_are_read_as_a_whole() -> None:
    dynamic = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    language_model = tiny_llama(rope_parameters=dynamic, max_position_embeddings=24)
    n_positions = language_model.model.config.n_positions
    prompts = [[*range(40, 40 + n)] for n in (10, 20, n_positions - 3)]
    with Engine(language_model, prefill_tokens=4) as engine:
        for prompt in prompts:
            result = engine.submit(prompt, max_new_tokens=3, ignore_eos=True).result(PATIENCE)
            expected = language_model.generate(prompt, max_new_tokens=3, ignore_eos=True)
            assert result.ids.tolist() == expected.ids.tolist()
        assert engine.prefix_cache is not None
        assert engine.prefix_cache.lookups == 0


def test_a_recurrent_model_keeps_nothing() -> None:
    with Engine(tiny_recurrent()) as engine:
        for _ in range(2):
            engine.submit("abc", max_new_tokens=3).result(PATIENCE)
        assert engine.prefix_cache is not None
        assert engine.prefix_cache.num_tokens == engine.prefix_cache.hits == 0
