"""``model.embeddings``: vectors that the token embeddings of a recurrent model begin with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ferrolm.embeddings import KeyedVectors
from ferrolm.errors import InvalidArgumentError, MissingFileError
from ferrolm.models import load_encoder, locate
from ferrolm.tokenizers import Tokenizer

__all__ = ["starting_embeddings"]

# What tokenizers put before a token that begins a word, or that does not.
_MARKS = ("▁", "Ġ", "##")


def starting_embeddings(source: str, tokenizer: Tokenizer, seed: int = 0) -> npt.NDArray[np.float32]:
    """A vector for each token of ``tokenizer``, float32 [tokens, size].

    source: a file of word vectors (word2vec's or GloVe's text, ``.bin`` for word2vec's binary form), whose words are looked
    up as they are, without the mark of a word's beginning, and in lower case; tokens without a vector get a random one of
    the same mean and deviation, padding gets zeros. Or the folder or the name of an encoder's checkpoint that has the same
    tokenizer, whose token embeddings are taken, scaled to a deviation of a tenth.

    Raises `MissingFileError`, `InvalidFileError`, and `InvalidArgumentError` where no token has a vector, or the checkpoint
    another vocabulary.
    """
    path = Path(source)
    if path.is_file() and path.suffix != ".gguf":
        return _of_words(path, tokenizer, seed)
    if path.suffix in (".txt", ".vec", ".bin"):
        raise MissingFileError(f"model.embeddings: {source} does not exist")
    return _of_checkpoint(source, tokenizer)


def _of_words(path: Path, tokenizer: Tokenizer, seed: int) -> npt.NDArray[np.float32]:
    vectors = _read(path)
    random = np.random.default_rng(seed)
    size = max(tokenizer.get_vocab().values()) + 1
    shape = (size, vectors.vector_size)
    found = random.normal(vectors.vectors.mean(), vectors.vectors.std(), shape).astype(np.float32)
    known = 0
    for token, number in tokenizer.get_vocab().items():
        word = next((word for word in _spellings(token) if word in vectors), None)
        if word is not None:
            found[number], known = vectors[word], known + 1
    if not known:
        raise InvalidArgumentError(f"model.embeddings: none of the tokenizer's tokens has a vector in {path}")
    if tokenizer.pad_token_id is not None:
        found[tokenizer.pad_token_id] = 0
    return found


def _read(path: Path) -> KeyedVectors:
    if path.suffix == ".bin":
        return KeyedVectors.load_word2vec_format(path, binary=True)
    with path.open("rb") as file:
        no_header = len(file.readline().split()) != 2
    return KeyedVectors.load_word2vec_format(path, no_header=no_header)


def _spellings(token: str) -> list[str]:
    bare = next((token.removeprefix(mark) for mark in _MARKS if token.startswith(mark)), token)
    return [word for word in (token, bare, bare.lower()) if word]


def _of_checkpoint(source: str, tokenizer: Tokenizer) -> npt.NDArray[np.float32]:
    folder = locate(source)
    if Tokenizer.from_pretrained(str(folder)).get_vocab() != tokenizer.get_vocab():
        raise InvalidArgumentError(
            f"model.embeddings: {source} has another vocabulary than the tokenizer: set data.tokenizer to {source}"
        )
    weight = load_encoder(folder).embeddings.word_embeddings.weight.detach().float().numpy()
    # Before the norm of the encoder their size says little, and a recurrent layer hardly hears numbers of 0.05.
    scaled: npt.NDArray[np.float32] = (weight / (10 * weight.std())).astype(np.float32)
    return scaled
