"""`KeyedVectors` gives what gensim's does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_data import shared

from ferrolm.embeddings import KeyedVectors

models = pytest.importorskip("gensim.models")


@pytest.fixture(scope="module")
def both() -> tuple[KeyedVectors, Any]:
    """Vectors of the words of the analogies, some in two spellings, and others."""
    rng = np.random.default_rng(0)
    lines = shared("tasks/analogy/questions-words.txt").read_text().splitlines()
    known = list(dict.fromkeys(word for line in lines if line[0] != ":" for word in line.split()))
    words = list(
        dict.fromkeys([*known[::2], *(word.lower() for word in known), *(f"w{i}" for i in range(300))])
    )
    vectors = rng.standard_normal((len(words), 12)).astype(np.float32)
    # The second word of a pair lies in one direction from the first, more or less, so that some answers are right.
    row = {word: place for place, word in enumerate(words)}
    moved: set[str] = set()
    for line in lines:
        if line.startswith(":"):
            direction = rng.standard_normal(12)
            continue
        one, other, *_ = line.lower().split()
        if other not in moved:
            moved.add(other)
            vectors[row[other]] = vectors[row[one]] + direction + rng.standard_normal(12) / 4
    counts = rng.integers(1, 1000, len(words))
    ours = KeyedVectors(words, vectors, counts)
    theirs = models.KeyedVectors(12)
    theirs.add_vectors(words, vectors)
    for word, count in zip(words, counts.tolist(), strict=True):
        theirs.set_vecattr(word, "count", count)
    return ours, theirs


def assert_near(ours: list[tuple[str, float]], theirs: list[tuple[str, float]]) -> None:
    assert [word for word, _ in ours] == [word for word, _ in theirs]
    np.testing.assert_allclose([value for _, value in ours], [value for _, value in theirs], atol=2e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"positive": "king"},
        {"positive": ["king", "woman"], "negative": ["man"], "topn": 25},
        {"positive": [("king", 0.3), "woman"], "negative": [("man", -2.0)]},
        {"positive": ["king", 7], "restrict_vocab": 200},
        {"positive": ["king"], "clip_start": 50, "clip_end": 400},
        {"negative": ["king"]},
        {"positive": [np.arange(12, dtype=np.float32)], "topn": 3},
    ],
    ids=lambda arguments: "-".join(arguments),
)
def test_most_similar(both: tuple[KeyedVectors, Any], arguments: dict[str, Any]) -> None:
    ours, theirs = (wv.most_similar(**arguments) for wv in both)
    assert_near(ours, theirs)
    ours, theirs = (wv.most_similar(**{**arguments, "topn": None}) for wv in both)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_other_questions(both: tuple[KeyedVectors, Any]) -> None:
    ours, theirs = both
    for question in (
        lambda wv: wv.most_similar_cosmul(positive=["king", "woman"], negative=["man"]),
        lambda wv: wv.similar_by_word("girl", topn=4, restrict_vocab=300),
        lambda wv: wv.similar_by_key("girl"),
        lambda wv: wv.similar_by_vector(wv["girl"] * 3, topn=5),
    ):
        assert_near(question(ours), question(theirs))
    group = ["king", "queen", "boy", "walking", "unknown!"]
    for question in (
        lambda wv: wv.doesnt_match(group),
        lambda wv: [word for _, word in wv.rank_by_centrality(group)],
        lambda wv: wv.rank("king", "queen"),
        lambda wv: wv.closer_than("king", "queen"),
        lambda wv: wv.most_similar_to_given("king", ["boy", "girl"]),
        lambda wv: wv.vectors_for_all(["boy", "boy", "unknown!", "girl"]).index_to_key,
        lambda wv: (
            "king" in wv,
            "unknown!" in wv,
            len(wv),
            wv.get_index("boy"),
            wv.get_vecattr("boy", "count"),
        ),
    ):
        assert question(ours) == question(theirs)
    for question in (
        lambda wv: wv.similarity("king", "queen"),
        lambda wv: wv.distance("king", "queen"),
        lambda wv: wv.n_similarity(["king", "boy"], ["queen", "unknown!"]),
        lambda wv: wv.distances("king", ["queen", "boy"]),
        lambda wv: wv.distances("king"),
        lambda wv: wv.relative_cosine_similarity("king", "queen"),
        lambda wv: wv.get_vector("king", norm=True),
        lambda wv: wv.get_mean_vector(["king", "boy"], weights=[2, -1], post_normalize=True),
        lambda wv: wv.get_mean_vector(["king", "unknown!"], pre_normalize=False),
        lambda wv: wv.get_normed_vectors(),
        lambda wv: wv[["king", "boy"]],
    ):
        np.testing.assert_allclose(question(ours), question(theirs), atol=2e-6)


@pytest.mark.parametrize("case_insensitive", [True, False], ids=["folded", "as-written"])
@pytest.mark.parametrize("dummy4unknown", [True, False], ids=["dummies", "known"])
@pytest.mark.parametrize("restrict_vocab", [300_000, 700], ids=["all", "restricted"])
def test_evaluations(
    both: tuple[KeyedVectors, Any],
    tmp_path: Path,
    case_insensitive: bool,
    dummy4unknown: bool,
    restrict_vocab: int,
) -> None:
    lines = shared("tasks/analogy/questions-words.txt").read_text().splitlines()
    path = tmp_path / "questions.txt"
    path.write_text(
        "\n".join(
            lines[:1] + lines[1:1200:7] + [": family", "one two", "boy girl king queen"] + lines[-200::3]
        )
    )
    options = {
        "restrict_vocab": restrict_vocab,
        "case_insensitive": case_insensitive,
        "dummy4unknown": dummy4unknown,
    }
    (ours, our_sections), (theirs, their_sections) = (
        wv.evaluate_word_analogies(str(path), **options) for wv in both
    )
    assert ours == theirs
    ordered = [
        {**section, **{name: sorted(section[name]) for name in ("correct", "incorrect")}}
        for section in our_sections
    ]
    expected = [
        {**section, **{name: sorted(section[name]) for name in ("correct", "incorrect")}}
        for section in their_sections
    ]
    assert ordered == expected
    if restrict_vocab > 1000:
        assert 0 < ours < 1
    pairs = tmp_path / "pairs.tsv"
    rng = np.random.default_rng(0)
    words = [*both[0].index_to_key[:40:2], "unknown!", "KING"]
    chosen = [rng.choice(words, 2, replace=False) for _ in range(60)]
    rows = [f"{one}\t{other}\t{rng.integers(9)}" for one, other in chosen]
    pairs.write_text("\n".join(["# pairs", *rows]))
    (p, s, unknown), (their_p, their_s, their_unknown) = (
        wv.evaluate_word_pairs(str(pairs), **options) for wv in both
    )
    np.testing.assert_allclose([*p, *s, unknown], [*their_p, *their_s, their_unknown], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("packed", ["", ".gz"], ids=["plain", "packed"])
def test_files_go_both_ways(
    both: tuple[KeyedVectors, Any], tmp_path: Path, binary: bool, packed: str
) -> None:
    ours, theirs = both
    options: dict[str, Any] = {"binary": binary, "fvocab": str(tmp_path / "vocab")}
    ours.save_word2vec_format(str(tmp_path / f"ours{packed}"), **options)
    theirs.save_word2vec_format(str(tmp_path / f"theirs{packed}"), **options)
    for read, written in ((models.KeyedVectors, "ours"), (KeyedVectors, "theirs")):
        loaded = read.load_word2vec_format(str(tmp_path / f"{written}{packed}"), limit=800, **options)
        order = sorted(ours.index_to_key, key=lambda word: -ours.get_vecattr(word, "count"))[:800]
        assert loaded.index_to_key == order
        np.testing.assert_allclose(loaded.vectors, ours[order], rtol=1e-6)
        assert loaded.get_vecattr(order[7], "count") == ours.get_vecattr(order[7], "count")
