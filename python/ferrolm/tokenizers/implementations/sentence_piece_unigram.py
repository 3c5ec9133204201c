"""Unigram with the normalization and the spaces of SentencePiece."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ferrolm._rust import Regex
from ferrolm.errors import InvalidArgumentError
from ferrolm.tokenizers import decoders, models, normalizers, pre_tokenizers, trainers
from ferrolm.tokenizers.implementations.base import BaseTokenizer, _Path, _Token
from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = ["SentencePieceUnigramTokenizer"]


class SentencePieceUnigramTokenizer(BaseTokenizer):
    """Unigram on text in NFKC whose spaces are a character of the words, and single.

    Args:
        vocab: pieces with their log probabilities; without them, to be trained.
        replacement: the character that stands for a space.
        add_prefix_space: put one before the text.

    >>> pieces = [("▁", -4.0), ("a", -3.0), ("b", -2.0), ("▁a", -1.0)]
    >>> tokenizer = SentencePieceUnigramTokenizer(pieces)
    >>> tokenizer.encode("a ab").tokens
    ['▁a', '▁a', 'b']
    """

    def __init__(
        self,
        vocab: Sequence[tuple[str, float]] | None = None,
        replacement: str = "▁",
        add_prefix_space: bool = True,
    ) -> None:
        tokenizer = Tokenizer(models.Unigram() if vocab is None else models.Unigram(list(vocab)))
        single_spaces = normalizers.Replace(Regex(" {2,}"), " ")
        tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), single_spaces])
        scheme = "always" if add_prefix_space else "never"
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement, scheme)
        tokenizer.decoder = decoders.Metaspace(replacement, scheme)
        parameters = {
            "model": "SentencePieceUnigram",
            "replacement": replacement,
            "add_prefix_space": add_prefix_space,
        }
        super().__init__(tokenizer, parameters)

    def train(
        self,
        files: _Path | Sequence[_Path],
        vocab_size: int = 8000,
        show_progress: bool = True,
        special_tokens: Sequence[_Token] | None = None,
        initial_alphabet: Sequence[str] | None = None,
        unk_token: str | None = None,
    ) -> None:
        """Learn the vocabulary from text files; see `UnigramTrainer`."""
        trainer = _trainer(vocab_size, show_progress, special_tokens, initial_alphabet, unk_token)
        self._train(files, trainer)

    def train_from_iterator(
        self,
        iterator: Iterable[Any],
        vocab_size: int = 8000,
        show_progress: bool = True,
        special_tokens: Sequence[_Token] | None = None,
        initial_alphabet: Sequence[str] | None = None,
        unk_token: str | None = None,
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary from texts, or lists of them; see `UnigramTrainer`."""
        trainer = _trainer(vocab_size, show_progress, special_tokens, initial_alphabet, unk_token)
        self._train_from_iterator(iterator, trainer, length)

    @staticmethod
    def from_spm(filename: _Path) -> SentencePieceUnigramTokenizer:
        """From a ``*.model`` of SentencePiece; needs no other package.

        Raises `InvalidArgumentError` if the model of the file is not Unigram.
        """
        tokenizer = Tokenizer.from_sentencepiece(Path(filename))
        if not isinstance(tokenizer.model, models.Unigram):
            found = type(tokenizer.model).__name__
            raise InvalidArgumentError(f"filename: {filename} has a model of type {found}, expected Unigram")
        loaded = SentencePieceUnigramTokenizer.__new__(SentencePieceUnigramTokenizer)
        BaseTokenizer.__init__(loaded, tokenizer, {"model": "SentencePieceUnigram"})
        return loaded


def _trainer(
    vocab_size: int,
    show_progress: bool,
    special_tokens: Sequence[_Token] | None,
    initial_alphabet: Sequence[str] | None,
    unk_token: str | None,
) -> trainers.UnigramTrainer:
    return trainers.UnigramTrainer(
        vocab_size=vocab_size,
        show_progress=show_progress,
        special_tokens=list(special_tokens or ()),
        initial_alphabet=list(initial_alphabet or ()),
        unk_token=unk_token,
    )
