"""The BPE trainer on its own: a worked example, bad input, Ctrl-C."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from ferrolm.errors import (
    InvalidArgumentError,
    InvalidEncodingError,
    InvalidTypeError,
    MissingFileError,
)
from ferrolm.tokenizers.trainers import BpeTrainer, train_bpe, train_bpe_from_files


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


def test_merges_are_those_of_the_textbook() -> None:
    words = Counter({"low": 5, "lower": 2, "newest": 6, "widest": 3, "wow": 2, "ewe": 4})
    texts = [word for word, count in words.items() for _ in range(count)]
    expected = slow_bpe(words, 12)
    alphabet = len(set("".join(words)))
    trained = train_bpe(texts, BpeTrainer(vocab_size=alphabet + 12))
    assert trained.merges == expected
    assert len(trained.vocab) == alphabet + 12


def test_lists_of_texts_and_affixes() -> None:
    trained = train_bpe(
        [["ab ab"], ["ab"]], BpeTrainer(continuing_subword_prefix="##", end_of_word_suffix="</w>")
    )
    assert trained.merges[0] == ("a", "##b</w>")
    assert "ab</w>" in trained.vocab


def test_nothing_to_learn_from() -> None:
    for texts in ([], [""], ["", ""]):
        with pytest.raises(InvalidArgumentError, match="no text to learn a vocabulary from"):
            train_bpe(texts, BpeTrainer())


def test_bad_arguments() -> None:
    with pytest.raises(InvalidArgumentError, match="vocab_size must not be negative: -1"):
        BpeTrainer(vocab_size=-1)
    with pytest.raises(InvalidTypeError, match="strings or lists of strings, found int"):
        train_bpe([[1]], BpeTrainer())  # type: ignore[list-item]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.txt"):
        train_bpe_from_files([tmp_path / "none.txt"], BpeTrainer())
    (tmp_path / "bad.txt").write_bytes(b"fine\n\xff\n")
    with pytest.raises(InvalidEncodingError, match=r"bad\.txt: invalid UTF-8 at byte 5"):
        train_bpe_from_files([tmp_path / "bad.txt"], BpeTrainer())


def test_an_error_in_the_iterator_arrives() -> None:
    def texts() -> object:
        yield "fine"
        raise RuntimeError("the iterator's own")

    with pytest.raises(RuntimeError, match="the iterator's own"):
        train_bpe(texts(), BpeTrainer())  # type: ignore[arg-type]


def test_ctrl_c_stops_the_training() -> None:
    # Many different words, so that learning takes seconds.
    texts = [
        " ".join(f"{number * 2654435761 % 2**40:x}" for number in range(start, start + 40_000))
        for start in range(0, 1_200_000, 40_000)
    ]
    timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        train_bpe(texts, BpeTrainer(vocab_size=2_000_000))
    assert time.monotonic() - started < 3.0
