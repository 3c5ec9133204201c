"""`attention_maps` and `attention_rollout`: shapes, where nobody looks, and what has no attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_encoders import small_encoder, word_tokenizer
from tiny_language_model import TINY, byte_tokenizer, tiny_language_model, tiny_llama, tiny_recurrent

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, LimitError, UnknownNameError
from ferrolm.explain import AttentionMaps, attention_maps, attention_rollout
from ferrolm.generation import LanguageModel, Seq2SeqLanguageModel
from ferrolm.models import T5Config, T5ForConditionalGeneration, Transformer, TransformerConfig, quantize
from ferrolm.models.observation import Observation


@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral"])
def test_each_token_of_a_decoder_looks_at_those_before_it(name: str) -> None:
    maps = attention_maps(TINY[name](), "a naïve text")
    time = len("a naïve text".encode())
    assert maps.weights.shape == (2, 4, time, time)
    assert maps.weights.dtype == np.float32
    np.testing.assert_allclose(maps.weights.sum(-1), 1, atol=1e-5)
    assert not np.triu(maps.weights, 1).any()
    assert "".join(maps.tokens).replace("⋯", "") == "a naïve text"
    if name == "mistral":  # a window of 6
        assert not np.tril(maps.weights, -6).any()


def test_weights_do_not_depend_on_how_the_model_is_given_or_on_its_mode() -> None:
    model = tiny_language_model(attn_pdrop=0.5, resid_pdrop=0.5, embd_pdrop=0.5)
    expected = attention_maps(model, "hello").weights
    model.model.train()
    again = attention_maps(model.model, "hello", tokenizer=model.tokenizer).weights
    assert (again == expected).all()
    assert all(module.training for module in model.model.modules())


@pytest.mark.parametrize("task", ["feature-extraction", "text-classification", "fill-mask"])
def test_tokens_of_an_encoder_look_at_all(task: str) -> None:
    maps = attention_maps(small_encoder(task), "one two sixteen", tokenizer=word_tokenizer())
    assert maps.tokens == ("[CLS]", "one", " two", " six", "teen", "[SEP]")
    assert maps.weights.shape == (2, 2, 6, 6)
    assert (maps.weights > 0).all()


def test_hidden_states_of_an_encoder_are_those_that_it_gives() -> None:
    model = small_encoder("feature-extraction")
    seen, ids = Observation(model), torch.tensor([[2, 5, 6, 3]])
    with torch.no_grad(), seen.watching():
        expected = model(ids, output_hidden_states=True).hidden_states
    assert len(seen.hidden_states) == 3
    assert all(map(torch.equal, seen.hidden_states, expected))


def test_padding_and_truncation_of_a_tokenizer_are_for_batches() -> None:
    tokenizer = word_tokenizer()
    tokenizer.enable_padding(length=12)
    tokenizer.enable_truncation(max_length=3)
    maps = attention_maps(small_encoder("feature-extraction"), "one two three", tokenizer=tokenizer)
    assert len(maps.tokens) == 5


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_weights_in_fewer_bits_attend_about_alike(dtype: str) -> None:
    expected = attention_maps(tiny_llama(), "hello there").weights
    model = tiny_llama()
    model = LanguageModel(
        quantize(model.model, "int8") if dtype == "int8" else model.model.to(torch.bfloat16), model.tokenizer
    )
    found = attention_maps(model, "hello there").weights
    assert found.dtype == np.float32
    assert np.abs(found - expected).mean() < 0.02


def pair(kind: str) -> Seq2SeqLanguageModel:
    torch.manual_seed(0)
    shape = {"vocab_size": 257, "num_layers": 2, "num_heads": 2}
    if kind == "t5":
        model: Any = T5ForConditionalGeneration(T5Config(d_model=16, d_kv=8, d_ff=16, **shape))
    else:
        model = Transformer(TransformerConfig(hidden_size=16, intermediate_size=16, **shape))
    return Seq2SeqLanguageModel(model.eval(), byte_tokenizer())


@pytest.mark.parametrize("kind", ["t5", "transformer"])
def test_an_encoder_decoder_looks_at_itself_and_across(kind: str) -> None:
    model = pair(kind)
    inner = attention_maps(model, "abcd")
    written = attention_maps(model, "abcd", written="xy", stack="decoder")
    across = attention_maps(model, "abcd", written="xy")
    assert inner.weights.shape == (2, 2, 4, 4)
    assert (inner.weights > 0).all()
    assert written.weights.shape == (2, 2, 3, 3)
    assert not np.triu(written.weights, 1).any()
    assert across.weights.shape == (2, 2, 3, 4)
    assert (across.queries, across.keys) == (("⊢", "x", "y"), tuple("abcd"))
    np.testing.assert_allclose(across.weights.sum(-1), 1, atol=1e-5)
    with pytest.raises(InvalidArgumentError, match="rollout needs attention of tokens to themselves"):
        across.rollout()
    with pytest.raises(InvalidArgumentError, match="written is missing"):
        attention_maps(model, "abcd", stack="cross")
    with pytest.raises(UnknownNameError, match="did you mean 'encoder'"):
        attention_maps(model, "abcd", stack="encodr")


def rolled_out(weights: Any, residual: float) -> Any:
    """Abnar and Zuidema's rollout, entry by entry."""
    layers, heads, time, _ = weights.shape
    states = None
    for layer in range(layers):
        mixed = [[0.0] * time for _ in range(time)]
        for q in range(time):
            for k in range(time):
                mean = sum(float(weights[layer, head, q, k]) for head in range(heads)) / heads
                mixed[q][k] = (1 - residual) * mean + residual * (q == k)
            total = sum(mixed[q])
            mixed[q] = [value / total for value in mixed[q]]
        if states is None:
            states = mixed
        else:
            before = states
            states = [
                [sum(mixed[q][i] * before[i][k] for i in range(time)) for k in range(time)]
                for q in range(time)
            ]
    return np.array(states)


