"""`BertConfig`: what a config.json of a BERT, RoBERTa or DistilBERT means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.models import BertConfig


def written(folder: Path, **settings: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(settings))
    return path


def test_each_family_has_its_defaults(tmp_path: Path) -> None:
    roberta = BertConfig.from_file(written(tmp_path, model_type="roberta"))
    assert (roberta.vocab_size, roberta.pad_token_id, roberta.n_positions) == (50265, 1, 510)
    distilbert = BertConfig.from_file(written(tmp_path, model_type="distilbert"))
    assert (distilbert.num_layers, distilbert.type_vocab_size, distilbert.n_positions) == (6, 0, 512)
    assert BertConfig() == BertConfig.from_file(written(tmp_path, model_type="bert"))


def test_distilbert_settings_have_their_own_names_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, model_type="distilbert", dim=36, n_heads=6, dropout=0.3, activation="relu")
    config = BertConfig.from_file(path)
    assert (config.hidden_size, config.num_heads, config.hidden_dropout_prob, config.hidden_act) == (
        36,
        6,
        0.3,
        "relu",
    )
    settings = config.to_dict()
    assert (settings["dim"], settings["n_heads"], settings["dropout"]) == (36, 6, 0.3)
    assert "hidden_size" not in settings
    assert "layer_norm_eps" not in settings  # which is fixed
    assert BertConfig.from_dict(settings) == config


def test_what_is_not_used_survives(tmp_path: Path) -> None:
    config = BertConfig.from_file(written(tmp_path, model_type="bert", use_cache=True, vendor={"a": 1}))
    assert config.to_dict().items() >= {"use_cache": True, "vendor": {"a": 1}}.items()


def test_labels_have_names_and_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, model_type="bert", id2label={"0": "O", "1": "B", "2": "I"})
    config = BertConfig.from_file(path)
    assert (config.num_labels, config.label2id) == (3, {"O": 0, "B": 1, "I": 2})
    assert config.to_dict()["id2label"] == {"0": "O", "1": "B", "2": "I"}
    assert BertConfig.from_file(path, num_labels=3).id2label == {0: "O", 1: "B", 2: "I"}
    assert BertConfig.from_file(path, num_labels=2).id2label == {0: "LABEL_0", 1: "LABEL_1"}
    assert BertConfig.from_file(path, id2label={0: "no", 1: "yes"}).num_labels == 2


def test_case_by_token_types_is_said_only_where_it_is_so(tmp_path: Path) -> None:
    path = written(tmp_path, model_type="bert")
    assert "case_token_types" not in BertConfig.from_file(path).to_dict()  # which transformers does not know
    config = BertConfig.from_file(path, case_token_types=True)
    assert BertConfig.from_dict(config.to_dict()).case_token_types
    with pytest.raises(InvalidArgumentError, match="case_token_types is set, but type_vocab_size is 1"):
        BertConfig(type_vocab_size=1, case_token_types=True)
    with pytest.raises(InvalidArgumentError, match="case_token_types is set, but type_vocab_size is 0"):
        BertConfig(model_type="distilbert", type_vocab_size=0, case_token_types=True)


def test_changes_go_by_our_names(tmp_path: Path) -> None:
    path = written(tmp_path, model_type="distilbert", dim=36, n_heads=6, dropout=0.3)
    assert BertConfig.from_file(path, hidden_dropout_prob=0.0).hidden_dropout_prob == 0.0
    with pytest.raises(
        InvalidArgumentError, match="num_label is no setting of a BertConfig; did you mean 'num_labels'"
    ):
        BertConfig.from_file(path, num_label=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 10, "num_attention_heads": 3}, "hidden_size is 10, expected a multiple"),
        ({"vocab_size": 0}, "vocab_size is 0, expected a positive integer"),
        ({"hidden_act": "gelo"}, "hidden_act is 'gelo'.*did you mean 'gelu'"),
        ({"hidden_dropout_prob": 2}, "hidden_dropout_prob is 2, expected a probability"),
        ({"classifier_dropout": -1}, "classifier_dropout is -1, expected a probability"),
        ({"is_decoder": True}, "is_decoder is True"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
        ({"problem_type": "classification"}, "problem_type is 'classification'"),
        ({"initializer": "uniform"}, "initializer is 'uniform', expected one of normal, truncated_normal"),
        ({"pad_token_id": 30522}, "pad_token_id is 30522, expected an id below vocab_size"),
        ({"id2label": {"1": "a", "2": "b"}}, "expected names of 0, 1, 2"),
        ({"id2label": ["a", "b"]}, "expected names by number"),
        ({"num_labels": 3, "id2label": {"0": "a", "1": "b"}}, "num_labels is 3, but id2label names 2"),
        ({"type_vocab_size": 0}, "type_vocab_size is 0, expected a positive integer"),
        ({"model_type": "roberta", "pad_token_id": None}, "pad_token_id is None, expected an id, from which"),
        ({"model_type": "roberta", "max_position_embeddings": 2}, "max_position_embeddings, 2"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_an_error_that_names_file_and_setting(
    settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = written(tmp_path, **{"model_type": "bert", **settings})
    with pytest.raises(InvalidFileError, match=f"config.json: .*{message}"):
        BertConfig.from_file(path)


def test_a_distilbert_has_no_token_types() -> None:
    with pytest.raises(InvalidArgumentError, match="type_vocab_size is 2, expected 0"):
        BertConfig(model_type="distilbert")
