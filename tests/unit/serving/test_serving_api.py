"""OpenAI's own client against a server on loopback."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import numpy as np
import pytest
from shared_data import ROOT

pytest.importorskip("torch")
pytest.importorskip("fastapi")
openai = pytest.importorskip("openai")
httpx = pytest.importorskip("httpx")

import torch
from served import Served, serving
from tiny_language_model import tiny_language_model

from ferrolm.generation import ChatTemplate, LanguageModel
from ferrolm.models import BertConfig, BertForSentenceEmbedding
from ferrolm.serving import EmbeddingModel, ServedModels

MODEL = tiny_language_model(n_positions=64)
TEMPLATE = ChatTemplate(
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{{ tools | length if tools else '' }}>"
)
HELLO = [{"role": "user", "content": "hello"}]


def encoder() -> EmbeddingModel:
    config = BertConfig(
        vocab_size=257, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    torch.manual_seed(1)
    return EmbeddingModel(BertForSentenceEmbedding(config).eval(), MODEL.tokenizer)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    models = ServedModels(MODEL, "tiny", embedding=encoder(), embedding_name="encoder", template=TEMPLATE)
    with serving(models, max_batch_size=4) as server:
        yield server


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[openai.OpenAI]:
    with served.client() as found:
        yield found


def drawn(prompt: str | list[int], model: LanguageModel = MODEL, **settings: object) -> str:
    return model.generate(prompt, do_sample=True, top_k=0, **settings).text


def test_models(client):
    assert [model.id for model in client.models.list()] == ["tiny", "encoder"]
    assert client.models.retrieve("tiny").max_model_len == 64


def test_completions_are_those_of_generate(client):
    answer = client.completions.create(model="tiny", prompt="hello", seed=3, max_tokens=9, temperature=0.7)
    assert answer.choices[0].text == drawn("hello", seed=3, max_new_tokens=9, temperature=0.7)
    assert answer.choices[0].finish_reason == "length"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 9)
    greedy = client.completions.create(model="tiny", prompt="hello", temperature=0)
    assert greedy.choices[0].text == MODEL.generate("hello", max_new_tokens=16).text
    ids = MODEL.tokenizer.encode_list("hello", True)
    assert client.completions.create(model="tiny", prompt=ids, temperature=0).choices == greedy.choices


def test_several_prompts_and_choices(client):
    answer = client.completions.create(model="tiny", prompt=["ab", "xyz"], n=2, seed=5, max_tokens=6)
    expected = [
        each.text
        for prompt in ("ab", "xyz")
        for each in MODEL.generate(
            prompt, do_sample=True, top_k=0, seed=5, num_return_sequences=2, max_new_tokens=6
        )
    ]
    assert [choice.text for choice in answer.choices] == expected
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 24)


def test_stop_strings_and_biases(client):
    whole = client.completions.create(model="tiny", prompt="hello", temperature=0).choices[0].text
    stopped = client.completions.create(model="tiny", prompt="hello", temperature=0, stop=whole[3]).choices[0]
    assert (stopped.text, stopped.finish_reason) == (whole.partition(whole[3])[0], "stop")
    biased = client.completions.create(model="tiny", prompt="hello", temperature=0, logit_bias={"65": 100})
    assert len(set(biased.choices[0].text)) == 1


def test_streams_are_the_same_text(client):
    options = {"model": "tiny", "prompt": "hello", "seed": 11, "max_tokens": 12, "n": 2}
    whole = client.completions.create(**options)
    texts, reasons, usage = ["", ""], [None, None], None
    for event in client.completions.create(**options, stream=True, stream_options={"include_usage": True}):
        usage = event.usage or usage
        for choice in event.choices:
            texts[choice.index] += choice.text
            reasons[choice.index] = choice.finish_reason or reasons[choice.index]
    assert texts == [choice.text for choice in whole.choices]
    assert reasons == ["length", "length"]
    assert usage == whole.usage


def test_logprobs_and_echo(client):
    answer = client.completions.create(
        model="tiny", prompt="hello", max_tokens=3, temperature=0, logprobs=2, echo=True
    )
    choice = answer.choices[0]
    assert choice.text == "hello" + MODEL.generate("hello", max_new_tokens=3).text
    ids = choice.logprobs.token_ids
    logits = MODEL.model(torch.tensor([ids])).logits[0].detach().log_softmax(-1)
    expected = [None, *(float(logits[at, token]) for at, token in enumerate(ids[1:]))]
    assert choice.logprobs.token_logprobs[0] is None
    np.testing.assert_allclose(choice.logprobs.token_logprobs[1:], expected[1:], atol=1e-4)
    assert choice.logprobs.text_offset[:5] == [0, 1, 2, 3, 4]
    best = logits[6].topk(2)
    np.testing.assert_allclose(
        list(choice.logprobs.top_logprobs[7].values()), best.values.tolist(), atol=1e-4
    )
    # How programs score texts: nothing is generated.
    scored = client.completions.create(model="tiny", prompt="hello", max_tokens=0, logprobs=0, echo=True)
    np.testing.assert_allclose(scored.choices[0].logprobs.token_logprobs[1:], expected[1:5], atol=1e-4)
    assert scored.choices[0].text == "hello"
    assert scored.usage.completion_tokens == 0


def test_chats_are_those_of_the_template(client):
    answer = client.chat.completions.create(model="tiny", messages=HELLO, seed=4, max_tokens=8)
    ids = MODEL.tokenizer.encode_list("<user>hello>", False)
    assert answer.choices[0].message.content == drawn(ids, seed=4, max_new_tokens=8)
    parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
    again = client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": parts}], seed=4, max_completion_tokens=8
    )
    assert again.choices == answer.choices
    events = list(
        client.chat.completions.create(
            model="tiny",
            messages=HELLO,
            seed=4,
            max_tokens=8,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert events[0].choices[0].delta.role == "assistant"
    text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    assert text == answer.choices[0].message.content
    assert events[-2].choices[0].finish_reason == "length"
    assert events[-1].usage == answer.usage


def test_log_probabilities_of_chats(client):
    answer = client.chat.completions.create(
        model="tiny", messages=HELLO, max_tokens=4, temperature=0, logprobs=True, top_logprobs=3
    )
    content = answer.choices[0].logprobs.content
    assert len(content) == 4
    for each in content:
        assert each.top_logprobs[0].token == each.token  # greedy takes the best
        assert each.logprob == pytest.approx(each.top_logprobs[0].logprob)
        assert len(each.top_logprobs) == 3
        assert len(each.bytes) == 1  # a vocabulary of bytes


def test_an_answer_can_be_begun_and_tools_reach_the_template(client):
    turns = [*HELLO, {"role": "assistant", "content": "wel"}]
    extra = {"continue_final_message": True}
    answer = client.chat.completions.create(
        model="tiny", messages=turns, temperature=0, max_tokens=4, extra_body=extra
    )
    ids = MODEL.tokenizer.encode_list("<user>hello<assistant>wel", False)
    assert answer.choices[0].message.content == MODEL.generate(ids, max_new_tokens=4).text
    tool = {"type": "function", "function": {"name": "f"}}
    with_tools = client.chat.completions.create(
        model="tiny", messages=HELLO, temperature=0, max_tokens=4, tools=[tool, tool]
    )
    ids = MODEL.tokenizer.encode_list("<user>hello2>", False)
    assert with_tools.choices[0].message.content == MODEL.generate(ids, max_new_tokens=4).text


def test_answers_that_follow_a_schema(client):
    pytest.importorskip("llguidance")
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "maximum": 99},
            "who": {"enum": ["Ann", "Bob"]},
        },
        "required": ["age", "who"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    options = {"model": "tiny", "messages": HELLO, "response_format": form, "n": 2, "seed": 1}
    answer = client.chat.completions.create(**options)
    for choice in answer.choices:
        found = json.loads(choice.message.content)
        assert found.keys() == {"age", "who"}
        assert found["who"] in ("Ann", "Bob")
        assert choice.finish_reason == "stop"
    assert client.chat.completions.create(**options).choices == answer.choices
    text = "".join(
        event.choices[0].delta.content or ""
        for event in client.chat.completions.create(**(options | {"n": 1}), stream=True)
    )
    assert json.loads(text).keys() == {"age", "who"}


def test_embeddings(client):
    texts = ["a text", "another, longer text"]
    answer = client.embeddings.create(model="encoder", input=texts, encoding_format="float")
    model = encoder()
    for text, found in zip(texts, answer.data, strict=True):
        ids = torch.tensor([MODEL.tokenizer.encode_list(text, True)])
        expected = model.model(ids).embeddings[0].tolist()
        np.testing.assert_allclose(found.embedding, expected, atol=1e-6)
    # The client asks for base64 by itself.
    np.testing.assert_array_equal(
        client.embeddings.create(model="encoder", input=texts).data[1].embedding, answer.data[1].embedding
    )
    short = client.embeddings.create(model="encoder", input=texts[0], dimensions=4).data[0].embedding
    assert len(short) == 4
    assert np.linalg.norm(short) == pytest.approx(1)
    assert answer.usage.total_tokens == 6 + 20


def test_base64_is_little_endian_float32(served):
    body = {"model": "encoder", "input": "x", "encoding_format": "base64"}
    data = httpx.post(f"{served.address}/v1/embeddings", json=body).json()["data"][0]["embedding"]
    floats = httpx.post(f"{served.address}/v1/embeddings", json=body | {"encoding_format": "float"})
    expected = np.array(floats.json()["data"][0]["embedding"], np.float32)
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(data), "<f4"), expected)


@pytest.mark.skipif(not (ROOT / "models/tiny-bert-wikitext2").exists(), reason="needs the shared data")
def test_an_encoder_is_served_by_its_folder():
    models = ServedModels.load(str(ROOT / "models/tiny-bert-wikitext2"), device="cpu")
    with serving(models) as server, server.client() as client:
        (model,) = client.models.list()
        assert model.id == "tiny-bert-wikitext2"
        vectors = [
            each.embedding for each in client.embeddings.create(model=model.id, input=["a", "b c"]).data
        ]
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
        with pytest.raises(openai.BadRequestError, match="makes embeddings, and no text"):
            client.completions.create(model=model.id, prompt="x")


def test_tokens_with_probabilities(served):
    found = httpx.post(f"{served.address}/tokenize", json={"text": "né", "top_logprobs": 2}).json()
    assert [token["text"] for token in found["tokens"]] == ["n", "bytes:\\xc3", "bytes:\\xa9"]
    assert found["tokens"][0]["logprob"] is None
    assert len(found["next"]) == 2
    ids = [token["id"] for token in found["tokens"]]
    expected = MODEL.model(torch.tensor([ids])).logits[0].detach().log_softmax(-1)
    assert found["tokens"][2]["logprob"] == pytest.approx(float(expected[1, ids[2]]), abs=1e-4)
    assert found["next"][0]["id"] == int(expected[2].argmax())
    chat = httpx.post(f"{served.address}/tokenize", json={"messages": HELLO}).json()
    assert chat["count"] == len("<user>hello>")


def test_metrics_and_health(served, client):
    assert httpx.get(f"{served.address}/health").json()["status"] == "ok"
    before = _metric(served, "ferrolm_generated_tokens_total")
    client.completions.create(model="tiny", prompt="hello", max_tokens=7, extra_body={"ignore_eos": True})
    assert _metric(served, "ferrolm_generated_tokens_total") == before + 7
    assert _metric(served, "ferrolm_requests_running") == 0
    assert _metric(served, 'ferrolm_requests_total{route="/health",status="200"}') >= 1


def _metric(served: Served, name: str) -> float:
    text = httpx.get(f"{served.address}/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return float(lines.get(name, 0))
