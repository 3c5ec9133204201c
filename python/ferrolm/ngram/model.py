"""N-gram language models: estimating, loading, saving, querying."""

from __future__ import annotations

import math
import os
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram import _training
from ferrolm.ngram._inputs import Ids, ids_only, text_or_ids
from ferrolm.ngram._limited import Limit, limit, run, run_stages
from ferrolm.ngram._loading import load_core
from ferrolm.ngram._pieces import Source
from ferrolm.ngram._training import Options, Smoothing, Vocabulary
from ferrolm.ngram.counts import NgramCounts

__all__ = ["DiscountFallbackWarning", "NgramLM", "OrderReport", "TextScore"]


class DiscountFallbackWarning(UserWarning):
    """The discounts of an order could not be estimated; the message says which order and why."""


class OrderReport(NamedTuple):
    """What training found at one order."""

    order: int
    seen: int
    """Distinct n-grams in the text."""
    kept: int
    """Those left after pruning."""
    discounts: tuple[float, float, float]
    """Subtracted from counts of 1, of 2, and of 3 or more."""
    fallback: str | None
    """Why the discounts are those of ``discount_fallback``; None if they were estimated."""


class TextScore(NamedTuple):
    """The score of a text: sums over all its words and end markers."""

    log10: float
    """Sum of the log10 probabilities."""
    log10_unknown: float
    """The part of the sum that unknown words have."""
    num_tokens: int
    """Words, unknown ones included, and end markers."""
    num_unknown: int

    @property
    def perplexity(self) -> float:
        """10 to the mean negative log10 probability; not a number for an empty text."""
        return _perplexity(self.log10, self.num_tokens)

    @property
    def perplexity_without_unknown(self) -> float:
        """The perplexity over known words only (they still have unknown ones in their contexts)."""
        return _perplexity(self.log10 - self.log10_unknown, self.num_tokens - self.num_unknown)

    @property
    def bits_per_token(self) -> float:
        """Mean negative log2 probability."""
        return -self.log10 * math.log2(10) / self.num_tokens if self.num_tokens else math.nan

    def bits_per_byte(self, num_bytes: int) -> float:
        """Negative log2 probability per byte, for a text of ``num_bytes`` bytes: comparable between tokenizers."""
        return -self.log10 * math.log2(10) / num_bytes


def _bits(bits: int | None) -> int | None:
    if bits is None:
        return None
    if not isinstance(bits, int | np.integer):
        raise InvalidTypeError(f"bits is {type(bits).__name__}, expected int or None")
    if not 2 <= bits <= 24:
        raise InvalidArgumentError(f"bits is {bits}, but must be 2 to 24 or None")
    return int(bits)


def _perplexity(log10: float, tokens: int) -> float:
    try:
        return 10.0 ** (-log10 / tokens) if tokens else math.nan
    except OverflowError:
        return math.inf


