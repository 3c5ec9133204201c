"""`WritingPipeline`: a task whose results are texts that a language model writes.

Its settings are a few of its own and all that `LanguageModel.generate` takes.
"""

from __future__ import annotations

import inspect
import itertools
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import torch

from ferrolm.errors import InvalidArgumentError, nearest
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.language_model import Generation, LanguageModel, Prompt
from ferrolm.generation.loading import load_model
from ferrolm.generation.pipelines.base import Pipeline, PipelineSettings
from ferrolm.tokenizers import Tokenizer

__all__ = ["WritingPipeline", "WritingSettings", "clean_up_spaces"]

# What decoders of words leave before marks, and parts of contractions.
_SPACED = (" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're")
# Ways of choosing tokens that exclude drawing and beams.
_OWN_WAYS = ("params", "penalty_alpha", "draft", "assistant_model", "prompt_lookup_num_tokens")


@dataclass(frozen=True, kw_only=True)
class WritingSettings(PipelineSettings):
    """return_tensors: token ids in place of texts. return_text: False does the same. clean_up_tokenization_spaces: no space before marks and
    contractions. skip_special_tokens: leave out special tokens. stop_sequence: a string or several before which texts end. generate: what
    `LanguageModel.generate` is given; names that are none of these settings are put there.
    """

    return_tensors: bool = False
    return_text: bool | None = None
    clean_up_tokenization_spaces: bool | None = None
    skip_special_tokens: bool = True
    stop_sequence: str | Sequence[str] | None = None
    generate: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.return_text and self.return_tensors:
            raise InvalidArgumentError("return_text and return_tensors are both True, expected one of them")

    def updated(self, **changes: Any) -> Self:
        """The same with other values, those that have no field here for `generate`."""
        own = {each.name for each in fields(self)}
        given = {name: value for name, value in changes.items() if name not in own}
        kept = {name: value for name, value in changes.items() if name in own}
        return replace(self, **{"generate": {**self.generate, **given}, **kept})


WritingT = TypeVar("WritingT", bound=WritingSettings)


class WritingPipeline(Pipeline[WritingT]):
    """A task of a `LanguageModel`; prompts of a batch are continued together, each as it would be alone."""

    # What `generate` does when neither the call nor the checkpoint says otherwise.
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, model: LanguageModel, batch_size: int | None = None, **settings: Any) -> None:
        super().__init__(batch_size=batch_size, **settings)
        self.model = model
        self._check(self.settings)

    @property
    def tokenizer(self) -> Tokenizer:
        tokenizer: Tokenizer = self.model.tokenizer
        return tokenizer

    @classmethod
    def load(
        cls, folder: Path, tokenizer: Tokenizer | None, dtype: Any, device: torch.device | str | None, **options: Any
    ) -> Self:  # fmt: skip
        """With the model of a checkpoint folder; options are those of the pipeline."""
        return cls(load_model(folder, device=device, dtype=dtype, tokenizer=tokenizer), **options)

    def save_pretrained(self, directory: Path | str) -> None:
        """Write the checkpoint and tokenizer.json, from which a pipeline is made again."""
        self.model.save(directory)

    def _results(
        self, inputs: Iterable[Any], batch_size: int, settings: WritingT, at_once: int
    ) -> Iterator[Any]:
        self._check(settings)
        given = self._generate_settings(settings)
        # One seed for each input, in their order.
        seeds = iter(given["seed"]) if isinstance(given.get("seed"), Sequence) else None
        source = iter(inputs)
        while items := list(itertools.islice(source, batch_size)):
            for kind, alike in itertools.groupby(items, self._kind):
                yield from self._written(list(alike), self._given(kind, given), seeds, settings)

    def _written(
        self, items: list[Any], given: dict[str, Any], seeds: Iterator[int] | None, settings: WritingT
    ) -> Iterator[Any]:
        """The results of a batch."""
        if seeds is not None:
            given["seed"] = list(itertools.islice(seeds, len(items)))
        prompts = [self._prompt(item, settings) for item in items]
        written = self.model.generate(prompts, **given)
        for item, prompt, found in zip(items, prompts, written, strict=True):
            each = found if isinstance(found, list) else [found]
            yield [self._record(item, prompt, generation, settings) for generation in each]

    def _kind(self, item: Any) -> Any:
        """What inputs of a batch must have in common."""

    def _given(self, kind: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """What `generate` is given for inputs of a kind."""
        return dict(given)

    def _generate_settings(self, settings: WritingT) -> dict[str, Any]:
        """What `generate` is called with: what was asked for, and defaults of the task for what nobody spoke of."""
        given = dict(settings.generate)
        if settings.stop_sequence is not None:
            given["stop"] = settings.stop_sequence
        spoken_of = {*given, *self.model.defaults.changed()}
        defaults = {name: value for name, value in self.defaults.items() if name not in spoken_of}
        if spoken_of & {"max_length", "max_tokens"}:
            defaults.pop("max_new_tokens", None)
        if not spoken_of.isdisjoint(_OWN_WAYS):
            defaults = {name: value for name, value in defaults.items() if name == "max_new_tokens"}
        if {**defaults, **given}.get("do_sample") is False:
            defaults.pop("temperature", None)
        return {**defaults, **given}

    def _check(self, settings: WritingT) -> None:
        """Raise `InvalidArgumentError` for a name that nobody knows, proposing one of the pipeline's or of `generate`'s."""
        known = {each.name for each in fields(GenerationConfig)} | set(
            inspect.signature(self.model.generate).parameters
        )
        own = [each.name for each in fields(settings) if each.name != "generate"]
        for name in settings.generate:
            if name in known:
                continue
            try:
                self.model.defaults.updated(**{name: settings.generate[name]})  # it may know other spellings
            except InvalidArgumentError:
                hint = nearest(name, [*own, *sorted(known)])
                raise InvalidArgumentError(f"unknown argument {name!r} of {self.task}{hint}") from None

    @abstractmethod
    def _prompt(self, item: Any, settings: WritingT) -> Prompt:
        """What the model is to continue: text or token ids."""

    @abstractmethod
    def _record(self, item: Any, prompt: Prompt, written: Generation, settings: WritingT) -> dict[str, Any]:
        """One result."""

    def _text(self, written: Generation, settings: WritingT) -> str:
        text = written.text
        if not settings.skip_special_tokens:
            text = self.tokenizer.decode(written.ids, skip_special_tokens=False)
        return clean_up_spaces(text) if settings.clean_up_tokenization_spaces else text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"


def clean_up_spaces(text: str) -> str:
    """Without the spaces before marks and contractions that words joined by spaces have.

    >>> clean_up_spaces("It is n't here , is it ?")
    "It isn't here, is it?"
    """
    text = text.replace(" ' ", "'")
    for spaced in _SPACED:
        text = text.replace(spaced, spaced[1:])
    return text
