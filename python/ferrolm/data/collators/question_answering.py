"""`QuestionAnsweringCollator`: answers that are a stretch of a context, in windows where that is long, and the way back.

Rajpurkar et al. 2016, "SQuAD"; the windows are those of Devlin et al. 2018, section 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ferrolm.data.batches import Batch
from ferrolm.data.collators.padding import Collator, Example, optional_numbers, tensors
from ferrolm.errors import InvalidArgumentError, ShapeError

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = ["PredictedAnswer", "QuestionAnsweringCollator"]

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PredictedAnswer:
    """``text`` is ``context[start:end]``, empty for no answer; scores are sums of the logits of two tokens.

    ``score``: of the best stretch. ``no_answer_score``: of the first token, which stands for no answer, the least of all windows.
    """

    text: str
    start: int
    end: int
    score: float
    no_answer_score: float


class QuestionAnsweringCollator(Collator):
    """Batches for `BertForQuestionAnswering`.

    >>> import ferrolm
    >>> from ferrolm.tokenizers import models, pre_tokenizers
    >>> vocabulary = {"[PAD]": 0, "who": 1, "?": 2, "it": 3, "is": 4, "me": 5}
    >>> tokenizer = ferrolm.Tokenizer(models.WordLevel(vocabulary))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> collate = QuestionAnsweringCollator(tokenizer, max_length=5, stride=1)
    >>> windows = collate.encode(["who?"], ["it is me is it"], [("me", 6)])
    >>> batch = collate(windows)
    >>> batch["input_ids"].tolist(), batch["start_positions"].tolist(), batch["end_positions"].tolist()
    ([[1, 2, 3, 4, 5], [1, 2, 5, 4, 3]], [4, 2], [4, 2])
    >>> logits = [[0, 0, 0, 0, 1], [0, 0, 3, 0, 0]]
    >>> collate.answers(windows, logits, logits, ["it is me is it"])
    [PredictedAnswer(text='me', start=6, end=8, score=6.0, no_answer_score=0.0)]
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        max_length: int = 384,
        stride: int = 128,
        max_question_length: int = 64,
        pad_to_multiple_of: int = 1,
        token_type_ids: bool = True,
    ) -> None:
        """Settings of `Collator`, and the windows.

        Args:
            tokenizer, pad_to_multiple_of, token_type_ids: see `Collator`.
            max_length: tokens of a window, with question and special tokens.
            stride: how many tokens of the context a window has in common with the one before.
            max_question_length: tokens of a question that are kept, without special tokens.
        """
        super().__init__(
            tokenizer,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            token_type_ids=token_type_ids,
        )
        if stride < 0 or max_question_length < 1:
            raise InvalidArgumentError(
                f"stride is {stride} and max_question_length {max_question_length}, expected 0 or more and 1 or more"
            )
        self.stride, self.max_question_length = stride, max_question_length

    def encode(
        self,
        questions: Sequence[str],
        contexts: Sequence[str],
        answers: Sequence[Any] | None = None,
    ) -> list[Example]:
        """Examples, one for each window of each context.

        answers: for each question ``(text, start)`` with the place of its first character in the context, a dictionary
        ``{"text": [...], "answer_start": [...]}`` as in SQuAD, whose first counts, or None, or an empty dictionary, where
        the context has no answer. None for questions to be answered.

        An example keeps ``example``, the number of its question, and ``offsets``, int32 [time, 2]: the characters of the context
        that each token stands for, -1 for other tokens. Where a window does not hold the whole answer, its place is token 0.
        Raises `InvalidArgumentError` for an answer that is not in its context.
        """
        if len(questions) != len(contexts) or (answers is not None and len(answers) != len(questions)):
            found = "" if answers is None else f" and {len(answers)} answers"
            raise InvalidArgumentError(f"{len(questions)} questions, but {len(contexts)} contexts{found}")
        encoded = self._encode(
            self._shortened(questions),
            contexts,
            truncation="only_second",
            stride=self.stride,
            return_overflowing_tokens=True,
        )
        examples = self._examples(encoded)
        numbers = encoded["overflow_to_sample_mapping"]
        for example, encoding, number in zip(examples, encoded.encodings, numbers, strict=True):
            sequences = optional_numbers(encoding.sequence_ids)
            # Without a post-processor the windows after the first have no number for the context, and nothing is special.
            of_context = sequences != 0 if self.tokenizer.post_processor is None else sequences == 1
            offsets = np.array(encoding.offsets, np.int32).reshape(-1, 2)
            example["example"] = number
            example["offsets"] = np.where(of_context[:, None], offsets, -1)
            if answers is not None:
                stretch = _stretch(answers[number], contexts[number], number)
                example["start_positions"], example["end_positions"] = _tokens(example["offsets"], stretch)
        return examples

    def _shortened(self, questions: Sequence[str]) -> list[str]:
        """Questions without white space in front, which some data has, cut after their last token that is kept."""
        texts = [question.lstrip() for question in questions]
        counts = self.tokenizer.count_tokens(texts, add_special_tokens=False)
        for row in np.flatnonzero(counts > self.max_question_length):
            offsets = self.tokenizer.encode(texts[row], add_special_tokens=False).offsets
            texts[row] = texts[row][: offsets[self.max_question_length - 1][1]]
        return texts

    def __call__(self, examples: Sequence[Example], random: np.random.Generator | None = None) -> Batch:
        """What a model reads, and ``start_positions`` and ``end_positions``, int64 [rows]; nothing is random here."""
        arrays = self._inputs(examples)
        if "start_positions" in examples[0]:
            for name in ("start_positions", "end_positions"):
                arrays[name] = np.array([example[name] for example in examples], np.int64)
        return tensors(arrays)

    def answers(
        self,
        examples: Sequence[Example],
        start_logits: Sequence[npt.ArrayLike],
        end_logits: Sequence[npt.ArrayLike],
        contexts: Sequence[str],
        *,
        max_answer_length: int = 30,
        no_answer_threshold: float | None = None,
    ) -> list[PredictedAnswer]:
        """The best stretch of the windows of each context.

        Args:
            examples: all windows that `encode` made of ``contexts``.
            start_logits, end_logits: for each window [time or more], float.
            max_answer_length: in tokens.
            no_answer_threshold: give no answer where ``no_answer_score - score`` is above it (SQuAD 2.0); None always answers.
        """
        if not len(examples) == len(start_logits) == len(end_logits):
            raise ShapeError(
                f"{len(examples)} windows, but {len(start_logits)} start_logits and {len(end_logits)} end_logits"
            )
        starts, ends = (_of_context(examples, logits) for logits in (start_logits, end_logits))
        scores, first, last = _best_stretches(starts, ends, max_answer_length)
        owners = np.array([example["example"] for example in examples])
        order = np.lexsort((-scores, owners))  # the best window of each context comes first
        found, best = np.unique(owners[order], return_index=True)
        if found.tolist() != list(range(len(contexts))):
            raise InvalidArgumentError(
                f"examples: windows of {len(found)} contexts, expected those of {len(contexts)}"
            )
        first_tokens = [
            float(np.asarray(start)[0] + np.asarray(end)[0])
            for start, end in zip(start_logits, end_logits, strict=True)
        ]
        no_answers = np.full(len(contexts), np.inf)
        np.minimum.at(no_answers, owners, first_tokens)
        answers: list[PredictedAnswer] = []
        for number, window in enumerate(order[best]):
            offsets = examples[window]["offsets"]
            start, end = int(offsets[first[window], 0]), int(offsets[last[window], 1])
            score, no_answer = float(scores[window]), float(no_answers[number])
            if not np.isfinite(score) or (
                no_answer_threshold is not None and no_answer - score > no_answer_threshold
            ):
                start = end = 0
            answers.append(PredictedAnswer(contexts[number][start:end], start, end, score, no_answer))
        return answers


