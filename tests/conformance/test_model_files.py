"""The model section of tokenizer.json, and files of models alone: read, refused and written as by `tokenizers`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared

import ferrolm.tokenizers as ours
from ferrolm.errors import FerrolmError

theirs = pytest.importorskip("tokenizers")

EMPTY = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": None,
    "post_processor": None,
    "decoder": None,
}
WORDPIECE = {"unk_token": "u", "continuing_subword_prefix": "#", "max_input_chars_per_word": 3}
AB = {"a": 0, "b": 1, "ab": 2}


def whole(model: str) -> str:
    return json.dumps(EMPTY)[:-1] + ', "model": ' + model + "}"


def written(module: Any, model: str) -> str | None:
    """The section as it is written back, None if it is refused."""
    try:
        text: str = module.Tokenizer.from_str(whole(model)).to_str()
    except FerrolmError as error:
        if "model" not in str(error) and "line 1" not in str(error):
            raise
        return None
    except Exception as error:
        if type(error) is not Exception:
            raise
        return None
    return text[text.index('"model":') :]


SECTIONS: list[dict[str, Any]] = [
    {"type": "BPE", "vocab": AB, "merges": [["a", "b"]]},
    {"type": "BPE", "vocab": AB, "merges": ["a b"]},
    {"type": "BPE", "vocab": AB, "merges": ["#version: 0.2", "a b"]},
    {"type": "BPE", "vocab": AB, "merges": [["a", "b"], "a b"]},
    {"type": "BPE", "vocab": AB, "merges": ["a b", ["a", "b"]]},
    {"type": "BPE", "vocab": AB, "merges": [["a", "b"], ["a", "b"]]},
    {"type": "BPE", "vocab": AB, "merges": ["ab"]},
    {"type": "BPE", "vocab": AB, "merges": ["a  b"]},
    {"type": "BPE", "vocab": AB, "merges": [["a"]]},
    {"type": "BPE", "vocab": AB, "merges": [["a", "b", "c"]]},
    {"type": "BPE", "vocab": AB, "merges": [["a", 3]]},
    {"type": "BPE", "vocab": AB, "merges": [["a", "c"]]},
    {"type": "BPE", "vocab": AB, "merges": [["b", "a"]]},
    {"type": "BPE", "vocab": AB, "merges": None},
    {"type": "BPE", "vocab": AB, "merges": {}},
    {"type": "BPE", "vocab": AB, "merges": [{}]},
    {"type": "BPE", "vocab": AB},
    {"type": "BPE", "merges": []},
    {"type": "BPE", "vocab": [["a", 1.0]], "merges": []},
    {"type": "BPE", "vocab": {"a": 1.5}, "merges": []},
    {"type": "BPE", "vocab": {"a": -1}, "merges": []},
    {"type": "BPE", "vocab": AB, "merges": [], "dropout": 0.1, "fuse_unk": None, "other": {"a": [1]}},
    {"type": "BPE", "vocab": AB, "merges": [], "dropout": 1, "ignore_merges": True, "byte_fallback": True},
    {"type": "BPE", "vocab": AB, "merges": [], "dropout": 1.5},
    {"type": "BPE", "vocab": AB, "merges": [], "dropout": "a"},
    {"type": "BPE", "vocab": AB, "merges": [], "unk_token": "zz", "end_of_word_suffix": "</w>"},
    {"type": "BPE", "vocab": AB, "merges": [], "unk_token": 3},
    {
        "type": "BPE",
        "vocab": {"a": 0, "#b": 1, "ab": 2},
        "merges": ["a #b"],
        "continuing_subword_prefix": "#",
    },
    {
        "type": "BPE",
        "vocab": {"a": 0, "xb": 1, "ab": 2},
        "merges": ["a xb"],
        "continuing_subword_prefix": "#",
    },
    {"type": "WordPiece", "vocab": AB, **WORDPIECE},
    {"type": "WordPiece", "vocab": AB, **WORDPIECE, "unk_token": None},
    {"type": "WordPiece", "vocab": AB, **WORDPIECE, "max_input_chars_per_word": -1},
    {"type": "WordPiece", "vocab": AB, **WORDPIECE, "max_input_chars_per_word": 1.0},
    {"type": "WordPiece", "vocab": AB, "unk_token": "u"},
    {"type": "WordPiece", **WORDPIECE},
    {"type": "WordLevel", "vocab": {"a": 5, "b": 2}, "unk_token": "b"},
    {"type": "WordLevel", "vocab": {}, "unk_token": "b"},
    {"type": "WordLevel", "vocab": AB},
    {"type": "WordLevel", "vocab": AB, "unk_token": None},
    {"type": "WordLevel", "vocab": None, "unk_token": "a"},
    {
        "type": "Unigram",
        "vocab": [["a", 1], ["b", -1e-7], ["c", -0.12345678912345678], ["a", 1e300]],
        "unk_id": 0,
    },
    {"type": "Unigram", "vocab": [], "unk_id": None},
    {"type": "Unigram", "vocab": [], "unk_id": 0},
    {"type": "Unigram", "vocab": [["a", 1.0]], "unk_id": 1},
    {"type": "Unigram", "vocab": [["a", 1.0]], "unk_id": -1},
    {"type": "Unigram", "vocab": [["a", 1.0]], "byte_fallback": None},
    {"type": "Unigram", "vocab": [["a", 1.0]], "byte_fallback": True},
    {"type": "Unigram", "vocab": [["a", 1.0, 2]]},
    {"type": "Unigram", "vocab": [["a", "1.0"]]},
    {"type": "Unigram", "vocab": {"a": 0}},
    {"type": "Unigram"},
    {"type": "Other", "vocab": AB, "merges": []},
    {"type": None, "vocab": AB, "merges": []},
    {"type": 3, "vocab": AB, "merges": []},
    {},
    # Without a type.
    {"vocab": AB, "merges": ["a b"], **WORDPIECE, "continuing_subword_prefix": None},
    {"vocab": AB, "merges": []},
    {"vocab": AB, "merges": ["a c"], "unk_token": "u"},
    {"vocab": AB, "merges": 5, "unk_token": "u"},
    {"vocab": AB, "merges": ["a c"]},
    {"vocab": AB, **WORDPIECE},
    {"vocab": AB, "unk_token": "u", "dropout": "what"},
    {"vocab": AB},
    {"vocab": [["a", 1.0]], "unk_token": "a"},
    {"vocab": [["a", 1.0]], "unk_id": 7},
]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: json.dumps(section)[:70])
def test_sections_are_read_and_written_alike(section: dict[str, Any]) -> None:
    text = json.dumps(section)
    assert written(ours, text) == written(theirs, text)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"WordLevel","vocab":{"a":0,"a":1},"unk_token":"a"}',
        '{"type":"WordLevel","vocab":{"a":0,"b":1,"a":2,"\\u0061":3},"unk_token":"a"}',
        '{"type":"Unigram","unk_id":0,"vocab":[["a",1e400]]}',
        '{"type":"Unigram","unk_id":0,"vocab":[["a",1.7976931348623157e308],["b",5e-324],["c",-0.0]]}',
    ],
)
def test_unusual_json_is_read_alike(text: str) -> None:
    assert written(ours, text) == written(theirs, text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False)), max_size=8))
def test_scores_are_written_with_the_same_digits(vocab: list[tuple[str, float]]) -> None:
    text = json.dumps({"type": "Unigram", "vocab": vocab})
    assert written(ours, text) == written(theirs, text)


def made(module: Any) -> list[Any]:
    models = module.models
    return [
        models.BPE(AB, [("a", "b")], dropout=0.1, unk_token="ab"),
        models.WordPiece({token: index for index, token in enumerate("abcdefgh")}, unk_token="h"),
        models.WordLevel(AB, unk_token="b"),
        models.Unigram([("<unk>", 0.0), ("a", -1.5), ("b", -1e-7), ("c", 1e20)], 0, True),
        models.BPE(),
        models.WordPiece(),
        models.WordLevel(),
        models.Unigram(),
        models.WordLevel({str(index): index for index in range(150)}),
        models.Unigram([(str(index), -float(index)) for index in range(150)]),
    ]


def test_models_are_printed_alike() -> None:
    for mine, other in zip(made(ours), made(theirs), strict=True):
        assert repr(mine) == repr(other)
        assert str(mine) == str(other)


@pytest.mark.parametrize("prefix", [None, "name"])
def test_models_are_saved_in_the_same_files(tmp_path: Path, prefix: str | None) -> None:
    for mine, other in zip(made(ours), made(theirs), strict=True):
        (tmp_path / "ours").mkdir(exist_ok=True)
        (tmp_path / "theirs").mkdir(exist_ok=True)
        found = mine.save(str(tmp_path / "ours"), prefix)
        expected = other.save(str(tmp_path / "theirs"), prefix)
        assert [Path(path).name for path in found] == [Path(path).name for path in expected]
        for path, other_path in zip(found, expected, strict=True):
            assert Path(path).read_bytes() == Path(other_path).read_bytes()


def test_vocabulary_files_are_read_alike(tmp_path: Path) -> None:
    text, vocab = tmp_path / "vocab.txt", tmp_path / "vocab.json"
    text.write_bytes("a \nb\r\n\n##c\u3000\na\nlast".encode())
    vocab.write_text('{"a": 0, "b": 7, "c": "text", "d": null}')
    assert ours.models.WordPiece.read_file(text) == theirs.models.WordPiece.read_file(str(text))
    assert ours.models.WordLevel.read_file(vocab) == theirs.models.WordLevel.read_file(str(vocab))
    real = shared("tokenizers/bert-base-uncased/vocab.txt")
    assert ours.models.WordPiece.read_file(real) == theirs.models.WordPiece.read_file(str(real))
    assert ours.models.WordPiece(str(text)).vocab() == ours.models.WordPiece.from_file(text).vocab()


@pytest.mark.parametrize("folder", ["bert-base-uncased", "t5-small"])
def test_real_models_are_written_as_they_are_read(folder: str) -> None:
    section = json.loads(shared(f"tokenizers/{folder}/tokenizer.json").read_text())["model"]
    text = json.dumps(section)
    assert written(ours, text) == written(theirs, text)
