"""Requests and streams in coroutines: of one event loop, of several, cancelled and forgotten."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest
from tiny_language_model import tiny_language_model
from watched_model import PATIENCE

from ferrolm.errors import EngineError, InvalidArgumentError
from ferrolm.generation import Engine, stream_async

DRAWN: dict[str, Any] = {"do_sample": True, "max_new_tokens": 12}
LONG: dict[str, Any] = {"max_new_tokens": 4000, "ignore_eos": True}


def test_coroutines_get_what_generate_gives() -> None:
    model = tiny_language_model()

    async def text(engine: Engine, number: int) -> str:
        request = engine.submit("a" * (number % 7), seed=number, **DRAWN)
        if number % 3:
            return "".join([piece.text async for piece in request])
        return (await request.aresult()).text

    async def main(engine: Engine) -> list[str]:
        return await asyncio.gather(*(text(engine, number) for number in range(30)))

    with Engine(model) as engine:
        texts = asyncio.run(main(engine))
    assert texts == [model.generate("a" * (n % 7), seed=n, **DRAWN).text for n in range(30)]


def test_several_event_loops_share_an_engine() -> None:
    model, found = tiny_language_model(), {}

    async def main(engine: Engine, number: int) -> None:
        requests = [engine.submit("b", seed=seed, **DRAWN) for seed in (number, number + 100)]
        found[number] = [(await request.aresult()).text for request in requests]

    with Engine(model, max_batch_size=3) as engine:
        threads = [threading.Thread(target=lambda n=n: asyncio.run(main(engine, n))) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    expected = {seed: model.generate("b", seed=seed, **DRAWN).text for n in range(4) for seed in (n, n + 100)}
    assert found == {n: [expected[n], expected[n + 100]] for n in range(4)}


@pytest.mark.parametrize("iterates", [True, False])
def test_cancelling_a_task_cancels_its_request(iterates: bool) -> None:
    model = tiny_language_model(n_positions=4096)

    async def main(engine: Engine) -> None:
        request, other = engine.submit("a", **LONG), engine.submit("b", max_new_tokens=30, ignore_eos=True)

        async def read() -> None:
            if iterates:
                async for _ in request:
                    pass
            else:
                await request.aresult()

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(read(), 0.05)
        assert (await request.aresult()).finish_reason == "cancelled"
        assert (await other.aresult()).finish_reason == "length"

    with Engine(model) as engine:
        asyncio.run(main(engine))
        assert engine.num_running == 0


def test_closing_reaches_coroutines() -> None:
    model = tiny_language_model(n_positions=4096)

    async def main(engine: Engine) -> None:
        requests = [engine.submit("a", **LONG) for _ in range(3)]
        await anext(requests[0])
        waits = [asyncio.ensure_future(request.aresult()) for request in requests]
        await asyncio.sleep(0)
        await asyncio.to_thread(engine.close)
        for error in await asyncio.gather(*waits, return_exceptions=True):
            assert isinstance(error, EngineError)

    asyncio.run(main(Engine(model)))


def test_an_event_loop_that_is_gone_does_not_stop_the_others() -> None:
    model = tiny_language_model(n_positions=512)

    async def leave(engine: Engine) -> None:
        request = engine.submit("a", max_new_tokens=500, ignore_eos=True)
        await anext(request)
        # A waiter of this loop, which is closed before the next token.
        request._waiters.append(asyncio.get_running_loop().create_future())

    with Engine(model) as engine:
        asyncio.run(leave(engine))
        result = engine.submit("b", max_new_tokens=20).result(PATIENCE)
    assert result.text == model.generate("b", max_new_tokens=20).text


def test_stream_async_is_the_stream() -> None:
    model = tiny_language_model()

    async def text(number: int) -> str:
        return "".join([piece async for piece in stream_async(model, "ab", seed=number, **DRAWN)])

    async def main() -> list[str]:
        return await asyncio.gather(*(text(number) for number in range(6)))

    assert asyncio.run(main()) == ["".join(model.stream("ab", seed=n, **DRAWN)) for n in range(6)]


def test_streams_share_one_engine_which_goes_with_them() -> None:
    model, names = tiny_language_model(n_positions=4096), []

    async def main() -> None:
        streams = [stream_async(model, "a", **LONG) for _ in range(5)]
        for stream in streams:
            await anext(stream)
        names.extend(thread.name for thread in threading.enumerate() if "ferrolm" in thread.name)
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]  # they are generators
        with pytest.raises(InvalidArgumentError, match="did you mean 'max_new_tokens'"):
            stream_async(model, "a", max_new_token=3)

    gc.collect()
    before = threading.active_count()
    asyncio.run(main())
    assert names.count("ferrolm-engine") == 1
    for _ in range(100):
        gc.collect()
        if threading.active_count() <= before:
            break
        threading.Event().wait(0.05)
    assert threading.active_count() <= before