@pytest.mark.parametrize("residual", [0.5, 0.2])
def test_rollout_equals_its_slow_twin(residual: float) -> None:
    maps = attention_maps(tiny_language_model(n_layer=3), "abcdef")
    rolled = attention_rollout(tiny_language_model(n_layer=3), "abcdef", residual=residual)
    assert rolled.weights.shape == (3, 1, 6, 6)
    np.testing.assert_allclose(rolled.weights[-1, 0], rolled_out(maps.weights, residual), atol=1e-6)
    np.testing.assert_allclose(rolled.weights.sum(-1), 1, atol=1e-6)


def test_other_fusions_and_their_errors() -> None:
    maps = attention_maps(tiny_language_model(), "abcdef")
    assert maps.rollout(fusion="max").heads == ("max",)
    assert not np.allclose(maps.rollout(fusion="max").weights, maps.rollout(fusion="min").weights)
    with pytest.raises(UnknownNameError, match="fusion is 'mea', expected one of mean, max, min"):
        maps.rollout(fusion="mea")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="residual is 2, expected 0 to 1"):
        maps.rollout(residual=2)


def test_layers_and_heads_are_chosen_by_number() -> None:
    maps = attention_maps(tiny_language_model(), "abc")
    assert (maps.head(-1, 3) == maps.weights[1, 3]).all()
    np.testing.assert_allclose(maps.layer(0), maps.weights[0].mean(0))
    some = maps.select(layers=[1], heads=[3, 0])
    assert (some.layers, some.heads) == (("1",), ("3", "0"))
    assert (some.head(0, 0) == maps.head(1, 3)).all()
    with pytest.raises(InvalidArgumentError, match="layer is 2, but there are 2: expected 0 to 1"):
        maps.head(2, 0)
    with pytest.raises(InvalidArgumentError, match="head is -5, but there are 4"):
        maps.select(heads=[-5])
    with pytest.raises(InvalidArgumentError, match="layers is empty"):
        maps.select(layers=[])


def test_what_cannot_be_shown_is_said() -> None:
    model = tiny_language_model()
    with pytest.raises(InvalidArgumentError, match="text has 49 tokens, at most 48"):
        attention_maps(model, "x" * 49)
    with pytest.raises(InvalidArgumentError, match="there is no token in it to explain"):
        attention_maps(model, "")
    with pytest.raises(InvalidArgumentError, match="there is no token in it"):
        attention_maps(small_encoder("fill-mask"), " ", tokenizer=word_tokenizer())
    with pytest.raises(InvalidTypeError, match="text is list, expected one text"):
        attention_maps(model, ["a", "b"])  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="RecurrentModel has no attention"):
        attention_maps(tiny_recurrent(), "abc")
    with pytest.raises(InvalidArgumentError, match="written and stack are for encoder-decoders"):
        attention_maps(model, "abc", written="x")
    with pytest.raises(InvalidArgumentError, match="tokenizer is None, but model is a bare GPT2LMHeadModel"):
        attention_maps(model.model, "abc")
    with pytest.raises(InvalidTypeError, match="model is str, expected a LanguageModel"):
        attention_maps("gpt2", "abc")


def test_a_page_has_a_limit() -> None:
    names = tuple("ab" * 1024)
    layers = tuple("12345")
    maps = AttentionMaps(np.zeros((5, 1, 2048, 2048), np.float32), names, names, layers, ("0",))
    with pytest.raises(LimitError, match="5 x 1 x 2048 x 2048 attention weights"):
        maps.html_page()
