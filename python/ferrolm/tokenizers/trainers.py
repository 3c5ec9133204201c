"""Trainers: learning a tokenizer's vocabulary from text."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

from ferrolm._rust import TokenizerModel, WordCounter
from ferrolm.errors import InvalidArgumentError
from ferrolm.tokenizers import _setting as check
from ferrolm.tokenizers._parity_trainer import ParityBpeTrainer
from ferrolm.tokenizers._setting import Setting
from ferrolm.tokenizers.added_token import AddedToken

__all__ = [
    "BpeTrainer",
    "ParityBpeTrainer",
    "Trainer",
    "UnigramTrainer",
    "WordLevelTrainer",
    "WordPieceTrainer",
]

_Tokens = Sequence[str | AddedToken]


class Trainer:
    """Base class of trainers. Settings can be read and set; they are checked when they are set.

    Progress is shown on standard error: with ``show_progress`` and the ``progress_format`` ``"indicatif"`` a bar per
    stage, if that is a terminal; with ``"json"`` lines ``{"stage": ..., "current": ..., "total": ...}``; with
    ``"silent"`` nothing. Ctrl-C stops a training within a tenth of a second and leaves the tokenizer as it was.
    """

    # The class of models that it trains, and its settings in the order of the JSON of the `tokenizers` package.
    _model: ClassVar[str] = ""
    _names: ClassVar[tuple[str, ...]] = ()

    vocab_size = Setting(check.natural)
    show_progress = Setting(check.boolean)
    progress_format = Setting(check.progress_format)
    special_tokens = Setting(check.special_tokens)

    _word_count: int = 0

    def _set(self, ignored: dict[str, Any], **settings: Any) -> None:
        for name in ignored:
            warnings.warn(f"{type(self).__name__}: ignored unknown option {name}", stacklevel=3)
        for name, value in settings.items():
            setattr(self, name, value)

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._names}

    def _nested(self) -> dict[str, Any]:
        return check.json_state(self._settings()) | {"words": {}}

    def _check_model(self, model: TokenizerModel) -> None:
        found = model.kind()
        if found != self._model:
            raise InvalidArgumentError(
                f"{type(self).__name__} can only train a {self._model} model, found {found}"
            )

    def _learn(self, counter: WordCounter, model: TokenizerModel) -> TokenizerModel:
        """A model like ``model`` with the vocabulary that is learnt from the counted words."""
        self._word_count = len(counter)
        return counter.train(model, self._options())

    def _options(self) -> dict[str, Any]:
        """What the extension takes."""
        return self._settings() | {"special_tokens": [token.content for token in self.special_tokens]}

    def get_word_count(self) -> int:
        """Number of different words that the last training counted."""
        return self._word_count

    def __getstate__(self) -> bytes:
        """The JSON of the `tokenizers` package."""
        state = {type(self).__name__: self._nested()}
        return json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._settings() | {"progress_format": self.progress_format})

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({check.describe(name, self._settings() | {'words': {}})})"

    __str__ = __repr__


def _rebuild(cls: type[Trainer], settings: dict[str, Any]) -> Trainer:
    return cls(**settings)


class _PairTrainer(Trainer):
    """What BPE and WordPiece training have in common: merges of pairs."""

    min_frequency = Setting(check.natural)
    limit_alphabet = Setting(check.optional(check.natural))
    initial_alphabet = Setting(check.alphabet)
    continuing_subword_prefix = Setting(check.optional(check.text))
    end_of_word_suffix = Setting(check.optional(check.text))


class BpeTrainer(_PairTrainer):
    """Learns byte-pair encoding; the settings and the results are those of ``tokenizers.trainers.BpeTrainer``.

    Args:
        vocab_size: size of the final vocabulary, special tokens and alphabet included.
        min_frequency: count that a pair must have to be merged.
        show_progress: show how far the training is, see `Trainer`.
        progress_format: ``"indicatif"``, ``"json"`` or ``"silent"``.
        special_tokens: str or `AddedToken`; they get the first ids.
        limit_alphabet: largest number of characters in the alphabet; the rarest are left out.
        initial_alphabet: characters that are in it even if the text has none (of longer strings, the first one).
        continuing_subword_prefix: written before every symbol that does not start a word.
        end_of_word_suffix: written after every symbol that ends a word.
        max_token_length: largest number of characters in a token.

    Equal counts are decided by the smaller ids, so the result is deterministic. With a prefix or suffix the
    `tokenizers` package numbers symbols in the order of a hash table, different in every run, and the ties with
    them; here symbols are numbered in the order of the alphabet. Of equally frequent characters beyond
    ``limit_alphabet`` those of the larger code points are left out; there it is chance.

    >>> from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers, trainers
    >>> tokenizer = Tokenizer(models.BPE())
    >>> tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    >>> trainer = trainers.BpeTrainer(vocab_size=10, show_progress=False)
    >>> tokenizer.train_from_iterator(["low lower lowest low"], trainer)
    >>> tokenizer.encode("lowlo").tokens
    ['low', 'lo']
    """

    _model = "BPE"
    _names = (
        "min_frequency",
        "vocab_size",
        "show_progress",
        "progress_format",
        "special_tokens",
        "limit_alphabet",
        "initial_alphabet",
        "continuing_subword_prefix",
        "end_of_word_suffix",
        "max_token_length",
    )

    max_token_length = Setting(check.optional(check.natural))

    def __init__(
        self,
        *,
        vocab_size: int = 30000,
        min_frequency: int = 0,
        show_progress: bool = True,
        progress_format: str = "indicatif",
        special_tokens: _Tokens = (),
        limit_alphabet: int | None = None,
        initial_alphabet: Sequence[str] = (),
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        max_token_length: int | None = None,
        **ignored: Any,
    ) -> None:
        self._set(
            ignored,
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            show_progress=show_progress,
            progress_format=progress_format,
            special_tokens=special_tokens,
            limit_alphabet=limit_alphabet,
            initial_alphabet=initial_alphabet,
            continuing_subword_prefix=continuing_subword_prefix,
            end_of_word_suffix=end_of_word_suffix,
            max_token_length=max_token_length,
        )


class WordPieceTrainer(_PairTrainer):
    """Learns a WordPiece vocabulary as ``tokenizers.trainers.WordPieceTrainer`` does: by merging the most frequent
    pairs, as in byte-pair encoding, of characters that bear a prefix inside words. (The likelihood criterion of
    Schuster and Nakajima 2012 is not used there either.)

    Args:
        vocab_size: size of the final vocabulary, special tokens and alphabet included.
        min_frequency: count that a pair must have to be merged.
        show_progress: show how far the training is, see `Trainer`.
        special_tokens: str or `AddedToken`; they get the first ids. The model's ``unk_token`` should be among them.
        limit_alphabet: largest number of characters in the alphabet; the rarest are left out.
        initial_alphabet: characters that are in it even if the text has none (of longer strings, the first one).
        continuing_subword_prefix: written before every symbol that does not start a word.
        end_of_word_suffix: written after every symbol that ends a word.
        progress_format: ``"indicatif"``, ``"json"`` or ``"silent"``.

    The symbols with a prefix are numbered in the order of the alphabet, and of equally frequent pairs the one with
    the smaller ids is merged first: the result is deterministic. The `tokenizers` package numbers them in the order
    of a hash table, so that its ids differ from run to run, and so do the last tokens of the vocabulary.
    """

    _model = "WordPiece"
    _names = (
        "min_frequency",
        "vocab_size",
        "show_progress",
        "progress_format",
        "special_tokens",
        "limit_alphabet",
        "initial_alphabet",
        "continuing_subword_prefix",
        "end_of_word_suffix",
    )

    def __init__(
        self,
        *,
        vocab_size: int = 30000,
        min_frequency: int = 0,
        show_progress: bool = True,
        special_tokens: _Tokens = (),
        limit_alphabet: int | None = None,
        initial_alphabet: Sequence[str] = (),
        continuing_subword_prefix: str | None = "##",
        end_of_word_suffix: str | None = None,
        progress_format: str = "indicatif",
        **ignored: Any,
    ) -> None:
        self._set(
            ignored,
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            show_progress=show_progress,
            progress_format=progress_format,
            special_tokens=special_tokens,
            limit_alphabet=limit_alphabet,
            initial_alphabet=initial_alphabet,
            continuing_subword_prefix=continuing_subword_prefix,
            end_of_word_suffix=end_of_word_suffix,
        )

    def _options(self) -> dict[str, Any]:
        return super()._options() | {"max_token_length": None}

    def _nested(self) -> dict[str, Any]:
        # It is made of a BPE trainer there.
        settings = check.json_state(self._settings()) | {"max_token_length": None, "words": {}}
        return {"bpe_trainer": settings}

    def __repr__(self) -> str:
        settings = self._settings() | {"max_token_length": None, "words": {}}
        return f"WordPieceTrainer(WordPieceTrainer(bpe_trainer={check.describe('BpeTrainer', settings)}))"

    __str__ = __repr__


class WordLevelTrainer(Trainer):
    """Takes the most frequent words as the vocabulary, as ``tokenizers.trainers.WordLevelTrainer`` does.

    Args:
        vocab_size: size of the vocabulary, special tokens included.
        min_frequency: count that a word must have.
        show_progress: show how far the training is, see `Trainer`.
        special_tokens: str or `AddedToken`; they get the first ids. The model's ``unk_token`` should be among them.
        progress_format: ``"indicatif"``, ``"json"`` or ``"silent"``.

    Words of equal count are in the order of their code points.
    """

    _model = "WordLevel"
    _names = ("min_frequency", "vocab_size", "show_progress", "special_tokens")

    min_frequency = Setting(check.natural)

    def __init__(
        self,
        *,
        vocab_size: int = 30000,
        min_frequency: int = 0,
        show_progress: bool = True,
        special_tokens: _Tokens = (),
        progress_format: str = "indicatif",
        **ignored: Any,
    ) -> None:
        self._set(
            ignored,
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            show_progress=show_progress,
            special_tokens=special_tokens,
            progress_format=progress_format,
        )


class UnigramTrainer(Trainer):
    """Learns a Unigram vocabulary (Kudo 2018) as ``tokenizers.trainers.UnigramTrainer`` does.

    Frequent substrings of the words are the first pieces; their probabilities are fitted by expectation
    maximization, and the pieces whose loss costs the least likelihood are dropped, until few enough are left.

    Args:
        vocab_size: size of the final vocabulary, special tokens and alphabet included.
        show_progress: show how far the training is, see `Trainer`.
        special_tokens: str or `AddedToken`; they get the first ids.
        initial_alphabet: characters that get a piece even if the text has none (of longer strings, the first one).
        shrinking_factor: the share of the pieces that a round of pruning keeps, between 0 and 1.
        unk_token: stands for what has no piece; it gets the first id if it is not among the special tokens.
        max_piece_length: largest number of characters in a piece.
        n_sub_iterations: rounds of expectation maximization before each pruning.
        seed_size: number of pieces to begin with.
        progress_format: ``"indicatif"``, ``"json"`` or ``"silent"``.

    Sums are taken in a fixed order, so that the result does not depend on threads or chance. Those of the
    `tokenizers` package are taken in the order of a hash table: its scores differ from run to run in the last digits,
    and with them, rarely, a choice between equally good pieces; pieces of the alphabet with equal scores are in any
    order there, and in that of their code points here.
    """

    _model = "Unigram"
    _names = (
        "show_progress",
        "vocab_size",
        "n_sub_iterations",
        "shrinking_factor",
        "special_tokens",
        "initial_alphabet",
        "unk_token",
        "max_piece_length",
        "seed_size",
    )

    n_sub_iterations = Setting(check.natural)
    shrinking_factor = Setting(check.real)
    initial_alphabet = Setting(check.alphabet)
    unk_token = Setting(check.optional(check.text))
    max_piece_length = Setting(check.natural)
    seed_size = Setting(check.natural)

    def __init__(
        self,
        *,
        vocab_size: int = 8000,
        show_progress: bool = True,
        special_tokens: _Tokens = (),
        initial_alphabet: Sequence[str] = (),
        shrinking_factor: float = 0.75,
        unk_token: str | None = None,
        max_piece_length: int = 16,
        n_sub_iterations: int = 2,
        seed_size: int = 1_000_000,
        progress_format: str = "indicatif",
        **ignored: Any,
    ) -> None:
        self._set(
            ignored,
            vocab_size=vocab_size,
            show_progress=show_progress,
            special_tokens=special_tokens,
            initial_alphabet=initial_alphabet,
            shrinking_factor=shrinking_factor,
            unk_token=unk_token,
            max_piece_length=max_piece_length,
            n_sub_iterations=n_sub_iterations,
            seed_size=seed_size,
            progress_format=progress_format,
        )
