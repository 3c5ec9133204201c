"""`Ensemble`: several models that answer as one; `average_weights`: several models that become one.

An ensemble runs all its models (Hansen & Salamon 1990); a model whose weights are the average of theirs costs as much as one, and
is about as good where all were trained from the same start: Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima"
(SWA), for the last checkpoints of a run; Wortsman et al. 2022, "Model soups", for runs with different settings.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError, ShapeError, nearest
from ferrolm.models.cache import Cache
from ferrolm.models.causal_lm import CausalLM
from ferrolm.models.crf import LinearChainCRF
from ferrolm.models.heads import BertForQuestionAnswering
from ferrolm.models.seq2seq import Seq2SeqModel

__all__ = ["Ensemble", "average_weights"]

_COMBINE = ("probabilities", "logits")
# What a config.json says besides the model's own settings.
_NO_SETTINGS = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")


class Ensemble(nn.Module):
    """Models of one task as one: classifiers of texts, taggers of tokens, or causal language models.

    Its output is that of the first model, with the combined logits. combine: "probabilities" averages those (of classes; of
    each label for itself where several may hold), and the logits are their logarithm; "logits" averages these, which is the
    product of the probabilities, and the only way for numbers (regression). weights: of the models, positive, relative to
    each other; alike by default. Language models must share a vocabulary, and make one that generates: `LanguageModel` takes
    it as any other.

    Classifiers with several labels, or numbers, are told by ``problem_type`` of the first configuration.

    Raises `InvalidArgumentError` for models that do not fit each other, CRFs (whose scores are those of sequences), and
    weights that are not positive.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> shape = {"vocab_size": 50, "n_positions": 8, "n_embd": 4, "n_head": 2}
    >>> models = [GPT2LMHeadModel(GPT2Config(n_layer=layers, **shape)).eval() for layers in (1, 2)]
    >>> ensemble = Ensemble(models, weights=[1, 3])
    >>> ensemble(torch.tensor([[1, 2, 3]])).logits.exp().sum(-1).round(decimals=4).tolist()
    [[1.0, 1.0, 1.0]]
    """

    def __new__(cls, models: Sequence[nn.Module] = (), *arguments: Any, **settings: Any) -> Ensemble:
        """Language models make an ensemble that is one too; without models while it is copied."""
        causal = cls is Ensemble and bool(models) and all(isinstance(model, CausalLM) for model in models)
        return super().__new__(_CausalEnsemble if causal else cls)

    def __init__(
        self,
        models: Sequence[nn.Module],
        weights: Sequence[float] | None = None,
        combine: str = "probabilities",
    ) -> None:
        super().__init__()
        if combine not in _COMBINE:
            raise InvalidArgumentError(
                f"combine is {combine!r}, expected {' or '.join(_COMBINE)}{nearest(str(combine), _COMBINE)}"
            )
        self.weights = _normalized(weights, len(models))
        self.combine = combine
        self.models = nn.ModuleList(models)
        self.config: Any = getattr(models[0], "config", None)
        _check_fit(models)
        self.is_regression, self.has_several_labels = _problem(self.config)

    def forward(self, *arguments: Any, labels: Tensor | None = None, **inputs: Any) -> Any:
        """The output of the first model with the combined logits, and their loss where labels are given.

        The arguments are those of the models. labels: as theirs; the loss is the plain one of the task, in nats, without the
        weights of classes and the smoothing that a model may have been trained with.
        """
        outputs = [model(*arguments, **inputs) for model in self.models]
        logits = self._combined([output.logits for output in outputs])
        loss = None if labels is None else self._loss(logits, labels)
        return replace(outputs[0], logits=logits, loss=loss)

    def _combined(self, logits: Sequence[Tensor]) -> Tensor:
        if len({each.shape for each in logits}) > 1:
            raise ShapeError(f"the models give logits of the shapes {[list(each.shape) for each in logits]}")
        # In float32, where the sum of many small probabilities is one.
        stacked = torch.stack([each.float() for each in logits])
        weights = torch.tensor(self.weights, device=stacked.device).view(-1, *[1] * logits[0].dim())
        if self.combine == "logits" or self.is_regression:
            return (weights * stacked).sum(0).to(logits[0].dtype)
        logs = weights.log()
        if self.has_several_labels:  # the odds of the averages of yes and no
            yes, no = (torch.logsumexp(F.logsigmoid(sign * stacked) + logs, dim=0) for sign in (1, -1))
            return (yes - no).to(logits[0].dtype)
        return torch.logsumexp(stacked.log_softmax(-1) + logs, dim=0).to(logits[0].dtype)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.is_regression:
            return F.mse_loss(logits.float(), labels.reshape(logits.shape).float())
        if self.has_several_labels:
            return F.binary_cross_entropy_with_logits(logits.float(), labels.reshape(logits.shape).float())
        flat = logits.reshape(-1, logits.shape[-1]).float()
        return F.cross_entropy(flat, labels.reshape(-1), ignore_index=-100)

    def extra_repr(self) -> str:
        return f"combine={self.combine!r}, weights={[round(weight, 4) for weight in self.weights]}"


class _Caches:
    """What each model keeps of the tokens already seen."""

    def __init__(self, caches: Sequence[Cache]) -> None:
        self.caches = list(caches)

    @property
    def length(self) -> int:
        return self.caches[0].length

    def truncate(self, length: int) -> None:
        for cache in self.caches:
            cache.truncate(length)

    def select(self, rows: Tensor) -> None:
        for cache in self.caches:
            cache.select(rows)


class _Shape:
    """The first model's configuration, with the positions that fit all models."""

    def __init__(self, config: Any, n_positions: int) -> None:
        self._config, self.n_positions = config, n_positions

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_config":  # while it is copied
            raise AttributeError(name)
        return getattr(self._config, name)


