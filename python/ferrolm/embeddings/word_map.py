"""`word_map`: words as points of a plane, neighbours near each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm._extras import require
from ferrolm.embeddings.keyed_vectors import KeyedVectors
from ferrolm.embeddings.sentence import unit_rows
from ferrolm.embeddings.sentence_search import semantic_search
from ferrolm.errors import InvalidArgumentError, nearest

__all__ = ["METHODS", "WordMap", "word_map"]

_MOST_FREQUENT = 1000


@dataclass(frozen=True, eq=False)
class WordMap:
    """Words with their places in a plane.

    ``words``; ``coordinates``: float32 [words, 2]; ``groups``: the name of each word's group, or None; ``neighbours``:
    int64 [words, k], the numbers of the nearest words of the map by cosine, nearest first, with ``similarities``, float32;
    ``method``: how the plane was found.
    """

    words: list[str]
    coordinates: NDArray[np.float32]
    groups: list[str] | None
    neighbours: NDArray[np.int64]
    similarities: NDArray[np.float32]
    method: str

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        return f"WordMap(words={len(self)}, method={self.method!r})"

    def save_png(self, path: str | PathLike[str], *, title: str = "", labels: int = 150) -> None:
        """Draw the map into a .png, .svg or .pdf with the names of up to ``labels`` words (needs matplotlib)."""
        from ferrolm.embeddings.word_map_plot import save_plot

        save_plot(self, Path(path), title, labels)

    def save_html(self, path: str | PathLike[str], *, title: str = "Map of words") -> None:
        """Write a page that shows the map: one file with no references, to move in, zoom and search."""
        from ferrolm.embeddings.word_map_page import save_page

        save_page(self, Path(path), title)


def word_map(
    wv: KeyedVectors,
    words: Iterable[str] | None = None,
    *,
    method: str = "pca",
    groups: Mapping[str, str] | int | None = None,
    neighbours: int = 10,
    seed: int = 1,
    **options: Any,
) -> WordMap:
    """Places of words in a plane, from their vectors brought to length 1.

    Args:
        wv: the vectors.
        words: which of them; by default the first (most frequent) 1,000.
        method: "pca", the two directions in which the words differ most (built in; distances mean something); "umap"
            (McInnes et al. 2018; `umap-learn`) or "tsne" (van der Maaten and Hinton 2008; `scikit-learn`), which keep
            neighbours together and are not to be trusted over long distances.
        groups: a group for each word, by which it is coloured (words that are not in the mapping are "other"); or a
            number of clusters to find, each of which is named after its two most central words.
        neighbours: nearest words that the map remembers for each word.
        seed: of everything random.
        options: of ``umap.UMAP`` or ``sklearn.manifold.TSNE``, such as ``n_neighbors`` or ``perplexity``.

    Raises:
        UnknownNameError: a word has no vector.
        InvalidArgumentError: fewer than three words, or a method that is not here.
        MissingExtraError: the method needs a package that is not installed.

    >>> wv = KeyedVectors(["a", "b", "c", "d"], np.array([[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [0, 1, 0.1]]))
    >>> drawn = word_map(wv, groups=2, neighbours=1)
    >>> drawn.coordinates.shape, drawn.neighbours[:, 0].tolist(), drawn.groups
    ((4, 2), [1, 0, 3, 2], ['a, b', 'a, b', 'c, d', 'c, d'])
    """
    if method not in METHODS:
        raise InvalidArgumentError(
            f"method is {method!r}: expected one of {', '.join(METHODS)}{nearest(str(method), METHODS)}"
        )
    chosen = wv.index_to_key[:_MOST_FREQUENT] if words is None else list(dict.fromkeys(words))
    if len(chosen) < 3:
        raise InvalidArgumentError(f"words has {len(chosen)} different words: expected 3 or more")
    units = unit_rows(np.asarray(wv[chosen], np.float32))
    places = METHODS[method](units, seed, options)
    near, similarities = _neighbours(units, min(neighbours, len(chosen) - 1))
    return WordMap(chosen, places, _groups(chosen, units, groups, seed), near, similarities, method)


def _pca(units: NDArray[np.float32], seed: int, options: Mapping[str, Any]) -> NDArray[np.float32]:
    if options:
        raise InvalidArgumentError(f"unknown option {next(iter(options))!r}: method='pca' has none")
    centred = units - units.mean(0)
    _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    axes = vectors[:, : -min(3, vectors.shape[1] + 1) : -1]
    # The sign of an axis is arbitrary: the same one for the same words, whatever computes it.
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    places = np.zeros((len(units), 2), np.float32)
    places[:, : axes.shape[1]] = centred @ axes
    return places


def _umap(units: NDArray[np.float32], seed: int, options: Mapping[str, Any]) -> NDArray[np.float32]:
    umap = require("umap", "maps", "a map by UMAP")
    # One job: UMAP repeats itself with a seed on one thread alone, and would warn.
    settings = {"n_neighbors": min(15, len(units) - 1), "metric": "cosine", "random_state": seed, "n_jobs": 1}
    # Too few words for its usual start, the spectrum of the graph.
    if len(units) < 6:
        settings["init"] = "random"
    return np.asarray(umap.UMAP(**{**settings, **options}).fit_transform(units), np.float32)


def _tsne(units: NDArray[np.float32], seed: int, options: Mapping[str, Any]) -> NDArray[np.float32]:
    manifold = require("sklearn.manifold", "maps", "a map by t-SNE")
    settings = {"perplexity": min(30.0, (len(units) - 1) / 3), "metric": "cosine", "init": "pca", "random_state": seed}  # fmt: skip
    return np.asarray(manifold.TSNE(**{**settings, **options}).fit_transform(units), np.float32)


METHODS: dict[str, Callable[[NDArray[np.float32], int, Mapping[str, Any]], NDArray[np.float32]]] = {
    "pca": _pca,
    "umap": _umap,
    "tsne": _tsne,
}
"""How a plane can be found."""


def _neighbours(units: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest other words of each."""
    if count < 1:
        return np.zeros((len(units), 0), np.int64), np.zeros((len(units), 0), np.float32)
    hits = semantic_search(units, units, count + 1)
    # Its own row is among the hits but where so many words have the same vector; then the last one goes.
    own = hits.corpus_ids == np.arange(len(units))[:, None]
    own[~own.any(1), -1] = True
    shape = (len(units), count)
    return hits.corpus_ids[~own].reshape(shape), hits.scores[~own].reshape(shape)


def _groups(
    words: list[str], units: NDArray[np.float32], groups: Mapping[str, str] | int | None, seed: int
) -> list[str] | None:
    if groups is None:
        return None
    if isinstance(groups, Mapping):
        return [str(groups.get(word, "other")) for word in words]
    if not 1 <= groups <= len(words):
        raise InvalidArgumentError(f"groups is {groups}: expected 1 to {len(words)} clusters")
    members, centres = _clusters(units, groups, seed)
    central = (units * centres[members]).sum(1)
    names = {}
    for cluster in range(groups):
        own = np.flatnonzero(members == cluster)
        names[cluster] = ", ".join(words[row] for row in own[np.argsort(-central[own], kind="stable")[:2]])
    return [names[cluster] for cluster in members.tolist()]


def _clusters(
    units: NDArray[np.float32], count: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Spherical k-means (Dhillon and Modha 2001) from far starting points (k-means++)."""
    random = np.random.default_rng(seed)
    centres = units[[0]]
    for _ in range(count - 1):
        far = np.clip(1 - (units @ centres.T).max(1), 0, None).astype(np.float64) ** 2
        share = far / far.sum() if far.sum() > 0 else None
        centres = np.concatenate([centres, units[[random.choice(len(units), p=share)]]])
    members = np.zeros(len(units), np.int64)
    for step in range(30):
        found = (units @ centres.T).argmax(1)
        if step and np.array_equal(found, members):
            break
        members = found
        sums = np.zeros_like(centres)
        np.add.at(sums, members, units)
        filled = np.bincount(members, minlength=count) > 0
        centres = np.where(filled[:, None], unit_rows(sums), centres)
    return members, centres
