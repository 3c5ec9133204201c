"""``ChatTemplate``: where templates are found, and what becomes of wrong and hostile ones."""

from __future__ import annotations

import json
import threading

import pytest
from chat_templates import CHATML, LLAMA_2, ZEPHYR

pytest.importorskip("torch")

from ferrolm.errors import (
    FerrolmError,
    InvalidArgumentError,
    InvalidFileError,
    InvalidTypeError,
    LimitError,
    MissingFileError,
    UnknownNameError,
)
from ferrolm.generation.chat_template import ChatTemplate

HELLO = [{"role": "user", "content": "Hello"}]


def test_where_a_template_comes_from(tmp_path):
    assert ChatTemplate.of(tmp_path) is None
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    assert ChatTemplate.of(tmp_path) is None
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"eos_token": "</s>", "chat_template": "{{ 'old' + eos_token }}"})
    )
    assert ChatTemplate.of(tmp_path).render(HELLO) == "old</s>"
    (tmp_path / "chat_template.jinja").write_text("{{ 'new' + eos_token }}")
    assert ChatTemplate.of(str(tmp_path)).render(HELLO) == "new</s>"
    assert ChatTemplate.of(tmp_path / "chat_template.jinja").render(HELLO, eos_token="!") == "new!"
    assert ChatTemplate.of("{{ messages[0].content }}").render(HELLO) == "Hello"
    with pytest.raises(MissingFileError, match="nowhere does not exist"):
        ChatTemplate.of(tmp_path / "nowhere")


def test_a_gguf_file_has_its_template_inside(tmp_path):
    gguf = pytest.importorskip("gguf")
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(["a", "b", "ab", "<s>", "</s>"])
    writer.add_token_types([1, 1, 1, 3, 3])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(3)
    writer.add_eos_token_id(4)
    writer.add_chat_template("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    assert ChatTemplate.of(path).render(HELLO) == "<s>Hello</s>"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("one\n{% if %}", "line 2: not a chat template: Expected an expression"),
        ("{% for x in messages %}", "line 1: not a chat template"),
        ("\n\n{{ x | nosuchfilter }}", "line 3: not a chat template: No filter named 'nosuchfilter'"),
        ("{% generation %}x", "line 1: not a chat template"),
    ],
)
def test_what_is_no_template_is_named_with_file_and_line(tmp_path, source, words):
    path = tmp_path / "chat_template.jinja"
    path.write_text(source)
    with pytest.raises(InvalidFileError) as caught:
        ChatTemplate.of(tmp_path)
    assert f"{path}, {words}" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "holds list, expected an object"),
        ('{"chat_template": 7}', "neither a text nor a list"),
        ('{"chat_template": [{"name": "x"}]}', "neither a text nor a list"),
    ],
)
def test_settings_that_hold_none(tmp_path, settings, words):
    (tmp_path / "tokenizer_config.json").write_text(settings)
    with pytest.raises(InvalidFileError, match=words):
        ChatTemplate.of(tmp_path)


def test_messages_that_a_template_refuses_or_cannot_use():
    with pytest.raises(InvalidArgumentError, match="refuses the messages: roles have to alternate"):
        ChatTemplate(LLAMA_2).render([{"role": "assistant", "content": "I begin"}])
    template = ChatTemplate("\n{{ 'a' + messages[0].content }}", filename="my.jinja")
    with pytest.raises(InvalidArgumentError, match=r"my\.jinja, line 2: the chat template fails"):
        template.render([{"role": "user", "content": 3}])
    with pytest.raises(InvalidArgumentError, match=r"has no attribute 'content'"):
        template.render([{"role": "user"}])


@pytest.mark.parametrize(
    ("messages", "error", "words"),
    [
        ([], InvalidArgumentError, "messages is empty"),
        ("Hello", InvalidTypeError, "messages is str"),
        ([3], InvalidTypeError, r"messages\[0\] is int"),
        ([{"role": "user", "content": object()}], InvalidTypeError, r"messages\[0\]\['content'\] is object"),
    ],
)
def test_what_is_no_list_of_messages(messages, error, words):
    with pytest.raises(error, match=words):
        ChatTemplate(CHATML).render(messages)


def test_arguments_that_are_wrong():
    template = ChatTemplate({"default": CHATML, "tool_use": ZEPHYR})
    with pytest.raises(UnknownNameError, match="did you mean 'tool_use'"):
        template.render(HELLO, name="tools_use")
    with pytest.raises(InvalidTypeError, match=r"tools\[0\] is str, expected a dictionary"):
        template.render(HELLO, tools=["weather"])
    with pytest.raises(InvalidTypeError, match="documents is str"):
        template.render(HELLO, documents="text")
    with pytest.raises(InvalidArgumentError, match="needs a last message with text"):
        template.render([{"role": "user", "content": []}], continue_final_message=True)


# What takes memory or time that a dialogue never needs, in each way that Jinja has.
ENDLESS = [
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{{ 'x' * 999 }}{% endfor %}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{{ 'a' * 10 ** 10 }}",
    "{{ [1] * 10 ** 10 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ '%9999999999d' % 3 }}",
    "{{ '{:9999999999}'.format(3) }}",
    "{{ 'a'.ljust(10 ** 10) }}",
    "{{ 'a' | center(10 ** 10) }}",
    "{{ ('a' * 999999).replace('a', 'b' * 999999) }}",
    "{{ ('a' * 999999) | replace('a', 'b' * 999999) }}",
    "{{ ('a' * 999999) | join('b' * 999999) }}",
    "{{ ('b' * 999999).join('a' * 999999) }}",
]


@pytest.mark.parametrize("source", ENDLESS)
def test_what_does_not_end_is_ended(source):
    with pytest.raises(LimitError, match=r"^<chat template>(, line 1)?: the chat template is too much"):
        ChatTemplate(source).render(HELLO)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update(a=1) }}",
        "{{ namespace(__class__=1) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ raise_exception.__globals__.keys() }}",
        "{{ self.__init__.__globals__.os }}",
        "{% include '/etc/passwd' %}",
        "{{ '{0.__class__.__mro__}'.format(1) }}",
    ],
)
def test_nothing_leads_out_of_the_sandbox(source):
    with pytest.raises(FerrolmError):
        ChatTemplate(source).render(HELLO)


def test_messages_stay_as_they_were():
    turns = [{"role": "user", "content": [{"type": "text", "text": "a"}], "name": None}]
    ChatTemplate(CHATML).render(turns, continue_final_message=True)
    assert turns == [{"role": "user", "content": [{"type": "text", "text": "a"}], "name": None}]


def test_threads_share_a_template():
    template = ChatTemplate(ZEPHYR, {"eos_token": "</s>"})
    wrong = []

    def work(number: int) -> None:
        for _ in range(30):
            turns = [{"role": "assistant", "content": f"{number}" * number}] * 3
            text, spans = template.render_with_spans(turns)
            if [text[start:end] for start, end in spans] != [f"{number}" * number + "</s>"] * 3:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
