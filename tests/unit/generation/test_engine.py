"""An engine gives what `generate` gives, to many at the same time, and keeps its promises about order, limits and ends."""

from __future__ import annotations

import gc
import os
import random
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from tiny_language_model import TINY, byte_tokenizer, tiny_language_model
from watched_model import PATIENCE, Watched

from ferrolm import SamplingParams
from ferrolm.errors import EngineError, EngineFullError, InvalidArgumentError, InvalidTypeError
from ferrolm.generation import (
    Engine,
    Generation,
    LanguageModel,
    NgramLanguageModel,
    Request,
)
from ferrolm.models import Ensemble
from ferrolm.ngram import NgramLM


def outcome(generation: Generation) -> tuple[str, list[int], str]:
    return generation.text, generation.ids.tolist(), generation.finish_reason


def random_job(rng: random.Random) -> tuple[str, dict[str, Any]]:
    prompt = "".join(rng.choice("abc é€") for _ in range(rng.randint(0, 14)))
    asked: dict[str, Any] = {"max_new_tokens": rng.randint(1, 24)}
    if rng.random() < 0.6:
        asked |= {"do_sample": True, "seed": rng.randrange(2**63), "top_p": 0.95}
    if rng.random() < 0.3:
        asked["stop"] = rng.choice(["e", ["\x0e", "S"]])
    if rng.random() < 0.3:
        asked["eos_token_id"] = rng.choice([0, [50, 181]])
    if rng.random() < 0.3:
        asked["repetition_penalty"] = 1.3
    return prompt, asked


@pytest.mark.parametrize("architecture", TINY)
def test_requests_give_what_generate_gives_whatever_runs_beside(architecture: str) -> None:
    model, rng = TINY[architecture](), random.Random(3)
    jobs = [random_job(rng) for _ in range(16)]
    with Engine(model, max_batch_size=5, prefill_tokens=7, prefix_cache_tokens=40) as engine:
        requests = []
        for prompt, asked in jobs:
            requests.append(engine.submit(prompt, **asked))
            if rng.random() < 0.5:
                requests[rng.randrange(len(requests))].result(PATIENCE)  # others join when some have left
        results = [request.result(PATIENCE) for request in requests]
    for (prompt, asked), request, result in zip(jobs, requests, results, strict=True):
        assert outcome(result) == outcome(model.generate(prompt, **asked))
        pieces = list(request)
        assert "".join(piece.text for piece in pieces) == result.text
        assert [token for piece in pieces for token in piece.ids] == result.ids.tolist()
        assert request.finish_reason == result.finish_reason


def test_pieces_are_whole_characters_as_they_come() -> None:
    model = tiny_language_model(n_positions=2048)
    bytes_of = [model.tokenizer.encode_ids(text).tolist() for text in "é€"]
    params = SamplingParams(seed=1, allowed_token_ids=sorted({token for ids in bytes_of for token in ids}))
    with Engine(model) as engine:
        request = engine.submit("a", params, max_new_tokens=500)
        pieces = [piece.text for piece in request]
    assert "".join(pieces) == model.generate("a", params, max_new_tokens=500).text
    assert len(pieces) > 3


def test_params_are_taken_as_in_generate() -> None:
    model = tiny_language_model()
    params = SamplingParams(temperature=0.8, top_k=20, min_p=0.01, frequency_penalty=0.4, seed=9)
    with Engine(model) as engine:
        request = engine.submit([5, 6, 7], params, max_new_tokens=9)
        assert outcome(request.result(PATIENCE)) == outcome(
            model.generate([5, 6, 7], params, max_new_tokens=9)
        )
        with pytest.raises(InvalidArgumentError, match="seed is given twice"):
            engine.submit("a", params, seed=1)


def test_logprobs_are_those_of_the_model() -> None:
    model = tiny_language_model()
    with Engine(model) as engine:
        others = [engine.submit("ab", max_new_tokens=12), engine.submit("b", max_new_tokens=12, logprobs=0)]
        request = engine.submit("abc", max_new_tokens=12, do_sample=True, temperature=0.5, seed=1, logprobs=3)
        pieces = list(request)
    logprobs = [token for piece in pieces for token in piece.logprobs]
    ids = request.ids
    sequence = torch.tensor([[*request.prompt_ids, *ids.tolist()[:-1]]])
    with torch.inference_mode():
        logits = model.model(sequence).logits[0, len(request.prompt_ids) - 1 :]
    expected = logits.log_softmax(-1).numpy()
    assert [token.id for token in logprobs] == ids.tolist()
    np.testing.assert_allclose(
        [token.logprob for token in logprobs], expected[np.arange(len(ids)), ids], atol=1e-4
    )
    best = np.sort(expected, axis=1)[:, ::-1][:, :3]
    np.testing.assert_allclose([[value for _, value in t.top] for t in logprobs], best, atol=1e-4)
    assert logprobs[0].top[0][0] == expected[0].argmax()
    assert not any(piece.logprobs for piece in others[0])
    assert all(token.top == [] for piece in others[1] for token in piece.logprobs)


