"""Byte-level BPE as GPT-2 has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ferrolm.tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from ferrolm.tokenizers.implementations.base import BaseTokenizer, _Path, _Token, chain
from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = ["ByteLevelBPETokenizer"]


class ByteLevelBPETokenizer(BaseTokenizer):
    """BPE on the bytes of pieces that GPT-2's pattern cuts.

    Args:
        vocab, merges: ids by token and pairs that merge, in order; without them, to be trained.
        add_prefix_space: put a space before text that does not start with one.
        lowercase: make the text lower case.
        dropout: probability that a merge is left out.
        unicode_normalizer: "nfc", "nfd", "nfkc" or "nfkd".
        continuing_subword_prefix, end_of_word_suffix: see `BPE`.
        trim_offsets: leave white space at the ends of tokens out of their offsets.

    >>> alphabet = {character: index for index, character in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    >>> ByteLevelBPETokenizer(alphabet | {"ab": 256}, [("a", "b")]).encode("ab b").tokens
    ['ab', 'Ġ', 'b']
    """

    def __init__(
        self,
        vocab: Mapping[str, int] | None = None,
        merges: Sequence[tuple[str, str]] | None = None,
        add_prefix_space: bool = False,
        lowercase: bool = False,
        dropout: float | None = None,
        unicode_normalizer: str | None = None,
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        trim_offsets: bool = False,
    ) -> None:
        model = models.BPE()
        if vocab is not None and merges is not None:
            model = models.BPE(
                vocab,
                merges,
                dropout=dropout,
                continuing_subword_prefix=continuing_subword_prefix or "",
                end_of_word_suffix=end_of_word_suffix or "",
            )
        tokenizer = Tokenizer(model)
        parts: list[normalizers.Normalizer] = []
        if unicode_normalizer:
            parts.append(normalizers.unicode_normalizer_from_str(unicode_normalizer))
        if lowercase:
            parts.append(normalizers.Lowercase())
        tokenizer.normalizer = chain(parts)
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
        parameters = {
            "model": "ByteLevelBPE",
            "add_prefix_space": add_prefix_space,
            "lowercase": lowercase,
            "dropout": dropout,
            "unicode_normalizer": unicode_normalizer,
            "continuing_subword_prefix": continuing_subword_prefix,
            "end_of_word_suffix": end_of_word_suffix,
            "trim_offsets": trim_offsets,
        }
        super().__init__(tokenizer, parameters)

    @staticmethod
    def from_file(vocab_filename: _Path, merges_filename: _Path, **kwargs: Any) -> ByteLevelBPETokenizer:
        """From ``vocab.json`` and ``merges.txt``; further arguments as in the constructor."""
        return ByteLevelBPETokenizer(*models.BPE.read_file(vocab_filename, merges_filename), **kwargs)

    def train(
        self,
        files: _Path | Sequence[_Path],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        show_progress: bool = True,
        special_tokens: Sequence[_Token] = (),
    ) -> None:
        """Learn the vocabulary from text files; see `BpeTrainer`."""
        self._train(files, _trainer(vocab_size, min_frequency, show_progress, special_tokens))

    def train_from_iterator(
        self,
        iterator: Iterable[Any],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        show_progress: bool = True,
        special_tokens: Sequence[_Token] = (),
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary from texts, or lists of them; see `BpeTrainer`."""
        trainer = _trainer(vocab_size, min_frequency, show_progress, special_tokens)
        self._train_from_iterator(iterator, trainer, length)


def _trainer(
    vocab_size: int, min_frequency: int, show_progress: bool, special_tokens: Sequence[_Token]
) -> trainers.BpeTrainer:
    return trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        show_progress=show_progress,
        special_tokens=list(special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