class NgramLM:
    """A back-off n-gram language model over words or over token ids.

    Numbers of words ("ids" in what follows): in a model over words `<unk>` is 0, `<s>` 1, `</s>` 2, then words as they
    first appeared; in a model over ids they are the ids, followed by ``unk_id``, ``bos_id`` and ``eos_id``.
    """

    def __init__(self, core: _rust.NgramModel, report: tuple[OrderReport, ...] = ()) -> None:
        self._core = core
        self._report = report

    @classmethod
    def train(
        cls,
        sentences_or_ids: Any,
        order: int = 5,
        *,
        smoothing: Smoothing = "kneser-ney",
        discount: float | Sequence[float] | None = None,
        k: float | None = None,
        backoff_factor: float | None = None,
        prune: int | Sequence[int] = 0,
        discount_fallback: tuple[float, float, float] | None = (0.5, 1.0, 1.5),
        interpolate_unigrams: bool = True,
        vocabulary: Vocabulary | None = None,
        skip_symbols: bool = False,
        vocab_size: int | None = None,
        memory: int | str | None = None,
        directory: str | os.PathLike[str] | None = None,
        temporary_directory: str | os.PathLike[str] | None = None,
        show_progress: bool | None = None,
    ) -> NgramLM:
        """Estimate a model; by default interpolated modified Kneser-Ney, with the results of KenLM's ``lmplz``.

        ``sentences_or_ids``: text or ids as `ferrolm.ngram.count` takes them. Each sentence (document, sequence of
        ids) is counted with ``<s>`` before and ``</s>`` after it.

        - ``order``: length of the longest n-grams, 1 to 32.
        - ``smoothing``: how counts become probabilities.

          - ``"kneser-ney"``: interpolated modified Kneser-Ney (Chen and Goodman 1998; Heafield et al. 2013), the best
            for most texts.
          - ``"witten-bell"``: interpolated Witten-Bell (1991, method C); nothing to estimate, so good for small or
            repetitive data.
          - ``"absolute"``: interpolated absolute discounting (Ney, Essen and Kneser 1994) by ``discount``: one number
            in 0 to 1, or one for each order, the last one for all that follow. Default: n1 / (n1 + 2 n2) of each order.
          - ``"add-k"``: (c + k) / (C + k V) for the whole context of ``order - 1`` words, ``k`` above 0 (default 1:
            Laplace), V the words that can follow. Contexts that never occur give all words 1 / V, and so do shorter ones
            that do not begin a sentence.
          - ``"stupid-backoff"``: relative frequencies, times ``backoff_factor`` (default 0.4) for each word of context
            given up (Brants et al. 2007). **Scores, not probabilities**: they do not sum to one, and perplexities and
            interpolation with other models mean nothing. Words that never occur have a log10 score of -100.
        - ``prune``: leave out n-grams that occur at most this often; one threshold per order from 1 on, never
          falling, the last one for all orders that follow: ``(0, 0, 1)`` drops trigrams and longer seen once. Their
          probability goes to the lower order.
        - ``discount_fallback``: discounts for counts 1, 2 and 3+ at orders where they cannot be estimated because the
          text is small or artificial (absolute discounting uses the first); a `DiscountFallbackWarning` says which
          and why. None makes that an error.
        - ``interpolate_unigrams``: unknown words share the smoothing mass with all words; False gives it to
          ``<unk>`` alone, as SRILM does.
        - ``vocabulary``: the only words (or ids) that the model knows, from a UTF-8 file (separated by white space) or
          an iterable. N-grams with other words are counted, then left out, as ``lmplz --limit_vocab_file`` does it: these words
          are unknown, and their probability goes to the lower orders. Listed words that never occur stay unknown.
        - ``skip_symbols``: skip the words ``<s>``, ``</s>`` and ``<unk>`` in the text, which are an error otherwise.
        - ``vocab_size``: for ids only, all ids are below this (default: the largest id plus one). Ids that never
          occur get a share of the smoothing mass.
        - ``memory``, ``directory``, ``temporary_directory``, ``show_progress``: as for `ferrolm.ngram.count`. With
          ``memory`` a text of any size is estimated within so many bytes, with the same result to the bit.

        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")  # two sentences are too few to estimate discounts from
        ...     model = NgramLM.train(["the cat sat", "the dog sat"], order=2)
        >>> model.score("the cat sat") > model.score("sat the cat")
        True
        >>> laplace = NgramLM.train(["the cat sat", "the dog sat"], order=2, smoothing="add-k")
        >>> round(10 ** laplace.score("the", eos=False), 3)  # (2 + 1) / (2 + 6): four words, <unk> and </s>
        0.375
        """
        method = _training.method(smoothing, discount, k, backoff_factor)
        options = _training.options(order, method, prune, interpolate_unigrams, discount_fallback, vocabulary)
        bounds = limit(memory, directory, temporary_directory, show_progress)
        if bounds is not None:
            core, reports = _train_limited(sentences_or_ids, options, vocab_size, skip_symbols, bounds)
            return cls._reported(core, reports, discount_fallback)
        source = text_or_ids(sentences_or_ids)
        if isinstance(source, Ids):
            size = _training.vocab_size_of(source, vocab_size)
            core, reports = _rust.NgramModel.train_ids(source.ids, source.offsets, size, *options)
        else:
            _training.check_vocab_size(vocab_size, over_ids=False)
            core, reports = _rust.NgramModel.train_text(source, skip_symbols, *options)
        return cls._reported(core, reports, discount_fallback)

    @classmethod
    def from_counts(
        cls,
        counts: NgramCounts,
        order: int | None = None,
        *,
        smoothing: Smoothing = "kneser-ney",
        discount: float | Sequence[float] | None = None,
        k: float | None = None,
        backoff_factor: float | None = None,
        prune: int | Sequence[int] = 0,
        discount_fallback: tuple[float, float, float] | None = (0.5, 1.0, 1.5),
        interpolate_unigrams: bool = True,
        vocabulary: Vocabulary | None = None,
        vocab_size: int | None = None,
        memory: int | str = "1GB",
        temporary_directory: str | os.PathLike[str] | None = None,
        show_progress: bool | None = None,
    ) -> NgramLM:
        """Estimate a model from counts made with ``markers=True``, as `train` does from the text that was counted.

        Shards can be counted apart, even on other machines, and their counts merged. ``counts`` must have all orders
        from 1 to ``order`` (default: their highest); ``vocab_size`` is for counts of ids. The other arguments are
        those of `train`; the work is done in files, within ``memory``.

        >>> from ferrolm.ngram import count
        >>> import warnings
        >>> shards = ["the cat sat", "the dog sat"]
        >>> first, second = (count(shard, (1, 2), markers=True) for shard in shards)
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     model = NgramLM.from_counts(first.merge(second))
        ...     whole = NgramLM.train(shards, 2)
        >>> model.score("the cat sat") == whole.score("the cat sat")
        True
        """
        _training.check_vocab_size(vocab_size, over_ids=counts.words is None)
        order = counts.orders[-1] if order is None else order
        bounds = limit(memory, None, temporary_directory, show_progress)
        assert bounds is not None
        method = _training.method(smoothing, discount, k, backoff_factor)
        options = _training.options(order, method, prune, interpolate_unigrams, discount_fallback, vocabulary)
        task = _rust.NgramTask.of_counts(
            counts._core, *options, vocab_size, bounds.memory, bounds.temporary_directory
        )
        run_stages(task, "training", bounds)
        return cls._reported(*task.model(), discount_fallback)

    @classmethod
    def _reported(cls, core: _rust.NgramModel, reports: list[Any], discount_fallback: Any) -> NgramLM:
        report = tuple(
            OrderReport(number, seen, kept, (d[0], d[1], d[2]), why)
            for number, (seen, kept, d, why) in enumerate(reports, 1)
        )
        for entry in report:
            if entry.fallback is not None:
                message = f"discounts {discount_fallback} used for {entry.fallback}"
                warnings.warn(message, DiscountFallbackWarning, stacklevel=3)
        return cls(core, report)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, mmap: bool = False) -> NgramLM:
        r"""Read a model from an ARPA file (of KenLM, SRILM and others; also gzip, bzip2, xz or zstd) or an ``.flm`` file.

        The content decides, not the name. With ``mmap`` (``.flm`` only) the file's pages are used in place: processes
        share them and nothing is copied, but the file must not be changed or truncated while the model lives, which
        could end the process.

        ARPA dialects: text before ``\data\``, blank lines, blanks for tabs, missing back-off weights (they are 1), keywords
        and markers in capitals, files without ``<unk>`` (log10 -100, as in KenLM) or ``<s>`` (sentences begin without a
        context), n-grams whose suffix or context is not listed. Raises `InvalidFileError`, with the line, for what cannot be
        told from damage (a wrong number of n-grams, no ``\end\``, words that are not among the unigrams, n-grams listed
        twice), for positive log probabilities, and for files without ``</s>``, whose sentences could not end.
        """
        return cls(load_core(Path(path), mmap))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an ARPA file (``.arpa``, ``.arpa.gz``) or a binary one (``.flm``), whole or not at all.

        A model over ids has its ids as words in an ARPA file, and a comment line that `load` knows and KenLM skips.
        """
        path = Path(path)
        if path.suffix == ".flm":
            self._core.save_flm(path)
        elif path.suffix == ".arpa" or path.name.endswith(".arpa.gz"):
            self._core.save_arpa(path)
        else:
            raise InvalidArgumentError(f"path is {path}, but must end in .flm, .arpa or .arpa.gz")

    def compact(self, bits: int | None = None) -> NgramLM:
        """The same model in about half the memory, in a file too: the same answers, somewhat slower.

        With ``bits``, 2 to 24, the probabilities and back-off weights of bigrams and longer are rounded to
        2 ** ``bits`` values for each order, as KenLM's ``trie -q`` does; with 8 the perplexity of a 5-gram model of
        books changed by 0.1 %. Without ``bits`` nothing is lost. `save` writes a model in its layout, and `load` keeps
        it. Raises `InvalidArgumentError` for other ``bits``, and `LimitError` for more than 2 ** 31 n-grams of an order.

        >>> model = NgramLM.train(["the cat sat", "the dog sat"], order=2, smoothing="witten-bell")
        >>> small = model.compact()
        >>> small.score("the dog sat") == model.score("the dog sat")
        True
        >>> small.layout, small.nbytes < model.nbytes
        ('compact', True)
        """
        return NgramLM(self._core.compact(_bits(bits)), self._report)

    def hashed(self) -> NgramLM:
        """The same model as hash tables, which score fastest, in about 1.4 times the memory: the same answers.

        Every n-gram is found with one memory access, but the continuations of a context lie scattered: `next_token_logprobs`
        and generation look up every word of the vocabulary, which takes milliseconds, and training's tools
        (`interpolate`, `save` as ARPA, ...) go through `expand`. Raises `LimitError` for more than about 3 * 10 ** 9
        n-grams of an order.

        >>> model = NgramLM.train(["the cat sat", "the dog sat"], order=2, smoothing="witten-bell").hashed()
        >>> model.layout, f"{model.score('the dog sat'):.4f}"
        ('hashed', '-0.9719')
        """
        return NgramLM(self._core.hashed(), self._report)

    def expand(self) -> NgramLM:
        """The same model in the plain layout, in which models are trained. What `compact` rounded stays rounded."""
        return NgramLM(self._core.expand(), self._report)

    @property
    def layout(self) -> str:
        """How the n-grams lie in memory: ``"plain"``, ``"compact"`` or ``"hashed"``."""
        return self._core.layout()

    @property
    def nbytes(self) -> int:
        """Bytes of the n-grams in memory or mapped, without the vocabulary."""
        return self._core.bytes()

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return self._core.order()

    @property
    def num_ngrams(self) -> tuple[int, ...]:
        """The number of n-grams of each order from 1 on."""
        return tuple(self._core.counts())

    @property
    def report(self) -> tuple[OrderReport, ...]:
        """What training found, by order; empty for a loaded model."""
        return self._report

    @property
    def is_over_ids(self) -> bool:
        """Whether the model is over ids instead of words."""
        return self._core.is_ids()

    @property
    def vocab_size(self) -> int:
        """How many ids there are, with the three special ones: the length of `next_token_logprobs`."""
        return self._core.vocab_size()

    @property
    def unk_id(self) -> int:
        """The id of unknown words."""
        return self._core.special_ids()[0]

    @property
    def bos_id(self) -> int:
        """The id of ``<s>``, which is only ever context."""
        return self._core.special_ids()[1]

    @property
    def eos_id(self) -> int:
        """The id of ``</s>``."""
        return self._core.special_ids()[2]

    def word(self, id: int) -> str:
        """The word with this id."""
        if not 0 <= id < self.vocab_size:
            raise InvalidArgumentError(f"the id is {id}, but the vocabulary has {self.vocab_size}")
        return self._core.word(id)

    def ids(self, sentence: str) -> list[int]:
        """The ids of a sentence's words, ``unk_id`` for unknown ones; markers are not added."""
        return self._core.numbers(sentence)

    def __contains__(self, word: str | int) -> bool:
        """Whether a word (or an id, in a model over ids) is known."""
        number = self._core.number(str(word))
        return number is not None and number != self.unk_id

    def score(
        self, sentence: str | Sequence[int] | NDArray[Any], bos: bool = True, eos: bool = True
    ) -> float:
        """The log10 probability of a sentence: words separated by white space, or ids.

        ``bos`` conditions on ``<s>``, ``eos`` includes the probability of ``</s>``.
        """
        if isinstance(sentence, str):
            return self._core.score(sentence, bos, eos)
        source = ids_only(sentence)
        return float(self._core.score_ids_batch(source.ids, source.offsets, bos, eos).sum())

    def full_scores(self, sentence: str, bos: bool = True, eos: bool = True) -> list[tuple[float, int, bool]]:
        """For each word of a sentence, and its end: log10 probability, length of the n-gram found, is it unknown."""
        return self._core.full_scores(sentence, bos, eos)

    def score_ids_batch(self, ids: Any, bos: bool = True, eos: bool = True) -> NDArray[np.float64]:
        """The log10 probability of each sequence of ids: float64 [sequences]. Runs on all threads.

        ``ids`` is anything that `ferrolm.ngram.count` takes as ids. Ids that the model does not know are unknown words.
        """
        source = ids_only(ids)
        return self._core.score_ids_batch(source.ids, source.offsets, bos, eos)

    def token_scores(self, ids: Any, bos: bool = True, eos: bool = True) -> NDArray[np.float32]:
        """The log10 probability of each id of each sequence, one after the other: float32 [tokens].

        With ``eos`` the score of ``</s>`` follows those of each sequence: [tokens + sequences].
        """
        source = ids_only(ids)
        return self._core.token_scores(source.ids, source.offsets, bos, eos)

    def score_texts(self, texts: Any, bos: bool = True, eos: bool = True) -> TextScore:
        """The summed score of texts or ids (as `ferrolm.ngram.count` takes them), on all threads.

        >>> model = NgramLM.train([[1, 2, 3]] * 2, order=1, discount_fallback=(0.5, 0.5, 0.5))
        >>> round(model.score_texts([[1, 2]], eos=False).bits_per_token, 2)
        2.13
        """
        source = text_or_ids(texts)
        if isinstance(source, Ids):
            parts = self._core.totals_ids(source.ids, source.offsets, bos, eos)
            log10, unknown = math.fsum(p[0] for p in parts), math.fsum(p[1] for p in parts)
            return TextScore(log10, unknown, sum(p[2] for p in parts), sum(p[3] for p in parts))
        return TextScore(*self._core.total_text(source, bos, eos))

    def perplexity(
        self, texts: Any, *, include_unknown: bool = True, bos: bool = True, eos: bool = True
    ) -> float:
        """The perplexity per word (with end markers) of texts or ids; ``include_unknown=False`` leaves out unknown words.

        A string is one sentence a line, as everywhere; KenLM's ``perplexity`` of one sentence is the same.
        """
        score = self.score_texts(texts, bos, eos)
        return score.perplexity if include_unknown else score.perplexity_without_unknown

    def bits_per_token(self, ids: Any, *, bos: bool = True, eos: bool = False) -> float:
        """Mean negative log2 probability of ids; `TextScore.bits_per_byte` of `score_texts` relates it to bytes."""
        return self.score_texts(ids_only(ids), bos, eos).bits_per_token

    def next_token_logprobs(self, context: str | ArrayLike = (), bos: bool = True) -> NDArray[np.float32]:
        """Natural logarithms of the probability of every id after ``context``: float32 [vocab_size].

        ``context`` is words or ids from the beginning of the sentence on (``bos``), or from anywhere in it. The
        probabilities sum to one; ``<s>`` has minus infinity.
        """
        if isinstance(context, str):
            numbers = self.ids(context)
        else:
            numbers = np.asarray(context, dtype=np.int64).ravel().tolist() if np.size(context) else []
            if any(not 0 <= number < 1 << 32 for number in numbers):
                raise InvalidArgumentError("context: ids must not be negative and fit into 32 bits")
        return self._core.next_logprobs(numbers, bos)

    def generate(
        self,
        context: str | ArrayLike = (),
        *,
        max_tokens: int = 100,
        params: Any = None,
        seed: int | None = None,
        bos: bool = True,
    ) -> list[int]:
        """Sample a continuation of ``context``: ids up to ``</s>`` (not included) or ``max_tokens`` of them.

        ``params`` is a `ferrolm.SamplingParams` (temperature, top-k ...); without it words are drawn from the model's
        own distribution. `word` names the ids of a model over words. The same ``seed`` gives the same ids.
        """
        from ferrolm.ngram._generate import generate

        if max_tokens < 0:
            raise InvalidArgumentError(f"max_tokens is {max_tokens}, but must not be negative")
        start = (
            self.ids(context)
            if isinstance(context, str)
            else np.asarray(context, dtype=np.int64).ravel().tolist()
        )
        return generate(self, start, max_tokens, params, seed, bos)

    def __repr__(self) -> str:
        kind = "ids" if self.is_over_ids else "words"
        return f"NgramLM(order={self.order}, {kind}, num_ngrams={self.num_ngrams})"


def _train_limited(
    source: Any, options: Options, vocab_size: int | None, skip_symbols: bool, bounds: Limit
) -> tuple[_rust.NgramModel, list[Any]]:
    def make(opened: Source) -> _rust.NgramTask:
        _training.check_vocab_size(vocab_size, opened.over_ids)
        words = repr(options.vocabulary).encode()
        about = (*options[:-1], f"{zlib.crc32(words):x}", vocab_size, skip_symbols)
        place = (bounds.memory, bounds.directory, bounds.temporary_directory)
        work = f"train {about} on {opened.description}"
        return _rust.NgramTask.training(*options, opened.over_ids, vocab_size, skip_symbols, *place, work)

    return run(source, bounds, "training", make).model()
