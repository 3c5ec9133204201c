"""LlamaConfig: what config.json may say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.models import LlamaConfig

SMALL = {"hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2}


def test_the_defaults_are_llama_2() -> None:
    config = LlamaConfig()
    assert (config.vocab_size, config.hidden_size, config.num_layers, config.num_heads) == (
        32000,
        4096,
        32,
        32,
    )
    assert (config.num_key_value_heads, config.head_dim, config.n_positions) == (32, 128, 2048)
    assert (config.bos_token_id, config.eos_token_ids) == (1, (2,))
    assert LlamaConfig(eos_token_id=[5, 6]).eos_token_ids == (5, 6)
    assert LlamaConfig(eos_token_id=None).eos_token_ids == ()


def test_unused_keys_survive_a_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    settings = LlamaConfig(**SMALL).to_dict() | {"pretraining_tp": 1, "_name_or_path": "somewhere"}
    path.write_text(json.dumps(settings))
    assert LlamaConfig.from_file(path).to_dict() == settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 30}, "hidden_size is 30, expected a multiple of num_attention_heads, 4"),
        (
            {"num_key_value_heads": 3},
            "num_attention_heads is 4, expected a multiple of num_key_value_heads, 3",
        ),
        ({"head_dim": 7}, "head_dim is 7, expected an even number"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0, expected a positive integer"),
        ({"hidden_size": "wide"}, "hidden_size is 'wide', expected a positive integer"),
        ({"attention_dropout": 2}, "attention_dropout is 2, expected a probability"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu', expected 'silu'"),
        (
            {"rope_scaling": {"rope_type": "mrope", "factor": 4.0}},
            "rope_type is 'mrope', expected one of default, linear, dynamic, llama3, yarn, longrope",
        ),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0, "beta_fast": "32"}}, "beta_fast is '32', expected"),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0, "attention_factor": 0}}, "attention_factor is 0"),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0, "truncate": 1}}, "truncate is 1, expected true"),
        (
            {"rope_scaling": {"type": "longrope", "short_factor": [1.0], "long_factor": [1.0] * 4}},
            r"short_factor is \[1.0\], expected 4 positive numbers",
        ),
        ({"rope_scaling": {"type": "dynamic"}}, "factor is None, expected a positive number"),
        ({"rope_scaling": {"type": "linaer", "factor": 4.0}}, "did you mean 'linear'"),
        (
            {"rope_parameters": {"rope_type": "linear"}},
            "factor is None, expected a positive number for rope_type 'linear'",
        ),
        ({"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}, "low_freq_factor is None"),
        ({"rope_theta": -1}, "rope_theta is -1, expected a positive number"),
        ({"rope_parameters": {"partial_rotary_factor": 0.5}}, "partial_rotary_factor is 0.5, expected 1"),
        ({"rope_parameters": "default"}, "rope_parameters is 'default', expected settings by name"),
        ({"quantization_config": {"bits": 4}}, "quantization_config is given"),
        ({"model_type": "mistral", "sliding_window": 0}, "sliding_window is 0, expected a positive integer"),
        (
            {"model_type": "qwen2", "layer_types": ["full_attention"]},
            r"layer_types is \['full_attention'\], expected .* for each of 2 layers",
        ),
        ({"model_type": "qwen3", "layer_types": ["full_attention", "other"]}, "layer_types"),
    ],
)
def test_what_does_not_fit_is_named(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    settings = {"model_type": "llama", **SMALL, **settings}
    with pytest.raises(InvalidArgumentError, match=message):
        LlamaConfig.from_dict(settings)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(settings))
    with pytest.raises(InvalidFileError, match=message) as caught:
        LlamaConfig.from_file(path)
    assert str(path) in str(caught.value)


def test_settings_of_another_type_are_refused_in_code_and_kept_from_files() -> None:
    with pytest.raises(InvalidArgumentError, match="mlp_bias is True, a setting that qwen2 does not have"):
        LlamaConfig(model_type="qwen2", mlp_bias=True)
    with pytest.raises(InvalidArgumentError, match="sliding_window is 8, a setting that llama does not have"):
        LlamaConfig(sliding_window=8)
    with pytest.raises(InvalidArgumentError, match=r"model_type is 'lama', .*did you mean 'llama'"):
        LlamaConfig(model_type="lama")
    config = LlamaConfig.from_dict({"model_type": "llama", **SMALL, "sliding_window": 8})
    assert config.window(0) is None
    assert config.to_dict()["sliding_window"] == 8


@pytest.mark.parametrize(
    ("settings", "windows"),
    [
        ({"model_type": "llama"}, [None, None, None]),
        ({"model_type": "mistral", "sliding_window": 7}, [7, 7, 7]),
        ({"model_type": "mistral", "sliding_window": None}, [None, None, None]),
        ({"model_type": "qwen2", "sliding_window": 7}, [None, None, None]),
        (
            {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
            [None, 7, 7],
        ),
        (
            {
                "model_type": "qwen3",
                "use_sliding_window": True,
                "sliding_window": 7,
                "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            },
            [7, None, 7],
        ),
    ],
)
def test_the_window_of_each_layer(settings: dict[str, Any], windows: list[int | None]) -> None:
    config = LlamaConfig.from_dict({**SMALL, "num_hidden_layers": 3, **settings})
    assert [config.window(layer) for layer in range(3)] == windows


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "gpt2"}')
    with pytest.raises(InvalidFileError, match="model_type is 'gpt2', expected 'llama' or 'mistral'"):
        LlamaConfig.from_file(path)


def test_the_factor_of_yarn_is_the_ratio_of_the_lengths_unless_given() -> None:
    lengths = {"max_position_embeddings": 4096, "original_max_position_embeddings": 1024}
    scaling: dict[str, Any] = {"rope_type": "yarn", "factor": None}
    config = LlamaConfig.from_dict({**SMALL, **lengths, "rope_scaling": scaling})
    assert config.rope_parameters["factor"] == 4.0
    assert config.rope_parameters["original_max_position_embeddings"] == 1024
    given = LlamaConfig.from_dict({**SMALL, **lengths, "rope_scaling": {**scaling, "factor": 2.0}})
    assert given.rope_parameters["factor"] == 2.0


def test_dynamic_scaling_stretches_the_context() -> None:
    rope = {"rope_type": "dynamic", "factor": 2.0}
    assert LlamaConfig(**SMALL, max_position_embeddings=100, rope_parameters=rope).n_positions == 200
