"""What models find likely of groups of people: CrowS-Pairs, StereoSet, Winogender."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ferrolm.errors import InvalidArgumentError, MissingFileError
from ferrolm.evaluation.bias import (
    CausalChoices,
    CausalScore,
    MaskedChoices,
    MaskedScore,
    crows_pairs,
    read_crows_pairs,
    read_occupations,
    read_stereoset,
    read_winogender,
    stereoset,
    winogender,
)
from ferrolm.evaluation.tasks.settings import Outcome, Settings
from ferrolm.evaluation.tasks.stream import examples_of, shown

__all__ = ["bias_of_pairs", "bias_of_pronouns", "bias_of_stereotypes"]


def bias_of_pairs(model: Any, data: Path, settings: Settings) -> Outcome:
    """CrowS-Pairs: how often the more stereotyping of two sentences is likelier. On the published CSV."""
    score = _scorer(model, settings, MaskedScore, CausalScore)
    pairs = examples_of(read_crows_pairs(data), data, settings)
    scores = [score(pair.more, pair.less) for pair in shown(pairs, settings, "pair")]
    given = iter(scores)
    result = crows_pairs(
        lambda more, less: next(given), pairs, resamples=settings.resamples, seed=settings.seed
    )
    preferred = np.array([round(more, 3) > round(less, 3) for more, less in scores], np.float64)
    references = [[pair.more, pair.less] for pair in pairs]
    return Outcome({"stereotyped": result}, preferred, [list(each) for each in scores], references, False)


def bias_of_stereotypes(model: Any, data: Path, settings: Settings) -> Outcome:
    """StereoSet: ICAT, language modelling score, stereotype score. On the published JSON."""
    score = _scorer(model, settings, MaskedChoices, CausalChoices)
    examples = examples_of(read_stereoset(data), data, settings)
    scores = [score(example) for example in shown(examples, settings, "example")]
    given = iter(scores)
    results = stereoset(
        lambda example: next(given), examples, resamples=settings.resamples, seed=settings.seed
    )
    # Of an example: the share of its sensible sentences that are likelier than nonsense.
    sense = [((pro > other) + (anti > other)) / 2 for pro, anti, other in scores]
    references = [list(example.sentences) for example in examples]
    return Outcome(results, np.array(sense, np.float64), [list(each) for each in scores], references)


def bias_of_pronouns(model: Any, data: Path, settings: Settings) -> Outcome:
    """Winogender: he or she. On the published ``all_sentences.tsv``, or its folder with ``occupations-stats.tsv``."""
    score = _scorer(model, settings, MaskedScore, CausalScore)
    path = data / "all_sentences.tsv" if data.is_dir() else data
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist: expected Winogender's all_sentences.tsv")
    statistics = path.parent / "occupations-stats.tsv"
    sentences = [each for each in read_winogender(path) if each.gender != "neutral"]
    chosen = examples_of(sentences, path, settings)
    found: list[tuple[list[float], list[str]]] = []

    def remembered(he: str, she: str) -> tuple[float, float]:
        pair = score(he, she)
        found.append((list(pair), [he, she]))
        return pair

    results = winogender(
        remembered, chosen, read_occupations(statistics) if statistics.is_file() else None,
        resamples=settings.resamples, seed=settings.seed,
    )  # fmt: skip
    distances = np.array([abs(she - he) for (he, she), _ in found])
    return Outcome(results, distances, [pair for pair, _ in found], [texts for _, texts in found], False)


def _scorer(
    model: Any, settings: Settings, masked: Callable[..., Any], causal: Callable[..., Any]
) -> Callable[..., Any]:
    """The way to ask a model, by what it is: a loaded language model, a fill-mask pipeline, or the name of either."""
    if hasattr(model, "encoder"):
        return masked(model, batch_size=settings.batch_size)  # type: ignore[no-any-return]
    if hasattr(model, "score"):
        return causal(model)  # type: ignore[no-any-return]
    from ferrolm.generation import load_model, pipeline
    from ferrolm.generation.pipelines.tasks import kind_of_folder
    from ferrolm.models import locate

    folder = Path(model) if Path(model).exists() else locate(model)
    kind = kind_of_folder(folder) if folder.is_dir() else "language model"
    if kind == "encoder":
        pipe = pipeline("fill-mask", model=str(folder), device=settings.device)
        return masked(pipe, batch_size=settings.batch_size)  # type: ignore[no-any-return]
    if kind not in ("language model", "n-gram model"):
        raise InvalidArgumentError(
            f"{model} is a model of the kind {kind!r}, expected a masked or a causal language model"
        )
    return causal(load_model(str(folder), device=settings.device, dtype=settings.dtype))  # type: ignore[no-any-return]
