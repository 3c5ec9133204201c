"""BPE with the spaces of SentencePiece."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ferrolm.tokenizers import decoders, models, normalizers, pre_tokenizers, trainers
from ferrolm.tokenizers.implementations.base import BaseTokenizer, _Path, _Token
from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = ["SentencePieceBPETokenizer"]


class SentencePieceBPETokenizer(BaseTokenizer):
    """BPE on text in NFKC whose spaces are a character of the words.

    Args:
        vocab, merges: ids by token and pairs that merge, in order; without them, to be trained.
        unk_token: stands for unknown characters.
        replacement: the character that stands for a space.
        add_prefix_space: put one before the text.
        dropout: probability that a merge is left out.
        fuse_unk: neighbouring unknown characters share one unknown token.

    >>> vocab = {"<unk>": 0, "▁": 1, "a": 2, "▁a": 3}
    >>> SentencePieceBPETokenizer(vocab, [("▁", "a")]).encode("a aa").tokens
    ['▁a', '▁a', 'a']
    """

    def __init__(
        self,
        vocab: Mapping[str, int] | None = None,
        merges: Sequence[tuple[str, str]] | None = None,
        unk_token: _Token = "<unk>",
        replacement: str = "▁",
        add_prefix_space: bool = True,
        dropout: float | None = None,
        fuse_unk: bool | None = False,
    ) -> None:
        given = (vocab, merges) if vocab is not None and merges is not None else (None, None)
        model = models.BPE(*given, dropout=dropout, unk_token=str(unk_token), fuse_unk=fuse_unk)
        tokenizer = Tokenizer(model)
        parameters = {
            "model": "SentencePieceBPE",
            "unk_token": unk_token,
            "replacement": replacement,
            "add_prefix_space": add_prefix_space,
            "dropout": dropout,
        }
        super().__init__(tokenizer, parameters)
        self._add_known(unk_token)
        scheme = "always" if add_prefix_space else "never"
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement, scheme)
        tokenizer.decoder = decoders.Metaspace(replacement, scheme)

    @staticmethod
    def from_file(vocab_filename: _Path, merges_filename: _Path, **kwargs: Any) -> SentencePieceBPETokenizer:
        """From ``vocab.json`` and ``merges.txt``; further arguments as in the constructor."""
        return SentencePieceBPETokenizer(*models.BPE.read_file(vocab_filename, merges_filename), **kwargs)

    def train(
        self,
        files: _Path | Sequence[_Path],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        special_tokens: Sequence[_Token] = ("<unk>",),
        limit_alphabet: int = 1000,
        initial_alphabet: Sequence[str] = (),
        show_progress: bool = True,
    ) -> None:
        """Learn the vocabulary from text files; see `BpeTrainer`."""
        trainer = _trainer(
            vocab_size, min_frequency, special_tokens, limit_alphabet, initial_alphabet, show_progress
        )
        self._train(files, trainer)

    def train_from_iterator(
        self,
        iterator: Iterable[Any],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        special_tokens: Sequence[_Token] = ("<unk>",),
        limit_alphabet: int = 1000,
        initial_alphabet: Sequence[str] = (),
        show_progress: bool = True,
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary from texts, or lists of them; see `BpeTrainer`."""
        trainer = _trainer(
            vocab_size, min_frequency, special_tokens, limit_alphabet, initial_alphabet, show_progress
        )
        self._train_from_iterator(iterator, trainer, length)


def _trainer(
    vocab_size: int,
    min_frequency: int,
    special_tokens: Sequence[_Token],
    limit_alphabet: int,
    initial_alphabet: Sequence[str],
    show_progress: bool,
) -> trainers.BpeTrainer:
    return trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=list(special_tokens),
        limit_alphabet=limit_alphabet,
        initial_alphabet=list(initial_alphabet),
        show_progress=show_progress,
    )
