"""`ChatTemplate`: a dialogue as the one text that a model has been taught to continue.

The template is the Jinja program of a checkpoint's chat_template.jinja or tokenizer_config.json; texts are those of transformers'
``apply_chat_template(tokenize=False)``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ferrolm._extras import require
from ferrolm.errors import (
    InvalidArgumentError,
    InvalidFileError,
    InvalidTypeError,
    LimitError,
    MissingFileError,
    UnknownNameError,
    nearest,
)

__all__ = ["ChatTemplate"]

_SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_GGUF_NAMES = {
    "unk_token": "unknown",
    "sep_token": "seperator",
    "pad_token": "padding",
}  # as they are spelt there
# Names under which messages carry what the model thought; the first is the one that templates read.
_REASONING = ("reasoning_content", "thinking", "reasoning")
_HERE = "FERROLM_CONTINUES_HERE "
_MOST_BYTES = 4 << 20
# For models that have been taught no format of dialogues.
_PLAIN = """{% for message in messages %}
{% set text = message.content if message.content is string else message.content | map(attribute="text") | join %}
{% if message.role == "system" %}{{ text + "\n\n" }}
{%- else %}{{ (message.role | capitalize) + ": " + text }}{{ "" if loop.last and not add_generation_prompt else "\n" }}
{%- endif %}
{% endfor %}
{{ "Assistant:" if add_generation_prompt }}"""
Messages = Sequence[Mapping[str, Any]]


class ChatTemplate:
    """How messages become a prompt.

    Args:
        source: the program, or several under names; "default" is taken unless there are tools and a "tool_use".
        variables: what every text may use, as ``bos_token``.
        filename: for errors.

    ``stop``: strings that end an answer, beside the model's own tokens; ``begins_itself``: whether texts begin with what
    begins a text, so that encoding adds no special tokens. Both are otherwise for `plain` alone.

    Raises `InvalidFileError` for a template that is not valid Jinja, with the file and the line.

    >>> template = ChatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
    >>> template.render([{"role": "user", "content": "Hello!"}])
    '<user>Hello!'
    """

    def __init__(
        self,
        source: str | Mapping[str, str],
        variables: Mapping[str, Any] | None = None,
        filename: str = "<chat template>",
    ) -> None:
        require("jinja2", extra="torch", purpose="a chat template")
        from ferrolm.generation.template_sandbox import Sandbox

        self.sources = {"default": source} if isinstance(source, str) else dict(source)
        self.variables = dict(variables or {})
        self.filename = filename
        self.stop: tuple[str, ...] = ()
        self.begins_itself = True
        if not self.sources:
            raise InvalidArgumentError("source holds no template")
        sandbox = Sandbox()
        self._templates = {name: self._compiled(sandbox, text) for name, text in self.sources.items()}

    @classmethod
    def of(cls, folder_or_string: Path | str) -> ChatTemplate | None:
        """The template of a checkpoint's folder, of a file, or of a text that is one; None for a checkpoint without.

        A folder's chat_template.jinja (with additional_chat_templates/NAME.jinja) wins over tokenizer_config.json, whose
        ``chat_template`` is one program or a list of named ones; its special tokens become variables. A GGUF file has its
        template and its tokens inside.
        """
        if isinstance(folder_or_string, str) and ("{{" in folder_or_string or "{%" in folder_or_string):
            return cls(folder_or_string)
        path = Path(folder_or_string)
        if path.is_dir():
            return _of_folder(cls, path)
        if path.suffix == ".gguf":
            return _of_gguf(cls, path)
        return cls(_text(path), filename=str(path))

    @classmethod
    def plain(cls) -> ChatTemplate:
        """A format that any language model can continue: who speaks, a colon, and the message, a line each.

        What the system says comes first, with an empty line after it; a line that begins with ``User:`` ends an answer.

        >>> turns = [{"role": "system", "content": "A talk."}, {"role": "user", "content": "Hello!"}]
        >>> print(ChatTemplate.plain().render(turns, add_generation_prompt=True))
        A talk.
        <BLANKLINE>
        User: Hello!
        Assistant:
        """
        template = cls(_PLAIN, filename="<plain chat template>")
        template.stop, template.begins_itself = ("\nUser:", "\nSystem:"), False
        return template

    def render(
        self,
        messages: Messages,
        *,
        add_generation_prompt: bool = False,
        continue_final_message: bool = False,
        tools: Sequence[Mapping[str, Any]] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        name: str | None = None,
        **variables: Any,
    ) -> str:
        """The text of a dialogue.

        messages: dictionaries with "role" and "content", which is a text or a list of parts. add_generation_prompt: end with
        what begins an answer. continue_final_message: leave the last message open, to go on with it. tools: JSON schemas of
        functions; documents: with "title" and "text"; a template without a place for them leaves them out. name: of one of
        several templates. variables: for the template, in place of its own.

        Raises `InvalidArgumentError` for messages that the template refuses or cannot use, with its words and the line,
        and `LimitError` where it does not come to an end.
        """
        text, _ = self._render(
            messages, add_generation_prompt, continue_final_message, tools, documents, name, variables
        )
        return text

    def render_with_spans(
        self, messages: Messages, *, add_generation_prompt: bool = False, **variables: Any
    ) -> tuple[str, list[tuple[int, int]]]:
        """The text, and where in it lies what the assistant says: (start, end) in characters, for training on these alone.

        The template marks it by ``{% generation %}``; one that does not has no spans. variables: as in `render`.

        >>> source = "{% for m in messages %}> {% generation %}{{ m.content }}{% endgeneration %} {% endfor %}"
        >>> ChatTemplate(source).render_with_spans([{"role": "assistant", "content": "Hi"}])
        ('> Hi ', [(2, 4)])
        """
        tools, documents, name = (variables.pop(key, None) for key in ("tools", "documents", "name"))
        return self._render(messages, add_generation_prompt, False, tools, documents, name, variables)

    def __repr__(self) -> str:
        return f"ChatTemplate({self.filename!r}, {', '.join(self.sources)})"

    def _compiled(self, sandbox: Any, source: str) -> Any:
        from jinja2.exceptions import TemplateSyntaxError

        try:
            return sandbox.template(source, self.filename)
        except TemplateSyntaxError as error:
            raise InvalidFileError(
                f"{self.filename}, line {error.lineno}: not a chat template: {error.message}"
            ) from None
        except (RecursionError, SyntaxError, MemoryError) as error:
            raise InvalidFileError(f"{self.filename}: not a chat template: {error}") from None

    def _render(
        self,
        messages: Messages,
        add_generation_prompt: bool,
        continue_final_message: bool,
        tools: Any,
        documents: Any,
        name: str | None,
        variables: Mapping[str, Any],
    ) -> tuple[str, list[tuple[int, int]]]:
        if continue_final_message and add_generation_prompt:
            raise InvalidArgumentError(
                "continue_final_message and add_generation_prompt exclude each other: "
                "the answer either continues the last message or begins a new one"
            )
        template = self._templates[self._name(name, tools)]
        turns = _messages(messages)
        last = _open(turns) if continue_final_message else ""
        given = {
            **self.variables,
            **_plain(dict(variables), "variables"),
            "messages": turns,
            "tools": _dictionaries(tools, "tools"),
            "documents": _dictionaries(documents, "documents"),
            "add_generation_prompt": add_generation_prompt,
        }
        text, spans = self._run(template, given)
        return (self._continued(text, last), []) if continue_final_message else (text, spans)

    def _name(self, name: str | None, tools: Any) -> str:
        if name is None:
            wanted = "tool_use" if tools is not None and "tool_use" in self.sources else "default"
            if wanted in self.sources:
                return wanted
            raise InvalidArgumentError(
                f'{self.filename} has no template "default": give name, one of {", ".join(self.sources)}'
            )
        if name not in self.sources:
            raise UnknownNameError(
                f"{self.filename} has no template {name!r}, it has {', '.join(self.sources)}{nearest(name, self.sources)}"
            )
        return name

    def _run(self, template: Any, variables: Mapping[str, Any]) -> tuple[str, list[tuple[int, int]]]:
        from jinja2.exceptions import SecurityError

        from ferrolm.generation.template_sandbox import RefusedError, Rendering

        rendering = Rendering()
        try:
            return rendering.run(template, variables), rendering.generated
        except RefusedError as error:
            raise InvalidArgumentError(f"the chat template refuses the messages: {error}") from None
        except SecurityError as error:
            raise InvalidFileError(f"{self._place(error)}: not allowed in a chat template: {error}") from None
        except LimitError as error:
            raise LimitError(f"{self._place(error)}: the chat template is too much: {error}") from None
        except Exception as error:  # whatever a program can raise
            raise InvalidArgumentError(
                f"{self._place(error)}: the chat template fails on these messages: {error or type(error).__name__}"
            ) from None

    def _place(self, error: BaseException) -> str:
        """The file and the line of the template that an error comes from."""
        line, at = 0, error.__traceback__
        while isinstance(at, TracebackType):
            if at.tb_frame.f_code.co_filename == self.filename:
                line = at.tb_lineno
            at = at.tb_next
        return f"{self.filename}, line {line}" if line else self.filename

    def _continued(self, text: str, last: str) -> str:
        """The text up to the mark at the end of the last message."""
        at = text.rfind(_HERE.strip())
        if at < 0 or last.strip() not in text:
            raise InvalidArgumentError(
                f"{self.filename} does not show the last message as it is, so that it cannot be continued"
            )
        kept = text.startswith(_HERE, at)  # otherwise the template strips the ends of messages
        return text[:at] if kept else text[:at].rstrip()


def _messages(messages: Messages) -> list[dict[str, Any]]:
    """Plain copies, without keys that are None (other programs write those for what is not there)."""
    if isinstance(messages, str | Mapping) or not isinstance(messages, Sequence):
        raise InvalidTypeError(
            f"messages is {type(messages).__name__}, expected a list of dictionaries with role and content"
        )
    if not messages:
        raise InvalidArgumentError("messages is empty, expected at least one")
    turns = []
    for place, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise InvalidTypeError(
                f"messages[{place}] is {type(message).__name__}, expected a dictionary with role and content"
            )
        turn = {key: value for key, value in message.items() if value is not None}
        turn = _plain(turn, f"messages[{place}]")
        thought = next((turn[key] for key in _REASONING if key in turn), None)
        turns.append(turn if thought is None else {"thinking": thought, **turn, "reasoning_content": thought})
    return turns


def _dictionaries(values: Any, name: str) -> Any:
    if values is None:
        return None
    if isinstance(values, str | Mapping) or not isinstance(values, Sequence):
        raise InvalidTypeError(f"{name} is {type(values).__name__}, expected a list of dictionaries")
    for place, value in enumerate(values):
        if not isinstance(value, Mapping):
            raise InvalidTypeError(f"{name}[{place}] is {type(value).__name__}, expected a dictionary")
    return _plain(list(values), name)


def _plain(value: Any, name: str) -> Any:
    """A copy that is JSON: objects with methods of their own are no business of a template."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(each, f"{name}[{key!r}]") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(each, f"{name}[{place}]") for place, each in enumerate(value))
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    raise InvalidTypeError(f"{name} is {type(value).__name__}, expected texts, numbers, lists, dictionaries")


