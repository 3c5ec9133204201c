"""Several n-gram models in one, and the weights for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram._inputs import Ids, text_or_ids
from ferrolm.ngram.model import NgramLM

__all__ = ["interpolate", "tune_weights"]


def interpolate(
    models: Sequence[NgramLM],
    weights: Sequence[float] | None = None,
    *,
    kind: Literal["linear", "log-linear"] = "linear",
    held_out: Any = None,
) -> NgramLM:
    """One model over the union of the models' n-grams, which can be saved and queried as any other.

    ``models`` are over words (their vocabularies are united) or over ids (of the same ``vocab_size``), of any orders.
    ``weights`` has one number for each; without it the models count alike, or as `tune_weights` finds best
    for ``held_out`` text or ids.

    - ``"linear"``: p = sum of w_i p_i; the weights are not negative and sum to one. Exact for all n-grams of the union.
      Other words share what is left after a context as they do after the shorter one, as in SRILM's
      ``ngram -mix-lm``, while the true mixture would weigh the models' back-off weights anew for each word. A word
      that a model does not know has no probability from it; its ``<unk>`` counts for words that none knows.
    - ``"log-linear"``: p is proportional to the product of p_i to the power of w_i, normalized for every context (Heafield
      et al. 2016). Weights are any finite numbers. Exact for all words and contexts. A word that a model does
      not know has that model's probability of ``<unk>``.

    Runs on all threads; takes time and memory in proportion to the n-grams of the union times the models. Raises
    `InvalidArgumentError` for weights that do not fit and models that cannot be united.

    >>> news = NgramLM.train(["the bank opened", "the bank closed"], order=2, smoothing="witten-bell")
    >>> rivers = NgramLM.train(["the river bank", "the river"], order=2, smoothing="witten-bell")
    >>> both = interpolate([news, rivers], [0.5, 0.5])
    >>> "river" in both and "opened" in both
    True
    >>> round(float(10 ** both.score("the", eos=False)), 3)
    0.745
    """
    cores = _cores(models)
    if weights is not None and held_out is not None:
        raise InvalidArgumentError("weights and held_out are both given, but one of them decides")
    if held_out is not None:
        weights = tune_weights(models, held_out, kind=kind)
    elif weights is None:
        weights = [1 / len(cores)] * len(cores)
    return NgramLM(_rust.ngram_interpolate(cores, [float(weight) for weight in weights], kind))


def tune_weights(
    models: Sequence[NgramLM],
    held_out: Any,
    *,
    kind: Literal["linear", "log-linear"] = "linear",
) -> list[float]:
    """The weights for `interpolate` under which ``held_out`` text or ids (as `ferrolm.ngram.count` takes them) are most likely.

    Linear weights come from expectation maximization on the exact mixture of the models, which a merged model
    approximates; they are not negative and sum to one. Log-linear ones come from Newton's method on the
    log-likelihood, which needs the distribution of the next word after every context of the held-out text; they
    may be negative or sum to anything. Words unknown to all models count as ``<unk>``, ends of sentences as words.

    The text must not be one that a model was trained on, or that model gets all the weight.

    >>> news = NgramLM.train(["the bank opened", "the bank closed"], order=2, smoothing="witten-bell")
    >>> rivers = NgramLM.train(["the river bank", "the river"], order=2, smoothing="witten-bell")
    >>> weights = tune_weights([news, rivers], ["the bank", "the river", "the bank closed"])
    >>> weights[0] > weights[1]
    True
    """
    cores = _cores(models)
    source = text_or_ids(held_out)
    if isinstance(source, Ids):
        return _rust.ngram_tune_ids(cores, source.ids, source.offsets, kind)
    return _rust.ngram_tune_text(cores, source, kind)


def _cores(models: Sequence[NgramLM]) -> list[_rust.NgramModel]:
    for number, model in enumerate(models):
        if not isinstance(model, NgramLM):
            raise InvalidTypeError(f"models: item {number} is {type(model).__name__}, expected NgramLM")
    if not models:
        raise InvalidArgumentError("models is empty, but there must be one at least")
    return [model._core for model in models]
