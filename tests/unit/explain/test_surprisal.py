"""`token_surprisals` of each kind of model, and its page."""

from __future__ import annotations

import math

import numpy as np
import pytest
from shared_data import shared

from ferrolm import NgramLM, Tokenizer
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.explain import Surprisals, token_surprisals

TEXT = "  Once upon a time,\n\nthere was a naïve rabbit 🐇 \t who spoke 日本語.\n"
FOLDER = "models/tiny-gpt2-shakespeare"
pytestmark = pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")


def shared_tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(shared(f"{FOLDER}/tokenizer.json")))


def test_words_of_an_ngram_model():
    model = NgramLM.train(["the cat sat", "the dog sat"], order=3)
    text = "the cat sat\n the zebra\tsat "
    result = token_surprisals(model, text)
    assert "".join(result.pieces) == text
    assert [piece.split() for piece in result.pieces] == [[word] for word in text.split()]
    log10 = model.score("the cat sat", eos=False) + model.score("the zebra sat", eos=False)
    assert result.total == pytest.approx(-log10 * math.log2(10), rel=1e-5)
    assert result.most_surprising(1)[0][0] == " zebra"


def test_tokens_of_an_ngram_model_over_ids():
    tokenizer = shared_tokenizer()
    ids = tokenizer.encode_ids(TEXT)
    model = NgramLM.train([ids, ids[:9]], order=3, vocab_size=tokenizer.get_vocab_size())
    result = token_surprisals(model, TEXT, tokenizer=tokenizer)
    assert "".join(result.pieces) == TEXT
    assert result.total == pytest.approx(-model.score_texts([ids], eos=False).log10 * math.log2(10), rel=1e-5)
    with pytest.raises(InvalidArgumentError, match="tokenizer is None"):
        token_surprisals(model, TEXT)


def test_tokens_of_a_neural_model():
    pytest.importorskip("torch")
    from ferrolm import load_model

    model = load_model(shared(FOLDER), device="cpu")
    result = token_surprisals(model, TEXT)
    assert "".join(result.pieces) == TEXT
    assert result.total == pytest.approx(-model.score(TEXT).logprob / math.log(2), rel=1e-5)
    assert result.bits_per_byte == pytest.approx(result.total / len(TEXT.encode()), rel=1e-5)


@pytest.mark.parametrize("text", ["", " "])
def test_texts_of_nothing(text):
    model = NgramLM.train(["a b", "b a"], order=2)
    assert token_surprisals(model, text).total == 0
    assert math.isnan(token_surprisals(model, text).bits_per_byte)


def test_another_model_is_refused():
    with pytest.raises(InvalidTypeError, match="model is str, expected a LanguageModel or an NgramLM"):
        token_surprisals("gpt2", "x")  # type: ignore[arg-type]


def test_alternatives_are_the_likeliest_tokens_of_each_place():
    pytest.importorskip("torch")
    import torch

    from ferrolm import load_model

    model = load_model(shared(FOLDER), device="cpu")
    text = "To be, or not to be " * 90  # longer than the context of 256
    result = token_surprisals(model, text, top=3)
    assert result.bits.tolist() == token_surprisals(model, text).bits.tolist()
    assert len(result.alternatives) == len(result.pieces)
    ids = torch.tensor([[model.model.config.bos_token_id, *model.tokenizer.encode_list(text, False)[:20]]])
    expected = model.model(ids).logits[0, 7].softmax(-1).topk(3)
    found = result.alternatives[7]
    assert [name for name, _ in found] == [model.tokenizer.decode([number]) for number in expected.indices]
    assert [chance for _, chance in found] == pytest.approx(expected.values.tolist(), rel=1e-4)
    with pytest.raises(InvalidArgumentError, match="top is -1"):
        token_surprisals(model, text, top=-1)


def test_a_notebook_shows_the_text_without_scripts():
    pieces = ["a", " <b>&amp;", "\n</div>", ' "x"']
    surprisals = Surprisals(pieces, np.array([math.nan, 0.5, 3.0, 99.0]))
    shown = surprisals._repr_html_()
    assert "0.50 bits, p = 0.707" in shown
    assert "<b>" not in shown
    assert "<script" not in shown
    assert str(surprisals).splitlines()[1].split() == ["0.50", "␣<b>&amp;"]