class _CausalEnsemble(Ensemble, CausalLM):
    """An `Ensemble` of language models, which is one."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        weights: Sequence[float] | None = None,
        combine: str = "probabilities",
    ) -> None:
        Ensemble.__init__(self, models, weights, combine)
        self.config = _Shape(self.config, min(cast(CausalLM, model).config.n_positions for model in models))

    def forward(self, *arguments: Any, **inputs: Any) -> Any:
        """See `CausalLM.forward`."""
        return CausalLM.forward(self, *arguments, **inputs)

    def _logits(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        position_ids: Tensor | None,
        cache: Cache | None,
        keep: int,
    ) -> Tensor:
        caches = cache.caches if isinstance(cache, _Caches) else [None] * len(self.models)
        return self._combined(
            [
                model(
                    input_ids,
                    attention_mask=attention_mask,
                    position_ids=position_ids,
                    cache=kept,
                    logits_to_keep=keep,
                ).logits
                for model, kept in zip(self.models, caches, strict=True)
            ]
        )

    def new_cache(self, capacity: int = 64) -> Cache:
        """A cache of the caches of all models."""
        return _Caches([cast(CausalLM, model).new_cache(capacity) for model in self.models])

    def save_pretrained(self, directory: Path | str) -> None:
        """Raise `InvalidArgumentError`: no config.json describes several models."""
        raise InvalidArgumentError(
            "an ensemble has no checkpoint: save each of its models, or average_weights"
        )


def average_weights(sources: Sequence[nn.Module | Path | str], weights: Sequence[float] | None = None) -> Any:
    """A new model with the weighted average of the weights of models of one shape: SWA of checkpoints, or a model soup.

    sources: models, or folders of checkpoints, which are loaded one after the other. weights: positive, relative to each
    other; alike by default. Sums are float64, and the result has the type of the first model, in evaluation mode; what is
    not floating-point must be the same in all. Raises `InvalidArgumentError` for models that differ in settings, tensors or
    integers, naming the difference, for quantized ones and for weights that are not positive.

    >>> ones, twos = (torch.nn.Linear(2, 1) for _ in range(2))
    >>> for number, model in enumerate((ones, twos), 1):
    ...     _ = [torch.nn.init.constant_(parameter, number) for parameter in model.parameters()]
    >>> average_weights([ones, twos], weights=[1, 3]).weight.tolist()
    [[1.75, 1.75]]
    """
    shares = _normalized(weights, len(sources))
    result = _loaded(sources[0])
    first = result.state_dict()
    sums = {
        name: torch.zeros_like(each, dtype=torch.float64)
        for name, each in first.items()
        if each.is_floating_point()
    }
    for number, (source, share) in enumerate(zip(sources, shares, strict=True)):
        model = _loaded(source) if number else result
        where = f"{source}" if isinstance(source, Path | str) else f"sources[{number}]"
        _check_same(result, model, where)
        for name, tensor in model.state_dict().items():
            if name in sums:
                sums[name].add_(tensor.double().to(sums[name].device), alpha=share)
            elif not torch.equal(tensor.to(first[name].device), first[name]):
                raise InvalidArgumentError(
                    f"{where}: {name}, which is not floating-point, is not that of the first"
                )
    if isinstance(sources[0], nn.Module):
        result = copy.deepcopy(result)
    result.load_state_dict({**first, **{name: total.to(first[name].dtype) for name, total in sums.items()}})
    return result.eval()


def _loaded(source: nn.Module | Path | str) -> nn.Module:
    from ferrolm.models.auto import load  # which knows the architectures

    model = source if isinstance(source, nn.Module) else load(source)
    if getattr(model, "weight_format", None) is not None:
        raise InvalidArgumentError(
            f"a model is quantized to {model.weight_format}: average weights before that"
        )
    return model


def _check_same(first: nn.Module, model: nn.Module, where: str) -> None:
    if type(model) is not type(first):
        raise InvalidArgumentError(f"{where} is a {type(model).__name__}, expected a {type(first).__name__}")
    expected, found = _settings(first), _settings(model)
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            raise InvalidArgumentError(
                f"{where}: {name} is {found.get(name)!r}, expected {expected.get(name)!r}, that of the first"
            )
    shapes, theirs = (
        {name: list(each.shape) for name, each in m.state_dict().items()} for m in (first, model)
    )
    for name in sorted(shapes.keys() | theirs.keys()):
        if shapes.get(name) != theirs.get(name):
            raise InvalidArgumentError(
                f"{where}: {name} has shape {theirs.get(name)}, expected {shapes.get(name)}, that of the first"
            )


def _settings(model: nn.Module) -> dict[str, Any]:
    config: Any = getattr(model, "config", None)
    settings = config.to_dict() if hasattr(config, "to_dict") else {}
    return {name: value for name, value in settings.items() if name not in _NO_SETTINGS}


def _normalized(weights: Sequence[float] | None, count: int) -> list[float]:
    """Shares that sum to 1."""
    if not count:
        raise InvalidArgumentError("there are no models")
    weights = [1.0] * count if weights is None else list(weights)
    if len(weights) != count:
        raise InvalidArgumentError(f"weights has {len(weights)} values for {count} models")
    for weight in weights:
        if not weight > 0 or not math.isfinite(weight):
            raise InvalidArgumentError(f"weights has {weight!r}, expected positive numbers")
    return [weight / sum(weights) for weight in weights]


def _check_fit(models: Sequence[nn.Module]) -> None:
    """Raise `InvalidArgumentError` unless the logits of all mean the same."""
    causal = {isinstance(model, CausalLM) for model in models}
    if len(causal) > 1:
        raise InvalidArgumentError("some models are language models and some are not, expected one task")
    for model in models:
        if isinstance(model, Seq2SeqModel | BertForQuestionAnswering):
            raise InvalidArgumentError(
                f"a {type(model).__name__} is none of the models expected: classifiers, taggers, language models"
            )
        if any(isinstance(module, LinearChainCRF) for module in model.modules()):
            raise InvalidArgumentError(
                f"a {type(model).__name__} has a CRF, whose scores are those of sequences: expected other models"
            )
    for name in ("vocab_size",) if causal == {True} else ("num_labels", "problem_type"):
        values = [getattr(getattr(model, "config", None), name, None) for model in models]
        if any(value != values[0] for value in values):
            raise InvalidArgumentError(f"{name} of the models is {values}, expected the same in all")


def _problem(config: Any) -> tuple[bool, bool]:
    """Whether the models give numbers, and whether several labels may hold at once."""
    problem = getattr(config, "problem_type", None)
    is_number = problem == "regression" or (problem is None and getattr(config, "num_labels", None) == 1)
    return is_number, problem == "multi_label_classification"