def _stretch(answer: Any, context: str, number: int) -> tuple[int, int] | None:
    """First character of the answer and the one after its last."""
    if isinstance(answer, dict):
        texts, starts = answer.get("text", ()), answer.get("answer_start", ())
        answer = (texts[0], starts[0]) if len(texts) else None
    if answer is None:
        return None
    text, start = answer
    if not text or context[start : start + len(text)] != text:
        found = context[start : start + len(text)]
        raise InvalidArgumentError(
            f"answers: {text!r} of question {number} is not at {start}, where {found!r} is"
        )
    return start, start + len(text)


def _tokens(offsets: npt.NDArray[np.int32], stretch: tuple[int, int] | None) -> tuple[int, int]:
    """First and last token of a stretch of characters, both 0 unless the window has all of it."""
    places = np.flatnonzero(offsets[:, 0] >= 0)
    if stretch is None or not len(places):
        return 0, 0
    starts, ends = offsets[places].T
    if stretch[0] < starts[0] or stretch[1] > ends[-1]:
        return 0, 0
    first = np.searchsorted(ends, stretch[0], side="right")
    last = np.searchsorted(starts, stretch[1], side="left") - 1
    return (int(places[first]), int(places[last])) if first <= last else (0, 0)


def _of_context(examples: Sequence[Example], logits: Sequence[npt.ArrayLike]) -> _Floats:
    """Logits [windows, time], -inf for all tokens that are not of the context."""
    longest = max(len(example["offsets"]) for example in examples)
    scores = np.full((len(examples), longest), -np.inf, np.float32)
    for row, (example, values) in enumerate(zip(examples, logits, strict=True)):
        tokens, given = len(example["offsets"]), np.asarray(values, np.float32)
        if given.ndim != 1 or len(given) < tokens:
            raise ShapeError(
                f"logits of window {row} have shape {list(given.shape)}, expected [{tokens}] or more"
            )
        scores[row, :tokens] = np.where(example["offsets"][:, 0] >= 0, given[:tokens], -np.inf)
    return scores


def _best_stretches(
    starts: _Floats, ends: _Floats, max_answer_length: int
) -> tuple[_Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Score, first and last token of the best stretch of each window, of at most so many tokens."""
    if max_answer_length < 1:
        raise InvalidArgumentError(f"max_answer_length must be positive, not {max_answer_length}")
    windows, time = starts.shape
    rows = np.arange(windows)
    best = np.full(windows, -np.inf, np.float32)
    first = np.zeros(windows, np.int64)
    last = np.zeros(windows, np.int64)
    for more in range(min(max_answer_length, time)):  # tokens after the first
        scores = starts[:, : time - more] + ends[:, more:]
        at = scores.argmax(1)
        better = scores[rows, at] > best
        best[better], first[better] = scores[rows, at][better], at[better]
        last[better] = first[better] + more
    return best, first, last
