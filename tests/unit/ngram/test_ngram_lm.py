"""`NgramLM`: training options, scores, distributions, files. Agreement with KenLM is in tests/conformance."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram import DiscountFallbackWarning, NgramLM

SENTENCES = [
    f"the {'big ' if i % 3 else ''}{animal} {verb}"
    for i in range(6)
    for animal in ("cat", "dog", "cow")
    for verb in ("sat", "ran")
]
pytestmark = pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")


@pytest.fixture(scope="module")
def model() -> NgramLM:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return NgramLM.train(SENTENCES, 3)


@pytest.fixture(scope="module")
def id_model() -> NgramLM:
    ids = (np.random.default_rng(0).zipf(1.4, (200, 30)) % 50).astype(np.uint32)
    return NgramLM.train(ids, 4, vocab_size=60)


def total(logprobs: np.ndarray) -> float:
    return float(np.exp(logprobs.astype(np.float64)).sum())


def test_numbers_and_membership(model: NgramLM, id_model: NgramLM) -> None:
    assert (model.unk_id, model.bos_id, model.eos_id) == (0, 1, 2)
    assert [model.word(id) for id in model.ids("the zebra sat")] == ["the", "<unk>", "sat"]
    assert "cat" in model
    assert "zebra" not in model
    assert "<unk>" not in model
    assert (id_model.vocab_size, id_model.unk_id, id_model.eos_id) == (63, 60, 62)
    assert 59 in id_model
    assert 60 not in id_model
    assert (model.order, id_model.is_over_ids, model.is_over_ids) == (3, True, False)


def test_scores_are_consistent(model: NgramLM) -> None:
    full = model.full_scores("the big zebra")
    assert [unknown for _, _, unknown in full] == [False, False, True, False]
    assert model.score("the big zebra") == pytest.approx(sum(score for score, _, _ in full), abs=1e-5)
    assert model.score("the big zebra", eos=False) == pytest.approx(sum(s for s, _, _ in full[:-1]), abs=1e-5)
    ids = model.ids("the big zebra")
    assert model.score(ids) == pytest.approx(model.score("the big zebra"), abs=1e-5)
    assert model.token_scores([ids]).tolist() == pytest.approx([score for score, _, _ in full], abs=1e-6)
    assert model.token_scores([ids, ids], eos=False).shape == (6,)


def test_next_token_logprobs_are_a_distribution_and_equal_the_scores(
    model: NgramLM, id_model: NgramLM
) -> None:
    for context in ["", "the", "the big", "zebra cat", "the big cat sat the"]:
        logprobs = model.next_token_logprobs(context)
        assert logprobs.dtype == np.float32
        assert total(logprobs) == pytest.approx(1, abs=1e-6)
        assert logprobs[model.bos_id] == -math.inf
        for word in ("sat", "big", "</s>"):
            score = model.full_scores(f"{context} {word}", eos=False)[-1][0]
            assert logprobs[model.ids(word)[0]] == pytest.approx(score * math.log(10), abs=1e-5)
    for context in [[], [3, 1], [59], [1, 2, 3, 4, 5, 1 << 31]]:
        assert total(id_model.next_token_logprobs(context)) == pytest.approx(1, abs=1e-6)
        assert total(id_model.next_token_logprobs(context, bos=False)) == pytest.approx(1, abs=1e-6)


def test_unseen_ids_have_probability_and_unknown_ones_too(id_model: NgramLM) -> None:
    assert np.isfinite(id_model.next_token_logprobs([])[50:61]).all()
    assert id_model.score([1000], bos=False, eos=False) == pytest.approx(
        id_model.score([60], bos=False, eos=False)
    )


def test_perplexity_and_bits(model: NgramLM, id_model: NgramLM) -> None:
    text = "the cat sat\nthe zebra ran\n"
    score = model.score_texts(text)
    lines = text.splitlines()
    assert score.log10 == pytest.approx(sum(model.score(line) for line in lines), abs=1e-4)
    assert (score.num_tokens, score.num_unknown) == (8, 1)
    assert model.perplexity(text) == pytest.approx(10 ** (-score.log10 / 8))
    known = sum(s for line in lines for s, _, unknown in model.full_scores(line) if not unknown)
    assert model.perplexity(lines, include_unknown=False) == pytest.approx(10 ** (-known / 7), rel=1e-4)
    assert math.isnan(model.perplexity(""))
    ids = [[1, 2, 3], [4]]
    bits = -id_model.token_scores(ids, eos=False).sum() * math.log2(10)
    assert id_model.bits_per_token(ids) == pytest.approx(bits / 4, rel=1e-5)
    assert id_model.score_texts(ids, eos=False).bits_per_byte(11) == pytest.approx(bits / 11, rel=1e-5)


def test_any_number_of_threads_gives_the_same_model(tmp_path: Path) -> None:
    ids = (np.random.default_rng(2).zipf(1.2, (3000, 40)) % 3000).astype(np.uint32)
    files, scores = [], []
    for threads in (1, 2, 3):
        ferrolm.set_num_threads(threads)
        model = NgramLM.train(ids, 4, prune=(0, 0, 1))
        model.save(tmp_path / f"{threads}.flm")
        files.append((tmp_path / f"{threads}.flm").read_bytes())
        scores.append(model.score_ids_batch(ids).tolist())
    assert files[0] == files[1] == files[2]
    assert scores[0] == scores[1] == scores[2]


@pytest.mark.parametrize("name", ["m.arpa", "m.arpa.gz", "m.flm"])
def test_files_keep_the_model(model: NgramLM, id_model: NgramLM, tmp_path: Path, name: str) -> None:
    for original in (model, id_model):
        original.save(tmp_path / name)
        again = NgramLM.load(tmp_path / name)
        assert repr(again) == repr(original)
        context = [3, 4]
        assert again.next_token_logprobs(context) == pytest.approx(
            original.next_token_logprobs(context), abs=1e-6
        )
    if name.endswith("flm"):
        mapped = NgramLM.load(tmp_path / name, mmap=True)
        assert (mapped.next_token_logprobs([5]) == id_model.next_token_logprobs([5])).all()


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("layout", ["compact", "hashed"])
def test_layouts_answer_the_same(
    model: NgramLM, id_model: NgramLM, tmp_path: Path, mmap: bool, layout: str
) -> None:
    for original in (model, id_model):
        other = getattr(original, layout)()
        assert (original.layout, other.layout) == ("plain", layout)
        assert (other.nbytes < original.nbytes) == (layout == "compact")
        other.save(tmp_path / "other.flm")
        loaded = NgramLM.load(tmp_path / "other.flm", mmap=mmap)
        assert loaded.layout == layout
        for again in (other, loaded, loaded.expand()):
            assert again.num_ngrams == original.num_ngrams
            for context in ([], [3], [3, 4], [4, 3, 5]):
                expected = original.next_token_logprobs(context)
                assert (again.next_token_logprobs(context) == expected).all()
    sentence = "the cat sat on the mat"
    other = getattr(model, layout)()
    assert other.full_scores(sentence) == model.full_scores(sentence)
    assert other.generate(max_tokens=9, seed=3) == model.generate(max_tokens=9, seed=3)
    model.save(tmp_path / "plain.arpa")
    other.save(tmp_path / "other.arpa")
    assert (tmp_path / "other.arpa").read_text() == (tmp_path / "plain.arpa").read_text()


def test_quantized_models_are_smaller_and_close() -> None:
    ids = (np.random.default_rng(2).zipf(1.2, (3000, 40)) % 3000).astype(np.uint32)
    model = NgramLM.train(ids, 4)
    exact, rounded = model.compact(), model.compact(bits=8)
    assert rounded.nbytes < exact.nbytes < model.nbytes
    assert rounded.perplexity(ids) == pytest.approx(model.perplexity(ids), rel=0.01)
    assert rounded.perplexity(ids) != model.perplexity(ids)
    for bits in (1, 25):
        with pytest.raises(InvalidArgumentError, match=f"bits is {bits}, but must be 2 to 24"):
            model.compact(bits=bits)
    with pytest.raises(InvalidTypeError, match="bits is str, expected int or None"):
        model.compact(bits="8")
    assert model.compact(bits=np.int64(8)).nbytes == rounded.nbytes


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress]
)
def test_compressed_arpa_files_are_told_by_their_content(
    model: NgramLM, id_model: NgramLM, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    for original in (model, id_model):
        original.save(tmp_path / "m.arpa")
        (tmp_path / "packed").write_bytes(compress((tmp_path / "m.arpa").read_bytes()))
        again = NgramLM.load(tmp_path / "packed")
        plain = NgramLM.load(tmp_path / "m.arpa")
        assert repr(again) == repr(original)
        assert (again.next_token_logprobs([3]) == plain.next_token_logprobs([3])).all()


def test_pruned_models_still_sum_to_one(tmp_path: Path) -> None:
    sentences = [*SENTENCES, "once upon a time", "the cat upon"]
    model = NgramLM.train(sentences, 3, prune=1)
    assert "once" not in model
    assert model.num_ngrams[0] < model.vocab_size
    assert model.report[2].kept < model.report[2].seen
    for context in ("", "the cat", "once upon", "the big"):
        logprobs = model.next_token_logprobs(context)
        assert total(logprobs) == pytest.approx(1, abs=1e-6)
        assert logprobs[model.vocab_size - 1] == -math.inf  # the last new word, "time", is pruned
    for name in ("p.arpa", "p.flm"):
        model.save(tmp_path / name)
        again = NgramLM.load(tmp_path / name)
        assert again.score("the cat upon once") == pytest.approx(model.score("the cat upon once"), abs=1e-5)
        assert again.num_ngrams == model.num_ngrams


def test_interpolate_unigrams_off_gives_the_mass_to_unknown_words() -> None:
    on, off = (NgramLM.train(SENTENCES, 1, interpolate_unigrams=flag) for flag in (True, False))
    assert off.score("zebra", False, False) > on.score("zebra", False, False)
    assert off.score("cat", False, False) < on.score("cat", False, False)
    assert total(off.next_token_logprobs()) == pytest.approx(1, abs=1e-6)


def test_fallback_says_which_order_and_why() -> None:
    with pytest.warns(DiscountFallbackWarning, match=r"order 2: no n-gram has an adjusted count of \d"):
        model = NgramLM.train(["a b", "b a"], 2)
    assert model.report[1].discounts == (0.5, 1.0, 1.5)
    with pytest.raises(InvalidArgumentError, match="cannot be estimated for order 1"):
        NgramLM.train(["a b", "b a"], 2, discount_fallback=None)


def test_special_symbols_in_the_text() -> None:
    with pytest.raises(InvalidArgumentError, match="skip_symbols"):
        NgramLM.train(["a <s> b"], 2)
    skipped = NgramLM.train(["a <s> b </s> <unk>", "b"], 2, skip_symbols=True)
    assert skipped.score("a b") == NgramLM.train(["a b", "b"], 2).score("a b")


def test_characters_and_tiny_corpora_work() -> None:
    characters = NgramLM.train([list(b"abracadabra" * 20)], 4)
    assert total(characters.next_token_logprobs(list(b"abra"))) == pytest.approx(1, abs=1e-6)
    assert characters.score(list(b"abra")) > characters.score(list(b"aabr"))
    for source in (["a"], [""], [[]], [[0]], "\n"):
        model = NgramLM.train(source, 3, **({"vocab_size": 1} if isinstance(source[0], list) else {}))
        assert total(model.next_token_logprobs()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": 0}, "order"),
        ({"order": 33}, "order is 33"),
        ({"prune": (1, 0)}, "must not fall"),
        ({"prune": (0, 0, 0, 0)}, "4 thresholds"),
        ({"prune": -1}, "prune"),
        ({"discount_fallback": (0.5, 1, 4)}, "discount_fallback"),
        ({"vocab_size": 5}, "vocab_size is for models over ids"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        NgramLM.train(["a b c"], **{"order": 3, **arguments})


def test_ids_beyond_the_vocabulary_and_text_for_ids() -> None:
    with pytest.raises(InvalidArgumentError, match=r"ids\[2\] is 9, but vocab_size is 5"):
        NgramLM.train([[1, 2], [9]], 2, vocab_size=5)
    model = NgramLM.train([[1, 2]], 2)
    with pytest.raises(InvalidTypeError, match="expected ids"):
        model.score_ids_batch("1 2")
    with pytest.raises(InvalidArgumentError, match="must end in"):
        model.save("model.bin")


def test_generation_follows_the_model() -> None:
    pytest.importorskip("ferrolm.sampling")
    model = NgramLM.train([[1, 2, 3, 4, 5]] * 30, 3, discount_fallback=(0.1, 0.1, 0.1))
    drawn = model.generate([1], max_tokens=10, seed=7)
    assert drawn == model.generate([1], max_tokens=10, seed=7)
    assert len(drawn) <= 10
    likely = sum(model.generate([1, 2], max_tokens=1, seed=seed) == [3] for seed in range(50))
    assert likely > 40
    assert model.generate([1], max_tokens=0) == []


@pytest.mark.parametrize("name", ["m.arpa", "m.flm", "m.arpa.gz"])
def test_a_unigram_model_goes_through_every_form(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = NgramLM.train("a b a\nb c a", 1)
    model.save(tmp_path / name)
    loaded = NgramLM.load(tmp_path / name)
    loaded.save(tmp_path / "again.flm")
    again = NgramLM.load(tmp_path / "again.flm")
    assert again.full_scores("a c z") == model.full_scores("a c z")
