"""`QuestionAnsweringPipeline`: answers that are a stretch of a text, as transformers 4 gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ferrolm.data.collators.padding import optional_numbers
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.pipelines.answer_spans import best_spans
from ferrolm.generation.pipelines.base import PipelineSettings, check_count
from ferrolm.generation.pipelines.encoder_pipeline import EncoderPipeline
from ferrolm.generation.pipelines.text_encoder import Row

__all__ = ["QuestionAnsweringPipeline", "QuestionAnsweringSettings"]

_Logits = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class QuestionAnsweringSettings(PipelineSettings):
    """top_k: answers to each question. max_answer_len: of an answer, in tokens.

    max_seq_len: tokens of a window, with the question; by default 384, or fewer that fit the model. doc_stride: tokens that
    windows of a long context have in common, by default 128 or half a window. max_question_len: tokens of a question that
    are read; all by default. handle_impossible_answer: "" may be the answer. align_to_words: answers begin and end with words.
    """

    top_k: int = 1
    doc_stride: int | None = None
    max_answer_len: int = 15
    max_seq_len: int | None = None
    max_question_len: int | None = None
    handle_impossible_answer: bool = False
    align_to_words: bool = True

    def __post_init__(self) -> None:
        for name in ("top_k", "max_answer_len", "max_seq_len", "max_question_len"):
            value = getattr(self, name)
            if value is not None:
                check_count(name, value)
        if self.doc_stride is not None and self.doc_stride < 0:
            raise InvalidArgumentError(f"doc_stride is {self.doc_stride}, expected 0 or more")


class QuestionAnsweringPipeline(EncoderPipeline[QuestionAnsweringSettings]):
    """Answers in a text: ``pipeline("question-answering")``.

    Called with ``question=`` and ``context=``, texts or lists of them (one context may serve all questions), or with a
    dictionary that has these keys, or several. A question gives ``{"score", "start", "end", "answer"}``, where start and end
    are characters of the context, with ``top_k`` a list of them; several questions give a list.
    """

    task = "question-answering"
    head = "question-answering"
    settings_class: ClassVar[type[PipelineSettings]] = QuestionAnsweringSettings

    def __call__(
        self, inputs: Any = None, context: str | None = None, *, question: Any = None, batch_size: int | None = None,
        **settings: Any,
    ) -> Any:  # fmt: skip
        """The answer to a question, or to each of several; see `QuestionAnsweringSettings` and `Pipeline`."""
        examples = _examples(inputs, question, context)
        one = isinstance(examples, list) and len(examples) == 1
        return super().__call__(examples[0] if one else examples, batch_size=batch_size, **settings)

    def _prepare(self, items: list[Any], settings: QuestionAnsweringSettings) -> list[list[Row]]:
        for item in items:
            _check(item)
        limit = self.encoder.max_length or 384
        length = min(limit, 384) if settings.max_seq_len is None else settings.max_seq_len
        stride = min(length // 2, 128) if settings.doc_stride is None else settings.doc_stride
        if stride > length:
            raise InvalidArgumentError(f"doc_stride is {stride}, expected at most max_seq_len, {length}")
        questions = [item["question"] for item in items]
        if settings.max_question_len is not None:
            questions = [self._shortened(question, settings.max_question_len) for question in questions]
        try:
            rows = self.encoder.encode(
                questions, [item["context"] for item in items], truncation="only_second", max_length=length,
                stride=stride, return_overflowing_tokens=True,
            )  # fmt: skip
        except InvalidArgumentError as error:
            raise InvalidArgumentError(
                f"a question leaves no room for its context, with max_seq_len {length} and doc_stride {stride}: {error}"
            ) from None
        self.encoder.check_lengths([row for own in rows for row in own], "set max_seq_len to less")
        return rows

    def _shortened(self, question: str, length: int) -> str:
        offsets = self.tokenizer.encode(question, add_special_tokens=False).offsets
        return question if len(offsets) <= length else question[: offsets[length - 1][1]]

    def _forward(self, rows: list[Row], settings: QuestionAnsweringSettings) -> list[_Logits]:
        output = self.model(**self.encoder.inputs(rows))
        starts, ends = (logits.float().cpu().numpy() for logits in (output.start_logits, output.end_logits))
        return [
            (start[: len(row)], end[: len(row)]) for start, end, row in zip(starts, ends, rows, strict=True)
        ]

    def _finish(
        self, item: Any, rows: list[Row], outputs: list[_Logits], settings: QuestionAnsweringSettings
    ) -> Any:
        context, answers, no_answer = item["context"], [], 1.0
        for row, (start, end) in zip(rows, outputs, strict=True):
            allowed = self._of_context(row)
            spans = best_spans(start, end, allowed, settings.top_k, settings.max_answer_len)
            no_answer = min(no_answer, spans.no_answer)
            for first, last, score in zip(spans.firsts, spans.lasts, spans.scores, strict=True):
                one, other = _characters(row, first, last, settings.align_to_words)
                answers.append({"score": score, "start": one, "end": other, "answer": context[one:other]})
        nothing = {"score": no_answer, "start": 0, "end": 0, "answer": ""}
        if settings.handle_impossible_answer:
            answers.append(nothing)
        answers = sorted(answers, key=lambda answer: answer["score"], reverse=True)[: settings.top_k]
        answers = answers or [{**nothing, "score": 0.0}]  # a context of white space has no tokens
        return answers[0] if len(answers) == 1 else answers

    def _of_context(self, row: Row) -> NDArray[np.bool_]:
        """Which tokens an answer may consist of."""
        sequences = optional_numbers(row.encoding.sequence_ids)
        # Without a post-processor the windows after the first have no number for the context, and nothing is special.
        found: NDArray[np.bool_] = sequences != 0 if self.tokenizer.post_processor is None else sequences == 1
        return found


def _characters(row: Row, first: int, last: int, whole_words: bool) -> tuple[int, int]:
    """Where a stretch of tokens begins and ends in the context, or the words do of which these are parts."""
    encoding = row.encoding
    if whole_words:
        words = encoding.token_to_word(first), encoding.token_to_word(last)
        places = [None if word is None else encoding.word_to_chars(word, 1) for word in words]
        if places[0] is not None and places[1] is not None:
            return places[0][0], places[1][1]
    return encoding.offsets[first][0], encoding.offsets[last][1]


def _examples(inputs: Any, question: Any, context: Any) -> Any:
    """What was given, as a list of dictionaries, or as the iterator of them that it is."""
    if isinstance(inputs, str) and isinstance(context, str) and question is None:
        inputs, question = None, inputs
    if (inputs is None) == (question is None) or (question is None) != (context is None):
        raise InvalidTypeError(
            "question-answering takes question= and context=, or {'question': ..., 'context': ...}, or several of these"
        )
    if inputs is not None:
        return (
            [inputs] if isinstance(inputs, Mapping) else list(inputs) if isinstance(inputs, tuple) else inputs
        )
    questions = [question] if isinstance(question, str) else list(question)
    contexts = [context] * len(questions) if isinstance(context, str) else list(context)
    if len(questions) != len(contexts):
        raise InvalidArgumentError(f"{len(questions)} questions, but {len(contexts)} contexts")
    return [{"question": one, "context": other} for one, other in zip(questions, contexts, strict=True)]


def _check(item: Any) -> None:
    for name in ("question", "context"):
        value = item.get(name) if isinstance(item, Mapping) else None
        if not isinstance(value, str):
            raise InvalidTypeError(
                f"an input of question-answering is {str(item)[:60]!r}, expected {{'question': ..., 'context': ...}}, texts"
            )
        if not value:
            raise InvalidArgumentError(f"{name} is empty, expected a text")
