"""Chat templates give the texts of transformers' ``apply_chat_template``."""

from __future__ import annotations

import json

import pytest
from chat_templates import STYLES
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tokenizers import Tokenizer, models

from ferrolm.errors import FerrolmError, InvalidArgumentError
from ferrolm.generation.chat_template import ChatTemplate

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
REFERENCE = transformers.PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>")), **SPECIAL
)
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Wetter <in> \"Köln\" & 'Rom'",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}
OURS = {name: ChatTemplate(source, SPECIAL) for name, source in STYLES.items()}

texts = st.text(max_size=30)
roles = st.sampled_from(["user", "assistant", "system", "tool"])
parts = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), min_size=1, max_size=3)
contents = st.one_of(texts, texts, parts, st.none())
messages = st.lists(
    st.fixed_dictionaries(
        {"role": roles, "content": contents},
        optional={"name": texts, "tool_calls": st.none(), "thinking": texts, "reasoning_content": texts},
    ),
    min_size=1,
    max_size=5,
)
dialogues = st.lists(texts, min_size=1, max_size=6).map(
    lambda turns: [{"role": ("user", "assistant")[at % 2], "content": turn} for at, turn in enumerate(turns)]
)


def theirs(style: str, turns: list[dict[str, object]], **options: object) -> str | None:
    """Their text, or None for an error."""
    try:
        text: str = REFERENCE.apply_chat_template(
            turns, chat_template=STYLES[style], tokenize=False, **options
        )
    except Exception:  # of many classes: what matters is that there is one
        return None
    return text


def ours(style: str, turns: list[dict[str, object]], **options: object) -> str | None:
    try:
        return OURS[style].render(turns, **options)
    except FerrolmError:
        return None


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=60, deadline=None)
@given(turns=st.one_of(messages, dialogues), prompted=st.booleans(), continued=st.booleans())
def test_random_messages(style, turns, prompted, continued):
    options = {"add_generation_prompt": prompted, "continue_final_message": continued}
    assert ours(style, turns, **options) == theirs(style, turns, **options)


def test_tools_documents_and_variables():
    turns = [
        {"role": "user", "content": "Rain?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"type": "function", "function": {"name": "weather", "arguments": {"city": "Köln"}}}
            ],
        },
    ]
    documents = [{"title": "b", "text": "two\nlines"}, {"title": "a", "text": "<one>"}]
    for options in (
        {"tools": [WEATHER]},
        {"documents": documents},
        {"tools": [WEATHER, WEATHER], "documents": documents, "persona": "pirate"},
        {},
    ):
        text = ours("tools", turns, **options)
        assert text is not None
        assert text == theirs("tools", turns, **options)


@pytest.mark.parametrize(
    "content",
    ["And then ", "And then", "", [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]],
)
def test_the_last_message_is_continued(content):
    turns = [{"role": "user", "content": "Tell me"}, {"role": "assistant", "content": content}]
    for style in STYLES:
        text = ours(style, turns, continue_final_message=True)
        assert text == theirs(style, turns, continue_final_message=True)
    assert ours("chatml", turns, continue_final_message=True).endswith(
        content if isinstance(content, str) else "one two"
    )


def test_spans_of_what_the_assistant_says():
    turns = [
        {"role": "user", "content": "Hé?"},
        {"role": "assistant", "content": "Ho."},
        {"role": "user", "content": "Ha?"},
        {"role": "assistant", "content": "Hu."},
    ]
    text, spans = OURS["zephyr"].render_with_spans(turns)
    from transformers.utils.chat_template_utils import render_jinja_template

    rendered, indices = render_jinja_template(
        [turns], chat_template=STYLES["zephyr"], return_assistant_tokens_mask=True, **SPECIAL
    )
    assert (text, spans) == (rendered[0], indices[0])
    assert [text[start:end] for start, end in spans] == ["Ho.</s>", "Hu.</s>"]


def test_both_ways_of_ending_at_once_are_refused_by_both():
    turns = [{"role": "user", "content": "x"}]
    assert theirs("chatml", turns, add_generation_prompt=True, continue_final_message=True) is None
    with pytest.raises(InvalidArgumentError, match="exclude each other"):
        OURS["chatml"].render(turns, add_generation_prompt=True, continue_final_message=True)


def test_a_folder_that_transformers_saved(tmp_path):
    turns = [{"role": "user", "content": "x"}]
    for place, template in enumerate(
        (STYLES["llama-2"], {"default": STYLES["llama-2"], "tool_use": STYLES["tools"]})
    ):
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0})), **SPECIAL
        )
        tokenizer.chat_template = template
        folder = tmp_path / str(place)
        tokenizer.save_pretrained(folder)
        found = ChatTemplate.of(folder)
        for options in ({}, {"tools": [WEATHER]}):
            assert found.render(turns, **options) == tokenizer.apply_chat_template(
                turns, tokenize=False, **options
            )


def test_tokenizer_config_of_older_versions(tmp_path):
    turns = [{"role": "user", "content": "x"}]
    named = [{"name": name, "template": STYLES[name]} for name in ("llama-2", "tools")]
    settings = {"bos_token": {"content": "<s>", "lstrip": False}, "eos_token": "</s>", "chat_template": named}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    found = ChatTemplate.of(tmp_path)
    assert found.render(turns, name="llama-2") == "<s>[INST] x [/INST]"
    with pytest.raises(FerrolmError, match=r'has no template "default": give name, one of llama-2, tools'):
        found.render(turns)
