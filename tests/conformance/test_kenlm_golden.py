"""Models and scores against KenLM's: files made with lmplz, the values of its own tests, and the kenlm module."""

from __future__ import annotations

import copy
import gzip
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from shared_data import shared

import ferrolm.compat.kenlm as ours
from ferrolm.ngram import NgramLM, interpolate

GOLDEN = {"o2": (2, 0), "o3": (3, 0), "o4_prune_0_0_1": (4, (0, 0, 1))}


def read_arpa(path: Path) -> dict[str, tuple[float, float]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [line.split("\t") for line in content.decode().split("\n")]
    return {row[1]: (float(row[0]), float(row[2]) if len(row) > 2 else 0.0) for row in rows if len(row) > 1}


@pytest.fixture(scope="module")
def golden() -> dict:
    return json.loads(shared("conformance/kenlm/tinyshakespeare/golden.json").read_text())["models"]


@pytest.mark.parametrize("name", GOLDEN)
class TestTinyShakespeare:
    @pytest.fixture
    def model(self, name: str) -> NgramLM:
        order, prune = GOLDEN[name]
        return NgramLM.train(shared("conformance/kenlm/tinyshakespeare/train.txt.gz"), order, prune=prune)

    def test_every_entry_is_that_of_lmplz(self, name: str, model: NgramLM, tmp_path: Path) -> None:
        path = tmp_path / "model.arpa"
        model.save(path)
        mine, theirs = read_arpa(path), read_arpa(shared(f"conformance/kenlm/tinyshakespeare/{name}.arpa.gz"))
        assert mine.keys() == theirs.keys()
        differences = np.array([mine[ngram] for ngram in theirs]) - np.array(list(theirs.values()))
        assert np.abs(differences).max() < 2e-6

    def test_discounts_are_those_of_lmplz(self, name: str, model: NgramLM, golden: dict) -> None:
        for line, order in zip(golden[name]["counts_and_discounts"], model.report, strict=False):
            numbers = [float(part.partition("=")[2]) for part in line.split()[2:]]
            assert order.discounts == pytest.approx(numbers, rel=1e-5)
            assert order.fallback is None

    def test_scores_and_perplexity(self, name: str, model: NgramLM, golden: dict) -> None:
        expected = golden[name]
        text = shared("conformance/kenlm/tinyshakespeare/test.txt")
        lines = text.read_text().splitlines()
        assert [model.score(line) for line in lines] == pytest.approx(expected["line_log10"], abs=1e-4)
        for line, scores in zip(lines, expected["first_lines_log10_per_token"], strict=False):
            assert [score for score, _, _ in model.full_scores(line)] == pytest.approx(scores, abs=1e-5)
        total = model.score_texts(text)
        assert total.log10 == pytest.approx(expected["test_log10_total"], abs=1e-3)
        assert (total.num_tokens, total.num_unknown) == (expected["test_tokens_incl_eos"], expected["oov"])
        assert f"{total.perplexity:.5g}" == f"{expected['perplexity_incl_oov']:.5g}"

    def test_ids_give_the_same_model_as_words(self, name: str, model: NgramLM) -> None:
        order, prune = GOLDEN[name]
        with gzip.open(shared("conformance/kenlm/tinyshakespeare/train.txt.gz"), "rt") as lines:
            ids = [[number - 3 for number in model.ids(line)] for line in lines]
        over_ids = NgramLM.train(ids, order, prune=prune)
        assert over_ids.vocab_size == model.vocab_size
        words = model.next_token_logprobs("first citizen")
        same = over_ids.next_token_logprobs([number - 3 for number in model.ids("first citizen")])
        assert np.roll(same, 3) == pytest.approx(words, abs=1e-6)


def walk(model, state, words):
    scores = []
    for word in words:
        after = ours.State()
        full = model.BaseFullScore(state, word, after)
        scores.append([word, full.ngram_length, full.log_prob])
        state = after
    return scores, state


class TestModelTestValues:
    """The values of KenLM's lm/model_test.cc on its test.arpa."""

    @pytest.fixture(scope="class")
    def expected(self) -> dict:
        return json.loads(shared("conformance/kenlm/expected_test_arpa.json").read_text())["test.arpa"]

    @pytest.fixture(scope="class")
    def model(self) -> ours.Model:
        return ours.Model(str(shared("conformance/kenlm/test.arpa")))

    @pytest.mark.parametrize("name", ["begin_sentence", "null_context_blanks", "null_context_unknowns"])
    def test_walk(self, model: ours.Model, expected: dict, name: str) -> None:
        state = ours.State()
        start = model.BeginSentenceWrite if name.startswith("begin") else model.NullContextWrite
        start(state)
        scores, _ = walk(model, state, [word for word, _, _ in expected[name]])
        for got, want in zip(scores, expected[name], strict=True):
            assert got[:2] == want[:2]
            assert got[2] == pytest.approx(want[2], rel=1e-5)

    def test_continuations(self, model: ours.Model, expected: dict) -> None:
        state = ours.State()
        model.BeginSentenceWrite(state)
        _, state = walk(model, state, ["looking", "on", "a", "little"])
        expected = expected["begin_sentence_then_looking_on_a_little"]
        scores, _ = walk(model, state, [word for word, _, _ in expected])
        assert scores == [[word, length, pytest.approx(log10, rel=1e-5)] for word, length, log10 in expected]


ARPAS = ["test.arpa", "test_nounk.arpa", "toy0.arpa", "toy1.arpa", "tinyshakespeare/o4_prune_0_0_1.arpa.gz"]
SENTENCES = [
    "",
    "a b a b c",
    "looking on a little more loin",
    "also would consider higher looking",
    "not_found however not_found3 bar foo baz",
    "first citizen : we are accounted poor citizens , the patricians good .",
    "  tabs\tand  spaces\n",
    "</s> a",
    "biarritz . biarritz . </s> foo",
]


class TestBesideKenlm:
    @pytest.fixture(scope="class", params=ARPAS)
    def pair(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
        kenlm = pytest.importorskip("kenlm")
        path = shared(f"conformance/kenlm/{request.param}")
        if path.suffix == ".gz":
            plain = tmp_path_factory.mktemp("arpa") / "plain.arpa"
            plain.write_bytes(gzip.decompress(path.read_bytes()))
            path = plain
        return ours.Model(str(path)), kenlm.Model(str(path)), kenlm

    def test_attributes(self, pair) -> None:
        mine, theirs, _ = pair
        assert (mine.order, mine.path, repr(mine)) == (theirs.order, theirs.path, repr(theirs))
        for word in ["a", "first", "nonsense", "<unk>", "<s>", "</s>", "biarritz"]:
            assert (word in mine) == (word in theirs), word

    @pytest.mark.parametrize("bos", [True, False])
    @pytest.mark.parametrize("eos", [True, False])
    def test_scores(self, pair, bos: bool, eos: bool) -> None:
        mine, theirs, _ = pair
        for sentence in SENTENCES:
            assert mine.score(sentence, bos=bos, eos=eos) == pytest.approx(
                theirs.score(sentence, bos=bos, eos=eos), rel=1e-5
            )
            assert mine.perplexity(sentence) == pytest.approx(theirs.perplexity(sentence), rel=1e-4)
            full, expected = (
                list(mine.full_scores(sentence, bos, eos)),
                list(theirs.full_scores(sentence, bos, eos)),
            )
            assert [score[1:] for score in full] == [score[1:] for score in expected], sentence
            assert [score[0] for score in full] == pytest.approx(
                [score[0] for score in expected], rel=1e-5, abs=1e-6
            )

    def test_states(self, pair) -> None:
        mine, theirs, kenlm = pair
        # Where <unk> is missing KenLM remembers an unknown word, though it cannot matter; scores are the same.
        comparable = "test_nounk" not in mine.path.decode()
        for sentence in SENTENCES:
            states = {"mine": [ours.State()], "theirs": [kenlm.State()]}
            mine.NullContextWrite(states["mine"][0])
            theirs.NullContextWrite(states["theirs"][0])
            for word in [*sentence.split(), "a"]:
                after, expected = ours.State(), kenlm.State()
                score = mine.BaseScore(states["mine"][-1], word, after)
                assert score == pytest.approx(
                    theirs.BaseScore(states["theirs"][-1], word, expected), rel=1e-5
                )
                states["mine"].append(after)
                states["theirs"].append(expected)
            same = [[a == b for b in states["mine"]] for a in states["mine"]]
            assert not comparable or same == [[a == b for b in states["theirs"]] for a in states["theirs"]]

    def test_random_sentences(self, pair) -> None:
        mine, theirs, _ = pair
        words = [
            key
            for key in read_arpa(Path(mine.path.decode()))
            if " " not in key and key not in ("<s>", "</s>")
        ]
        random = np.random.default_rng(0)
        for _ in range(300):
            sentence = " ".join(random.choice(words, size=random.integers(1, 12)))
            assert mine.score(sentence) == pytest.approx(theirs.score(sentence), rel=1e-5)


def test_states_hash_compare_and_copy() -> None:
    model = ours.LanguageModel(str(shared("conformance/kenlm/test.arpa")))
    a, b = ours.State(), ours.State()
    model.BeginSentenceWrite(a)
    assert a != b
    assert b < a <= a
    twin = copy.deepcopy(a)
    assert twin == a
    assert hash(twin) == hash(a)
    model.NullContextWrite(twin)
    assert twin == b


def test_pickle_bytes_and_missing_files() -> None:
    path = str(shared("conformance/kenlm/test.arpa"))
    model = ours.Model(path, ours.Config())
    assert pickle.loads(pickle.dumps(model)).score("looking on") == model.score(b"looking on")
    with pytest.raises(OSError, match="Cannot read model"):
        ours.Model("/nowhere/model.arpa")
    with pytest.raises(TypeError):
        model.score(3)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")
def test_a_model_of_ours_is_read_by_kenlm(tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm")
    text = shared("conformance/kenlm/tinyshakespeare/test.txt")
    model = NgramLM.train(text, 3)
    ids = NgramLM.train([[0, 1, 2, 1], [1, 2, 0]], 2, discount_fallback=(0.5, 1, 1.5), vocab_size=5)
    model.save(tmp_path / "words.arpa")
    ids.save(tmp_path / "ids.arpa")
    theirs = kenlm.Model(str(tmp_path / "words.arpa"))
    for line in text.read_text().splitlines()[:50]:
        assert theirs.score(line) == pytest.approx(model.score(line), rel=1e-5)
    assert kenlm.Model(str(tmp_path / "ids.arpa")).score("0 1 2 4") == pytest.approx(
        ids.score([0, 1, 2, 4]), rel=1e-5
    )
    assert math.isfinite(ids.score([0, 1, 2, 4]))


@pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")
@pytest.mark.parametrize(
    "made", ["witten-bell", "absolute", "add-k", "stupid-backoff", "linear", "log-linear"]
)
def test_models_of_all_kinds_are_read_by_kenlm(tmp_path: Path, made: str) -> None:
    kenlm = pytest.importorskip("kenlm")
    lines = shared("conformance/kenlm/tinyshakespeare/test.txt").read_text().splitlines()
    if made.endswith("linear"):
        parts = [NgramLM.train(lines[:200], 3), NgramLM.train(lines[200:400], 2, smoothing="witten-bell")]
        model = interpolate(parts, [0.6, 0.4], kind=made)
    else:
        model = NgramLM.train(lines[:400], 3, smoothing=made, prune=(0, 0, 1))
    model.save(tmp_path / "model.arpa")
    theirs = kenlm.Model(str(tmp_path / "model.arpa"))
    for line in [*lines[:50], *lines[400:450]]:
        assert theirs.score(line) == pytest.approx(model.score(line), rel=1e-5)
