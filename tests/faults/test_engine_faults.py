"""An engine whose model fails, whose requests are cancelled by the hundred, or that is closed in the middle."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from tiny_language_model import tiny_language_model
from watched_model import PATIENCE, Watched

from ferrolm import SamplingParams
from ferrolm.errors import EngineError, InvalidArgumentError
from ferrolm.generation import Engine, LanguageModel, Request
from ferrolm.generation.engine.loop import EngineLoop

LONG: dict[str, Any] = {"max_new_tokens": 4000, "ignore_eos": True}


def failed(request: Request) -> BaseException | None:
    """The cause of its error, which both ways to read it raise."""
    with pytest.raises(EngineError, match="could not be finished") as caught:
        request.result(PATIENCE)
    with pytest.raises(EngineError, match="could not be finished"):
        list(request)
    return caught.value.__cause__


def test_a_model_that_fails_in_a_step_ends_what_runs_and_nothing_else() -> None:
    model = tiny_language_model()
    passes = Watched(model)
    passes.gate.clear()
    with Engine(model, max_batch_size=2) as engine:
        requests = [engine.submit("a" * n, max_new_tokens=20, ignore_eos=True) for n in (1, 2, 3, 4)]
        # Two prompts, and a few steps.
        passes.error, passes.fails_at = OSError("the device is lost"), 6
        passes.gate.set()
        assert [failed(request) is passes.error for request in requests[:2]] == [True, True]
        # The others begin after it, and fail on their own.
        assert [failed(request) is passes.error for request in requests[2:]] == [True, True]
        assert 1 <= len(requests[0].ids) < 20
        passes.error = None
        after = engine.submit("b", max_new_tokens=8)
        assert after.result(PATIENCE).text == model.generate("b", max_new_tokens=8).text
        assert (engine.num_running, engine.num_waiting) == (0, 0)


def test_a_prompt_that_cannot_be_read_fails_alone() -> None:
    model = tiny_language_model(n_positions=512)
    passes = Watched(model)

    class Spoilt(Exception):
        pass

    def fail_on_long(module: Any, arguments: tuple[Any, ...]) -> None:
        if arguments[0].shape[1] == 33:
            raise Spoilt

    model.model.register_forward_pre_hook(fail_on_long)
    with Engine(model) as engine:
        running = engine.submit("a", max_new_tokens=100, ignore_eos=True)
        next(running)
        assert isinstance(failed(engine.submit("b" * 33)), Spoilt)
        assert len(running.result(PATIENCE).ids) == 100
    assert passes.error is None


def test_a_row_that_cannot_be_drawn_for_fails_alone() -> None:
    model = tiny_language_model(n_positions=512)
    two_tokens = SamplingParams(seed=1, allowed_token_ids=[5, 6], no_repeat_ngram_size=1)
    with Engine(model) as engine:
        running = engine.submit("a", max_new_tokens=60, ignore_eos=True)
        bad = engine.submit("b", two_tokens, max_new_tokens=5)
        assert "no token is left to choose" in str(failed(bad))
        assert sorted(bad.ids.tolist()) == [5, 6]
        assert len(running.result(PATIENCE).ids) == 60
        with pytest.raises(InvalidArgumentError, match="names token 999, but the vocabulary has 257"):
            engine.submit("b", SamplingParams(logit_bias={999: 1.0}))


def test_a_defect_of_the_loop_reaches_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_language_model(n_positions=4096)
    step, steps = EngineLoop._step, []

    def broken(loop: EngineLoop) -> None:
        steps.append(1)
        if len(steps) > 5:
            raise RuntimeError("a defect")
        step(loop)

    monkeypatch.setattr(EngineLoop, "_step", broken)
    engine = Engine(model, max_batch_size=2)
    requests = [engine.submit("a", **LONG) for _ in range(5)]
    for request in requests:
        assert str(failed(request)) == "a defect"
    while not engine.closed:
        time.sleep(0.001)
    with pytest.raises(EngineError, match="the engine is closed") as caught:
        engine.submit("a", max_new_tokens=1)
    assert str(caught.value.__cause__) == "a defect"
    engine.close()


def in_threads(work: Any, count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def expected_texts(model: LanguageModel, numbers: Sequence[int]) -> dict[int, str]:
    prompts = ["a" * (number % 5) for number in numbers]
    results = model.generate(prompts, do_sample=True, seed=list(numbers), max_new_tokens=6)
    return {number: result.text for number, result in zip(numbers, results, strict=True)}


def test_two_hundred_at_the_same_time_are_not_mixed_up() -> None:
    model, found = tiny_language_model(), {}
    with Engine(model, max_batch_size=16) as engine:

        def ask(number: int) -> None:
            request = engine.submit("a" * (number % 5), do_sample=True, seed=number, max_new_tokens=6)
            found[number] = "".join(piece.text for piece in request)

        in_threads(ask, 200)
    assert found == expected_texts(model, range(200))


def test_a_storm_of_cancellations_leaves_the_others_as_they_are() -> None:
    model, found = tiny_language_model(n_positions=256), {}
    with Engine(model, max_batch_size=4, prefix_cache_tokens=64) as engine:

        def ask(number: int) -> None:
            if number % 4:
                request = engine.submit("b" * (number % 7), max_new_tokens=200, ignore_eos=True)
                for count, _ in enumerate(request):
                    if count >= random.Random(number).randrange(6):
                        break
                request.cancel()
                request.cancel()
                assert request.result(PATIENCE).finish_reason in ("cancelled", "length")
            else:
                request = engine.submit("a" * (number % 5), do_sample=True, seed=number, max_new_tokens=6)
                found[number] = request.result(PATIENCE).text

        in_threads(ask, 60)
        assert (engine.num_running, engine.num_waiting) == (0, 0)
    assert found == expected_texts(model, range(0, 60, 4))


def test_closing_while_many_wait_hangs_nobody() -> None:
    model, errors = tiny_language_model(n_positions=4096), []
    engine = Engine(model, max_batch_size=2)
    requests = [engine.submit("a", **LONG) for _ in range(10)]

    def read(number: int) -> None:
        try:
            if number % 2:
                requests[number].result(PATIENCE)
            else:
                list(requests[number])
        except EngineError as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    next(requests[1])
    closers = [threading.Thread(target=engine.close) for _ in range(3)]
    for thread in closers + threads:
        if thread in closers:
            thread.start()
    for thread in closers + threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert len(errors) == 10
