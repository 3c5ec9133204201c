"""The model that comes with the package: small, complete, and better than an n-gram model on unseen prose."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")

from ferrolm.models import bundled, load_causal_lm
from ferrolm.tokenizers import Tokenizer

FOLDER = bundled("ferrolm-tiny")

# From a book that was held out (L. Frank Baum, The Wonderful Wizard of Oz, 1900; public domain).
UNSEEN = (
    "Dorothy lived in the midst of the great Kansas prairies, with Uncle Henry, who was a farmer, and Aunt Em, who "
    "was the farmer's wife. Their house was small, for the lumber to build it had to be carried by wagon many miles. "
    "There were four walls, a floor and a roof, which made one room; and this room contained a rusty looking "
    "cookstove, a cupboard for the dishes, a table, three or four chairs, and the beds."
)


def test_the_folder_is_complete_and_small() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
    }
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 9_000_000


def test_the_parts_fit_together() -> None:
    tokenizer = Tokenizer.from_file(FOLDER / "tokenizer.json")
    config = json.loads((FOLDER / "config.json").read_text())
    assert config["vocab_size"] == tokenizer.get_vocab_size() == 4096
    end = tokenizer.token_to_id("<|endoftext|>")
    generation = json.loads((FOLDER / "generation_config.json").read_text())
    assert config["eos_token_id"] == config["bos_token_id"] == generation["eos_token_id"] == end
    text = "Any text – ŝuch as 漢字 or \x00 – comes back.\n"
    assert tokenizer.decode(tokenizer.encode_ids(text)) == text


def test_unseen_prose_is_predicted() -> None:
    tokenizer = Tokenizer.from_file(FOLDER / "tokenizer.json")
    model = load_causal_lm(FOLDER, dtype=torch.float32)
    ids = torch.tensor([[0, *tokenizer.encode_ids(UNSEEN).tolist()]])
    with torch.no_grad():
        loss = model(ids, labels=ids).loss
    bits_per_byte = (
        float(loss) * (ids.shape[1] - 1) / torch.log(torch.tensor(2.0)).item() / len(UNSEEN.encode())
    )
    assert bits_per_byte < 1.65, "a short text, hence little context; all books held out: 1.46"