def test_first_come_first_served() -> None:
    model = tiny_language_model()
    with Engine(model, max_batch_size=1) as engine:
        requests = [engine.submit("a" * n, max_new_tokens=4, ignore_eos=True) for n in (9, 1, 5)]
        next(requests[2])
        assert [request.finish_reason for request in requests[:2]] == ["length", "length"]


def test_running_texts_go_on_while_a_long_prompt_is_read() -> None:
    model = tiny_language_model()
    passes = Watched(model)
    with Engine(model, prefill_tokens=8, prefix_cache_tokens=0) as engine:
        passes.gate.clear()
        first = engine.submit("a", max_new_tokens=20, ignore_eos=True)
        passes.wait_for_pass()
        second = engine.submit("b" * 40, max_new_tokens=4, ignore_eos=True)
        passes.gate.set()
        first.result(PATIENCE)
        second.result(PATIENCE)
    # The short prompt alone, then by turns a part of the long one and a step of the text that runs.
    assert passes.shapes[1:11] == [*[(1, 8), (1, 1)] * 4, (1, 8), (2, 1)]
    assert outcome(second.result()) == outcome(model.generate("b" * 40, max_new_tokens=4, ignore_eos=True))


def test_too_many_waiting_requests_are_refused() -> None:
    model = tiny_language_model()
    passes = Watched(model)
    passes.gate.clear()
    with Engine(model, max_batch_size=1, max_waiting=2) as engine:
        running = engine.submit("a", max_new_tokens=2)
        passes.wait_for_pass()
        waiting = [engine.submit("b", max_new_tokens=2) for _ in range(2)]
        assert (engine.num_running, engine.num_waiting) == (1, 2)
        with pytest.raises(EngineFullError, match="2 requests are waiting"):
            engine.submit("c")
        waiting[0].cancel()
        assert outcome(waiting[0].result(PATIENCE)) == ("", [], "cancelled")
        last = engine.submit("c", max_new_tokens=2)
        passes.gate.set()
        assert outcome(last.result(PATIENCE)) == outcome(model.generate("c", max_new_tokens=2))
        assert running.finish_reason == waiting[1].finish_reason == "length"
        assert (engine.num_running, engine.num_waiting) == (0, 0)


def test_a_cancelled_request_gives_its_place_to_the_next() -> None:
    model = tiny_language_model(n_positions=2048)
    with Engine(model, max_batch_size=1) as engine:
        first = engine.submit("a", max_new_tokens=2000, ignore_eos=True)
        begun = next(first).ids
        second = engine.submit("b", max_new_tokens=3, ignore_eos=True)
        assert second.finish_reason is None
        first.cancel()
        assert len(second.result(PATIENCE).ids) == 3
        partial = first.result(PATIENCE)
        assert first.finish_reason == partial.finish_reason == "cancelled"
        assert 1 <= len(partial.ids) < 2000
        assert begun + [token for piece in first for token in piece.ids] == partial.ids.tolist()
        with engine.submit("c", max_new_tokens=2000, ignore_eos=True) as third:
            next(third)
        assert third.result(PATIENCE).finish_reason == "cancelled"


def test_time_ends_requests_that_run_and_that_wait() -> None:
    model = tiny_language_model(n_positions=4096)
    with Engine(model, max_batch_size=1) as engine:
        begin = time.monotonic()
        running = engine.submit("a", max_new_tokens=4000, ignore_eos=True, max_time=0.3)
        waiting = engine.submit("b", max_new_tokens=4000, ignore_eos=True, max_time=0.1)
        assert waiting.result(PATIENCE).finish_reason == "time"
        assert running.finish_reason is None
        assert running.result(PATIENCE).finish_reason == "time"
        assert time.monotonic() - begin >= 0.3
        expected = model.generate("a", max_new_tokens=len(running.ids), ignore_eos=True)
        assert expected.ids.tolist() == running.ids.tolist()


