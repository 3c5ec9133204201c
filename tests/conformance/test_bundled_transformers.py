"""The bundled model is a checkpoint like any other: transformers and tokenizers load it and agree."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from ferrolm.models import bundled, load_causal_lm
from ferrolm.tokenizers import Tokenizer

TEXT = (
    "The princess was a sweet little creature, and at the time my story begins was about eight years old.\n"
)


def test_transformers_gives_the_same_logits() -> None:
    folder = bundled("ferrolm-tiny")
    theirs_tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = theirs_tokenizer(TEXT)["input_ids"]
    assert ids == Tokenizer.from_file(folder / "tokenizer.json").encode_ids(TEXT).tolist()
    ours = load_causal_lm(folder, dtype=torch.float32)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits
        torch.testing.assert_close(ours(torch.tensor([ids])).logits, expected, rtol=1e-4, atol=1e-4)
