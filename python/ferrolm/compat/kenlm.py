"""A stand-in for the `kenlm` module: ``import ferrolm.compat.kenlm as kenlm``.

The classes, methods, arguments and results of `kenlm` 0.3. Models are ARPA files (plain, gzip, bzip2, xz or
zstd) and ferrolm's ``.flm`` files; KenLM's own binary files are not read. Query speed and memory do not depend on
`Config`, which is accepted.

>>> import tempfile, pathlib
>>> from ferrolm.ngram import NgramLM
>>> path = pathlib.Path(tempfile.mkdtemp()) / "toy.arpa"
>>> NgramLM.train([[0, 1], [1, 0]], order=1, discount_fallback=(0.5, 1.0, 1.5)).save(path)
>>> model = Model(str(path))
>>> state, after = State(), State()
>>> model.BeginSentenceWrite(state)
>>> round(model.BaseScore(state, "1", after) + model.BaseScore(after, "0", state), 4) == round(
...     model.score("1 0", eos=False), 4)
True
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ferrolm import _rust
from ferrolm.errors import FerrolmError
from ferrolm.ngram._loading import load_core

__all__ = ["ARPALoadComplain", "Config", "FullScoreReturn", "LanguageModel", "LoadMethod", "Model", "State"]


class LoadMethod:
    """How KenLM loads binary files; accepted and without effect."""

    LAZY = 0
    POPULATE_OR_LAZY = 1
    POPULATE_OR_READ = 2
    READ = 3
    PARALLEL_READ = 4


class ARPALoadComplain:
    """When KenLM complains about slow loading; accepted and without effect."""

    ALL = 0
    EXPENSIVE = 1
    NONE = 2


class Config:
    """KenLM's loading options; accepted and without effect."""

    def __init__(self) -> None:
        self.load_method = LoadMethod.POPULATE_OR_READ
        self.show_progress = True
        self.arpa_complain = ARPALoadComplain.ALL


class FullScoreReturn(NamedTuple):
    """The score of a word: log10 probability, length of the n-gram found, whether it is out of vocabulary."""

    log_prob: float
    ngram_length: int
    oov: bool


class State(_rust.NgramState):
    """The context of the next word; compares and hashes by its words."""

    __slots__ = ()

    def _key(self) -> tuple[int, list[bytes]]:
        # KenLM compares lengths, then the memory of the words, the latest word first.
        words = self.words()
        return (len(words), [number.to_bytes(4, "little") for number in words])

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, State) else NotImplemented

    def __lt__(self, other: State) -> bool:
        return self._key() < other._key()

    def __le__(self, other: State) -> bool:
        return self._key() <= other._key()

    def __gt__(self, other: State) -> bool:
        return self._key() > other._key()

    def __ge__(self, other: State) -> bool:
        return self._key() >= other._key()

    def __hash__(self) -> int:
        length, words = self._key()
        return hash((length, *words))

    def __copy__(self) -> State:
        copy = State()
        copy.assign(self)
        return copy

    def __deepcopy__(self, memo: dict[int, Any]) -> State:
        return self.__copy__()


def _text(data: str | bytes) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, bytes):
        return data.decode("utf-8", errors="surrogateescape")
    raise TypeError(f"Cannot convert {type(data)} to string")


class Model:
    """A language model, loaded from ``path``.

    ``path`` is then the absolute path as bytes. Raises OSError if the file cannot be read, as `kenlm` does.
    """

    BaseScore = property(
        # Decoders call this for every word: without a frame of Python between.
        operator.attrgetter("_core.step"),
        doc="``BaseScore(in_state, word, out_state)``: log10 p(word | in_state); ``out_state`` becomes the state after it.",
    )

    def __init__(self, path: str | bytes, config: Config | None = None) -> None:
        self.path = os.fsencode(Path(os.fsdecode(path)).absolute())
        try:
            core = load_core(Path(os.fsdecode(self.path)), mmap=False)
            # Only scores are asked for. As KenLM makes its probing model of any ARPA file; `.flm` files keep their layout.
            self._core = core if self.path.endswith(b".flm") else core.hashed()
        except FerrolmError as error:
            raise OSError(f"Cannot read model '{_text(path)}' ({error})") from error

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return self._core.order()

    def score(self, sentence: str | bytes, bos: bool = True, eos: bool = True) -> float:
        """log10 p(sentence </s> | <s>); without ``bos`` from an empty context, without ``eos`` without the end."""
        return self._core.score(_text(sentence), bos, eos)

    def perplexity(self, sentence: str | bytes) -> float:
        """Perplexity of a sentence, its end included."""
        words = len(self._core.numbers(_text(sentence))) + 1
        return float(10.0 ** (-self.score(sentence) / words))

    def full_scores(
        self, sentence: str | bytes, bos: bool = True, eos: bool = True
    ) -> Iterator[tuple[float, int, bool]]:
        """For each word, and the end: log10 probability, length of the n-gram found, is it out of vocabulary."""
        yield from self._core.full_scores(_text(sentence), bos, eos)

    def BeginSentenceWrite(self, state: State) -> None:
        """Make ``state`` the beginning of a sentence."""
        self._core.begin_state(state)

    def NullContextWrite(self, state: State) -> None:
        """Make ``state`` the empty context."""
        self._core.null_state(state)

    def BaseFullScore(self, in_state: State, word: str, out_state: State) -> FullScoreReturn:
        """As `BaseScore`, with the length of the n-gram found and whether the word is out of vocabulary."""
        return FullScoreReturn(*self._core.full_step(in_state, _text(word), out_state))

    def __contains__(self, word: str | bytes) -> bool:
        number = self._core.number(_text(word))
        return number is not None and number != self._core.special_ids()[0]

    def __repr__(self) -> str:
        return f"<Model from {os.fsencode(Path(os.fsdecode(self.path)).name)!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.path,))


class LanguageModel(Model):
    """The older name of `Model`."""
