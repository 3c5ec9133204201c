"""Answers that are a stretch of a text."""

from __future__ import annotations

from typing import Any

from ferrolm.data import QuestionAnsweringCollator, QuestionExample, read_squad
from ferrolm.evaluation import squad
from ferrolm.models import BertForQuestionAnswering, PretrainedModel, load, locate
from ferrolm.tokenizers import Tokenizer
from ferrolm.training.finetuning.settings import FinetuningConfig
from ferrolm.training.finetuning.task import Task, build_from_settings, find_format, load_pretrained, predict
from ferrolm.training.objectives import ModelLoss, Objective

__all__ = ["QuestionAnswering"]


class QuestionAnswering(Task):
    """An encoder that marks where the answer starts and ends, in windows where the text is long.

    Figures, of SQuAD's script (Rajpurkar et al. 2016): ``exact_match`` and ``f1`` of words, the best over the true answers,
    without case, punctuation and articles.
    """

    metrics = ("f1", "exact_match")
    metric = "f1"
    augments = False  # a question has several windows

    def __init__(self, config: FinetuningConfig, tokenizer: Tokenizer) -> None:
        super().__init__(config, tokenizer)
        data = config.data
        self._collate = QuestionAnsweringCollator(
            tokenizer, max_length=data.max_length, stride=data.stride,
            max_question_length=min(64, data.max_length // 2),
            token_type_ids=self.has_token_types,
        )  # fmt: skip

    def read(self, path: str) -> list[QuestionExample]:
        find_format(path, self.config.data.format, ("squad",))
        return list(read_squad(path))

    def build(self) -> PretrainedModel:
        settings = self.config.model
        if "checkpoint" in settings:
            folder = locate(settings["checkpoint"])
            return load_pretrained(
                {**settings, "checkpoint": folder},
                lambda path, **changes: load(path, "question-answering", **changes),
            )
        kinds = dict.fromkeys(("bert", "roberta", "distilbert"), BertForQuestionAnswering)
        return build_from_settings(settings, kinds, vocab_size=self.vocab_size)

    @property
    def collate(self) -> QuestionAnsweringCollator:
        return self._collate

    def encode(self, examples: list[QuestionExample]) -> list[Any]:
        answers = [
            (each.answers[0].text, each.answers[0].start) if each.answers else None for each in examples
        ]
        return self._collate.encode(
            [each.question for each in examples], [each.context for each in examples], answers
        )

    def objective(self) -> Objective:
        super().objective()
        return ModelLoss(labels="start_positions")

    def measure(self, model: Any, examples: list[QuestionExample], precision: str) -> dict[str, float]:
        rows = self.encode(examples)
        starts: list[Any] = [None] * len(rows)
        ends: list[Any] = [None] * len(rows)
        for numbers, _, output in predict(
            model, rows, self.collate, self.config.training.batch_size, precision
        ):
            start, end = output.start_logits.float().cpu().numpy(), output.end_logits.float().cpu().numpy()
            for place, number in enumerate(numbers):
                starts[number], ends[number] = start[place], end[place]
        answers = self._collate.answers(
            rows, starts, ends, [each.context for each in examples],
            no_answer_threshold=0.0 if any(not each.answers for each in examples) else None,
        )  # fmt: skip
        true = [[one.text for one in each.answers] for each in examples]
        found = squad([answer.text for answer in answers], true, resamples=0)
        exact, overlap = (found[name].value / 100 for name in ("exact_match", "f1"))
        return {"exact_match": exact, "f1": overlap}
