"""Dialogues: messages in, the history with the answer out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_language_model import tiny_language_model

import ferrolm
from ferrolm.errors import InvalidTypeError
from ferrolm.generation import ChatTemplate, NgramLanguageModel
from ferrolm.ngram import NgramLM

pytest.importorskip("jinja2", reason="needs the extra that chat templates need")

TEMPLATE = (
    "{% for message in messages %}{{ message.role[0] }}:{{ message.content }}|{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)
ASKED = [{"role": "user", "content": "hi"}]
SETTINGS = {"do_sample": False, "max_new_tokens": 4}

model = tiny_language_model()
pipe = ferrolm.pipeline("conversational", model, chat_template=TEMPLATE, **SETTINGS)


def test_an_answer_is_another_message() -> None:
    answer = model.generate("u:hi|a:", **SETTINGS).text
    assert pipe(ASKED) == [{"generated_text": [*ASKED, {"role": "assistant", "content": answer}]}]
    assert pipe(ASKED, return_full_text=False) == [{"generated_text": answer}]
    assert ASKED == [{"role": "user", "content": "hi"}]


def test_the_history_is_continued() -> None:
    history = [*pipe(ASKED)[0]["generated_text"], {"role": "user", "content": "so?"}]
    answer = model.generate(f"u:hi|a:{history[1]['content']}|u:so?|a:", **SETTINGS).text
    assert pipe(history)[0]["generated_text"] == [*history, {"role": "assistant", "content": answer}]


def test_a_message_of_the_assistant_is_continued() -> None:
    begun = [*ASKED, {"role": "assistant", "content": "we"}]
    answer = model.generate("u:hi|a:we", **SETTINGS).text
    assert pipe(begun)[0]["generated_text"] == [*ASKED, {"role": "assistant", "content": "we" + answer}]
    [last] = pipe(begun, continue_final_message=False)[0]["generated_text"][2:]
    assert last == {"role": "assistant", "content": model.generate("u:hi|a:we|a:", **SETTINGS).text}


def test_several_dialogues_and_texts_beside_them() -> None:
    other = [{"role": "user", "content": "b"}]
    found = pipe([ASKED, other], batch_size=2)
    assert found == [pipe(ASKED), pipe(other)]
    assert list(pipe(iter([ASKED, "text", other]), batch_size=2)) == [pipe(ASKED), pipe("text"), pipe(other)]


def test_long_histories_lose_their_beginning() -> None:
    long = [{"role": "user", "content": "abc " * 20}]
    text = f"u:{long[0]['content']}|a:"
    found = pipe(long, handle_long_generation="hole", return_full_text=False)
    assert found == [{"generated_text": model.generate(text[-44:], **SETTINGS).text}]


def test_a_template_may_say_what_ends_an_answer() -> None:
    plain = ferrolm.pipeline("conversational", model, chat_template=ChatTemplate.plain(), do_sample=False)
    answer = model.generate(
        "User: hi\nAssistant:", do_sample=False, max_new_tokens=9, stop_strings=["\nUser:"]
    ).text
    expected = [{"generated_text": [*ASKED, {"role": "assistant", "content": answer}]}]
    assert plain(ASKED, max_new_tokens=9) == expected
    ended = plain([ASKED, "text"], max_new_tokens=9, stop_sequence=answer[2:4], return_full_text=False)
    assert answer[2:4] not in ended[0][0]["generated_text"]
    assert ended[1] == plain("text", max_new_tokens=9, stop_sequence=answer[2:4], return_full_text=False)


def test_messages_that_are_none() -> None:
    for messages in ([{"content": "hi"}], [*ASKED, "hi"]):
        with pytest.raises(InvalidTypeError, match="expected a dictionary with role and content"):
            pipe(messages)


def test_a_tokenizer_of_ones_own_leaves_the_rest_as_the_folder_has_it(tmp_path: Path) -> None:
    own = tiny_language_model()
    own.save(tmp_path / "chat")
    (tmp_path / "chat" / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.content }}{% endfor %}"
    )
    talk = ferrolm.pipeline(
        "text-generation", tmp_path / "chat", tokenizer=own.tokenizer, device="cpu", do_sample=False
    )
    assert talk.tokenizer is own.tokenizer
    history = talk([{"role": "user", "content": "hello"}], max_new_tokens=4)[0]["generated_text"]
    assert history[-1]["content"] == own.generate("hello", max_new_tokens=4).text
    ngrams = NgramLM.train([[0, 1] * 4] * 9, order=2, vocab_size=257, smoothing="witten-bell")
    NgramLanguageModel(ngrams, own.tokenizer).save(tmp_path / "ngrams")
    other = ferrolm.load_model(tmp_path / "ngrams", tokenizer=own.tokenizer)
    assert other.tokenizer is own.tokenizer
    assert len(other.generate([0], max_new_tokens=3).ids) > 0
