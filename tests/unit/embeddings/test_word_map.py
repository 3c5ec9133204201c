"""Words in a plane: the coordinates, the groups, and the picture."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from ferrolm.embeddings import KeyedVectors, word_map
from ferrolm.errors import InvalidArgumentError, UnknownNameError

RANDOM = np.random.default_rng(0)
# Three tight groups of words far from each other.
NAMES = [f"{group}{number}" for number in range(10) for group in "xyz"]
CENTRES = {"x": 0, "y": 1, "z": 2}
VECTORS = np.array([np.eye(6)[CENTRES[name[0]]] + 0.05 * RANDOM.standard_normal(6) for name in NAMES])
WV = KeyedVectors(NAMES, VECTORS)


def apart(coordinates: np.ndarray) -> bool:
    """Whether each word is nearer to every word of its group than to any other."""
    distances = np.linalg.norm(coordinates[:, None] - coordinates[None], axis=2)
    same = np.array([[one[0] == other[0] for other in NAMES] for one in NAMES])
    return bool((np.where(same, distances, 0).max(1) < np.where(same, np.inf, distances).min(1)).all())


def test_principal_components_are_numpys() -> None:
    drawn = word_map(WV)
    units = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    centred = units - units.mean(0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * values[:2]
    expected *= np.sign((expected * drawn.coordinates).sum(0))
    np.testing.assert_allclose(drawn.coordinates, expected, atol=1e-5)
    assert apart(drawn.coordinates)
    assert (drawn.words, drawn.method, drawn.groups) == (NAMES, "pca", None)
    again = word_map(KeyedVectors(NAMES, VECTORS.copy()))
    np.testing.assert_array_equal(drawn.coordinates, again.coordinates)


@pytest.mark.parametrize(("method", "module"), [("umap", "umap"), ("tsne", "sklearn")], ids=["umap", "tsne"])
def test_methods_of_other_packages(method: str, module: str) -> None:
    pytest.importorskip(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        drawn = word_map(WV, method=method, seed=3)
    assert drawn.coordinates.shape == (30, 2)
    assert apart(drawn.coordinates)


def test_neighbours_are_the_nearest_others() -> None:
    drawn = word_map(WV, neighbours=4)
    for row, (near, similarities) in enumerate(zip(drawn.neighbours, drawn.similarities, strict=True)):
        expected = WV.most_similar(NAMES[row], topn=4)
        assert [NAMES[other] for other in near] == [word for word, _ in expected]
        np.testing.assert_allclose(similarities, [similarity for _, similarity in expected], atol=1e-6)


def test_many_words_with_one_vector_are_no_neighbours_of_themselves() -> None:
    drawn = word_map(KeyedVectors(NAMES, np.ones((30, 2))), neighbours=3)
    assert drawn.neighbours.shape == (30, 3)
    assert not (drawn.neighbours == np.arange(30)[:, None]).any()
    np.testing.assert_allclose(drawn.coordinates, 0, atol=1e-6)


def test_groups() -> None:
    given = word_map(WV, groups={"x0": "first", "y0": "second"}).groups
    assert given is not None
    assert given[:4] == ["first", "second", "other", "other"]
    found = word_map(WV, groups=3).groups
    assert found is not None
    names = dict(zip(NAMES, found, strict=True))
    assert all(len({names[name] for name in NAMES if name[0] == letter}) == 1 for letter in "xyz")
    assert len(set(found)) == 3
    assert all(len(group.split(", ")) == 2 for group in found)


def test_words_may_be_chosen() -> None:
    drawn = word_map(WV, ["x0", "y0", "x0", "z3"])
    assert drawn.words == ["x0", "y0", "z3"]
    assert drawn.neighbours.shape == (3, 2)
    one = word_map(KeyedVectors(["a", "b", "c"], np.array([[1.0], [-1], [1]])), groups=2)
    assert one.coordinates.shape == (3, 2)


def test_mistakes_are_named() -> None:
    with pytest.raises(
        InvalidArgumentError, match="method is 'tnse': expected one of pca, umap, tsne; did you mean 'tsne'"
    ):
        word_map(WV, method="tnse")
    with pytest.raises(UnknownNameError, match="'q' has no vector"):
        word_map(WV, ["x0", "x1", "q"])
    with pytest.raises(InvalidArgumentError, match="words has 2 different words: expected 3 or more"):
        word_map(WV, ["x0", "x1", "x0"])
    with pytest.raises(InvalidArgumentError, match="groups is 31: expected 1 to 30"):
        word_map(WV, groups=31)
    with pytest.raises(InvalidArgumentError, match="unknown option 'perplexity'"):
        word_map(WV, perplexity=3)


def test_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    strange = ["$\\frac", "a_b^{c", "東京", "\N{PILE OF POO}", "</b>"]
    wv = KeyedVectors([*strange, *NAMES], np.concatenate([RANDOM.standard_normal((5, 6)), VECTORS]))
    drawn = word_map(wv, groups=4)
    for name in ("map.png", "map.svg"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            drawn.save_png(tmp_path / name, title="$5 words", labels=20)
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "map.svg").read_text()) > 10_000