def _open(turns: list[dict[str, Any]]) -> str:
    """Mark the end of the last message; returns its text."""
    content = turns[-1].get("content")
    if isinstance(content, str):
        turns[-1]["content"] = content + _HERE
        return content
    for part in reversed(content if isinstance(content, list) else []):
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            text: str = part["text"]
            part["text"] += _HERE
            return text
    raise InvalidArgumentError("continue_final_message needs a last message with text, found none")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise LimitError(
                f"{path} has {path.stat().st_size} bytes, a chat template has {_MOST_BYTES} at most"
            )
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingFileError(
            f"{path} does not exist, expected a folder or a file with a chat template"
        ) from None
    except UnicodeDecodeError as error:
        raise InvalidFileError(f"{path} is not UTF-8: {error}") from None


def _of_folder(cls: type[ChatTemplate], folder: Path) -> ChatTemplate | None:
    settings_file, own = folder / "tokenizer_config.json", folder / "chat_template.jinja"
    settings = _settings(settings_file) if settings_file.is_file() else {}
    more = {path.stem: _text(path) for path in sorted(folder.glob("additional_chat_templates/*.jinja"))}
    if own.is_file():
        return cls({"default": _text(own), **more}, _special_tokens(settings), str(own))
    found = settings.get("chat_template")
    if found is None and not more:
        return None
    if isinstance(found, list):
        try:
            found = {str(each["name"]): each["template"] for each in found}
        except (TypeError, KeyError):
            found = 0
    sources = {"default": found} if isinstance(found, str) else ({} if found is None else found)
    if not isinstance(sources, dict) or not all(isinstance(each, str) for each in sources.values()):
        raise InvalidFileError(
            f"{settings_file}: chat_template is neither a text nor a list of texts with names"
        )
    return cls({**sources, **more}, _special_tokens(settings), str(settings_file))


