"""WordPiece as BERT has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ferrolm.errors import InvalidTypeError
from ferrolm.tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from ferrolm.tokenizers.implementations.base import BaseTokenizer, _Path, _Token
from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = ["BertWordPieceTokenizer"]

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class BertWordPieceTokenizer(BaseTokenizer):
    """WordPiece on text that BERT's normalizer cleaned and BERT's pre-tokenizer cut.

    Args:
        vocab: ids by token; without one, to be trained.
        unk_token, sep_token, cls_token, pad_token, mask_token: special tokens; with a vocabulary, ``sep_token``
            and ``cls_token`` have to be in it.
        clean_text: leave out control characters, make white space spaces.
        handle_chinese_chars: put spaces around Chinese characters.
        strip_accents: leave out accents; by default if ``lowercase``.
        lowercase: make the text lower case.
        wordpieces_prefix: precedes the pieces inside a word.

    Raises `InvalidTypeError` where the vocabulary lacks one of the two tokens.

    >>> vocab = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##real": 4}
    >>> tokenizer = BertWordPieceTokenizer(vocab)
    >>> tokenizer.encode("Unreal").tokens
    ['[CLS]', 'un', '##real', '[SEP]']
    """

    def __init__(
        self,
        vocab: Mapping[str, int] | None = None,
        unk_token: _Token = "[UNK]",
        sep_token: _Token = "[SEP]",
        cls_token: _Token = "[CLS]",
        pad_token: _Token = "[PAD]",
        mask_token: _Token = "[MASK]",
        clean_text: bool = True,
        handle_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        lowercase: bool = True,
        wordpieces_prefix: str = "##",
    ) -> None:
        unknown = str(unk_token)
        model = (
            models.WordPiece(unk_token=unknown)
            if vocab is None
            else models.WordPiece(vocab, unk_token=unknown)
        )
        tokenizer = Tokenizer(model)
        tokens = {
            "unk_token": unk_token,
            "sep_token": sep_token,
            "cls_token": cls_token,
            "pad_token": pad_token,
            "mask_token": mask_token,
        }
        parameters: dict[str, Any] = {
            "model": "BertWordPiece",
            **tokens,
            "clean_text": clean_text,
            "handle_chinese_chars": handle_chinese_chars,
            "strip_accents": strip_accents,
            "lowercase": lowercase,
            "wordpieces_prefix": wordpieces_prefix,
        }
        super().__init__(tokenizer, parameters)
        self._add_known(*tokens.values())
        tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=clean_text,
            handle_chinese_chars=handle_chinese_chars,
            strip_accents=strip_accents,
            lowercase=lowercase,
        )
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        if vocab is not None:
            sep, cls = self._known(sep_token, "sep_token"), self._known(cls_token, "cls_token")
            tokenizer.post_processor = processors.BertProcessing(sep, cls)
        tokenizer.decoder = decoders.WordPiece(prefix=wordpieces_prefix)

    def _known(self, token: _Token, argument: str) -> tuple[str, int]:
        index = self._tokenizer.token_to_id(str(token))
        if index is None:
            raise InvalidTypeError(f"{argument}: {str(token)!r} is not in the vocabulary")
        return str(token), index

    @staticmethod
    def from_file(vocab: _Path, **kwargs: Any) -> BertWordPieceTokenizer:
        """From a ``vocab.txt``; further arguments as in the constructor."""
        return BertWordPieceTokenizer(models.WordPiece.read_file(vocab), **kwargs)

    def train(
        self,
        files: _Path | Sequence[_Path],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        limit_alphabet: int = 1000,
        initial_alphabet: Sequence[str] = (),
        special_tokens: Sequence[_Token] = _SPECIAL,
        show_progress: bool = True,
        wordpieces_prefix: str = "##",
    ) -> None:
        """Learn the vocabulary from text files; see `WordPieceTrainer`."""
        trainer = _trainer(
            vocab_size,
            min_frequency,
            limit_alphabet,
            initial_alphabet,
            special_tokens,
            show_progress,
            wordpieces_prefix,
        )
        self._train(files, trainer)

    def train_from_iterator(
        self,
        iterator: Iterable[Any],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        limit_alphabet: int = 1000,
        initial_alphabet: Sequence[str] = (),
        special_tokens: Sequence[_Token] = _SPECIAL,
        show_progress: bool = True,
        wordpieces_prefix: str = "##",
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary from texts, or lists of them; see `WordPieceTrainer`."""
        trainer = _trainer(
            vocab_size,
            min_frequency,
            limit_alphabet,
            initial_alphabet,
            special_tokens,
            show_progress,
            wordpieces_prefix,
        )
        self._train_from_iterator(iterator, trainer, length)


def _trainer(
    vocab_size: int,
    min_frequency: int,
    limit_alphabet: int,
    initial_alphabet: Sequence[str],
    special_tokens: Sequence[_Token],
    show_progress: bool,
    wordpieces_prefix: str,
) -> trainers.WordPieceTrainer:
    return trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        limit_alphabet=limit_alphabet,
        initial_alphabet=list(initial_alphabet),
        special_tokens=list(special_tokens),
        show_progress=show_progress,
        continuing_subword_prefix=wordpieces_prefix,
    )
