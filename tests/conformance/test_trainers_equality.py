"""WordPiece, WordLevel and Unigram training, and BPE behind any normalizer and pre-tokenizer, learn what ``tokenizers`` learns.

Where its result depends on the order of a hash table (WordPiece: which of equally frequent pairs merges first; Unigram:
last digits of sums, scores of characters without a piece) what does not is compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import read_text, shared

import ferrolm.tokenizers
from ferrolm import num_threads, set_num_threads

tokenizers = pytest.importorskip("tokenizers")

HOLMES = "text/books/sherlock-holmes.txt"
JAPANESE = "text/books/wagahai-neko-ja.txt"

Setup = Callable[[Any, Any], None]


def bert(library: Any, tokenizer: Any) -> None:
    tokenizer.normalizer = library.normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()


def metaspace(library: Any, tokenizer: Any) -> None:
    tokenizer.normalizer = library.normalizers.NFKC()
    tokenizer.pre_tokenizer = library.pre_tokenizers.Metaspace()


def whitespace(library: Any, tokenizer: Any) -> None:
    tokenizer.pre_tokenizer = library.pre_tokenizers.Whitespace()


def several(library: Any, tokenizer: Any) -> None:
    tokenizer.normalizer = library.normalizers.Sequence(
        [library.normalizers.Lowercase(), library.normalizers.Replace("e", "é")]
    )
    parts = library.pre_tokenizers
    tokenizer.pre_tokenizer = parts.Sequence(
        [parts.WhitespaceSplit(), parts.Digits(individual_digits=True), parts.ByteLevel(use_regex=False)]
    )


def added(library: Any, tokenizer: Any) -> None:
    tokenizer.pre_tokenizer = library.pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["Holmes"])
    tokenizer.add_tokens(["said I"])


def bare(library: Any, tokenizer: Any) -> None:
    pass


def trained(library: Any, kind: str, setup: Setup, texts: Sequence[str], **options: Any) -> Any:
    """The tokenizer.json that ``library`` learns, with its vocabulary as a dictionary of ids or scores."""
    tokenizer = library.Tokenizer(getattr(library.models, kind)())
    setup(library, tokenizer)
    name = {"BPE": "BpeTrainer"}.get(kind, f"{kind}Trainer")
    given = {option: value for option, value in options.items() if value is not None}
    trainer = getattr(library.trainers, name)(show_progress=False, **given)
    for option in options.keys() - given.keys():
        setattr(trainer, option, None)
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())


def both(kind: str, setup: Setup, texts: Sequence[str], **options: Any) -> tuple[Any, Any]:
    ours, theirs = (
        trained(library, kind, setup, texts, **options) for library in (ferrolm.tokenizers, tokenizers)
    )
    return ours, theirs


def lines(name: str, size: int) -> list[str]:
    return read_text(shared(name))[:size].splitlines()


@pytest.mark.parametrize("setup", [bert, metaspace, whitespace, several, added])
@pytest.mark.parametrize("name", [HOLMES, JAPANESE])
def test_bpe_and_word_level_behind_any_pipeline(setup: Setup, name: str) -> None:
    texts = lines(name, 60_000)
    ours, theirs = both("BPE", setup, texts, vocab_size=3000, special_tokens=["<s>", "the"])
    assert ours == theirs
    ours, theirs = both("WordLevel", setup, texts, vocab_size=500, special_tokens=["<unk>", "the"])
    assert ours == theirs


@pytest.mark.parametrize(
    "options", [{"min_frequency": 3}, {"vocab_size": 7}, {"vocab_size": 2, "special_tokens": ["a", "b", "c"]}]
)
def test_word_level_options(options: dict[str, Any]) -> None:
    ours, theirs = both("WordLevel", whitespace, lines(HOLMES, 60_000), **options)
    assert ours == theirs


@pytest.mark.parametrize(
    "options",
    [
        {"vocab_size": 2000},
        {"vocab_size": 700, "special_tokens": ["[UNK]", "[CLS]", "the"], "initial_alphabet": ["Ω", "ß"]},
        {"vocab_size": 900, "continuing_subword_prefix": "@@", "end_of_word_suffix": "$"},
        {"vocab_size": 1000, "continuing_subword_prefix": None},
        {"min_frequency": 20},
    ],
)
def test_word_piece(options: dict[str, Any]) -> None:
    ours, theirs = both("WordPiece", bert, lines(HOLMES, 200_000), **options)
    mine, other = ours["model"].pop("vocab"), theirs["model"].pop("vocab")
    assert ours == theirs
    assert len(mine) == len(other)
    assert sorted(mine.values()) == list(range(len(mine)))
    # Special tokens and the alphabet have the same ids; merges of equal counts may be others.
    special = len(options.get("special_tokens", ()))
    first = [
        token for token, index in sorted(other.items(), key=lambda item: item[1]) if index < special + 30
    ]
    assert first == [token for token, index in sorted(mine.items(), key=lambda item: item[1])][: len(first)]
    assert len(mine.keys() & other.keys()) >= 0.99 * len(mine)


@pytest.mark.parametrize(
    ("name", "setup", "options"),
    [
        (HOLMES, metaspace, {"vocab_size": 2000}),
        (HOLMES, metaspace, {"vocab_size": 500, "unk_token": "<unk>"}),
        (
            HOLMES,
            whitespace,
            {"special_tokens": ["<s>", "<unk>"], "unk_token": "<unk>", "n_sub_iterations": 3},
        ),
        (HOLMES, metaspace, {"vocab_size": 1000, "max_piece_length": 5, "shrinking_factor": 0.5}),
        (HOLMES, bert, {"vocab_size": 700, "seed_size": 3000, "initial_alphabet": ["ß", "Ω", "漢"]}),
        (JAPANESE, metaspace, {"vocab_size": 3000, "unk_token": "<unk>"}),
        (JAPANESE, bare, {"vocab_size": 3000, "max_piece_length": 8}),
    ],
)
def test_unigram(name: str, setup: Setup, options: dict[str, Any]) -> None:
    texts = lines(name, 100_000 if name == HOLMES else 40_000)
    ours, theirs = both("Unigram", setup, texts, **options)
    mine, other = (dict(map(tuple, state["model"].pop("vocab"))) for state in (ours, theirs))
    assert ours == theirs
    assert mine.keys() == other.keys()
    for piece, score in mine.items():
        # A character without a piece gets the least score and up to as many ten-thousandths as there are of them.
        assert score == pytest.approx(other[piece], abs=0.05 if len(piece) == 1 else 1e-6), piece
    scores = list(mine.values())[len(options.get("special_tokens", ())) + ("unk_token" in options) :]
    assert scores == sorted(scores, reverse=True)


small = st.lists(st.text(alphabet="aab bcé漢 1.", max_size=30), min_size=1, max_size=8).filter(
    lambda texts: any(text.strip() for text in texts)
)


@settings(max_examples=60, deadline=None)
@given(small, st.sampled_from([bert, metaspace, whitespace, several, bare]), st.integers(5, 40))
def test_small_texts(texts: list[str], setup: Setup, vocab_size: int) -> None:
    for kind in ("BPE", "WordLevel"):
        try:
            theirs = trained(tokenizers, kind, setup, texts, vocab_size=vocab_size, special_tokens=["<unk>"])
        except BaseException as error:
            raise AssertionError(f"{kind} {error}") from error
        assert (
            trained(ferrolm.tokenizers, kind, setup, texts, vocab_size=vocab_size, special_tokens=["<unk>"])
            == theirs
        )
    ours, theirs = both("WordPiece", setup, texts, vocab_size=vocab_size, special_tokens=["<unk>"])
    mine, other = ours["model"]["vocab"], theirs["model"]["vocab"]
    assert {token for token in mine if len(token.removeprefix("##")) == 1} == {
        token for token in other if len(token.removeprefix("##")) == 1
    }


def test_any_number_of_threads_learns_the_same() -> None:
    texts = lines(HOLMES, 150_000)
    before = num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            found.append(
                [
                    trained(ferrolm.tokenizers, kind, metaspace, texts, vocab_size=1000)
                    for kind in ("WordPiece", "Unigram", "WordLevel")
                ]
            )
    finally:
        set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_files_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines(HOLMES, 30_000)), encoding="utf-8")
    found = []
    for library in (ferrolm.tokenizers, tokenizers):
        tokenizer = library.Tokenizer(library.models.WordLevel())
        tokenizer.pre_tokenizer = library.pre_tokenizers.Split(" ", "isolated")
        tokenizer.train([str(path)], library.trainers.WordLevelTrainer(show_progress=False))
        found.append(json.loads(tokenizer.to_str())["model"])
    assert found[0] == found[1]
