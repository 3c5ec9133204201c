"""`Service`: what all routes of a server share."""

from __future__ import annotations

from typing import Any

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation import Engine, LanguageModel
from ferrolm.serving.constrained import ConstrainedAnswers
from ferrolm.serving.metrics import Metrics
from ferrolm.serving.models import ServedModels
from ferrolm.serving.problems import Problem
from ferrolm.serving.settings import ServerSettings
from ferrolm.serving.tokens import TokenTexts

__all__ = ["Service"]


class Service:
    """The models with their engine, the limits and the counters."""

    def __init__(self, models: ServedModels, settings: ServerSettings) -> None:
        self.models, self.settings = models, settings
        self.metrics = Metrics()
        self._engine: Engine | None = None
        if models.language is not None:
            self._engine = Engine(
                models.language,
                max_batch_size=settings.max_batch_size,
                max_waiting=settings.max_waiting,
                prefix_cache_tokens=settings.prefix_cache_tokens,
            )
            self.token_texts = TokenTexts(models.language.tokenizer)
            self.constrained = ConstrainedAnswers(models.language, settings.max_waiting)

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            raise InvalidArgumentError("the server has no language model")
        return self._engine

    def prompt_ids(self, model: LanguageModel, prompt: Any, *, special: bool = True) -> list[int]:
        """The ids of a prompt; raises `Problem` where they do not fit. special: add the tokens that begin a text."""
        if isinstance(prompt, str) and not special:
            prompt = model.tokenizer.encode_ids(prompt, add_special_tokens=False)
        ids: list[int] = model._encode(prompt).tolist()
        most = model.model.config.n_positions
        if len(ids) > most:
            raise Problem(
                f"the prompt has {len(ids)} tokens, at most {most} fit the model",
                param="prompt",
                code="context_length_exceeded",
            )
        self.metrics.add("prompt_tokens_total", len(ids))
        return ids

    def check_choices(self, count: int) -> None:
        most = self.settings.max_choices
        if count > most:
            raise Problem(f"the request asks for {count} texts, at most {most} are made at a time", param="n")

    def gauges(self) -> dict[str, int]:
        if self._engine is None:
            return {}
        running = self._engine.num_running + self.constrained.num_running
        return {
            "requests_running": running,
            "requests_waiting": self._engine.num_waiting + self.constrained.num_waiting,
        }

    def close(self) -> None:
        """End what runs."""
        if self._engine is not None:
            self.constrained.close()
            self._engine.close()
