"""Questions with answers in a context, in the form of SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ferrolm.data.readers._lines import PathLike
from ferrolm.data.readers.examples import Answer, QuestionExample
from ferrolm.data.sources import file_errors, open_content
from ferrolm.errors import InvalidFileError

__all__ = ["read_squad"]


def read_squad(path: PathLike) -> Iterator[QuestionExample]:
    """The questions of a file, in order; those of version 2 that are marked impossible have no answers.

    Raises:
        InvalidFileError: not JSON of this form, or an answer that does not stand where the file says; with the path in the
            JSON and the question.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "dev.json"
    >>> question = {"id": "q1", "question": "Who sleeps?", "answers": [{"text": "Ann", "answer_start": 0}]}
    >>> article = {"title": "Ann", "paragraphs": [{"context": "Ann sleeps.", "qas": [question]}]}
    >>> _ = path.write_text(json.dumps({"data": [article]}))
    >>> [example] = read_squad(path)
    >>> example.question, example.answers
    ('Who sleeps?', (Answer(text='Ann', start=0),))
    """
    path = Path(path)
    with file_errors(path), open_content(path) as (_, content):
        raw = content.read()
    try:
        document = json.loads(raw)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidFileError(f"{path}: not JSON: {error}") from error
    for at, article in _members(path, document, "data", "$"):
        title = article.get("title", "")
        for paragraph_at, paragraph in _members(path, article, "paragraphs", at):
            context = _text(path, paragraph, "context", paragraph_at)
            for question_at, question in _members(path, paragraph, "qas", paragraph_at):
                yield _question(path, question_at, question, context, title if isinstance(title, str) else "")


def _question(path: Path, at: str, question: dict[str, Any], context: str, title: str) -> QuestionExample:
    # Version 2 lists plausible wrong answers apart, under another name; some files have answers none the less.
    impossible = question.get("is_impossible", False)
    answers = [] if impossible else _members(path, question, "answers", at, default=[])
    return QuestionExample(
        id=str(question.get("id", at)),
        question=_text(path, question, "question", at),
        context=context,
        answers=tuple(dict.fromkeys(_answer(path, place, answer, context) for place, answer in answers)),
        title=title,
    )


def _answer(path: Path, at: str, answer: dict[str, Any], context: str) -> Answer:
    text, start = _text(path, answer, "text", at), answer.get("answer_start")
    if type(start) is not int or start < 0:
        raise InvalidFileError(f"{path}: {at}.answer_start is {start!r}, expected a number of 0 or more")
    if context[start : start + len(text)] != text:
        found = context[start : start + len(text)]
        raise InvalidFileError(f"{path}: {at} is {text!r}, but the context has {found!r} at {start}")
    return Answer(text, start)


def _members(
    path: Path, value: Any, name: str, at: str, default: list[Any] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    members = value.get(name, default) if isinstance(value, dict) else None
    if not isinstance(members, list):
        raise InvalidFileError(f"{path}: {at}.{name} is not there or no list, expected the form of SQuAD")
    for index, member in enumerate(members):
        if not isinstance(member, dict):
            raise InvalidFileError(f"{path}: {at}.{name}[{index}] is {member!r:.40}, expected an object")
        yield f"{at}.{name}[{index}]", member


def _text(path: Path, value: dict[str, Any], name: str, at: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise InvalidFileError(f"{path}: {at}.{name} is {text!r:.40}, expected a string")
    return text
