"""word2vec in torch: its gradients, its windows, and what it learns; on the CPU, which takes the same way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import logsigmoid

from ferrolm.embeddings import KeyedVectors
from ferrolm.embeddings import torch_word2vec as subject
from ferrolm.embeddings.torch_word2vec import negative_sampling_gradients, train_word2vec
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.tokenizers import RaggedIds


def planted(sentences: int = 800) -> tuple[RaggedIds, np.ndarray]:
    """Sentences of one of three topics of 12 words each, which meet in no other, and 4 words that meet all."""
    random = np.random.default_rng(0)
    topics = random.integers(0, 3, sentences)[:, None]
    ids = np.where(random.random((sentences, 12)) < 0.5, topics * 12 + random.integers(0, 12, (sentences, 12)), 36 + random.integers(0, 4, (sentences, 12)))  # fmt: skip
    return RaggedIds(ids.astype(np.uint32).ravel(), np.arange(sentences + 1) * 12), np.bincount(
        ids.ravel(), minlength=40
    )


@pytest.mark.parametrize("sg", [0, 1])
@pytest.mark.parametrize("batch_size", [64, 512])
def test_words_of_one_topic_become_neighbours(sg: int, batch_size: int) -> None:
    corpus, counts = planted()
    vectors = train_word2vec(corpus, counts, device="cpu", sg=sg, vector_size=16, sample=0, epochs=6, batch_size=batch_size, alpha=0.05)  # fmt: skip
    wv = KeyedVectors([f"{'abcf'[word // 12]}{word}" for word in range(40)], vectors)
    for word in ("a3", "b15", "c30"):
        near = [key for key, _ in wv.most_similar(word, topn=8)]
        assert sum(key[0] == word[0] for key in near) >= 7, near


def objective(inputs: Any, outputs: Any, around: Any, valid: Any, targets: Any, form: str) -> Any:
    """What word2vec maximizes, one position after the other."""
    total = torch.zeros((), dtype=inputs.dtype)
    for place in range(len(targets)):
        own = [inputs[word] for word, counts in zip(around[place], valid[place], strict=True) if counts]
        if not own:
            continue
        predicting = own if form == "skip-gram" else [sum(own) / (len(own) if form == "mean" else 1)]
        for vector in predicting:
            total = total + logsigmoid(vector @ outputs[targets[place, 0]])
            for wrong in targets[place, 1:]:
                if wrong != targets[place, 0]:
                    total = total + logsigmoid(-vector @ outputs[wrong])
    return total


@pytest.mark.parametrize("form", ["skip-gram", "mean", "sum"])
def test_gradients_are_those_of_the_plain_objective(form: str) -> None:
    random = torch.Generator().manual_seed(0)
    inputs, outputs = (
        torch.randn(9, 5, generator=random, dtype=torch.float64, requires_grad=True) for _ in range(2)
    )
    around = torch.randint(0, 9, (7, 4), generator=random)
    valid = torch.rand(7, 4, generator=random) < 0.6
    valid[2] = False
    valid[3] = True
    targets = torch.randint(0, 9, (7, 4), generator=random)
    objective(inputs, outputs, around, valid, targets, form).backward()
    with torch.no_grad():
        of_inputs, counted, of_outputs, counted_targets = negative_sampling_gradients(
            inputs, outputs, around, valid, targets, form == "skip-gram", form == "mean"
        )
    if form == "mean":  # word2vec gives each word around the gradient of the mean as it is
        of_inputs = of_inputs / valid.sum(1).clamp(min=1)[:, None, None]
    if form == "sum":  # and of a sum its share
        of_inputs = of_inputs * valid.sum(1)[:, None, None]
    found = torch.zeros_like(inputs).index_add_(0, around[counted], of_inputs[counted])
    torch.testing.assert_close(found, inputs.grad)
    found = torch.zeros_like(outputs).index_add_(0, targets[counted_targets], of_outputs[counted_targets])
    torch.testing.assert_close(found, outputs.grad)


def test_windows_end_with_their_sentence_and_shrink() -> None:
    text = subject._Corpus(torch.tensor([5, 6, 7, 8, 9]), torch.tensor([0, 0, 0, 4, 4]))
    random = torch.Generator().manual_seed(0)
    around, valid = subject._windows(text, torch.arange(5), 2, False, random)
    seen = [around[place][valid[place]].tolist() for place in range(5)]
    assert seen == [[6, 7], [5, 7], [5, 6], [9], [8]]
    _, drawn = subject._windows(text, torch.ones(400, dtype=torch.long) * 2, 2, True, random)
    assert 0.4 < drawn[:, 0].float().mean() < 0.6
    assert drawn[:, 1].all()


def test_a_word_that_fills_a_batch_stays_finite() -> None:
    ids = np.zeros(20_000, np.uint32)
    ids[::50] = np.arange(400) % 7 + 1
    corpus = RaggedIds(ids, np.array([0, 20_000]))
    for sg in (0, 1):
        vectors = train_word2vec(corpus, np.bincount(ids), device="cpu", sg=sg, vector_size=4, epochs=2, alpha=0.5, batch_size=4096)  # fmt: skip
        assert np.isfinite(vectors).all()
        assert np.abs(vectors).max() < 50


def test_a_cpu_repeats_itself() -> None:
    corpus, counts = planted(60)
    first, second, other = (train_word2vec(corpus, counts, device="cpu", vector_size=4, epochs=1, seed=seed) for seed in (1, 1, 2))  # fmt: skip
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_mistakes_are_named() -> None:
    corpus, counts = planted(3)
    with pytest.raises(InvalidArgumentError, match="device is 'nowhere', which is not here"):
        train_word2vec(corpus, counts, device="nowhere")
    if not torch.cuda.is_available():
        with pytest.raises(InvalidArgumentError, match="device is 'cuda', which is not here"):
            train_word2vec(corpus, counts, device="cuda")
    with pytest.raises(InvalidArgumentError, match="negative is 0"):
        train_word2vec(corpus, counts, device="cpu", negative=0)
    with pytest.raises(ShapeError, match="counts 2 words"):
        train_word2vec(corpus, counts[:2], device="cpu")
    empty = RaggedIds(np.zeros(0, np.uint32), np.zeros(1, np.int64))
    assert train_word2vec(empty, np.ones(3), device="cpu", vector_size=2).shape == (3, 2)
