"""`saliency`, `integrated_gradients` and `occlusion`: completeness, plain twins, targets, and the model left as it was."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_encoders import small_encoder, word_tokenizer
from tiny_language_model import TINY, tiny_language_model, tiny_llama

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from ferrolm.explain import Attribution, integrated_gradients, occlusion, saliency
from ferrolm.generation import LanguageModel
from ferrolm.generation.pipelines.text_classification import TextClassificationPipeline
from ferrolm.generation.pipelines.text_encoder import TextEncoder
from ferrolm.models import LSTMClassifier, LSTMConfig, quantize

METHODS = (saliency, integrated_gradients, occlusion)
TEXT = "one two sixteen, three"


def classifier(kind: str) -> TextEncoder:
    if kind == "regression":
        return TextEncoder(
            small_encoder("text-classification", id2label={0: "stars"}, num_labels=1), word_tokenizer()
        )
    if kind == "bert":
        return TextEncoder(small_encoder("text-classification"), word_tokenizer())
    torch.manual_seed(1)
    config = LSTMConfig(vocab_size=19, embedding_size=8, hidden_size=6, id2label={0: "no", 1: "yes"}, pooling=kind)  # fmt: skip
    model = LSTMClassifier(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return TextEncoder(model, word_tokenizer())


@pytest.mark.parametrize("name", list(TINY))
@pytest.mark.parametrize("output", ["logit", "probability"])
def test_integrated_gradients_of_language_models_are_complete(name: str, output: Any) -> None:
    found = integrated_gradients(TINY[name](), "text", output=output, n_steps=200)
    difference = found.value - found.baseline_value
    assert found.scores.sum() == pytest.approx(difference, abs=2e-3)
    assert found.convergence_delta == pytest.approx(found.scores.sum() - difference, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "baseline"),
    [
        *(("bert", baseline) for baseline in ("mean", "zero", "mask", "pad", "unknown", 7)),
        *((kind, "zero") for kind in ("regression", "mean", "last", "attention")),
    ],
)
def test_integrated_gradients_of_classifiers_are_complete(kind: str, baseline: Any) -> None:
    found = integrated_gradients(classifier(kind), TEXT, baseline=baseline, n_steps=100)
    assert found.scores.sum() == pytest.approx(found.value - found.baseline_value, abs=1e-3)
    assert found.scores[[0, -1]].tolist() == [0, 0]  # special tokens are in the baseline
    assert found.special.tolist() == [True, *[False] * 6, True]


def test_a_rule_that_misses_much_is_warned_about() -> None:
    # A model that begins with a norm: along a ray from 0, nothing changes but at 0 itself.
    with pytest.warns(UserWarning, match="another baseline than 'zero'"):
        integrated_gradients(tiny_llama(), "a text", baseline="zero", n_steps=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        integrated_gradients(tiny_language_model(), "a text", n_steps=200)


def test_steps_do_not_depend_on_batches() -> None:
    one, many = (
        integrated_gradients(classifier("bert"), TEXT, n_steps=21, batch_size=size) for size in (4, 100)
    )
    np.testing.assert_allclose(one.scores, many.scores, atol=1e-5)


def test_gradients_equal_differences_of_values() -> None:
    """The directional derivative along each embedding, by central differences in float64."""
    model = tiny_language_model()
    model.model.double()
    found = saliency(model, "abcd", method="gradient-x-input", target="x")
    embedding, ids = model.model.transformer.wte, model.tokenizer.encode_list("abcd", True)
    base = embedding(torch.tensor([ids]))[0].detach()

    def value(place: int, share: float) -> float:
        moved = base.clone()
        moved[place] *= 1 + share
        handle = embedding.register_forward_hook(lambda *given: moved[None])
        try:
            with torch.no_grad():
                column = model.tokenizer.token_to_id("x")
                return float(model.model(torch.tensor([ids])).logits[0, -1, column])
        finally:
            handle.remove()

    expected = [(value(place, 1e-4) - value(place, -1e-4)) / 2e-4 for place in range(4)]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("level", ["token", "word", "window"])
def test_occlusion_by_a_token_equals_writing_that_token(level: Any) -> None:
    """Where position and type do not change with the id, covering by a token is replacing it."""
    model, tokenizer = small_encoder("text-classification"), word_tokenizer()
    ids = torch.tensor([tokenizer.encode(TEXT).ids])
    unknown = tokenizer.token_to_id("[UNK]")
    found = occlusion(
        model, TEXT, level=level, window=2, target="B-X", baseline="unknown", tokenizer=tokenizer
    )

    def value(*places: int) -> float:
        changed = ids.clone()
        changed[0, list(places)] = unknown
        with torch.no_grad():
            return float(model(changed).logits[0, 1])

    inner = range(1, 7)
    if level == "token":
        expected = [value() - value(place) for place in inner]
    elif level == "word":  # one / two / six teen , / three
        whole = value() - value(3, 4, 5)
        expected = [value() - value(1), value() - value(2), whole, whole, whole, value() - value(6)]
    else:
        drops = {first: value() - value(*({first, first + 1} - {0, 7})) for first in range(7)}
        expected = [(drops[place - 1] + drops[place]) / 2 for place in inner]
    np.testing.assert_allclose(found.scores[1:-1], expected, atol=1e-5)
    assert found.scores[[0, -1]].tolist() == [0, 0]
    assert found.value == pytest.approx(value(), abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_foil_is_the_difference_of_two_targets(method: Any) -> None:
    model = tiny_language_model()
    options: dict[str, Any] = {"method": "gradient-x-input"} if method is saliency else {}
    options |= {"n_steps": 200} if method is integrated_gradients else {}
    one, other, both = (
        method(model, "a text", **options, **names)
        for names in ({"target": "x"}, {"target": "y"}, {"target": "x", "foil": "y"})
    )
    assert both.value == pytest.approx(one.value - other.value, abs=1e-5)
    np.testing.assert_allclose(both.scores, one.scores - other.scores, atol=1e-4)
    assert both.target == "logit of 'x' rather than 'y'"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["gpt2", "bert", "last"])
def test_the_model_is_left_as_it_was(method: Any, kind: str) -> None:
    model = tiny_language_model(resid_pdrop=0.5) if kind == "gpt2" else classifier(kind)
    network = model.model
    expected = method(model, "one two").scores
    network.train()
    network.get_parameter(next(name for name, _ in network.named_parameters())).requires_grad_(False)
    before = [parameter.requires_grad for parameter in network.parameters()]
    with torch.inference_mode():
        again = method(model, "one two").scores
    np.testing.assert_allclose(again, expected, atol=1e-6)
    assert network.training
    assert [parameter.requires_grad for parameter in network.parameters()] == before
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_what_a_model_answers_is_the_target_by_default() -> None:
    model = classifier("bert")
    answer = TextClassificationPipeline(model)(TEXT)[0]["label"]
    assert saliency(TextClassificationPipeline(model), TEXT).target == f"logit of {answer!r}"
    language_model = tiny_language_model()
    text = language_model.generate("a text", max_new_tokens=1, do_sample=False).text
    assert occlusion(language_model, "a text").target == f"logit of {text!r}"


def test_tokens_at_positions_and_masks() -> None:
    model = tiny_language_model()
    early = occlusion(model, "abcdef", position=2, target="x")
    assert (early.scores[3:] == 0).all()  # what comes later is not seen
    assert early.value == pytest.approx(saliency(model, "abc", target="x").value, abs=1e-5)
    masked = {"model": small_encoder("fill-mask"), "tokenizer": word_tokenizer()}
    found = integrated_gradients(text="one [MASK] three", target="two", n_steps=200, **masked)
    assert found.target == "logit of 'two'"
    assert found.scores[2] == 0
    with pytest.raises(InvalidArgumentError, match=r"text has 0 times \[MASK\], expected one"):
        saliency(text="one two", **masked)
    tags = {"model": small_encoder("token-classification"), "tokenizer": word_tokenizer()}
    assert occlusion(text=TEXT, position=3, target="B-X", **tags).scores.any()
    with pytest.raises(InvalidArgumentError, match="position is missing"):
        saliency(text=TEXT, **tags)


def test_targets_that_are_none() -> None:
    model, label = tiny_language_model(), classifier("bert")
    with pytest.raises(InvalidArgumentError, match=r"target is 'xy', which is 2 tokens \('x', 'y'\)"):
        saliency(model, "a", target="xy")
    with pytest.raises(InvalidArgumentError, match="target is 300, expected 0 to 256"):
        saliency(model, "a", target=300)
    with pytest.raises(InvalidArgumentError, match="foil is 'x', which is the target"):
        saliency(model, "a", target="x", foil="x")
    with pytest.raises(UnknownNameError, match="target is 'B-Y', expected one of O, B-X, I-X"):
        occlusion(label, TEXT, target="B-Y")
    with pytest.raises(UnknownNameError, match=r"output is 'logits'.*did you mean 'logit'"):
        saliency(model, "a", output="logits")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="position is 3, but the text has 1 tokens"):
        saliency(model, "a", position=3)
    with pytest.raises(InvalidArgumentError, match="position is 0, but the model gives classes"):
        saliency(label, TEXT, position=0)
    with pytest.raises(InvalidArgumentError, match="the model gives one number"):
        saliency(classifier("regression"), TEXT, output="probability")


def test_settings_that_are_none() -> None:
    model = tiny_language_model()
    with pytest.raises(UnknownNameError, match="method is 'norms'"):
        saliency(model, "a", method="norms")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match=r"level is 'words'.*did you mean 'word'"):
        occlusion(model, "a", level="words")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="window is 3, expected 1 to 2"):
        occlusion(model, "ab", level="window")
    with pytest.raises(InvalidArgumentError, match="n_steps is 0"):
        integrated_gradients(model, "a", n_steps=0)
    with pytest.raises(UnknownNameError, match=r"baseline is 'zeros'.*did you mean 'zero'"):
        occlusion(model, "a", baseline="zeros")
    with pytest.raises(InvalidArgumentError, match="baseline is 'mask', but the tokenizer has none"):
        occlusion(model, "a", baseline="mask")
    with pytest.raises(InvalidArgumentError, match="baseline is 257, expected an id from 0 to 256"):
        occlusion(model, "a", baseline=257)


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_explained(method: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="BertModel, expected a language model"):
        method(small_encoder("feature-extraction"), TEXT, tokenizer=word_tokenizer())
    with pytest.raises(InvalidArgumentError, match="no token in it"):
        method(classifier("bert"), "")
    with pytest.raises(InvalidArgumentError, match="text has 26 tokens, at most 24"):
        method(classifier("bert"), "one " * 24)
    with pytest.raises(InvalidTypeError, match="expected one text"):
        method(classifier("bert"), [TEXT])


def test_quantized_weights_have_no_gradients_but_can_be_covered() -> None:
    model = tiny_language_model()
    expected = occlusion(model, "hello", target="x")
    small = LanguageModel(quantize(tiny_language_model().model, "int8"), model.tokenizer)
    found = occlusion(small, "hello", target="x")
    assert np.corrcoef(found.scores, expected.scores)[0, 1] > 0.95
    for method in (saliency, integrated_gradients):
        with pytest.raises(InvalidArgumentError, match="int8, which have no gradients"):
            method(small, "hello")


def test_sixteen_bits_are_about_right() -> None:
    model = tiny_language_model()
    expected = saliency(model, "hello", target="x").scores
    model.model.to(torch.bfloat16)
    np.testing.assert_allclose(saliency(model, "hello", target="x").scores, expected, rtol=0.2, atol=0.02)


def test_the_strongest_come_first() -> None:
    found = Attribution(
        ("a", " b", "\n"), np.array([0.5, -2.0, 1.0]), np.zeros(3, bool), "occlusion", "logit of 'x'", 3.0
    )
    assert found.strongest(2) == [(" b", -2.0), ("\n", 1.0)]
    assert str(found).splitlines()[2].split() == ["-2.0000", "␣b"]
