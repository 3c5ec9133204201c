"""Each model gives the tokens, texts and offsets of the `tokenizers` package, on real words and on made-up vocabularies."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import all_texts, read_text, shared

from ferrolm.errors import InvalidArgumentError
from ferrolm.tokenizers import models as ours_models
from ferrolm.tokenizers.models import Model

reference = pytest.importorskip("tokenizers")
theirs_models = reference.models

# Few letters, so that pieces overlap and repeat; characters of one to four bytes.
LETTERS = "abcé▁漢👍"
WORDS = st.text(LETTERS + "#<>x0", max_size=12)
PIECES = st.one_of(
    st.text(LETTERS, min_size=1, max_size=5),
    st.sampled_from(["", "##", "#", "<unk>", "<0x61>", "<0xC3>", "<0xA9>", "<0x78>", "</w>"]),
)
PREFIXES = st.sampled_from(["", "#", "##", "a", "▁"])
MANY = settings(max_examples=300, deadline=None)


def tokens(model: Any, text: str) -> Any:
    """What a model makes of a text, or that it refuses it."""
    try:
        return [(token.id, token.value, token.offsets) for token in model.tokenize(text)]
    except InvalidArgumentError:
        return "refused"
    except Exception as error:
        if type(error) is not Exception:
            raise
        return "refused"


def assert_equal(ours: Any, theirs: Any, texts: Any) -> None:
    for text in texts:
        assert tokens(ours, text) == tokens(theirs, text), (text, repr(theirs))


def words(characters: int) -> set[str]:
    """Words, numbers and punctuation of every shared text, and longer stretches with spaces as Metaspace writes them."""
    found: set[str] = set()
    for path in all_texts():
        text = read_text(path)[:characters]
        found.update(re.findall(r"\w+|[^\w\s]+", text.lower()))
        found.update("▁" + word for word in text.split())
        found.update("▁" + line.replace(" ", "▁") for line in islice(text.splitlines(), 40))
    return found


def section(folder: str) -> dict[str, Any]:
    model: dict[str, Any] = json.loads(shared(f"tokenizers/{folder}/tokenizer.json").read_text())["model"]
    return model


@pytest.mark.exhaustive
def test_wordpiece_on_words_of_real_texts() -> None:
    vocab = shared("tokenizers/bert-base-uncased/vocab.txt")
    ours, theirs = ours_models.WordPiece.from_file(vocab), theirs_models.WordPiece.from_file(str(vocab))
    assert_equal(ours, theirs, words(20_000))
    for model in (ours, theirs):
        model.max_input_chars_per_word = 100_000
    assert_equal(ours, theirs, words(20_000))
    text = read_text(all_texts()[0]).lower()
    assert_equal(ours, theirs, ["".join(re.findall(r"[a-z]", text))[:1_000], "é" * 500, "un" * 700 + "☃"])


def test_wordlevel_on_words_of_real_texts() -> None:
    vocab = section("bert-base-uncased")["vocab"]
    ours = ours_models.WordLevel(vocab, unk_token="[UNK]")
    assert_equal(ours, theirs_models.WordLevel(vocab, unk_token="[UNK]"), words(5_000))


def test_unigram_on_words_of_real_texts() -> None:
    t5 = section("t5-small")
    vocab = [(piece, score) for piece, score in t5["vocab"]]
    ours = ours_models.Unigram(vocab, t5["unk_id"])
    assert_equal(ours, theirs_models.Unigram(vocab, t5["unk_id"]), words(20_000))
    text = read_text(all_texts()[0])[:20_000].replace(" ", "▁")
    assert_equal(ours, theirs_models.Unigram(vocab, t5["unk_id"]), [text])


@pytest.mark.exhaustive
@pytest.mark.parametrize("folder", ["llama2", "mistral-v1"])
def test_bpe_with_byte_fallback_on_words_of_real_texts(folder: str) -> None:
    model = section(folder)
    merges = [
        tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]
    ]
    names = ("unk_token", "fuse_unk", "byte_fallback", "ignore_merges")
    options = {name: model[name] for name in names if model.get(name) is not None}
    ours = ours_models.BPE(model["vocab"], merges, **options)
    assert_equal(ours, theirs_models.BPE(model["vocab"], merges, **options), words(5_000))


@MANY
@given(
    st.lists(PIECES | st.builds(lambda piece: "##" + piece, PIECES), max_size=20, unique=True),
    PREFIXES,
    st.integers(0, 13),
    st.sampled_from(["<unk>", "a", "missing"]),
    st.lists(WORDS, max_size=10),
)
def test_wordpiece_of_made_up_vocabularies(
    pieces: list[str], prefix: str, longest: int, unk_token: str, texts: list[str]
) -> None:
    vocab = {piece: index * 3 for index, piece in enumerate(pieces)}
    options: dict[str, Any] = {
        "unk_token": unk_token,
        "continuing_subword_prefix": prefix,
        "max_input_chars_per_word": longest,
    }
    theirs = theirs_models.WordPiece(vocab, **options)
    assert_equal(ours_models.WordPiece(vocab, **options), theirs, [*texts, "", *pieces])


@MANY
@given(
    st.lists(st.tuples(PIECES, st.integers(-8, 3) | st.floats(-20, 20)), min_size=1, max_size=20),
    st.none() | st.integers(0, 19),
    st.booleans(),
    st.lists(WORDS, max_size=10),
)
def test_unigram_of_made_up_vocabularies(
    pieces: list[tuple[str, float]], unk_id: int | None, byte_fallback: bool, texts: list[str]
) -> None:
    unk_id = None if unk_id is None else unk_id % len(pieces)
    ours = ours_models.Unigram(pieces, unk_id, byte_fallback)
    theirs = theirs_models.Unigram(pieces, unk_id, byte_fallback)
    assert_equal(ours, theirs, [*texts, "", "".join(piece for piece, _ in pieces)])
    for index, (piece, _) in enumerate(pieces):
        assert ours.id_to_token(index) == theirs.id_to_token(index) == piece
        assert ours.token_to_id(piece) == theirs.token_to_id(piece)


@st.composite
def bpe(draw: st.DrawFn) -> tuple[dict[str, int], list[tuple[str, str]], dict[str, Any]]:
    """A vocabulary, merges of which every part and result is in it, and options."""
    prefix, suffix = draw(PREFIXES), draw(st.sampled_from(["", "</w>", "a"]))
    letters = [letter for letter in LETTERS if draw(st.booleans())]
    symbols = [*letters, *(prefix + letter for letter in letters), *(letter + suffix for letter in letters)]
    symbols += draw(st.lists(PIECES, max_size=8))
    merges = []
    for _ in range(draw(st.integers(0, 12)) if symbols else 0):
        left, right = draw(st.sampled_from(symbols)), draw(st.sampled_from(symbols))
        if len(right) >= len(prefix) and right.startswith(prefix):
            merges.append((left, right))
            symbols.append(left + right[len(prefix) :])
    options: dict[str, Any] = {
        "fuse_unk": draw(st.booleans()),
        "byte_fallback": draw(st.booleans()),
        "ignore_merges": draw(st.booleans()),
    }
    if prefix or draw(st.booleans()):
        options["continuing_subword_prefix"] = prefix
    if suffix or draw(st.booleans()):
        options["end_of_word_suffix"] = suffix
    if draw(st.booleans()):
        options["unk_token"] = draw(st.sampled_from(["<unk>", "a", "missing"]))
    return {symbol: index for index, symbol in enumerate(dict.fromkeys(symbols))}, merges, options


@pytest.mark.exhaustive
@MANY
@given(bpe(), st.lists(WORDS, max_size=10))
def test_bpe_of_made_up_vocabularies(
    model: tuple[dict[str, int], list[tuple[str, str]], dict[str, Any]], texts: list[str]
) -> None:
    vocab, merges, options = model
    theirs = theirs_models.BPE(vocab, merges, **options)
    for dropout in (None, 0.0, 1.0):
        ours = ours_models.BPE(vocab, merges, dropout=dropout, **options)
        theirs.dropout = dropout
        assert_equal(ours, theirs, [*texts, "", *vocab])


@MANY
@given(st.dictionaries(PIECES, st.integers(0, 40), max_size=12), st.lists(WORDS | PIECES, max_size=10))
def test_ids_may_have_gaps_and_be_shared(vocab: dict[str, int], texts: list[str]) -> None:
    ours: Model = ours_models.WordLevel(vocab)
    theirs = theirs_models.WordLevel(vocab)
    for token in [*vocab, *texts]:
        assert ours.token_to_id(token) == theirs.token_to_id(token)
    shared_by = {index: {token for token, other in vocab.items() if other == index} for index in range(41)}
    for index, owners in shared_by.items():
        # Which of the tokens that share an id is its text differs from run to run there.
        assert ours.id_to_token(index) in (owners or {None})
    assert [token[0] for text in texts for token in _ids(ours, text)] == [
        token[0] for text in texts for token in _ids(theirs, text)
    ]


def _ids(model: Any, text: str) -> list[tuple[int, Any]]:
    found = tokens(model, text)
    return [(-1, None)] if found == "refused" else [(token[0], None) for token in found]
