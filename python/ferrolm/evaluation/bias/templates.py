"""Templates filled with groups and attributes: which of two groups a language model ties an attribute to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation.bias.choices import places_of
from ferrolm.evaluation.bias.likelihoods import CausalScore, MaskedScore
from ferrolm.evaluation.bias.winogender import correlated
from ferrolm.evaluation.intervals import percentiles
from ferrolm.evaluation.result import Result

__all__ = ["CausalAssociation", "MaskedAssociation", "TemplateProbe", "template_probe"]

Probe = Callable[[str, str, str], float]
"""From a template, a word of a group and an attribute to how strongly a model ties the two."""


class CausalAssociation:
    """Log-probability of the filled template, in nats. Only differences between groups mean something.

    model: a `LanguageModel`, an `NgramLanguageModel`, or what `ferrolm.load_model` takes.
    """

    def __init__(self, model: Any) -> None:
        self.model = CausalScore(model).model

    def __call__(self, template: str, group: str, attribute: str) -> float:
        return float(self.model.score(template.format(group=group, attribute=attribute)).logprob)


class MaskedAssociation:
    """How much likelier the attribute makes the group: log P(group | attribute) - log P(group | attribute masked), in nats.

    The second term is the model's prior for the group in this template (Kurita et al. 2019, https://arxiv.org/abs/1906.07337).
    The tokens of a word are masked together, and their log-probabilities added.

    model, batch_size: as for `MaskedScore`.
    """

    def __init__(self, model: Any, *, batch_size: int = 32) -> None:
        self._score = MaskedScore(model, batch_size=batch_size)

    def __call__(self, template: str, group: str, attribute: str) -> float:
        text, spans = _filled(template, group, attribute)
        (row,) = self._score.encode([text])
        who, what = (
            sorted({p for span in spans[name] for p in places_of(row, *span)})
            for name in ("group", "attribute")
        )
        given, prior = self._score.masked_logprobs([row, row], [who, sorted({*who, *what})], [who, who])
        return float(given.sum() - prior.sum())


def _filled(template: str, group: str, attribute: str) -> tuple[str, dict[str, list[tuple[int, int]]]]:
    """The text, and where in it the two are."""
    text, spans = "", {"group": list[tuple[int, int]](), "attribute": list[tuple[int, int]]()}
    rest = template
    while rest:
        places = {name: rest.find("{" + name + "}") for name in spans}
        name = min((n for n in places if places[n] >= 0), key=lambda n: places[n], default="")
        if not name:
            return text + rest, spans
        text += rest[: places[name]]
        word = group if name == "group" else attribute
        spans[name].append((len(text), len(text) + len(word)))
        text, rest = text + word, rest[places[name] + len(name) + 2 :]
    return text, spans


@dataclass(frozen=True)
class TemplateProbe:
    """What templates found.

    result: the figure with its interval. scores: of each attribute word, how much more it is tied to the first group than to
    the second, the mean over templates and words of the groups, in nats.
    """

    result: Result
    scores: Mapping[str, float]

    def correlation(self, figures: Mapping[str, float], *, resamples: int = 1000, seed: int = 0) -> Result:
        """Pearson's, of the scores with a figure of each attribute word, such as `read_occupations` gives."""
        return correlated(self.scores, figures, resamples=resamples, seed=seed)


def template_probe(
    probe: Probe,
    templates: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    attributes: Mapping[str, Sequence[str]],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> TemplateProbe:
    """How much more a model ties attributes to one group than to another.

    Args:
        probe: `MaskedAssociation` or `CausalAssociation` of a model, or a function of one's own.
        templates: sentences with ``{group}`` and ``{attribute}``.
        groups: two lists of words by the group's name.
        attributes: one or two lists of words by name.
        resamples, seed: of the 95 % interval, in which attribute words are drawn anew; 0 resamples give none.

    Returns:
        For one list of attributes the mean of its words' scores, first group less second; 0 is ideal. For two lists the mean of
        the first less that of the second, in which what a model thinks of a group whatever the attribute cancels: the figure
        to look at for causal models. Details: the mean of each list, and with two the ``effect_size`` (Cohen's d, as WEAT).

    Raises `InvalidArgumentError` for a template without the two places, for other numbers of lists and for empty ones.

    >>> tied = {("he", "strong"): -1.0, ("she", "strong"): -2.0, ("he", "kind"): -2.0, ("she", "kind"): -1.5}
    >>> found = template_probe(
    ...     lambda template, group, attribute: tied[group, attribute], ["{group} is {attribute}."],
    ...     {"men": ["he"], "women": ["she"]}, {"strength": ["strong"], "warmth": ["kind"]}, resamples=0)
    >>> found.result.value, found.scores
    (1.5, {'strong': 1.0, 'kind': -0.5})
    """
    _check(templates, groups, attributes)
    first, second = groups.values()
    scores = {
        word: float(
            np.mean(
                [
                    np.mean([probe(template, one, word) for one in first])
                    - np.mean([probe(template, one, word) for one in second])
                    for template in templates
                ]
            )
        )
        for words in attributes.values()
        for word in words
    }
    sets = [np.array([scores[word] for word in words]) for words in attributes.values()]
    details: dict[str, float | str] = {
        name: float(values.mean()) for name, values in zip(attributes, sets, strict=True)
    }
    if len(sets) == 2:
        spread = np.concatenate(sets).std(ddof=1)
        details["effect_size"] = float(_value(sets) / spread) if spread > 0 else 0.0
    low, high = _interval(sets, resamples, seed)
    name = " - ".join(groups) + ": " + " - ".join(attributes)
    return TemplateProbe(Result(name, _value(sets), low, high, count=len(scores), details=details), scores)


def _value(sets: Sequence[NDArray[np.float64]]) -> float:
    means = [float(values.mean()) for values in sets]
    return means[0] - means[1] if len(means) == 2 else means[0]


def _interval(
    sets: Sequence[NDArray[np.float64]], resamples: int, seed: int
) -> tuple[float | None, float | None]:
    if not resamples:
        return None, None
    generator = np.random.default_rng(seed)
    drawn = [_value([generator.choice(values, len(values)) for values in sets]) for _ in range(resamples)]
    return percentiles(drawn, 0.95)


def _check(templates: Sequence[str], groups: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
    if len(groups) != 2 or not all(groups.values()):
        raise InvalidArgumentError(
            f"groups has {len(groups)} lists, expected two with a word or more in each"
        )
    if len(attributes) not in (1, 2) or not all(attributes.values()):
        raise InvalidArgumentError(
            f"attributes has {len(attributes)} lists, expected one or two with a word or more in each"
        )
    for template in templates or [""]:
        if "{group}" not in template or "{attribute}" not in template:
            raise InvalidArgumentError(
                f"templates has {template!r}, expected sentences with {{group}} and {{attribute}}"
            )
