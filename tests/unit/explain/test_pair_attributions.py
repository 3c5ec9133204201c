"""Attributions of encoder-decoders: over the source and over what is written, complete, and equal to plain twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_language_model import byte_tokenizer, tiny_language_model

from ferrolm.errors import InvalidArgumentError
from ferrolm.explain import attention_maps, integrated_gradients, occlusion, saliency
from ferrolm.generation import Seq2SeqLanguageModel
from ferrolm.models import T5Config, T5ForConditionalGeneration, Transformer, TransformerConfig
from ferrolm.tokenizers import Tokenizer

METHODS = (saliency, integrated_gradients, occlusion)
KINDS = ("t5", "transformer", "two vocabularies")
SOURCE, WRITTEN = "ab cab", "xa y"
TOKENS = ("a", "b", " ", "c", "a", "b", "⊢", "x", "a", " ", "y")


def few_tokenizer() -> Tokenizer:
    """Letters with other ids than those of bytes."""
    return Tokenizer.from_bpe({letter: place for place, letter in enumerate("?zyxcbaĠ")}, [])


def pair(kind: str, **settings: Any) -> Seq2SeqLanguageModel:
    torch.manual_seed(0)
    shape = {"vocab_size": 257, "num_layers": 2, "num_heads": 2, **settings}
    if kind == "t5":
        model: Any = T5ForConditionalGeneration(T5Config(d_model=16, d_kv=8, d_ff=16, **shape))
    else:
        apart = {"source_vocab_size": 8, "share_embeddings": False} if kind == "two vocabularies" else {}
        model = Transformer(TransformerConfig(hidden_size=16, intermediate_size=16, **shape, **apart))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    if kind == "two vocabularies":
        return Seq2SeqLanguageModel(model.eval(), few_tokenizer(), target_tokenizer=byte_tokenizer())
    return Seq2SeqLanguageModel(model.eval(), byte_tokenizer())


def answer(model: Seq2SeqLanguageModel, source: list[int], written: list[int], column: int) -> float:
    """The logit after all that is written, by the model alone."""
    ids = [model.model.config.decoder_start_token_id, *written]
    with torch.no_grad():
        logits = model.model(torch.tensor([source]), decoder_input_ids=torch.tensor([ids])).logits
    return float(logits[0, -1, column])


def ids_of(model: Seq2SeqLanguageModel) -> tuple[list[int], list[int], int]:
    written = model.tokenizer.encode_list(WRITTEN, False)
    return model.source_tokenizer.encode_list(SOURCE, True), written, model.tokenizer.token_to_id("z")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("baseline", ["mean", 3])
def test_integrated_gradients_are_complete_over_both_sides(kind: str, baseline: Any) -> None:
    model = pair(kind)
    found = integrated_gradients(
        model, SOURCE, written=WRITTEN, target="z", baseline=baseline, n_steps=100, output="logprob"
    )
    assert (found.tokens, found.decoder_start) == (TOKENS, 6)
    assert found.special.tolist() == [token == "⊢" for token in TOKENS]
    assert found.scores.sum() == pytest.approx(found.value - found.baseline_value, abs=2e-3)
    assert found.scores[6] == 0  # the start is in the baseline too
    assert (found.scores[[0, 1, 7, 8]] != 0).all()
    # What is explained is what the model gives a text that goes on so.
    expected = model.score(WRITTEN + "z", source=SOURCE).logprobs[len(WRITTEN)]
    assert found.value == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_covering_by_a_token_equals_writing_it(kind: str) -> None:
    model = pair(kind)
    source, written, column = ids_of(model)
    value = answer(model, source, written, column)
    expected = []
    for side in (source, written):
        for place in range(len(side)):
            changed = [*side[:place], 5, *side[place + 1 :]]
            both = (changed, written) if side is source else (source, changed)
            expected.append(value - answer(model, *both, column))
    found = occlusion(model, SOURCE, written=WRITTEN, target="z", baseline=5)
    np.testing.assert_allclose(np.delete(found.scores, 6), expected, atol=1e-5)
    assert found.scores[6] == 0


@pytest.mark.parametrize("kind", ["t5", "transformer"])
def test_gradients_equal_differences_of_values(kind: str) -> None:
    """A token's embedding is longer by a little, on both sides at once: their scores are added."""
    model = pair(kind)
    model.model.double()
    found = saliency(model, SOURCE, written=WRITTEN, target="z", method="gradient-x-input")
    source, written, column = ids_of(model)
    embedding, other = model.model.token_embeddings
    assert embedding is other
    weight = embedding.weight.data
    for token in ("a", "c", "x"):
        number = model.tokenizer.token_to_id(token)
        values = []
        for share in (1 + 1e-5, (1 - 1e-5) / (1 + 1e-5), 1 / (1 - 1e-5)):
            weight[number] *= share
            values.append(answer(model, source, written, column))
        scores = sum(score for each, score in zip(TOKENS, found.scores, strict=True) if each == token)
        assert scores == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_what_it_writes_next_is_the_target_by_default(method: Any) -> None:
    model = pair("transformer")
    written = model.generate(SOURCE, max_new_tokens=3, do_sample=False, ignore_eos=True)
    first = method(model, SOURCE)
    assert first.decoder_start == 6
    assert first.tokens[6:] == ("⊢",)
    assert first.target == f"logit of {model.tokenizer.decode(written.ids[:1])!r}"
    bare = method(model.model, SOURCE, tokenizer=model.tokenizer)
    np.testing.assert_allclose(bare.scores, first.scores, atol=1e-6)
    assert not any(module._forward_hooks for module in model.model.modules())


