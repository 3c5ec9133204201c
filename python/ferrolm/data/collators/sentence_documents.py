"""`SentenceDocuments`: the ids of documents that are divided into sentences, in flat arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ferrolm.data.collators.padding import Ids, optional_numbers
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = ["SentenceDocuments"]


class SentenceDocuments:
    """Sentence ``i`` is ``ids[sentences[i]:sentences[i + 1]]``; document ``j`` has sentences ``documents[j]`` to ``documents[j + 1] - 1``.

    >>> documents = SentenceDocuments(np.array([5, 6, 7]), np.array([0, 2, 3]), np.array([0, 2]))
    >>> len(documents), documents.tokens_of(1, 2)
    (1, (2, 3))
    """

    def __init__(
        self, ids: npt.NDArray[Any], sentences: Ids, documents: Ids, words: Ids | None = None
    ) -> None:
        """``words`` [tokens]: numbers of the words, no two of which have the same; sentences and documents are not empty."""
        for name, offsets, end in (
            ("sentences", sentences, len(ids)),
            ("documents", documents, len(sentences) - 1),
        ):
            if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != end or (np.diff(offsets) < 1).any():
                raise InvalidArgumentError(f"{name}: expected offsets that rise from 0 to {end}")
        self.ids, self.sentences, self.documents, self.words = ids, sentences, documents, words

    @classmethod
    def encode(
        cls, tokenizer: Tokenizer, documents: Iterable[Sequence[str]], *, words: bool = False
    ) -> SentenceDocuments:
        """The ids of documents, each a list of sentences (see `ferrolm.text.split_sentences`).

        words: keep which tokens make a word, for ``whole_words``. Sentences and documents without tokens are left out.
        """
        texts: list[str] = []
        owners: list[int] = []
        for number, sentences in enumerate(documents):
            texts += sentences
            owners += [number] * len(sentences)
        if words:
            encodings = tokenizer.batch(texts, add_special_tokens=False).encodings or []
            rows = [optional_numbers(encoding.word_ids) for encoding in encodings]
            ids = (
                np.concatenate([np.array(e.ids, np.int32) for e in encodings])
                if texts
                else np.empty(0, np.int32)
            )
            lengths = np.array([len(row) for row in rows], np.int64)
            numbers = _distinct(np.concatenate(rows) if rows else np.empty(0), lengths)
        else:
            ragged = tokenizer.encode_ids_batch(texts, add_special_tokens=False)
            ids, lengths, numbers = ragged.ids, ragged.lengths(), None
        kept = lengths > 0
        if not kept.any():
            raise InvalidArgumentError("documents: none has a token")
        first = np.flatnonzero(np.diff(np.array(owners)[kept], prepend=-1))
        offsets = np.concatenate([[0], lengths[kept].cumsum()])
        return cls(ids, offsets, np.append(first, kept.sum()).astype(np.int64), numbers)

    def __len__(self) -> int:
        return len(self.documents) - 1

    @property
    def fingerprint(self) -> str:
        """Of the content, for `ExampleBatches`."""
        digest = hashlib.sha256()
        for array in (self.ids, self.sentences, self.documents):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def sentences_of(self, document: int) -> tuple[int, int]:
        """The first sentence of a document, and the one after its last."""
        return int(self.documents[document]), int(self.documents[document + 1])

    def document_of(self, sentence: int) -> int:
        """The document that has a sentence."""
        return int(np.searchsorted(self.documents, sentence, side="right")) - 1

    def tokens_of(self, start: int, stop: int) -> tuple[int, int]:
        """Where the tokens of the sentences ``start`` to ``stop - 1`` stand."""
        return int(self.sentences[start]), int(self.sentences[stop])

    def filled(self, start: int, end: int, tokens: int, least: int) -> int:
        """The sentence before which those from ``start`` on have so many tokens and are so many; ``end`` at most."""
        stop = int(np.searchsorted(self.sentences, self.sentences[start] + tokens, side="left"))
        return min(max(stop, start + least), end)


def _distinct(word_ids: npt.NDArray[Any], lengths: Ids) -> Ids:
    """Numbers of words that no two words share, from those that count from 0 in each sentence."""
    starts = np.ones(len(word_ids), np.int64)
    starts[1:] = word_ids[1:] != word_ids[:-1]
    firsts = np.concatenate([[0], lengths.cumsum()])[:-1]
    starts[firsts[firsts < len(word_ids)]] = 1
    numbers: Ids = starts.cumsum()
    return numbers
