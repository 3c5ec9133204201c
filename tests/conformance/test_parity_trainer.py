"""Parity-aware BPE training learns what ``tokenizers`` learns, wherever its result is well defined.

With a prefix or suffix its ids follow a hash table, so that there the merges are compared; where it never returns
(a window when a language has nothing left to merge, ``ratio`` with a language without text) there is nothing to
compare with.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from shared_data import read_text, shared

import ferrolm.tokenizers
from ferrolm.errors import InvalidArgumentError, InvalidTypeError

tokenizers = pytest.importorskip("tokenizers")

Texts = Sequence[Sequence[str]]


def trained(
    library: Any, texts: Texts, development: Texts | None, pre_tokenizer: str, options: dict[str, Any]
) -> Any:
    """The tokenizer.json that ``library`` learns."""
    tokenizer = library.Tokenizer(library.models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = getattr(library.pre_tokenizers, pre_tokenizer)()
    trainer = library.trainers.ParityBpeTrainer(show_progress=False, **options)
    trainer.train_from_iterator(
        tokenizer,
        [iter(language) for language in texts],
        None if development is None else [iter(language) for language in development],
    )
    state = json.loads(tokenizer.to_str())
    if "continuing_subword_prefix" in options or "end_of_word_suffix" in options:
        state["model"]["vocab"] = sorted(state["model"]["vocab"])
    return state


def assert_same(
    texts: Texts, development: Texts | None, pre_tokenizer: str = "Whitespace", **options: Any
) -> None:
    found, expected = (
        trained(library, texts, development, pre_tokenizer, options)
        for library in (ferrolm.tokenizers, tokenizers)
    )
    assert found == expected


def lines(name: str, count: int) -> list[str]:
    return read_text(shared(f"text/multilingual/udhr/{name}.txt")).splitlines()[:count]


@pytest.mark.parametrize("developed", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"variant": "window", "window_size": 10, "alpha": 1.3},
        {"variant": "window", "window_size": 7, "alpha": 0.2},
        {"global_merges": 120, "special_tokens": ["<s>", "the"], "total_symbols": True},
        {"min_frequency": 6},
        {"continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"},
        {"max_token_length": 5},
        {"ratio": [1.0, 1.3, 2.6], "variant": "window", "window_size": 20},
        {"ratio": [3.0, 1.0, 7.5], "initial_alphabet": ["ß", "Ω"]},
    ],
)
@pytest.mark.parametrize("pre_tokenizer", ["ByteLevel", "Whitespace"])
def test_languages(developed: bool, options: dict[str, Any], pre_tokenizer: str) -> None:
    languages = [lines("eng", 40) * 3, lines("fin", 60), lines("hin", 80)]
    development = [lines(name, 30) for name in ("eng", "fin", "hin")] if developed else None
    assert_same(languages, development, pre_tokenizer, **({"num_merges": 500} | options))


language = st.lists(st.text(alphabet="aabbc d", max_size=12), max_size=5)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda number: st.tuples(
            st.lists(language, min_size=number, max_size=number),
            st.none() | st.lists(language, min_size=number, max_size=number),
        )
    ),
    st.fixed_dictionaries(
        {"num_merges": st.integers(0, 12)},
        optional={
            "min_frequency": st.integers(0, 3),
            "global_merges": st.integers(0, 4),
            "max_token_length": st.integers(1, 5),
            "total_symbols": st.booleans(),
            "special_tokens": st.just(["ab", "<s>"]),
            "continuing_subword_prefix": st.sampled_from(["#", "a"]),
            "end_of_word_suffix": st.sampled_from(["$", "b"]),
        },
    ),
)
def test_small_texts(texts: tuple[Texts, Texts | None], options: dict[str, Any]) -> None:
    # A merge can make the same token as a character with such an affix. `tokenizers` knows the length of each occurrence,
    # we that of the token, so that which of them are too long differs: a known difference.
    affixes = {options.get("continuing_subword_prefix"), options.get("end_of_word_suffix")}
    assume("max_token_length" not in options or not affixes & {"a", "b"})
    assert_same(*texts, **options)


# Eight merges cannot use up fifteen different letters.
rich = st.text(alphabet="abcdefghijklmnopqrst", min_size=30, max_size=60).filter(
    lambda text: len(set(text)) >= 15
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(rich.map(lambda text: [text]), min_size=2, max_size=2),
    st.integers(1, 6),
    st.floats(0.3, 3),
    st.none() | st.lists(st.floats(0.1, 9), min_size=2, max_size=2),
)
def test_windows_and_ratios(texts: Texts, window_size: int, alpha: float, ratio: list[float] | None) -> None:
    options: dict[str, Any] = {"window_size": window_size, "alpha": alpha, "ratio": ratio}
    for variant in ("base", "window"):
        assert_same(texts, None, num_merges=8, variant=variant, **options)


@pytest.mark.parametrize(
    ("arguments", "ratio"),
    [
        (([],), None),
        (([["a b"], ["c"]], [["a"]]), None),
        (([["a b"], ["c"]],), [1.0]),
        (([["a b"], ["c"]],), [1.0, 0.0]),
        (([["a b"], ["c"]],), [1.0, float("nan")]),
        (([[1]],), None),
        (([5],), None),
    ],
)
def test_both_refuse(arguments: tuple[Any, ...], ratio: list[float] | None) -> None:
    for library, kinds in (
        (tokenizers, (ValueError, RuntimeError, TypeError)),
        (ferrolm.tokenizers, (InvalidArgumentError, InvalidTypeError)),
    ):
        tokenizer = library.Tokenizer(library.models.BPE())
        trainer = library.trainers.ParityBpeTrainer(show_progress=False, ratio=ratio)
        with pytest.raises(kinds):
            trainer.train_from_iterator(tokenizer, *arguments)


def test_trainers_look_alike() -> None:
    made = []
    for library in (tokenizers, ferrolm.tokenizers):
        trainer = library.trainers.ParityBpeTrainer(
            7, "window", 2, [1, 2], 3, 4, 2.5, True, ["<s>"], False, 9, ["a"], "##", "</w>", 5
        )
        trainer.num_merges = 11
        names = [name for name in dir(tokenizers.trainers.ParityBpeTrainer) if not name.startswith("_")]
        names.remove("train_from_iterator")
        values = {name: getattr(trainer, name) for name in names if name != "special_tokens"}
        tokens = [token.content for token in trainer.special_tokens]
        restored = pickle.loads(pickle.dumps(trainer))
        state = dict(trainer.__getstate__())
        state.pop("special_tokens")
        made.append((repr(trainer), str(trainer), repr(restored), values, tokens, state))
        with pytest.raises(AttributeError):
            trainer.variant = "base"
        with pytest.raises(ValueError, match=r"Unknown variant '.'. Use 'base' or 'window'"):
            library.trainers.ParityBpeTrainer(variant="x")
        with pytest.raises(ValueError, match="string of length 1"):
            library.trainers.ParityBpeTrainer(initial_alphabet=["xy"])
    assert made[0] == made[1]
