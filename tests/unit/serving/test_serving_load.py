"""Many clients at once, clients that leave, queues that are full, and the end of a server."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("torch")
pytest.importorskip("fastapi")
openai = pytest.importorskip("openai")
httpx = pytest.importorskip("httpx")

from served import Served, serving
from tiny_language_model import tiny_language_model

from ferrolm.serving import ServedModels

MODEL = tiny_language_model(n_positions=64)
# A context in which a text goes on until it is stopped.
LONG = tiny_language_model(n_positions=100_000)
ENDLESS = {"model": "long", "prompt": "go", "max_tokens": 90_000, "ignore_eos": True}
STREAMS = 200


def test_two_hundred_streams_are_each_their_own_text():
    prompts = [f"{number}: {'x' * (number % 17)}" for number in range(STREAMS)]
    # One of three ways to draw, so that what is expected can be made in three batches.
    ways = [{"temperature": 0.5 + way, "max_tokens": 4 + 4 * way} for way in range(3)]

    async def one(client: openai.AsyncOpenAI, prompt: str, own: dict[str, float]) -> tuple[str, str]:
        text, reason = "", ""
        async for event in await client.completions.create(model="tiny", prompt=prompt, stream=True, **own):
            text += event.choices[0].text
            reason = event.choices[0].finish_reason or reason
        return text, reason

    async def all_of_them(address: str) -> list[tuple[str, str]]:
        limits = httpx.Limits(max_connections=STREAMS)
        http = httpx.AsyncClient(limits=limits, timeout=120)
        async with openai.AsyncOpenAI(
            base_url=f"{address}/v1", api_key="none", http_client=http, max_retries=0
        ) as client:
            return await asyncio.gather(*(map(one, [client] * STREAMS, prompts, settings)))

    settings = [{**ways[number % 3], "seed": number} for number in range(STREAMS)]
    with serving(ServedModels(MODEL, "tiny"), max_batch_size=16) as server:
        found = asyncio.run(all_of_them(server.address))
        assert server.service.gauges() == {"requests_running": 0, "requests_waiting": 0}
    for way, own in enumerate(ways):
        numbers = range(way, STREAMS, 3)
        alone = MODEL.generate(
            [prompts[number] for number in numbers],
            do_sample=True,
            top_k=0,
            temperature=own["temperature"],
            seed=list(numbers),
            max_new_tokens=own["max_tokens"],
        )
        for number, expected in zip(numbers, alone, strict=True):
            reason = {"eos": "stop", "length": "length"}[expected.finish_reason]
            assert found[number] == (expected.text, reason)


@contextmanager
def raw_request(server: Served, path: str, body: dict[str, object]) -> Iterator[socket.socket]:
    """A connection over which a request was sent; leaving the block closes it."""
    data = json.dumps(body).encode()
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)
        yield connection


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions"])
def test_a_client_that_leaves_frees_its_place(path, stream):
    body = {**ENDLESS, "stream": stream, "n": 2}
    if "chat" in path:
        body |= {"messages": [{"role": "user", "content": body.pop("prompt")}]}
    with serving(ServedModels(LONG, "long"), max_batch_size=1) as server, server.client() as client:
        with raw_request(server, path, body) as connection:
            server.wait_until(requests_running=1, requests_waiting=1)
            if stream:
                assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        server.wait_until(requests_running=0, requests_waiting=0)
        assert client.completions.create(model="long", prompt="a", max_tokens=3).usage.completion_tokens <= 3


def test_a_client_that_leaves_the_queue_is_forgotten():
    with serving(ServedModels(LONG, "long"), max_batch_size=1) as server:
        with raw_request(server, "/v1/completions", ENDLESS):
            server.wait_until(requests_running=1)
            with raw_request(server, "/v1/completions", {**ENDLESS, "stream": True}):
                server.wait_until(requests_waiting=1)
            server.wait_until(requests_running=1, requests_waiting=0)
        server.wait_until(requests_running=0)


def test_a_full_queue_is_said_and_sends_nobody_halfway():
    with (
        serving(ServedModels(LONG, "long"), max_batch_size=1, max_waiting=2) as server,
        server.client() as client,
    ):
        with raw_request(server, "/v1/completions", ENDLESS):
            server.wait_until(requests_running=1)
            with pytest.raises(openai.RateLimitError, match="waiting") as caught:
                client.completions.create(model="long", prompt="a", n=3)
            assert caught.value.response.headers["retry-after"] == "1"
            server.wait_until(requests_running=1, requests_waiting=0)
        # With retries the client waits as it was told.
        server.wait_until(requests_running=0)
        assert client.with_options(max_retries=2).completions.create(
            model="long", prompt="a", n=2, max_tokens=2
        )


def test_a_request_ends_when_its_time_is_over():
    with serving(ServedModels(LONG, "long"), request_timeout=0.3) as server, server.client() as client:
        with pytest.raises(openai.InternalServerError, match="longer than the server allows") as caught:
            client.completions.create(
                model="long", prompt="go", max_tokens=90_000, extra_body={"ignore_eos": True}
            )
        assert caught.value.status_code == 504
        with pytest.raises(openai.APIError, match="longer than the server allows"):
            for _ in client.completions.create(
                model="long", prompt="go", max_tokens=90_000, stream=True, extra_body={"ignore_eos": True}
            ):
                pass
        server.wait_until(requests_running=0)


def test_the_command_serves_and_ends_when_it_is_told_to(tmp_path):
    LONG.save(tmp_path / "long")
    command = [
        sys.executable,
        "-m",
        "ferrolm",
        "serve",
        str(tmp_path / "long"),
        "--port",
        "0",
        "--device",
        "cpu",
    ]
    process = subprocess.Popen(
        [*command, "--grace", "1", "--threads", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stderr.readline()
        assert first.startswith("long at http://127.0.0.1:"), first + process.stderr.read()
        address = first.split()[2]
        end = time.monotonic() + 20
        while True:  # the socket listens before the application answers
            try:
                assert httpx.get(f"{address}/health").status_code == 200
                break
            except httpx.HTTPError:
                assert time.monotonic() < end
        assert "<title>ferrolm</title>" in httpx.get(address).text
        with httpx.stream("POST", f"{address}/v1/completions", json=ENDLESS | {"stream": True}) as running:
            next(running.iter_lines())
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=20)
        assert process.returncode == -signal.SIGTERM
        assert (output, "Traceback" in errors) == ("", False), errors
    finally:
        process.kill()
        process.wait()
