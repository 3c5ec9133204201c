"""`EncoderEmbeddings`: texts as the pooled states of an encoder, such as those of sentence-transformers.

The model is `ferrolm.models.BertForSentenceEmbedding`, which knows ids alone; here are its tokenizer, its batches and its device. This
is the one file of the room that looks at `ferrolm.models` (which never looks back), and it is loaded when it is asked for: word
vectors need no torch.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.embeddings.sentence import bar, listed, unit_rows
from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.models import BertForSentenceEmbedding, locate
from ferrolm.tokenizers import RaggedIds, Tokenizer

__all__ = ["EncoderEmbeddings"]


class EncoderEmbeddings:
    """An encoder with its tokenizer; a `SentenceEmbedder`.

    Args:
        model: an encoder that pools.
        tokenizer: that it was trained with.
        max_length: longer texts are cut to so many tokens; by default as many as the model has positions for.

    Raises:
        InvalidArgumentError: ``max_length`` is more than that, or leaves no room for a token.

    >>> from ferrolm.models import BertConfig
    >>> from ferrolm.tokenizers import models, pre_tokenizers
    >>> tokenizer = Tokenizer(models.WordLevel({"[PAD]": 0, "a": 1, "film": 2}, "[PAD]"))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> shape = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    >>> embedder = EncoderEmbeddings(BertForSentenceEmbedding(BertConfig(vocab_size=3, **shape)), tokenizer)
    >>> embedder.encode(["a film", "film"]).shape, embedder.encode("a film").shape
    ((2, 16), (16,))
    """

    def __init__(
        self, model: BertForSentenceEmbedding, tokenizer: Tokenizer, *, max_length: int | None = None
    ) -> None:
        self.model = model.eval()
        most, own = model.config.n_positions, tokenizer.num_special_tokens_to_add(False)
        self.max_length = most if max_length is None else max_length
        if not own < self.max_length <= most:
            raise InvalidArgumentError(
                f"max_length is {max_length}: expected {own + 1} to {most} tokens, as the model has positions"
            )
        # Published files pad and cut every text to one length; a batch pads its own rows.
        self.tokenizer: Tokenizer = copy.deepcopy(tokenizer)
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.max_length)

    @classmethod
    def load(
        cls,
        name_or_directory: Path | str,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        pooling: str | None = None,
        max_length: int | None = None,
    ) -> Self:
        """The embedder of a checkpoint: of sentence-transformers, of ``ferrolm finetune``, or any BERT, RoBERTa or DistilBERT.

        Args:
            name_or_directory: a folder, or a name on the hub, which is downloaded.
            device: by default the CUDA device where there is one, else the CPU.
            dtype: of the weights, by default the file's; vectors are float32 always.
            pooling: "mean", "cls" or "max"; by default what the folder says, else the mean.
            max_length: by default what the folder says (``sentence_bert_config.json``), else all positions.

        Raises:
            MissingFileError: there is no such checkpoint.
            InvalidFileError: it is none of such an encoder.
        """
        folder = locate(name_or_directory)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        model = BertForSentenceEmbedding.from_pretrained(folder, device=device, dtype=dtype, pooling=pooling)
        if max_length is None:
            max_length = min(_published_length(folder), model.config.n_positions)
        return cls(model, Tokenizer.from_pretrained(str(folder)), max_length=max_length)

    @property
    def size(self) -> int:
        """Length of the vectors."""
        return int(self.model.config.hidden_size)

    def __repr__(self) -> str:
        kind = self.model.config.model_type
        return f"EncoderEmbeddings({kind}, size={self.size}, pooling={self.model.pooling!r}, max_length={self.max_length})"

    def encode(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int = 32,
        normalize: bool | None = None,
        progress: bool = False,
    ) -> NDArray[np.float32]:
        """One vector for each text, float32 [texts, size]; [size] for a single string. See `SentenceEmbedder.encode`.

        Texts of like length share a batch. ``normalize=None`` does what the checkpoint says; one that normalizes itself
        does so always.
        """
        found = self.embed_ids(self.token_ids(listed(texts, batch_size)), batch_size, progress)
        found = unit_rows(found) if normalize else found
        return found[0] if isinstance(texts, str) else found

    def token_ids(self, texts: Sequence[str]) -> RaggedIds:
        """The ids of each text with those that begin and end it, at most ``max_length``."""
        rows = self.tokenizer.encode_ids_batch(list(texts))
        long = np.flatnonzero(rows.lengths() > self.max_length).tolist()
        if not long:
            return rows
        # The few texts that are too long are cut by the tokenizer, which keeps the tokens at their ends.
        cut = self.tokenizer.encode_batch([texts[number] for number in long])
        each = list(rows)
        for number, encoding in zip(long, cut, strict=True):
            each[number] = np.array(encoding.ids, np.uint32)
        return RaggedIds.from_rows(each)

    @torch.inference_mode()
    def embed_ids(self, rows: RaggedIds, batch_size: int = 32, progress: bool = False) -> NDArray[np.float32]:
        """One vector for each row of ids, float32 [rows, size]; zeros for a row without ids."""
        found = np.zeros((len(rows), self.size), np.float32)
        lengths = rows.lengths()
        # The longest first: memory that does not suffice is missed at once.
        order = np.argsort(-lengths, kind="stable")[: int((lengths > 0).sum())]
        with bar(len(rows), progress) as shown:
            for first in range(0, len(order), batch_size):
                own = order[first : first + batch_size]
                found[own] = self._embed(rows, own, lengths[own])
                shown.update(len(own))
        return found

    def _embed(
        self, rows: RaggedIds, own: NDArray[np.intp], lengths: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The vectors of some rows, padded on the right to the longest."""
        tokens = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(tokens.shape, self.model.config.pad_token_id or 0, np.int64)
        places = rows.offsets[own][:, None] + np.arange(lengths.max())
        ids[tokens] = rows.ids[places[tokens]]
        device = self.model.device
        # Without padding there is nothing to mask.
        mask = None if tokens.all() else torch.from_numpy(tokens.astype(np.int64)).to(device)
        output = self.model(torch.from_numpy(ids).to(device), mask)
        found: NDArray[np.float32] = output.embeddings.float().cpu().numpy()
        return found


def _published_length(folder: Path) -> int:
    """Tokens of a text at most, as a folder of sentence-transformers says."""
    path = folder / "sentence_bert_config.json"
    if not path.is_file():
        return sys.maxsize
    try:
        length = json.loads(path.read_bytes()).get("max_seq_length")
    except (ValueError, AttributeError) as error:
        raise InvalidFileError(f"{path} does not hold the settings of an encoder: {error!r}") from None
    if length is None:
        return sys.maxsize
    if not isinstance(length, int) or length < 1:
        raise InvalidFileError(f"{path} says max_seq_length is {length!r}: expected a number of tokens")
    return length
