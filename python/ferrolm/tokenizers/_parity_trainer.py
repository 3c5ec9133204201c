"""The trainer that gives several languages their share of a BPE vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ferrolm._rust import WordCounter, train_parity_bpe
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers import _setting as check
from ferrolm.tokenizers._setting import Setting
from ferrolm.tokenizers._training_progress import Watch
from ferrolm.tokenizers._training_texts import batches
from ferrolm.tokenizers.added_token import AddedToken, token_tuple

if TYPE_CHECKING:
    from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = ["ParityBpeTrainer"]

# An iterable of texts or of lists of them, or an Arrow array.
_Texts = Iterable[Any]

_SHOWN = ("num_merges", "variant", "min_frequency", "global_merges", "window_size", "alpha", "total_symbols")
_NAMES = (
    *_SHOWN,
    "show_progress",
    "ratio",
    "special_tokens",
    "limit_alphabet",
    "initial_alphabet",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "max_token_length",
)


def _characters(name: str, value: Any) -> list[str]:
    found = [] if value is None else check.strings(name, value)
    for character in found:
        if len(character) != 1:
            raise InvalidArgumentError(f"{name}: expected a string of length 1, found {character!r}")
    return list(dict.fromkeys(found))


class ParityBpeTrainer:
    """Learns one byte-pair encoding for several languages that cuts none of them much finer than the others
    (parity-aware BPE, Foroutan et al. 2025); settings and results are those of ``tokenizers.trainers.ParityBpeTrainer``.

    Each merge is the most frequent pair of the language whose turn it is: the one whose development text is longest
    in tokens at that time; with ``ratio`` the one that is compressed least for its target; with neither the one whose
    training text is longest, which is nearly plain BPE. Every merge is applied to all languages. Equal counts are
    decided by the greater strings.

    Args:
        num_merges: number of merges. Special tokens and the alphabet come on top.
        variant: ``"base"``, or ``"window"``: no language has more than ``alpha`` times its equal share of the last
            ``window_size`` turns.
        min_frequency: count that a pair must have to be merged.
        ratio: how much each language is to be compressed, in any unit: symbols of the pre-tokenizer for one symbol
            of the result. In proportion to the lengths of a parallel text, all take the same number of tokens for it.
        global_merges: so many first merges are the most frequent pairs of all languages together.
        window_size: turns that ``"window"`` looks back at.
        alpha: see ``variant``.
        total_symbols: ``num_merges`` is the size of the vocabulary: special tokens and the alphabet are taken off it.
        special_tokens: str or `AddedToken`; they get the first ids.
        show_progress: show a bar per stage on standard error, if that is a terminal.
        limit_alphabet: largest number of characters in the alphabet; the rarest are left out.
        initial_alphabet: characters that are in it even if no text has them.
        continuing_subword_prefix: written before every symbol that does not start a word.
        end_of_word_suffix: written after every symbol that ends a word.
        max_token_length: pairs with a merged token that would have this many characters or more do not count. With a
            prefix or suffix that also occurs in the text, merges can differ from the reference's.

    >>> from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers
    >>> tokenizer = Tokenizer(models.BPE())
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> trainer = ParityBpeTrainer(num_merges=4, show_progress=False)
    >>> english, german = ["the cat and the hat"] * 100, ["die Katze, die Hunde"]
    >>> trainer.train_from_iterator(tokenizer, [english, german], [["the cat"], ["die Katze"]])
    >>> tokenizer.encode("die the").tokens
    ['die', 'th', 'e']
    """

    num_merges = Setting(check.natural)
    min_frequency = Setting(check.natural)
    global_merges = Setting(check.natural)
    window_size = Setting(check.natural)
    alpha = Setting(check.real)
    total_symbols = Setting(check.boolean)
    special_tokens = Setting(check.special_tokens)
    show_progress = Setting(check.boolean)
    limit_alphabet = Setting(check.optional(check.natural))
    initial_alphabet = Setting(_characters)
    continuing_subword_prefix = Setting(check.optional(check.text))
    end_of_word_suffix = Setting(check.optional(check.text))
    max_token_length = Setting(check.optional(check.natural))

    def __init__(
        self,
        num_merges: int = 32000,
        variant: str = "base",
        min_frequency: int = 0,
        ratio: Sequence[float] | None = None,
        global_merges: int = 0,
        window_size: int = 100,
        alpha: float = 2.0,
        total_symbols: bool = False,
        special_tokens: Sequence[str | AddedToken] | None = None,
        show_progress: bool = True,
        limit_alphabet: int | None = None,
        initial_alphabet: Sequence[str] | None = None,
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        max_token_length: int | None = None,
    ) -> None:
        if variant not in ("base", "window"):
            raise InvalidArgumentError(f"Unknown variant {variant!r}. Use 'base' or 'window'.")
        self._variant = variant
        self._ratio = _ratio(ratio)
        self.num_merges = num_merges
        self.min_frequency = min_frequency
        self.global_merges = global_merges
        self.window_size = window_size
        self.alpha = alpha
        self.total_symbols = total_symbols
        self.special_tokens = special_tokens or []
        self.show_progress = show_progress
        self.limit_alphabet = limit_alphabet
        self.initial_alphabet = initial_alphabet
        self.continuing_subword_prefix = continuing_subword_prefix
        self.end_of_word_suffix = end_of_word_suffix
        self.max_token_length = max_token_length

    @property
    def variant(self) -> str:
        """``"base"`` or ``"window"``; cannot be changed, as in the `tokenizers` package."""
        return self._variant

    def train_from_iterator(
        self,
        tokenizer: Tokenizer,
        train_iterators: Sequence[_Texts],
        dev_iterators: Sequence[_Texts] | None = None,
        ratio: Sequence[float] | None = None,
    ) -> None:
        """Learn a BPE model from texts of several languages and put it into ``tokenizer``, whatever its model was.

        Args:
            tokenizer: cuts the texts with its added tokens, normalizer and pre-tokenizer. Stays as it was if the
                training is interrupted, within a tenth of a second.
            train_iterators: for each language an iterable of str or of lists of str.
            dev_iterators: the same, to measure lengths in; best a parallel text. `ratio` is not used then.
            ratio: instead of the trainer's.
        """
        for name, value in {"train_iterators": train_iterators, "dev_iterators": dev_iterators or []}.items():
            if isinstance(value, str) or not isinstance(value, Sequence):
                found = type(value).__name__
                raise InvalidTypeError(
                    f"{name}: found {found}, expected a list of iterables, one per language"
                )
        if len(train_iterators) == 0:
            raise InvalidArgumentError("train_iterators must not be empty")
        if dev_iterators is not None and len(dev_iterators) != len(train_iterators):
            raise InvalidArgumentError(
                f"dev_iterators length ({len(dev_iterators)}) must match "
                f"train_iterators length ({len(train_iterators)})"
            )
        settings = self._settings() | {"special_tokens": [token.content for token in self.special_tokens]}
        if ratio is not None:
            settings["ratio"] = _ratio(ratio)
        first = WordCounter(tokenizer)
        with Watch(first, self.show_progress, "indicatif") as watch:

            def count(counter: WordCounter, texts: _Texts) -> WordCounter:
                for batch in batches(texts):
                    counter.add(batch)
                    watch.fed(len(batch), None)
                return counter

            languages = [
                count(first.another() if number else first, texts)
                for number, texts in enumerate(train_iterators)
            ]
            development = [count(first.another(), texts) for texts in dev_iterators or ()]
            model = train_parity_bpe(languages, development, settings)
            special = [token_tuple(token, special=True) for token in self.special_tokens]
            tokenizer.set_trained(model, special)

    def _settings(self) -> dict[str, Any]:
        return {name: self._ratio if name == "ratio" else getattr(self, name) for name in _NAMES}

    def __getstate__(self) -> dict[str, Any]:
        return check.json_state(self._settings())

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._settings())

    def __repr__(self) -> str:
        shown = check.describe("ParityBpeTrainer", {name: getattr(self, name) for name in _SHOWN})
        return shown.replace("=True", "=true").replace("=False", "=false")

    __str__ = __repr__


def _ratio(value: Any) -> list[float] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidTypeError(f"ratio: found {type(value).__name__}, expected a list of numbers")
    return [check.real("ratio", number) for number in value]


def _rebuild(cls: type[ParityBpeTrainer], settings: dict[str, Any]) -> ParityBpeTrainer:
    return cls(**settings)