def _of_gguf(cls: type[ChatTemplate], path: Path) -> ChatTemplate | None:
    from ferrolm.models.gguf import GgufFile
    from ferrolm.tokenizers import Tokenizer

    keys = GgufFile(path).metadata
    source = keys.get("tokenizer.chat_template")
    if not isinstance(source, str):
        return None
    tokenizer = Tokenizer.from_gguf(str(path))
    ids = {name: keys.get(f"tokenizer.ggml.{_GGUF_NAMES.get(name, name[:-6])}_token_id") for name in _SPECIAL}
    texts = {name: tokenizer.id_to_token(token) for name, token in ids.items() if isinstance(token, int)}
    return cls(source, {name: text for name, text in texts.items() if text is not None}, str(path))


def _settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidFileError(f"{path} is not JSON: {error}") from None
    if not isinstance(settings, dict):
        raise InvalidFileError(f"{path} holds {type(settings).__name__}, expected an object")
    return settings


def _special_tokens(settings: Mapping[str, Any]) -> dict[str, str]:
    """``bos_token`` and so on; a token is its text, or an object with it."""
    found = {name: settings.get(name) for name in _SPECIAL}
    texts = {
        name: token.get("content") if isinstance(token, dict) else token for name, token in found.items()
    }
    return {name: token for name, token in texts.items() if isinstance(token, str)}
