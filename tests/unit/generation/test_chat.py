"""Answers to dialogues: the model's template makes the prompt, and what ends an answer is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_language_model import tiny_language_model

import ferrolm
from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.chat_prompt import chat_prompt
from ferrolm.generation.chat_template import ChatTemplate

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{{ '<a>' if add_generation_prompt }}"
)
TALK = [{"role": "user", "content": "Hi"}]


def test_an_answer_continues_the_rendered_dialogue() -> None:
    model = tiny_language_model()
    model.chat_template = ChatTemplate(TEMPLATE)
    assert model.apply_chat_template(TALK, add_generation_prompt=True) == "<user>Hi<a>"
    expected = model.generate("<user>Hi<a>", max_new_tokens=5)
    assert model.chat(TALK, max_new_tokens=5).ids.tolist() == expected.ids.tolist()
    assert "".join(model.stream_chat(TALK, max_new_tokens=5)) == expected.text


def test_a_checkpoint_brings_its_template(tmp_path: Path) -> None:
    model = tiny_language_model()
    model.save(tmp_path)
    assert ferrolm.load_model(tmp_path, device="cpu").chat_template is None
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE)
    assert ferrolm.load_model(tmp_path, device="cpu").apply_chat_template(TALK) == "<user>Hi"


def test_a_model_without_a_template_says_so() -> None:
    with pytest.raises(InvalidArgumentError, match="the model has no chat_template"):
        tiny_language_model().chat(TALK)


def test_what_ends_an_answer_of_the_template_ends_it() -> None:
    model = tiny_language_model()
    model.chat_template = ChatTemplate.plain()
    prompt, settings = chat_prompt(
        model.chat_template, model.tokenizer, TALK, {"stop": "x", "max_new_tokens": 4}
    )
    assert settings == {"stop": ("x", *model.chat_template.stop), "max_new_tokens": 4}
    assert model.tokenizer.decode(prompt.tolist()).endswith("Assistant:")
