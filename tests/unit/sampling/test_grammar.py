"""Structured output: what grammar engines allow, and nothing else, is drawn."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llguidance")

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.sampling import Constraint, Grammar, Sampler, SamplingParams
from ferrolm.tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

VOCAB = 320  # as of a model whose logits are padded
EOS = 0


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["</s>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(
        ['{"name": "Ada", "born": 1815, "tags": ["a", "b"]} 2024-12-31'] * 9, trainer
    )
    return tokenizer


def generate(rows: list[Any], tokenizer: Tokenizer, steps: int = 300) -> list[str]:
    """Texts drawn from logits that know nothing, but like to end."""
    constraint, ids = Constraint(rows), [[] for _ in rows]
    sampler = Sampler([SamplingParams(seed=row) for row in range(len(rows))])
    logits = np.zeros((len(rows), VOCAB), np.float32)
    logits[:, [EOS, tokenizer.token_to_id('"')]] = 4.0
    for _ in range(steps):
        running = [not done for done in constraint.finished]
        if not any(running):
            break
        drawn = sampler.sample(logits, mask=constraint.mask(VOCAB))
        sampler.accept(drawn)
        constraint.accept(drawn)
        for row in np.flatnonzero(running):
            ids[row].append(int(drawn[row]))
    return [tokenizer.decode(row, skip_special_tokens=True) for row in ids]


def test_texts_match_their_patterns(tokenizer: Tokenizer) -> None:
    patterns = [r"\d{4}-\d\d-\d\d", "(yes|no)", r"[a-f]{3,5}"]
    grammars = [Grammar.from_regex(pattern, tokenizer, eos_token_id=EOS) for pattern in patterns]
    texts = generate(grammars * 3, tokenizer)
    assert all(re.fullmatch(pattern, text) for pattern, text in zip(patterns * 3, texts, strict=True)), texts
    assert len(set(texts)) > 3


def test_json_fits_its_schema(tokenizer: Tokenizer) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 8},
            "born": {"type": "integer", "maximum": 2100},
        },
        "required": ["name", "born"],
        "additionalProperties": False,
    }
    grammar = Grammar.from_json_schema(schema, tokenizer, eos_token_id=[EOS])
    for text in generate([grammar] * 4, tokenizer):
        value = json.loads(text)
        assert isinstance(value["name"], str)
        assert isinstance(value["born"], int)


def test_grammars_of_lark_and_free_rows(tokenizer: Tokenizer) -> None:
    sums = Grammar.from_lark('start: NUMBER ("+" NUMBER)+\nNUMBER: /[0-9]{1,2}/', tokenizer, eos_token_id=EOS)
    constraint = Constraint([sums, None])
    assert (constraint.mask(VOCAB)[1] == -1).all()
    assert constraint.mask(VOCAB).shape == (2, VOCAB // 32)
    digit, letter = tokenizer.token_to_id("1"), tokenizer.token_to_id("a")
    with pytest.raises(InvalidArgumentError, match=f"the grammar of row 0 does not allow token {letter}"):
        constraint.accept([letter, letter])
    constraint.accept([digit, letter])
    assert constraint.finished == [False, False]
    with pytest.raises(ShapeError, match="ids has 1 entries for 2 rows"):
        constraint.accept([digit])


def test_matchers_of_xgrammar_work_too(tokenizer: Tokenizer) -> None:
    xgrammar = pytest.importorskip("xgrammar")
    words = [tokenizer.id_to_token(token) for token in range(tokenizer.get_vocab_size())]
    info = xgrammar.TokenizerInfo(
        words, xgrammar.VocabType.BYTE_LEVEL, vocab_size=VOCAB, stop_token_ids=[EOS]
    )
    compiled = xgrammar.GrammarCompiler(info).compile_regex(r"[0-9]{3}-[0-9]")
    texts = generate([xgrammar.GrammarMatcher(compiled) for _ in range(3)], tokenizer)
    assert all(re.fullmatch(r"\d{3}-\d", text) for text in texts), texts


def test_what_is_no_grammar_is_named(tokenizer: Tokenizer) -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"(?s)the grammar cannot be used: .*unclosed character class"
    ):
        Grammar.from_regex("[0-9", tokenizer, eos_token_id=EOS)
    with pytest.raises(InvalidArgumentError, match="the grammar cannot be used"):
        Grammar.from_json_schema('{"type": 7}', tokenizer, eos_token_id=EOS)
    for wrong in (99_999, -1, []):
        with pytest.raises(InvalidArgumentError, match=r"eos_token_id must hold ids in \[0, "):
            Grammar.from_regex("a", tokenizer, eos_token_id=wrong)
    for unfit in ("</s>", None):
        with pytest.raises(InvalidTypeError, match="eos_token_id must be a token id or several"):
            Grammar.from_regex("a", tokenizer, eos_token_id=unfit)  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match=r"tokenizer must be a .*Tokenizer, found str"):
        Grammar.from_regex("a", "gpt2", eos_token_id=EOS)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match=r"llguidance cannot use the tokenizer: .*decoder"):
        Grammar.from_regex("a", Tokenizer(models.BPE({"a": 0}, [])), eos_token_id=0)
    with pytest.raises(InvalidTypeError, match="found str"):
        Constraint(["[0-9]"])
