"""`logit_lens`: the last layer is the model, and each layer a distribution."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_encoders import small_encoder, word_tokenizer
from tiny_language_model import TINY, tiny_language_model, tiny_recurrent

from ferrolm.errors import InvalidArgumentError, LimitError
from ferrolm.explain import logit_lens


@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral"])
def test_the_last_layer_says_what_the_model_says(name: str) -> None:
    model = TINY[name]()
    lens = logit_lens(model, "a text", top=257)
    ids = torch.tensor([model.tokenizer.encode_list("a text", True)])
    with torch.no_grad():
        expected = model.model(ids).logits[0].softmax(-1)
    assert lens.layers == ("embedding", "0", "1")
    assert lens.probabilities.shape == lens.ids.shape == (3, 6, 257)
    np.testing.assert_allclose(lens.probabilities.sum(-1), 1, rtol=1e-4)
    in_order = np.take_along_axis(expected.numpy(), lens.ids[-1], 1)
    np.testing.assert_allclose(lens.probabilities[-1], in_order, rtol=1e-4, atol=1e-7)
    entropy = -(expected * expected.log2()).sum(-1)
    np.testing.assert_allclose(lens.entropy[-1], entropy, rtol=1e-4)
    assert (lens.divergence[-1] == 0).all()
    assert (lens.divergence[:-1] > 0).all()
    following = [float(expected[place, ids[0, place + 1]]) for place in range(5)]
    np.testing.assert_allclose(lens.next_probability[-1], following, rtol=1e-4)
    ranks = [int((expected[place] > value).sum()) for place, value in enumerate(following)]
    assert lens.next_rank[-1].tolist() == ranks


def test_tokens_have_names_and_bounds() -> None:
    lens = logit_lens(tiny_language_model(), "abc", top=4)
    tops = lens.top(1, 2)
    assert len(tops) == 4
    assert [name for name, _ in tops] == [lens.names[number] for number in lens.ids[1, 2].tolist()]
    assert [chance for _, chance in tops] == sorted((chance for _, chance in tops), reverse=True)
    assert str(lens).splitlines()[0] == "after 'c':"
    with pytest.raises(InvalidArgumentError, match="layer is 3, expected 0 to 2"):
        lens.top(3, 0)
    with pytest.raises(InvalidArgumentError, match="position is -4"):
        lens.top(0, -4)


def test_models_that_are_no_decoders() -> None:
    with pytest.raises(InvalidArgumentError, match="BertModel, expected a decoder"):
        logit_lens(small_encoder("feature-extraction"), "one", tokenizer=word_tokenizer())
    with pytest.raises(InvalidArgumentError, match="RecurrentModel has no attention"):
        logit_lens(tiny_recurrent(), "abc")
    with pytest.raises(InvalidArgumentError, match="top is 0"):
        logit_lens(tiny_language_model(), "abc", top=0)
    lens = logit_lens(tiny_language_model(n_positions=2048), "x" * 1000, top=257)
    with pytest.raises(LimitError, match="3 x 1000 x 257 predictions"):
        lens.html_page()