def test_what_is_wrong_is_said_at_once() -> None:
    model = tiny_language_model()
    with Engine(model) as engine:
        for asked, message in (
            ({"max_new_token": 3}, "did you mean 'max_new_tokens'"),
            (
                {"num_return_sequences": 2, "do_sample": True},
                "num_return_sequences is 2, which an engine does not do",
            ),
            ({"logprobs": -1}, "logprobs is -1"),
            ({"max_time": -1}, "max_time is -1"),
            ({"logprobs": 300}, "logprobs is 300, expected at most 257"),
            ({"num_beams": 2}, "num_beams is 2, which an engine does not do"),
            ({"logits_processor": [lambda ids, scores: scores]}, "logits_processor is .* does not do"),
            ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ):
            with pytest.raises(InvalidArgumentError, match=message):
                engine.submit("a", **asked)
        with pytest.raises(InvalidArgumentError, match="the prompt has 60 tokens, at most 48"):
            engine.submit("a" * 60)
        with pytest.raises(InvalidTypeError, match="prompt is float"):
            engine.submit(1.5)  # type: ignore[arg-type]
        with pytest.warns(UserWarning, match="greedy decoding ignores seed"):
            engine.submit("a", seed=1)
    for name in ("max_batch_size", "max_waiting", "prefill_tokens"):
        with pytest.raises(InvalidArgumentError, match=f"{name} is 0, expected an integer of at least 1"):
            Engine(model, **{name: 0})
    with pytest.raises(InvalidTypeError, match="model is GPT2LMHeadModel, expected a LanguageModel"):
        Engine(model.model)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:discounts")
def test_models_whose_rows_cannot_come_and_go_are_refused() -> None:
    model = tiny_language_model()
    ensemble = LanguageModel(Ensemble([model.model, tiny_language_model().model]), model.tokenizer)
    with pytest.raises(InvalidArgumentError, match="Ensemble, which keeps a"):
        Engine(ensemble)
    ngrams = NgramLM.train([[0, 1] * 4] * 3, order=3, vocab_size=257)
    with pytest.raises(InvalidArgumentError, match="expected a decoder like GPT-2 or Llama"):
        Engine(NgramLanguageModel(ngrams, byte_tokenizer()))


def test_waiting_for_a_result_has_an_end() -> None:
    model = tiny_language_model()
    passes = Watched(model)
    passes.gate.clear()
    with Engine(model) as engine:
        request = engine.submit("a", max_new_tokens=2, ignore_eos=True)
        with pytest.raises(TimeoutError, match="has not ended in time"):
            request.result(timeout=0.01)
        passes.gate.set()
        assert len(request.result(PATIENCE).ids) == 2
        assert repr(request) == "Request(1 + 2 tokens, length)"


def test_closing_ends_everything() -> None:
    model = tiny_language_model(n_positions=4096)
    with Engine(model, max_batch_size=2) as engine:
        requests = [engine.submit("a", max_new_tokens=4000, ignore_eos=True) for _ in range(4)]
        next(requests[0])
    assert engine.closed
    for request in requests:
        with pytest.raises(EngineError, match="the engine was closed"):
            request.result(PATIENCE)
        with pytest.raises(EngineError, match="the engine was closed"):
            list(request)
        request.cancel()
    with pytest.raises(EngineError, match="the engine is closed"):
        engine.submit("a")
    engine.close()


def test_an_engine_ends_with_its_last_reference() -> None:
    before = threading.active_count()
    engine: Engine | None = Engine(tiny_language_model())
    request: Request | None = engine.submit("a", max_new_tokens=3, ignore_eos=True)
    engine = None
    gc.collect()
    assert request is not None
    assert len(request.result(PATIENCE).ids) == 3  # it holds on to its engine
    request = None
    end = time.monotonic() + PATIENCE
    while threading.active_count() > before and time.monotonic() < end:
        gc.collect()
        time.sleep(0.01)
    assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_told_to_make_its_own() -> None:
    with Engine(tiny_language_model()) as engine:
        request = engine.submit("a", max_new_tokens=2)
        request.result(PATIENCE)
        child = os.fork()
        if not child:
            try:
                engine.submit("a")
            except EngineError as error:
                os._exit(7 if "was forked: make an engine there" in str(error) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        again = engine.submit("a", max_new_tokens=2)
        assert outcome(again.result(PATIENCE)) == outcome(request.result())
