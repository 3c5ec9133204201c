"""word2vec: skip-gram and CBOW, with negative sampling or hierarchical softmax."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust, num_threads
from ferrolm.embeddings._passes import Passes, Sentences, read_corpus
from ferrolm.embeddings.keyed_vectors import KeyedVectors
from ferrolm.errors import InvalidArgumentError, InvalidFileError, InvalidTypeError, nearest

__all__ = ["Word2Vec"]


class Word2Vec:
    """Word vectors from the company that words keep (Mikolov et al. 2013), trained when the object is made.

    Names, defaults and meaning are gensim's, so that its users need not look them up. Without ``sentences`` and
    ``corpus_file`` the model is empty, for `build_vocab` and `train`.

    A corpus is read once, whatever the number of epochs. It is kept as four bytes a word while it is trained on: up to
    256 MiB in memory, beyond that in a temporary file (in ``TMPDIR``). So the memory that training needs is the
    vocabulary's, 8 bytes a word and value for the vectors, and those 256 MiB.

    Args:
        sentences: an iterable of sentences: lists of words, or strings, which are split at white space.
        corpus_file: instead of it a UTF-8 text file with a sentence on each line; it is read by all threads.
        vector_size: length of the vectors.
        alpha: the learning rate, falling linearly to ``min_alpha``.
        window: most words on either side of a word that count as its company.
        min_count: words that occur less often are dropped.
        sample: words with a larger share of the corpus are thinned out; 0 keeps all.
        seed: of everything random.
        workers: threads; 1 by default, None for all. With one the result depends on the arguments and the instruction
            set alone; more update the vectors without locks ("Hogwild") and vary from run to run.
        min_alpha: the learning rate at the end.
        sg: 1 for skip-gram (each word around predicts the word), 0 for CBOW (their mean does).
        hs: 1 for hierarchical softmax (over a Huffman tree), besides negative sampling unless ``negative`` is 0.
        negative: wrong words per true one. The words around a position share them, which is as good and faster.
        ns_exponent: wrong words are drawn by their count to this power.
        cbow_mean: 1 for the mean of the words around, which each get the whole error; 0 for the sum, and a share.
        epochs: passes over the sentences.
        sorted_vocab: 1 for the most frequent word first, 0 for words as they first came.
        compute_loss: add up the loss, for `get_latest_training_loss`.
        callbacks: objects with any of ``on_train_begin``, ``on_epoch_begin``, ``on_epoch_end`` and ``on_train_end``,
            which are called with the model.
        max_final_vocab: raise ``min_count`` until at most so many words are left.
        shrink_windows: each position draws 1 to ``window`` words on either side instead of taking ``window``.
        progress: show a bar on standard error.

    Attributes:
        corpus_count, corpus_total_words: sentences and words read, dropped words as well.
        running_training_loss: see `get_latest_training_loss`.

    Raises:
        InvalidArgumentError: a value out of range, or no word occurs ``min_count`` times.
        InvalidTypeError: an unknown keyword, or a word that is no string.
        InvalidFileError: ``corpus_file`` is not UTF-8.

    >>> sentences = ["the cat sat on the mat", "the dog sat on the rug"] * 50
    >>> model = Word2Vec(sentences, vector_size=8, min_count=1, sg=1, epochs=2)
    >>> model.wv["cat"].shape, model.wv.index_to_key[0]
    ((8,), 'the')
    """

    #: What `save` keeps besides the model itself.
    _SAVED: ClassVar[tuple[str, ...]] = (
        "alpha", "min_alpha", "min_count", "epochs", "workers", "sorted_vocab", "compute_loss",
        "max_final_vocab", "vector_size", "window", "sample", "seed", "sg", "hs", "negative", "ns_exponent",
        "cbow_mean", "shrink_windows", "corpus_count", "corpus_total_words", "train_count",
    )  # fmt: skip

    def __init__(
        self,
        sentences: Sentences | None = None,
        *,
        corpus_file: str | PathLike[str] | None = None,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int | None = 1,
        min_alpha: float = 1e-4,
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        epochs: int = 5,
        sorted_vocab: int = 1,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        progress: bool = False,
        **unknown: object,
    ) -> None:
        for name in unknown:
            raise InvalidTypeError(f"unknown keyword {name!r}{nearest(name, self._keywords())}")
        for name, value, choices in (
            ("sg", sg, "1 (skip-gram) or 0 (CBOW)"),
            ("hs", hs, "1 (hierarchical softmax) or 0"),
            ("cbow_mean", cbow_mean, "1 (mean) or 0 (sum)"),
            ("sorted_vocab", sorted_vocab, "1 or 0"),
        ):
            if value not in (0, 1):
                raise InvalidArgumentError(f"{name} is {value!r}: expected {choices}")
        self.vector_size = _whole("vector_size", vector_size)
        self.alpha = alpha
        self.window = _whole("window", window)
        self.min_count = _whole("min_count", min_count)
        self.sample = sample
        self.seed = _whole("seed", seed)
        self.workers = num_threads() if workers is None else _whole("workers", workers)
        self.min_alpha = min_alpha
        self.sg, self.hs, self.cbow_mean, self.sorted_vocab = (
            int(sg),
            int(hs),
            int(cbow_mean),
            int(sorted_vocab),
        )
        self.negative = _whole("negative", negative)
        self.ns_exponent = ns_exponent
        self.epochs = _whole("epochs", epochs)
        self.compute_loss = compute_loss
        self.max_final_vocab = None if max_final_vocab is None else _whole("max_final_vocab", max_final_vocab)
        self.shrink_windows = bool(shrink_windows)
        self.progress = progress
        self.corpus_count = self.corpus_total_words = self.train_count = 0
        self.running_training_loss = 0.0
        self._model: _rust.WordModel | None = None
        self._wv: KeyedVectors | None = None
        if sentences is not None or corpus_file is not None:
            corpus = self._build(sentences, corpus_file, update=False)
            self._train(corpus, self.epochs, None, None, compute_loss, callbacks)

    @classmethod
    def _keywords(cls) -> list[str]:
        """The names of the constructor's arguments, those of the classes above as well."""
        names = [name for part in cls.__mro__ for name in inspect.signature(part).parameters]
        return [name for name in names if name not in ("args", "kwargs", "unknown", "options")]

    @property
    def wv(self) -> KeyedVectors:
        """The vectors, a `KeyedVectors` with the words in the model's order; a new one after more training."""
        if self._wv is None:
            model = self._built()
            self._wv = self._vectors(model, model.words, model.counts.astype(np.int64))
        return self._wv

    def _vectors(self, model: _rust.WordModel, words: list[str], counts: NDArray[np.int64]) -> KeyedVectors:
        return KeyedVectors(words, model.vectors(), counts=counts)

    def _subwords(self) -> dict[str, int]:
        """What a model with subwords has besides."""
        return {}

    def _built(self) -> _rust.WordModel:
        if self._model is None:
            raise InvalidArgumentError("the model has no vocabulary yet: expected build_vocab first")
        return self._model

    def build_vocab(
        self,
        corpus_iterable: Sentences | None = None,
        *,
        corpus_file: str | PathLike[str] | None = None,
        update: bool = False,
    ) -> None:
        """Choose the words of the model by a corpus; the vectors start anew.

        Args:
            corpus_iterable: sentences, as in the constructor.
            corpus_file: instead of it a text file, as in the constructor.
            update: keep words and vectors, add words that occur ``min_count`` times here, and add up the counts.

        >>> model = Word2Vec(min_count=1, vector_size=4)
        >>> model.build_vocab(["a b a"])
        >>> model.build_vocab(["c"], update=True)
        >>> model.wv.index_to_key, model.corpus_count
        (['a', 'b', 'c'], 2)
        """
        self._build(corpus_iterable, corpus_file, update)

    def _build(
        self, sentences: Sentences | None, corpus_file: str | PathLike[str] | None, update: bool
    ) -> _rust.WordCorpus:
        corpus = read_corpus(
            sentences, corpus_file, self.min_count, self.max_final_vocab, bool(self.sorted_vocab)
        )
        if update:
            self._built().extend(corpus)
        else:
            self.corpus_count = self.corpus_total_words = self.train_count = 0
            self._model = _rust.WordModel(
                corpus,
                skip_gram=bool(self.sg),
                vector_size=self.vector_size,
                window=self.window,
                shrink_windows=self.shrink_windows,
                negative=self.negative,
                ns_exponent=self.ns_exponent,
                hierarchical=bool(self.hs),
                cbow_mean=bool(self.cbow_mean),
                sample=self.sample,
                seed=self.seed,
                **self._subwords(),
            )
        self.corpus_count += corpus.num_sentences
        self.corpus_total_words += corpus.raw_words
        self._wv = None
        return corpus

    def train(
        self,
        corpus_iterable: Sentences | None = None,
        *,
        corpus_file: str | PathLike[str] | None = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        compute_loss: bool | None = None,
        callbacks: Iterable[Any] = (),
    ) -> tuple[int, int]:
        """Go on training; words that the model does not have are passed over.

        A call that is interrupted has learned from a part of the sentences.

        Args:
            corpus_iterable: sentences, as in the constructor.
            corpus_file: instead of it a text file, as in the constructor.
            total_examples: taken for gensim's sake; the sentences are counted as they are read.
            total_words: likewise.
            epochs: passes over the sentences; the model's by default.
            start_alpha: the learning rate at the start; the model's by default.
            end_alpha: the learning rate at the end; the model's by default.
            compute_loss: add up the loss; as the model does by default.
            callbacks: as in the constructor.

        Returns:
            Words that were trained on, after thinning, and words that were read, both times epochs.

        >>> model = Word2Vec(["a b c a"] * 9, min_count=1, vector_size=4, sample=0)
        >>> model.train(["a b unknown"], total_examples=1, epochs=2)
        (4, 6)
        """
        for name, value in (("total_examples", total_examples), ("total_words", total_words)):
            if value is not None:
                _whole(name, value)
        self._built()
        corpus = read_corpus(corpus_iterable, corpus_file, 0)
        epochs = self.epochs if epochs is None else _whole("epochs", epochs)
        loss = self.compute_loss if compute_loss is None else compute_loss
        words = self._train(corpus, epochs, start_alpha, end_alpha, loss, callbacks)
        return words, epochs * corpus.raw_words

    def _train(
        self,
        corpus: _rust.WordCorpus,
        epochs: int,
        start_alpha: float | None,
        end_alpha: float | None,
        compute_loss: bool,
        callbacks: Iterable[Any],
    ) -> int:
        passes = Passes(
            epochs=epochs,
            alpha=self.alpha if start_alpha is None else start_alpha,
            min_alpha=self.min_alpha if end_alpha is None else end_alpha,
            workers=self.workers,
            compute_loss=compute_loss,
            callbacks=list(callbacks),
            progress=self.progress,
        )
        self.running_training_loss = 0.0
        self._wv = None
        trained = passes.run(self, self._built(), corpus)
        self.train_count += 1
        return trained

    def _trained(self, loss: float) -> None:
        """Called after each pass."""
        self.running_training_loss += loss
        self._wv = None

    def get_latest_training_loss(self) -> float:
        """The loss of the latest training, summed over all passes so far; 0 without ``compute_loss``.

        It is the negative log-likelihood (natural logarithm) of each true and wrong word that was predicted.

        >>> model = Word2Vec(["a b", "b a"] * 50, min_count=1, vector_size=4, compute_loss=True)
        >>> model.get_latest_training_loss() > 0
        True
        """
        return self.running_training_loss

    def predict_output_word(
        self, context_words_list: Sequence[str], topn: int = 10
    ) -> list[tuple[str, float]] | None:
        """The words that fit best between others, with probabilities over the vocabulary.

        Args:
            context_words_list: the words around; unknown ones are passed over.
            topn: how many to return.

        Returns:
            Words with probabilities, the likeliest first; None if no word of the context is known.

        Raises:
            InvalidArgumentError: the model has no negative sampling.

        >>> model = Word2Vec(["a b c"] * 200, min_count=1, vector_size=8, sample=0, epochs=20)
        >>> model.predict_output_word(["a", "c"], topn=1)[0][0]
        'b'
        """
        outputs = self._built().output_vectors()
        if outputs is None:
            raise InvalidArgumentError("negative is 0: expected negative sampling for predict_output_word")
        wv = self.wv
        rows = [wv.key_to_index[word] for word in context_words_list if word in wv.key_to_index]
        if not rows:
            return None
        context = wv.vectors[rows]
        hidden = context.mean(axis=0) if self.cbow_mean else context.sum(axis=0)
        scores = np.exp(outputs @ hidden)
        best = np.argsort(-scores, kind="stable")[: max(topn, 0)]
        total = float(scores.sum())
        return [(wv.index_to_key[index], float(scores[index]) / total) for index in best]

    def save(self, path: str | PathLike[str]) -> None:
        """Write all that training needs to go on, whole or not at all; `load` reads it.

        The format is our own, numbers and text with a checksum. For the vectors alone there is
        ``wv.save_word2vec_format``.

        Raises:
            FileAccessError: the file cannot be written.
        """
        note = {"class": type(self).__name__, **{name: getattr(self, name) for name in self._SAVED}}
        self._built().save(path, json.dumps(note))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a model that `save` wrote.

        Raises:
            InvalidFileError: the file is damaged, of another kind, or of another class of model.
            MissingFileError: there is no such file.
        """
        loaded, text = _rust.WordModel.load(path)
        note = json.loads(text)
        if note.get("class") != cls.__name__:
            raise InvalidFileError(f"{path}: it has a {note.get('class')}: expected a {cls.__name__}")
        model = cls.__new__(cls)
        missing = [name for name in cls._SAVED if name not in note]
        if missing:
            raise InvalidFileError(f"{path}: its note has no {missing[0]}: expected {', '.join(cls._SAVED)}")
        for name in cls._SAVED:
            setattr(model, name, note[name])
        model.running_training_loss, model.progress = 0.0, False
        model._model, model._wv = loaded, None
        return model

    def __repr__(self) -> str:
        kind = "skip-gram" if self.sg else "CBOW"
        words = 0 if self._model is None else len(self.wv)
        return f"{type(self).__name__}({kind}, words={words}, vector_size={self.vector_size}, alpha={self.alpha})"


def _whole(name: str, value: int) -> int:
    if value < 0 or value >= 1 << 32:
        raise InvalidArgumentError(f"{name} is {value}: expected a number from 0 to 2**32 - 1")
    return int(value)
