"""Requests that are wrong: each gets a status of 4xx, in OpenAI's form, and a reason that names what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

pytest.importorskip("torch")
pytest.importorskip("fastapi")
httpx = pytest.importorskip("httpx")

from hypothesis import given, settings
from hypothesis import strategies as st
from served import Served, serving
from tiny_language_model import tiny_language_model

from ferrolm.errors import FileAccessError, InvalidArgumentError
from ferrolm.generation import ChatTemplate
from ferrolm.serving import ServedModels, ServerSettings, run

MODEL = tiny_language_model(n_positions=64)
TEMPLATE = ChatTemplate(
    "{% if messages[0].role != 'user' %}{{ raise_exception('a user begins') }}{% endif %}{{ messages[0].content }}"
)
HTTP = httpx.Client()
USER = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module", autouse=True)
def close_the_client() -> Iterator[None]:
    yield
    HTTP.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    models = ServedModels(MODEL, "tiny", template=TEMPLATE)
    with serving(models, max_body_bytes=100_000, max_choices=6) as server:
        yield server


def problem(served: Served, path: str, content: object, status: int = 400) -> dict[str, str | None]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    answer = HTTP.post(served.address + path, content=data)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return error


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not valid JSON"),
        (b'{"model": "tiny"', "not valid JSON"),
        (b'{"model": "tiny", "temperature": NaN}', "NaN is no number of JSON"),
        (b"\xff\xfe\xfa", "not valid JSON"),
        (b"[" * 50_000, "not valid JSON"),
        (b"[1]", "the body is a list, expected an object"),
        (b'{"model": "tiny", "prompt": "\\ud800"}', "lone surrogate"),
    ],
)
def test_what_is_no_request(served, body, words):
    assert words in problem(served, "/v1/completions", body)["message"]


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"model": None}, "model", "missing parameter 'model'"),
        ({"model": 3}, "model", "model is 3: input should be a valid string"),
        ({"prompt": 3}, "prompt", "prompt is 3: expected a text, a list of texts"),
        ({"prompt": ["a", 3]}, "prompt", "expected a text, a list of texts"),
        ({"prompt": []}, "prompt", "empty list"),
        ({"prompt": [257]}, None, "expected 0 to 256"),
        ({"prompt": "x" * 65}, "prompt", "65 tokens, at most 64 fit"),
        ({"temprature": 1}, "temprature", "did you mean 'temperature'?"),
        ({"temperature": "hot"}, "temperature", "valid number"),
        ({"temperature": -1}, "temperature", "greater than or equal to 0"),
        ({"top_p": 0}, "top_p", "greater than 0"),
        ({"max_tokens": 0}, "max_tokens", "needs echo"),
        ({"max_tokens": 2.5}, "max_tokens", "valid integer"),
        ({"max_tokens": True}, "max_tokens", "valid integer"),
        ({"n": 0}, "n", "greater than or equal to 1"),
        ({"n": 7}, "n", "7 texts, at most 6"),
        ({"prompt": ["a"] * 4, "n": 2}, "n", "8 texts, at most 6"),
        ({"best_of": 3}, "best_of", "only n (1)"),
        ({"suffix": "end"}, "suffix", "not supported"),
        ({"logprobs": 21}, "logprobs", "less than or equal to 20"),
        ({"stop": [""]}, None, "empty string"),
        ({"stop": 3}, "stop", "expected a text or a list of texts"),
        ({"logit_bias": {"a": 1}}, None, "no token ids"),
        ({"logit_bias": {"999": 1}}, None, "beyond 0 to 256"),
        ({"logit_bias": {"9": 101}}, "logit_bias.9", "less than or equal to 100"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "needs stream"),
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x", "unknown parameter"),
        ({"min_p": 2.0}, None, "min_p"),
        ({"top_k": -5}, None, "top_k"),
    ],
)
def test_what_a_completion_cannot_be_made_of(served, change, param, words):
    body = {"model": "tiny", "prompt": "hi", "max_tokens": 2} | change
    error = problem(served, "/v1/completions", body)
    assert words in error["message"]
    assert error["param"] == param


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"messages": None}, "messages", "missing parameter 'messages'"),
        ({"messages": []}, "messages", "empty list"),
        ({"messages": "hi"}, "messages", "valid list"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role", "missing"),
        ({"messages": [{"role": "boss", "content": "hi"}]}, "messages[0].role", "'system'"),
        (
            {"messages": [{"role": "user", "content": 3}]},
            "messages[0].content",
            "other parts are not supported",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0].content",
            "other parts are not supported",
        ),
        ({"messages": [{"role": "assistant", "content": "I"}]}, None, "refuses the messages: a user begins"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing parameter"),
        ({"tools": [{"type": "function"}]}, "tools", "no place for tools"),
        ({"tool_choice": "required"}, "tool_choice", "cannot force a call"),
        ({"top_logprobs": 2}, "top_logprobs", "needs logprobs"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "without a json_schema"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "'json_object'"),
        ({"functions": []}, "functions", "unknown parameter 'functions'"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "greater than or equal to 1"),
    ],
)
def test_what_a_chat_cannot_be_made_of(served, change, param, words):
    error = problem(
        served, "/v1/chat/completions", {"model": "tiny", "messages": USER, "max_tokens": 2} | change
    )
    assert words in error["message"]
    assert error["param"] == param


def test_a_schema_that_is_none(served):
    pytest.importorskip("llguidance")
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
    body = {"model": "tiny", "messages": USER, "response_format": form}
    assert "grammar" in problem(served, "/v1/chat/completions", body)["message"]


def test_models_and_paths_that_are_not_there(served):
    for path, body in (
        ("/v1/completions", {"model": "tinny", "prompt": "hi"}),
        ("/v1/chat/completions", {"model": "tinny", "messages": USER}),
        ("/v1/embeddings", {"model": "tinny", "input": "hi"}),
    ):
        error = problem(served, path, body, 404)
        assert error["code"] == "model_not_found"
        assert "did you mean 'tiny'?" in error["message"]
    assert (
        "makes no embeddings"
        in problem(served, "/v1/embeddings", {"model": "tiny", "input": "hi"})["message"]
    )
    problem(served, "/v1/nothing", {}, 404)
    answer = httpx.get(f"{served.address}/v1/completions")
    assert (answer.status_code, answer.json()["error"]["message"]) == (405, "method not allowed")
    assert httpx.get(f"{served.address}/v1/models/tinny").status_code == 404


def test_bodies_that_are_too_large(served):
    assert "100,000 bytes" in problem(served, "/v1/completions", b" " * 100_001, 413)["message"]
    # Without a length, in pieces.
    answer = httpx.post(f"{served.address}/v1/completions", content=(b" " * 1000 for _ in range(200)))
    assert answer.status_code == 413


keys = st.sampled_from(
    ["prompt", "n", "stop", "logprobs", "seed", "temperature", "logit_bias", "stream", "top_k", "x"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=80, deadline=None)
@given(changes=st.dictionaries(keys, values, max_size=3))
def test_no_body_makes_the_server_fail(served, changes):
    body = {"model": "tiny", "max_tokens": 1, **changes}
    answer = HTTP.post(f"{served.address}/v1/completions", content=json.dumps(body).encode())
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert answer.json()["error"]["message"]


def test_keys():
    with serving(ServedModels(MODEL, "tiny"), api_key="secret") as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            answer = httpx.get(f"{server.address}/v1/models", headers=headers)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "invalid_api_key"
        assert httpx.get(f"{server.address}/metrics").status_code == 401
        assert httpx.get(f"{server.address}/health").status_code == 200
        assert httpx.get(server.address).status_code == 200
        with server.client(api_key="secret") as client:
            assert [model.id for model in client.models.list()] == ["tiny"]


def test_other_sites_may_ask_only_if_they_are_named(served):
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    assert (
        "access-control-allow-origin" not in httpx.get(f"{served.address}/v1/models", headers=headers).headers
    )
    with serving(ServedModels(MODEL, "tiny"), cors_origins=("https://example.org",), api_key="k") as server:
        preflight = httpx.options(f"{server.address}/v1/completions", headers=headers)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://example.org"
        other = httpx.get(f"{server.address}/health", headers={"Origin": "https://other.org"})
        assert "access-control-allow-origin" not in other.headers


def test_settings_and_addresses_that_cannot_be():
    with pytest.raises(InvalidArgumentError, match="max_waiting is 0, expected more than 0"):
        ServerSettings(max_waiting=0)
    with pytest.raises(InvalidArgumentError, match="api_key is empty"):
        ServerSettings(api_key=" ")
    with pytest.raises(InvalidArgumentError, match="no model to serve"):
        ServedModels()
    with serving(ServedModels(MODEL, "tiny")) as server:
        port = int(server.address.rpartition(":")[2])
        with pytest.raises(FileAccessError, match=f"cannot listen at 127.0.0.1, port {port}"):
            run(ServedModels(MODEL, "tiny"), port=port)
