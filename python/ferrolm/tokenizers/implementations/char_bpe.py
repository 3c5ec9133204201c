"""BPE on characters, as for GPT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ferrolm.tokenizers import decoders, models, normalizers, pre_tokenizers, trainers
from ferrolm.tokenizers.implementations.base import BaseTokenizer, _Path, _Token, chain
from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = ["CharBPETokenizer"]


class CharBPETokenizer(BaseTokenizer):
    """BPE on the characters of words, whose last piece has a suffix (https://arxiv.org/abs/1508.07909).

    Args:
        vocab, merges: ids by token and pairs that merge, in order; without them, to be trained.
        unk_token: stands for unknown characters.
        suffix: follows the last character of a word.
        dropout: probability that a merge is left out.
        lowercase: make the text lower case.
        unicode_normalizer: "nfc", "nfd", "nfkc" or "nfkd".
        bert_normalizer: clean the text as BERT does: no control characters, no accents, spaces around Chinese
            characters. Together with the next this is what GPT has; both differ from the paper.
        split_on_whitespace_only: keep punctuation with its word.

    >>> vocab = {"<unk>": 0, "h": 1, "i</w>": 2, "hi</w>": 3}
    >>> CharBPETokenizer(vocab, [("h", "i</w>")]).encode("hi h").tokens
    ['hi</w>', '<unk>']
    """

    def __init__(
        self,
        vocab: Mapping[str, int] | None = None,
        merges: Sequence[tuple[str, str]] | None = None,
        unk_token: _Token = "<unk>",
        suffix: str = "</w>",
        dropout: float | None = None,
        lowercase: bool = False,
        unicode_normalizer: str | None = None,
        bert_normalizer: bool = True,
        split_on_whitespace_only: bool = False,
    ) -> None:
        given = (vocab, merges) if vocab is not None and merges is not None else (None, None)
        model = models.BPE(*given, dropout=dropout, unk_token=str(unk_token), end_of_word_suffix=suffix)
        tokenizer = Tokenizer(model)
        parameters = {
            "model": "BPE",
            "unk_token": unk_token,
            "suffix": suffix,
            "dropout": dropout,
            "lowercase": lowercase,
            "unicode_normalizer": unicode_normalizer,
            "bert_normalizer": bert_normalizer,
            "split_on_whitespace_only": split_on_whitespace_only,
        }
        super().__init__(tokenizer, parameters)
        self._add_known(unk_token)
        parts: list[normalizers.Normalizer] = []
        if unicode_normalizer:
            parts.append(normalizers.unicode_normalizer_from_str(unicode_normalizer))
        if bert_normalizer:
            parts.append(normalizers.BertNormalizer(lowercase=False))
        if lowercase:
            parts.append(normalizers.Lowercase())
        tokenizer.normalizer = chain(parts)
        if split_on_whitespace_only:
            tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        else:
            tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.BPEDecoder(suffix=suffix)

    @staticmethod
    def from_file(vocab_filename: _Path, merges_filename: _Path, **kwargs: Any) -> CharBPETokenizer:
        """From ``vocab.json`` and ``merges.txt``; further arguments as in the constructor."""
        return CharBPETokenizer(*models.BPE.read_file(vocab_filename, merges_filename), **kwargs)

    def train(
        self,
        files: _Path | Sequence[_Path],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        special_tokens: Sequence[_Token] = ("<unk>",),
        limit_alphabet: int = 1000,
        initial_alphabet: Sequence[str] = (),
        suffix: str | None = "</w>",
        show_progress: bool = True,
    ) -> None:
        """Learn the vocabulary from text files; see `BpeTrainer`."""
        trainer = _trainer(
            vocab_size, min_frequency, special_tokens, limit_alphabet, initial_alphabet, suffix, show_progress
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
        suffix: str | None = "</w>",
        show_progress: bool = True,
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary from texts, or lists of them; see `BpeTrainer`."""
        trainer = _trainer(
            vocab_size, min_frequency, special_tokens, limit_alphabet, initial_alphabet, suffix, show_progress
        )
        self._train_from_iterator(iterator, trainer, length)


def _trainer(
    vocab_size: int,
    min_frequency: int,
    special_tokens: Sequence[_Token],
    limit_alphabet: int,
    initial_alphabet: Sequence[str],
    suffix: str | None,
    show_progress: bool,
) -> trainers.BpeTrainer:
    return trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=list(special_tokens),
        limit_alphabet=limit_alphabet,
        initial_alphabet=list(initial_alphabet),
        end_of_word_suffix=suffix,
        show_progress=show_progress,
    )
