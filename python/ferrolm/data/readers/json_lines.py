"""Texts with labels, and pairs of texts, from files with one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ferrolm.data.readers._lines import PathLike, numbered_lines
from ferrolm.data.readers.examples import Dialogue, Label, TextExample, TextPair
from ferrolm.errors import InvalidFileError, nearest

__all__ = ["read_dialogues", "read_jsonl", "read_jsonl_pairs"]


def read_jsonl(
    path: PathLike,
    text: str = "text",
    text_pair: str | None = None,
    label: str | None = "label",
    *,
    numeric: bool = False,
) -> Iterator[TextExample]:
    r"""The objects of a file of JSON lines; empty lines are skipped.

    Args:
        path: the file, UTF-8, perhaps compressed.
        text, text_pair, label: names of fields; ``label=None``: there are none. A label that is a list becomes a tuple (a
            text with several), one that is a number or a truth value becomes the text that JSON writes for it.
        numeric: labels are numbers to predict (float).

    Raises:
        InvalidFileError: a line that is no JSON object or lacks a field; with the line and the fields found.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "reviews.jsonl"
    >>> _ = path.write_text('{"review": "A joy", "stars": 5}\n')
    >>> list(read_jsonl(path, text="review", label="stars"))
    [TextExample(text='A joy', text_pair=None, label='5')]
    """
    for line, record in _records(Path(path)):
        yield TextExample(
            _string(Path(path), line, record, text),
            None if text_pair is None else _string(Path(path), line, record, text_pair),
            None if label is None else _label(Path(path), line, record, label, numeric),
        )


def read_jsonl_pairs(
    path: PathLike, source: str = "source", target: str = "target", *, separator: str = " "
) -> Iterator[TextPair]:
    r"""Sources and targets, for summaries and translations, from a file of JSON lines.

    A source that is a list of sentences is joined by ``separator``; a target that is a list has alternatives, of which the
    first is the one to learn.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "papers.jsonl"
    >>> _ = path.write_text('{"source": ["We try.", "It works."], "target": ["It works.", "We tried."]}\n')
    >>> list(read_jsonl_pairs(path))
    [TextPair(source='We try. It works.', targets=('It works.', 'We tried.'))]
    """
    for line, record in _records(Path(path)):
        targets = _strings(Path(path), line, record, target)
        if not targets:
            raise InvalidFileError(f"{path}, line {line}: {target!r} is empty, expected one text or more")
        yield TextPair(separator.join(_strings(Path(path), line, record, source)), tuple(targets))


def read_dialogues(path: PathLike, messages: str = "messages") -> Iterator[Dialogue]:
    r"""Dialogues from JSON lines, each a list of messages, objects with ``role`` and ``content``, under the name ``messages``.

    Raises:
        InvalidFileError: a line without such a list; with its number.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "chats.jsonl"
    >>> _ = path.write_text('{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}\n')
    >>> [message["content"] for message in next(read_dialogues(path))]
    ['Hi', 'Hello']
    """
    for line, record in _records(Path(path)):
        found = _value(Path(path), line, record, messages)
        if not isinstance(found, list) or not all(
            isinstance(each, dict)
            and isinstance(each.get("role"), str)
            and isinstance(each.get("content"), str)
            for each in found
        ):
            raise InvalidFileError(
                f"{path}, line {line}: {messages!r} is {_shown(found)}, expected a list of objects with role and content"
            )
        yield found


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InvalidFileError(f"{path}, line {number}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise InvalidFileError(f"{path}, line {number}: expected an object, found {line.strip()[:40]!r}")
        yield number, record


def _value(path: Path, line: int, record: dict[str, Any], name: str) -> Any:
    if name not in record:
        found = ", ".join(map(repr, record)) or "none"
        raise InvalidFileError(
            f"{path}, line {line}: no field {name!r}, found {found}{nearest(name, record)}"
        )
    return record[name]


def _string(path: Path, line: int, record: dict[str, Any], name: str) -> str:
    value = _value(path, line, record, name)
    if not isinstance(value, str):
        raise InvalidFileError(f"{path}, line {line}: {name!r} is {_shown(value)}, expected a string")
    return value


def _strings(path: Path, line: int, record: dict[str, Any], name: str) -> list[str]:
    value = _value(path, line, record, name)
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise InvalidFileError(
            f"{path}, line {line}: {name!r} is {_shown(value)}, expected a string or a list of strings"
        )
    return value


def _label(path: Path, line: int, record: dict[str, Any], name: str, numeric: bool) -> Label:
    value = _value(path, line, record, name)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if numeric and number:
        return float(value)
    if not numeric and isinstance(value, list):
        return tuple(part if isinstance(part, str) else json.dumps(part) for part in value)
    if not numeric and isinstance(value, str | int | float):
        return value if isinstance(value, str) else json.dumps(value)
    expected = "a number" if numeric else "a string, a number or a list of them"
    raise InvalidFileError(f"{path}, line {line}: {name!r} is {_shown(value)}, expected {expected}")


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:40]