def test_positions_are_those_of_the_decoder() -> None:
    model = pair("t5")
    early = occlusion(model, SOURCE, written=WRITTEN, position=1, target="z")
    assert (early.scores[8:] == 0).all()  # written later
    alone = occlusion(model, SOURCE, written=WRITTEN[0], target="z")
    np.testing.assert_allclose(early.scores[:8], alone.scores, atol=1e-5)
    with pytest.raises(InvalidArgumentError, match="position is 5, but the decoder, with ⊢, has 5 tokens"):
        saliency(model, SOURCE, written=WRITTEN, position=5)


def test_words_and_windows_are_of_one_side() -> None:
    model = pair("transformer")
    source, written, column = ids_of(model)
    value = answer(model, source, written, column)
    options: dict[str, Any] = {"written": WRITTEN, "target": "z", "baseline": 5}
    words = occlusion(model, SOURCE, level="word", **options).scores
    whole = value - answer(
        model, source, [5, 5, 5, *written[3:]], column
    )  # white space is of the word before
    np.testing.assert_allclose(words[[7, 8, 9]], whole, atol=1e-5)
    windows = occlusion(model, SOURCE, level="window", window=6, **options).scores
    whole = value - answer(model, [5] * 6, written, column)
    np.testing.assert_allclose(windows[:6], whole, atol=1e-5)
    whole = value - answer(model, source, [5] * 4, column)
    np.testing.assert_allclose(windows[7:], whole, atol=1e-5)
    with pytest.raises(InvalidArgumentError, match="window is 7, expected 1 to 6"):
        occlusion(model, SOURCE, level="window", window=7, **options)


def test_a_page_has_both_sides() -> None:
    found = saliency(pair("t5"), SOURCE, written=WRITTEN)
    assert '"start":6' in found.html_page()
    assert '"start":null' in saliency(tiny_language_model(), "abc").html_page()


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_explained(method: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="written is for encoder-decoders, but model is a GPT2"):
        method(tiny_language_model(), "abc", written="x")
    with pytest.raises(InvalidArgumentError, match="there is no token in it to explain"):
        method(pair("t5"), "", written="x")
    short = pair("transformer", positions="learned", max_position_embeddings=8)
    with pytest.raises(InvalidArgumentError, match="written has 9 tokens with ⊢, at most 8"):
        method(short, "abc", written="x" * 8)
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_layers": 1, "num_heads": 2}
    sound = Transformer(TransformerConfig(vocab_size=257, feature_size=4, **shape)).eval()
    for function in (method, attention_maps):
        with pytest.raises(InvalidArgumentError, match="reads vectors of 4 numbers"):
            function(Seq2SeqLanguageModel(sound, byte_tokenizer()), "abc")
