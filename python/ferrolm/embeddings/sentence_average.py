"""`AverageEmbeddings`: a text as the mean of the vectors of its words.

The words are found by a tokenizer in Rust, one call for a batch, and added up with numpy, texts of one length together: no loop
over words in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from ferrolm.embeddings.keyed_vectors import KeyedVectors
from ferrolm.embeddings.sentence import bar, listed, unit_rows
from ferrolm.errors import InvalidArgumentError
from ferrolm.tokenizers import RaggedIds, Regex, Tokenizer, models, normalizers, pre_tokenizers

__all__ = ["AverageEmbeddings", "Tokenize"]

Tokenize = Callable[[str], Iterable[str]]
"""From a text to its words."""

# `ferrolm.text.words` in one pass with the look-up: runs of letters, digits and marks, joined by what may stand inside a word;
# numbers with their separators; ideographs and Hiragana one by one, Katakana in runs.
_SINGLE = r"\u3005-\u3007\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_KATAKANA = r"\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_RUN = rf"[\p{{L}}\p{{N}}\p{{M}}&&[^{_SINGLE}{_KATAKANA}]]+"
_WORD = rf"\p{{Nd}}+(?:[.,]\p{{Nd}}+)+|{_RUN}(?:['’.·\u2010\u2011_-]{_RUN})*|[{_KATAKANA}]+|[{_SINGLE}]"
# Not a word of any text: what stands for all that have no vector.
_UNKNOWN = "\0unknown"
_ROWS_AT_ONCE = 8192


class AverageEmbeddings:
    """The mean of the vectors of a text's words; a `SentenceEmbedder`.

    Words without a vector are left out; a text of nothing else has the vector of zeros. A plain mean is a strong
    baseline for topics, and blind to order.

    Args:
        wv: the vectors.
        tokenize: from a text to its words; by default the rules of `ferrolm.text.words`, in Rust. Give the function
            that split the corpus of the vectors, such as ``str.split``, if it was another.
        lowercase: texts are brought to lower case before the default splits them; None does so if no word of ``wv`` has
            a capital letter.

    >>> wv = KeyedVectors(["good", "film"], np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> AverageEmbeddings(wv).encode(["Good film!", "a film", ""]).tolist()
    [[0.5, 0.5], [0.0, 1.0], [0.0, 0.0]]
    """

    def __init__(
        self, wv: KeyedVectors, *, tokenize: Tokenize | None = None, lowercase: bool | None = None
    ) -> None:
        if not len(wv):
            raise InvalidArgumentError("wv has no words: expected at least one")
        if tokenize is not None and lowercase is not None:
            raise InvalidArgumentError("lowercase is given with tokenize, which makes the words itself")
        self.wv = wv
        self._tokenize = tokenize
        self._weighted: NDArray[np.float32] = wv.vectors
        self._splitter = None if tokenize else _splitter(wv.index_to_key, lowercase)

    @property
    def size(self) -> int:
        """Length of the vectors."""
        return self.wv.vector_size

    def __repr__(self) -> str:
        return f"{type(self).__name__}(words={len(self.wv)}, size={self.size})"

    def encode(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int = 4096,
        normalize: bool | None = None,
        progress: bool = False,
    ) -> NDArray[np.float32]:
        """One vector for each text, float32 [texts, size]; [size] for a single string. See `SentenceEmbedder.encode`.

        Raises:
            InvalidTypeError: a text that is no string.
        """
        found = self._encode(listed(texts, batch_size), batch_size, progress)
        found = unit_rows(found) if normalize else found
        return found[0] if isinstance(texts, str) else found

    def _encode(self, texts: list[str], batch_size: int, progress: bool) -> NDArray[np.float32]:
        found = np.zeros((len(texts), self.size), np.float32)
        with bar(len(texts), progress) as shown:
            for first in range(0, len(texts), batch_size):
                batch = texts[first : first + batch_size]
                rows = self.word_rows(batch)
                means = _sums(self._weighted, rows)
                means /= np.maximum(rows.lengths(), 1, dtype=np.float32)[:, None]
                found[first : first + batch_size] = means
                shown.update(len(batch))
        return found

    def word_rows(self, texts: Sequence[str]) -> RaggedIds:
        """The rows of ``wv`` of each text's words, in order; words without a vector are left out.

        >>> wv = KeyedVectors(["good", "film"], np.eye(2))
        >>> AverageEmbeddings(wv).word_rows(["A good, good film.", "What?"]).tolist()
        [[0, 0, 1], []]
        """
        if self._splitter is not None:
            rows = self._splitter.encode_ids_batch(list(texts), add_special_tokens=False)
            ids, offsets = rows.ids, rows.offsets
        else:
            assert self._tokenize is not None
            words = [list(self._tokenize(text)) for text in texts]
            offsets = np.zeros(len(words) + 1, np.int64)
            np.cumsum([len(each) for each in words], out=offsets[1:])
            look_up = map(self.wv.key_to_index.get, chain.from_iterable(words), repeat(len(self.wv)))
            ids = np.fromiter(look_up, np.uint32, offsets[-1])
        known = ids < len(self.wv)
        before = np.concatenate([[0], np.cumsum(known)])
        return RaggedIds(ids[known], before[offsets])


def _splitter(words: Sequence[str], lowercase: bool | None) -> Tokenizer:
    """A tokenizer whose ids are rows of the vectors; every other word has the id behind the last row."""
    if lowercase is None:
        lowercase = all(word == word.lower() for word in words)
    vocabulary = {word: row for row, word in enumerate(words)}
    vocabulary[_UNKNOWN] = len(words)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, _UNKNOWN))
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORD), "removed", invert=True)
    return tokenizer


def _sums(vectors: NDArray[np.float32], rows: RaggedIds) -> NDArray[np.float32]:
    """The sum of the vectors of each row, float32 [rows, size].

    Texts of one length are added up together, one position after the other: no copy of all vectors of all words.
    """
    sums = np.zeros((len(rows), vectors.shape[1]), np.float32)
    lengths = rows.lengths()
    order = np.argsort(lengths, kind="stable")
    ordered = lengths[order]
    start = int(np.searchsorted(ordered, 1))
    while start < len(order):
        length = int(ordered[start])
        stop = min(int(np.searchsorted(ordered, length, "right")), start + _ROWS_AT_ONCE)
        own = order[start:stop]
        # A lone long text would need a call for each of its words.
        if stop - start < 8 and length > 8:
            for row in own:
                sums[row] = _sum(vectors, rows.row(int(row)))
        else:
            ids = rows.ids[rows.offsets[own][:, None] + np.arange(length)]
            total = vectors[ids[:, 0]]
            for position in range(1, length):
                total += vectors[ids[:, position]]
            sums[own] = total
        start = stop
    return sums


def _sum(vectors: NDArray[np.float32], ids: NDArray[np.uint32]) -> NDArray[np.float32]:
    """The sum of some rows, a part of them in memory at a time."""
    total: NDArray[np.float32] = np.zeros(vectors.shape[1], np.float32)
    for first in range(0, len(ids), _ROWS_AT_ONCE):
        total += vectors[ids[first : first + _ROWS_AT_ONCE]].sum(0)
    return total
