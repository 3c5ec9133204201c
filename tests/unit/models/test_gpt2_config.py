"""GPT2Config: what config.json may say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError
from ferrolm.models import GPT2Config


def test_the_defaults_are_gpt2_small() -> None:
    config = GPT2Config()
    assert (config.vocab_size, config.n_positions, config.n_embd, config.n_layer, config.n_head) == (
        50257,
        1024,
        768,
        12,
        12,
    )
    assert (config.n_inner, config.head_dim, config.eos_token_ids) == (3072, 64, (50256,))


def test_unused_keys_survive_a_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    settings = GPT2Config(n_embd=32, n_head=2).to_dict() | {
        "summary_type": "cls_index",
        "task_specific_params": {"a": 1},
    }
    path.write_text(json.dumps(settings))
    assert GPT2Config.from_file(path).to_dict() == settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_embd": 100, "n_head": 3}, "n_embd is 100, expected a multiple of n_head, 3"),
        ({"n_layer": 0}, "n_layer is 0, expected a positive integer"),
        ({"vocab_size": "many"}, "vocab_size is 'many', expected a positive integer"),
        ({"attn_pdrop": 1.5}, "attn_pdrop is 1.5, expected a probability"),
        ({"activation_function": "gelu_neu"}, "did you mean 'gelu_new'"),
        ({"add_cross_attention": True}, "add_cross_attention is True"),
    ],
)
def test_what_does_not_fit_is_named(settings: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        GPT2Config.from_dict(settings)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "gpt2"} | settings))
    with pytest.raises(InvalidFileError, match=message) as caught:
        GPT2Config.from_file(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"model_type": 3}', '{"model_type": "llama"}', "\xff"])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(InvalidFileError, match=r"config\.json"):
        GPT2Config.from_file(path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"config\.json"):
        GPT2Config.from_file(tmp_path / "config.json")
