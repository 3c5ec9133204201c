"""The BPE trainer on its own: a worked example, bad input, Ctrl-C."""

from __future__ import annotations

import itertools
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ferrolm.errors import (
    InvalidArgumentError,
    InvalidEncodingError,
    InvalidTypeError,
    MissingFileError,
)
from ferrolm.tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from ferrolm.tokenizers.trainers import BpeTrainer


def slow_bpe(words: Counter[str], merges: int) -> list[tuple[str, str]]:
    """The textbook: recount all pairs after every merge; ties go to the smaller ids."""
    splits = {word: list(word) for word in words}
    ids = {character: index for index, character in enumerate(sorted(set("".join(words))))}
    learnt = []
    for _ in range(merges):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, symbols in splits.items():
            for pair in itertools.pairwise(symbols):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], ids[pair[0]], ids[pair[1]]))
        learnt.append(best)
        ids.setdefault("".join(best), len(ids))
        for symbols in splits.values():
            position = 0
            while position < len(symbols) - 1:
                if (symbols[position], symbols[position + 1]) == best:
                    symbols[position : position + 2] = ["".join(best)]
                position += 1
    return learnt


def untrained() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def train(texts: Any, **options: Any) -> Any:
    """The model that is learnt, as in tokenizer.json."""
    tokenizer = untrained()
    tokenizer.train_from_iterator(texts, BpeTrainer(show_progress=False, **options))
    return json.loads(tokenizer.to_str())["model"]


def test_merges_are_those_of_the_textbook() -> None:
    words = Counter({"low": 5, "lower": 2, "newest": 6, "widest": 3, "wow": 2, "ewe": 4})
    texts = [word for word, count in words.items() for _ in range(count)]
    alphabet = len(set("".join(words)))
    model = train(texts, vocab_size=alphabet + 12)
    assert list(map(tuple, model["merges"])) == slow_bpe(words, 12)
    assert len(model["vocab"]) == alphabet + 12


def test_lists_of_texts_and_affixes() -> None:
    model = train([["ab ab"], ["ab"]], continuing_subword_prefix="##", end_of_word_suffix="</w>")
    assert model["merges"][0] == ["a", "##b</w>"]
    assert "ab</w>" in model["vocab"]
    assert (model["continuing_subword_prefix"], model["end_of_word_suffix"]) == ("##", "</w>")


def test_a_trained_tokenizer_is_ready_for_use() -> None:
    tokenizer = untrained()
    special = AddedToken("<mask>", lstrip=True)
    tokenizer.train_from_iterator(["the cat sat on the mat"] * 3, BpeTrainer(special_tokens=["<s>", special]))
    assert tokenizer.encode("<s>the mat <mask>").tokens == ["<s>", "the", "Ġmat", " <mask>"]
    tokenizer.train_from_iterator(["something else"], BpeTrainer())
    assert tokenizer.token_to_id("Ġmat") is None, "training again starts anew"
    assert Tokenizer.from_str(tokenizer.to_str()).encode("else").tokens == tokenizer.encode("else").tokens


def test_settings_can_be_read_and_have_the_usual_defaults() -> None:
    trainer = BpeTrainer(special_tokens=["<s>"], initial_alphabet=["xy", ""])
    assert (trainer.vocab_size, trainer.min_frequency, trainer.initial_alphabet) == (30000, 0, ["x"])
    assert trainer.special_tokens == [AddedToken("<s>", special=True, normalized=False)]


def test_nothing_to_learn_from() -> None:
    for texts in ([], [""], ["", ""]):
        with pytest.raises(InvalidArgumentError, match="no text to learn a vocabulary from"):
            train(texts)


def test_bad_arguments() -> None:
    with pytest.raises(InvalidArgumentError, match="vocab_size must not be negative: -1"):
        BpeTrainer(vocab_size=-1)
    with pytest.raises(InvalidTypeError, match="iterator: found int, expected str or lists of str"):
        train([[1]])
    with pytest.raises(InvalidTypeError, match="files: found str, expected a list of paths"):
        untrained().train("a.txt")
    with pytest.raises(InvalidTypeError, match="trainer: found int, expected a Trainer"):
        untrained().train_from_iterator(["a"], 7)  # type: ignore[arg-type]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.txt"):
        untrained().train([tmp_path / "none.txt"])
    (tmp_path / "bad.txt").write_bytes(b"fine\n\xff\n")
    with pytest.raises(InvalidEncodingError, match=r"bad\.txt: invalid UTF-8 at byte 5"):
        untrained().train([tmp_path / "bad.txt"])


def test_an_error_in_the_iterator_arrives_and_the_tokenizer_stays() -> None:
    def texts() -> Iterator[str]:
        yield "fine"
        raise RuntimeError("the iterator's own")

    tokenizer = untrained()
    with pytest.raises(RuntimeError, match="the iterator's own"):
        tokenizer.train_from_iterator(texts())
    assert tokenizer.get_vocab_size() == 0


def test_ctrl_c_stops_the_training() -> None:
    # Many different words, so that learning takes seconds.
    texts = [
        " ".join(f"{number * 2654435761 % 2**40:x}" for number in range(start, start + 40_000))
        for start in range(0, 1_200_000, 40_000)
    ]
    timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
    started = time.monotonic()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            train(texts, vocab_size=2_000_000)
    finally:
        timer.cancel()
    assert time.monotonic() - started < 3.0
