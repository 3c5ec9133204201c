"""Models whose matrices are kept in 8 or 4 bits."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ferrolm import _rust, load_model
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models import GPT2Config, GPT2LMHeadModel, quantize
from ferrolm.models.gpt2 import Projection

TEXT = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of "
    "Darkness, it was the spring of hope, it was the winter of despair."
)


def tiny(tied: bool = True) -> Any:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=300, n_positions=64, n_embd=96, n_layer=2, n_head=4, tie_word_embeddings=tied
    )
    return GPT2LMHeadModel(config).eval()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("format", "error"), [("int8", 0.02), ("int4", 0.25)])
def test_logits_are_nearly_those_of_the_model(format: Any, error: float, tied: bool) -> None:
    model = tiny(tied)
    small = quantize(copy.deepcopy(model), format)
    ids = torch.randint(0, 300, (3, 20), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, found = model(ids).logits, small(ids).logits
    assert (found - expected).norm() < error * expected.norm()
    assert small.weight_format == format
    assert small.dtype == torch.float32


@pytest.mark.parametrize(("format", "loss"), [("int8", 0.01), ("int4", 0.25)])
def test_the_bundled_model_loses_little(format: str, loss: float) -> None:
    plain, small = load_model("ferrolm-tiny", dtype="float32"), load_model("ferrolm-tiny", dtype=format)
    assert small.perplexity(TEXT) == pytest.approx(plain.perplexity(TEXT), rel=loss)
    texts = [
        model.generate("The king said", max_new_tokens=8, do_sample=False).text for model in (plain, small)
    ]
    assert texts[1]
    if format == "int8":
        assert texts[0] == texts[1]


def test_a_row_does_not_depend_on_its_batch() -> None:
    small = quantize(tiny(), "int8")
    ids = torch.randint(0, 300, (5, 12), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        together = small(ids).logits
        for row in range(5):
            torch.testing.assert_close(
                small(ids[row : row + 1]).logits[0], together[row], rtol=1e-4, atol=1e-5
            )


def test_quantized_models_are_copied_and_refuse_what_they_cannot() -> None:
    small = quantize(tiny(), "int4")
    ids = torch.tensor([[1, 2, 3]])
    with torch.inference_mode():
        expected = small(ids).logits
        for twin in (copy.deepcopy(small), pickle.loads(pickle.dumps(small))):
            assert torch.equal(twin(ids).logits, expected)
    with pytest.raises(InvalidArgumentError, match="the model is quantized already, to int4"):
        quantize(small, "int8")
    with pytest.raises(InvalidArgumentError, match="format is 'int2', expected 'int8' or 'int4'"):
        quantize(tiny(), "int2")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="quantized to int4: save it before that"):
        small.save_pretrained(Path("nowhere"))
    with pytest.raises(InvalidArgumentError, match=r"dtype is 'int3', expected one of float32, .*int4"):
        load_model("ferrolm-tiny", dtype="int3")


@pytest.mark.parametrize("format", ["int8", "int4"])
def test_kept_weights_are_a_matrix(format: str) -> None:
    matrix = np.random.default_rng(0).standard_normal((50, 70)).astype(np.float32)
    weights = _rust.LinearWeights(matrix, format)
    assert (weights.shape, weights.format) == ((50, 70), format)
    kept = weights.lookup(np.arange(50))
    np.testing.assert_allclose(kept, matrix, atol=0.4 if format == "int4" else 0.02)
    x, bias = np.ones((3, 70), np.float32), np.arange(50, dtype=np.float32)
    np.testing.assert_allclose(weights.apply(x, bias), x @ kept.T + bias, rtol=1e-5, atol=1e-4)
    strided = _rust.LinearWeights(torch.from_numpy(matrix.T.copy()).t(), format)
    np.testing.assert_array_equal(strided.lookup(np.arange(50)), kept)
    assert pickle.loads(pickle.dumps(weights)).apply(x, None).tolist() == weights.apply(x, None).tolist()


def test_arrays_that_do_not_fit_are_named() -> None:
    weights = _rust.LinearWeights(np.zeros((4, 8), np.float32), "int8")
    with pytest.raises(ShapeError, match=r"x has the shape \(2, 7\): expected \(rows, 8\)"):
        weights.apply(np.zeros((2, 7), np.float32), None)
    with pytest.raises(ShapeError, match="x must be float32"):
        weights.apply(np.zeros((2, 8), np.float16), None)
    with pytest.raises(InvalidArgumentError, match="bias has 3 values: expected 4"):
        weights.apply(np.zeros((2, 8), np.float32), np.zeros(3, np.float32))
    with pytest.raises(InvalidArgumentError, match="row 4 does not exist: the weights have 4"):
        weights.lookup(np.array([4]))
    with pytest.raises(InvalidArgumentError, match='format is "int3": expected one of int8, int4'):
        _rust.LinearWeights(np.zeros((4, 8), np.float32), "int3")


def test_weights_that_are_not_finite_are_named() -> None:
    model = tiny()
    model.transformer.h[0].mlp.c_fc.weight.data[3, 5] = torch.nan
    with pytest.raises(InvalidArgumentError, match="weight has values in row 5 that int8 cannot hold"):
        quantize(model, "int8")
    assert model.weight_format is None
    assert all(isinstance(block.attn.c_attn, Projection) for block in model.transformer.h)
