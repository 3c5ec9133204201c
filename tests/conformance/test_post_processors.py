"""Post-processors beside those of the `tokenizers` package: settings, errors, sequences, and what they make of texts."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import processors as reference_processors

from ferrolm.tokenizers import Tokenizer, processors

SETTINGS = settings(max_examples=60, deadline=None)
VOCAB = {token: index for index, token in enumerate(["a", "b", "Ġ", "[CLS]", "[SEP]", "x", "Ġa", "c"])}
TOKENS = [("[CLS]", 3), (4, "[SEP]"), {"id": "[X]", "ids": [5, 5], "tokens": ["x", "x"]}]
FIELDS = (
    "ids",
    "tokens",
    "type_ids",
    "offsets",
    "attention_mask",
    "special_tokens_mask",
    "sequence_ids",
    "word_ids",
)


def _parts(module: Any) -> list[Any]:
    return [
        module.BertProcessing(("[SEP]", 4), ("[CLS]", 3)),
        module.RobertaProcessing(("[SEP]", 4), ("[CLS]", 3)),
        module.RobertaProcessing(("[SEP]", 4), ("[CLS]", 3), trim_offsets=False, add_prefix_space=False),
        module.ByteLevel(),
        module.ByteLevel(False, False, False),
        module.TemplateProcessing(),
        module.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", TOKENS),
        module.TemplateProcessing(["$1", "[X]:7"], ["$b:3", "[X]", "$a"], TOKENS),
        module.TemplateProcessing("$A $A:2 $:1", "$B $A $B:1", tuple(TOKENS)),
        module.TemplateProcessing([], "$A $B"),
    ]


OURS, THEIRS = _parts(processors), _parts(reference_processors)
INDEX = st.integers(0, len(OURS) - 1)
TEXT = st.text("ab Ġc", max_size=12)


def _document() -> str:
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    nothing = {
        "truncation": None,
        "padding": None,
        "normalizer": None,
        "post_processor": None,
        "decoder": None,
    }
    model = {"type": "BPE", "vocab": VOCAB, "merges": ["Ġ a"], "unk_token": "x"}
    return json.dumps(
        {"version": "1.0", "added_tokens": [], "pre_tokenizer": byte_level, "model": model} | nothing
    )


def _fields(encoding: Any) -> list[Any]:
    own = [getattr(encoding, name) for name in FIELDS]
    return [*own, encoding.n_sequences, [_fields(part) for part in encoding.overflowing]]


@SETTINGS
@given(
    st.lists(INDEX, min_size=1, max_size=3), TEXT, st.one_of(st.none(), TEXT), st.booleans(), st.booleans()
)
def test_what_texts_become(indices: list[int], text: str, pair: str | None, special: bool, cut: bool) -> None:
    ours, theirs = Tokenizer.from_str(_document()), tokenizers.Tokenizer.from_str(_document())
    one = len(indices) == 1
    ours.post_processor = OURS[indices[0]] if one else processors.Sequence([OURS[index] for index in indices])
    theirs.post_processor = (
        THEIRS[indices[0]] if one else reference_processors.Sequence([THEIRS[index] for index in indices])
    )
    assert repr(ours.post_processor) == repr(theirs.post_processor)
    for is_pair in (False, True):
        count = theirs.num_special_tokens_to_add(is_pair)
        assert ours.num_special_tokens_to_add(is_pair) == count
    if cut:
        for tokenizer in (ours, theirs):
            tokenizer.enable_truncation(theirs.num_special_tokens_to_add(True) + 4, stride=1)
    try:
        expected = theirs.encode(text, pair, add_special_tokens=special)
    except BaseException:  # a template of a template panics in the reference
        return
    assert _fields(ours.encode(text, pair, add_special_tokens=special)) == _fields(expected)
    if cut:
        return
    try:
        ids = theirs.encode(text, add_special_tokens=special).ids
    except BaseException:  # as above
        return
    assert ours.encode_list(text, add_special_tokens=special) == ids
    assert ours.encode_ids_batch([text], add_special_tokens=special)[0].tolist() == ids


@pytest.mark.parametrize("indices", [(7, 5), (7, 0), (7, 1), (7, 8), (6, 7), (0, 6), (7, 7)])
def test_a_special_token_of_several_ids_is_one_sequence_to_the_next_in_line(indices: tuple[int, ...]) -> None:
    ours, theirs = Tokenizer.from_str(_document()), tokenizers.Tokenizer.from_str(_document())
    ours.post_processor = processors.Sequence([OURS[index] for index in indices])
    theirs.post_processor = reference_processors.Sequence([THEIRS[index] for index in indices])
    try:
        ids = theirs.encode("a b").ids
    except BaseException:  # a template of three sequences panics in the reference
        with pytest.raises(ValueError, match="post_processor"):
            ours.encode_list("a b")
        return
    assert ours.encode_list("a b") == ids


@pytest.mark.parametrize("index", range(len(OURS)))
def test_settings_and_copies(index: int) -> None:
    ours, theirs = OURS[index], THEIRS[index]
    assert (repr(ours), str(ours)) == (repr(theirs), str(theirs))
    assert json.loads(ours.__getstate__()) == json.loads(theirs.__getstate__())
    copy = pickle.loads(pickle.dumps(ours))
    assert (type(copy), repr(copy)) == (type(ours), repr(ours))


def test_setters() -> None:
    for module in (processors, reference_processors):
        template = module.TemplateProcessing("[CLS] $A:2", "$A $B", TOKENS)
        description = 'Template([SpecialToken { id: "[CLS]", type_id: 0 }, Sequence { id: A, type_id: 2 }])'
        assert template.single == description
        template.single = ["$A", "[SEP]:4"]
        assert 'single=[Sequence(id=A, type_id=0), SpecialToken(id="[SEP]", type_id=4)]' in repr(template)
        bert = module.BertProcessing(("a", 1), ("b", 2))
        bert.sep, bert.cls = ("c", 3), ("d", 4)
        assert (bert.sep, bert.cls) == (("c", 3), ("d", 4))


def test_elements_of_a_sequence_change_it_and_the_tokenizer() -> None:
    shown = []
    for module, tokenizer in (
        (processors, Tokenizer.from_str(_document())),
        (reference_processors, tokenizers.Tokenizer.from_str(_document())),
    ):
        inner = module.Sequence([module.ByteLevel(trim_offsets=False)])
        sequence = module.Sequence([inner, module.BertProcessing(("a", 1), ("b", 2))])
        tokenizer.post_processor = sequence
        sequence[0].trim_offsets = True
        tokenizer.post_processor[1].sep = ("z", 9)
        sequence[0] = module.ByteLevel(False)
        shown.append((repr(tokenizer.post_processor), repr(sequence)))
        for index in (2, 10):
            with pytest.raises(IndexError):
                sequence[index]
        with pytest.raises(Exception, match=r"(?i)sequence"):
            sequence[0] = module.Sequence([])
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("A",), ValueError),
        (("$A", "$A"), ValueError),
        (("$C",), ValueError),
        (("$A:x",), ValueError),
        (("$A:1:2",), ValueError),
        (("$A:-1",), ValueError),
        (("$A:4294967296",), ValueError),
        (("[X]:", None, [("[X]", 1)]), ValueError),
        (("",), ValueError),
        ((1,), TypeError),
        (("$A", None, [("a",)]), TypeError),
        (("$A", None, [["a", 1]]), TypeError),
        (("$A", None, [{"id": "a", "ids": [1]}]), ValueError),
        (("$A", None, [{"id": "a", "ids": [1], "tokens": []}]), Exception),
    ],
)
def test_wrong_templates(arguments: Any, error: type[Exception]) -> None:
    for module in (processors, reference_processors):
        with pytest.raises(error):
            module.TemplateProcessing(*arguments)


SEP = {"sep": ["a", 1], "cls": ["b", 2]}
TEMPLATE = {
    "single": [{"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {},
}


@pytest.mark.parametrize(
    "state",
    [
        SEP,
        {"type": "RobertaProcessing", **SEP},
        {"type": "BertProcessing", "trim_offsets": True, "add_prefix_space": False, **SEP},
        {"trim_offsets": True, "add_prefix_space": False, **SEP},
        {"type": "Other", **SEP},
        TEMPLATE,
        {"type": "TemplateProcessing", **TEMPLATE, "single": []},
        {"type": "TemplateProcessing", **TEMPLATE, "single": [{"SpecialToken": {"id": "X", "type_id": 0}}]},
        {"type": "Sequence", "processors": [{"type": "Sequence", "processors": [SEP]}]},
        {"type": "ByteLevel"},
        {"add_prefix_space": True, "trim_offsets": True},
        {"type": "TemplateProcessing", **TEMPLATE, "single": "$A"},
        {"type": "TemplateProcessing", "single": [], "pair": []},
        {"processors": []},
        {"type": "BertProcessing", "sep": ["a"], "cls": ["b", 1]},
        {},
    ],
    ids=lambda state: json.dumps(state)[:50],
)
def test_documents(state: Any) -> None:
    document = json.dumps(json.loads(_document()) | {"post_processor": state})
    try:
        expected = json.loads(tokenizers.Tokenizer.from_str(document).to_str())["post_processor"]
    except Exception:
        with pytest.raises(ValueError, match=r"tokenizer\.json: post_processor"):
            Tokenizer.from_str(document)
    else:
        assert json.loads(Tokenizer.from_str(document).to_str())["post_processor"] == expected
