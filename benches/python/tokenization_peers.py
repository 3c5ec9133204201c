"""Every tokenizer library behind one interface: a vocabulary goes in, functions come out.

A peer gets its own best way for each work: flat arrays where it has them, else the lists or objects that it makes.
`PEERS[name](family)` loads, for the families that `READS` names.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared_data import shared
from tokenization_families import BYTE_LEVEL, FAMILIES, pattern, tokenizer_json

import ferrolm
from ferrolm.tokenizers import Tokenizer, decoders

THREADS = int(os.environ.get("FERROLM_NUM_THREADS", "1"))

Texts = list[str]
Ids = list[int]


@dataclass
class Peer:
    """One library with one vocabulary loaded; None is what it does not offer."""

    arrays: Callable[[Texts], Any]
    """A batch in the library's own fastest form."""
    lists: Callable[[Texts], list[Ids]]
    one: Callable[[str], Ids]
    decode: Callable[[Ids], Any] | None = None
    decode_batch: Callable[[list[Ids]], Any] | None = None
    decode_array: Callable[[Any], Any] | None = None
    """From a uint32 array."""
    stream: Callable[[Iterable[int]], Any] | None = None
    """Texts of tokens that come one by one."""


def _ferrolm(family: str) -> Peer:
    ferrolm.set_num_threads(THREADS)
    ours = Tokenizer.from_file(tokenizer_json(family))

    def stream(ids: Iterable[int]) -> list[str | None]:
        step = decoders.DecodeStream().step
        return [step(ours, token) for token in ids]

    return Peer(
        ours.encode_ids_batch,
        ours.encode_lists,
        ours.encode_list,
        ours.decode,
        ours.decode_batch,
        ours.decode,
        stream,
    )


def _tokenizers(family: str) -> Peer:
    from tokenizers import Tokenizer as Theirs
    from tokenizers.decoders import DecodeStream

    theirs = Theirs.from_file(str(tokenizer_json(family)))

    def stream(ids: Iterable[int]) -> list[str | None]:
        step = DecodeStream().step
        return [step(theirs, token) for token in ids]

    return Peer(
        theirs.encode_batch_fast,
        lambda texts: [encoding.ids for encoding in theirs.encode_batch_fast(texts)],
        lambda text: theirs.encode(text).ids,
        theirs.decode,
        theirs.decode_batch,
        stream=stream,
    )


def _tiktoken(family: str) -> Peer:
    from tiktoken import Encoding
    from tiktoken.load import load_tiktoken_bpe

    source = FAMILIES[family]
    ranks = load_tiktoken_bpe(str(shared(f"tokenizers/{source.ranks}")))
    theirs = Encoding(
        family, pat_str=pattern(family), mergeable_ranks=ranks, special_tokens=dict(source.special_tokens)
    )
    lists = lambda texts: theirs.encode_ordinary_batch(texts, num_threads=THREADS)  # noqa: E731
    return Peer(lists, lists, theirs.encode_ordinary, theirs.decode, theirs.decode_batch)


def _sentencepiece(family: str) -> Peer:
    from sentencepiece import SentencePieceProcessor

    source = FAMILIES[family]
    theirs = SentencePieceProcessor(model_file=str(shared(f"tokenizers/{source.model}")))
    lists = lambda texts: theirs.EncodeAsIds(texts, num_threads=THREADS)  # noqa: E731
    return Peer(lists, lists, theirs.EncodeAsIds, theirs.DecodeIds, theirs.DecodeIds)


def _gigatoken(family: str) -> Peer:
    from gigatoken import Tokenizer as Theirs

    theirs = Theirs(str(tokenizer_json(family)))
    parallel = THREADS > 1
    return Peer(
        lambda texts: theirs.encode_batch(texts, parallel=parallel),
        lambda texts: theirs.encode_batch_list(texts, parallel=parallel),
        lambda text: theirs.encode(text).tolist(),
        theirs.decode,
        decode_array=theirs.decode,
    )


def _like_tokenizers(theirs: Any) -> Peer:
    """What copies the interface of `tokenizers` and adds flat arrays."""
    return Peer(
        theirs.encode_batch_flat,
        lambda texts: [encoding.ids for encoding in theirs.encode_batch(texts)],
        lambda text: theirs.encode(text).ids,
        theirs.decode,
        theirs.decode_batch,
    )


def _from_file(module: str, constructor: str) -> Callable[[str], Peer]:
    def load(family: str) -> Peer:
        make = getattr(importlib.import_module(module).Tokenizer, constructor)
        return _like_tokenizers(make(str(tokenizer_json(family))))

    return load


def _splintr(family: str) -> Peer:
    import splintr

    theirs = splintr.from_json(str(tokenizer_json(family)))

    def stream(ids: Iterable[int]) -> list[str | None]:
        add = theirs.streaming_decoder().add_token
        return [add(token) for token in ids]

    return Peer(
        getattr(theirs, "encode_batch_flat", theirs.encode_batch),
        theirs.encode_batch,
        theirs.encode,
        theirs.decode,
        theirs.decode_batch,
        stream=stream,
    )


def _tuetoken(family: str) -> Peer:
    from tuetoken import Tokenizer as Theirs

    theirs = Theirs(str(tokenizer_json(family)))
    return Peer(
        lambda texts: theirs.encode_ordinary_to_buffer(texts, num_threads=THREADS),
        lambda texts: theirs.encode_ordinary_batch(texts, num_threads=THREADS),
        theirs.encode_ordinary,
        theirs.decode,
        lambda batch: theirs.decode_batch(batch, num_threads=THREADS),
        theirs.decode_array,
    )


def _kitoken(family: str) -> Peer:
    from kitoken import Kitoken

    theirs = Kitoken.from_tokenizers_file(str(tokenizer_json(family)))
    return Peer(theirs.encode_all, theirs.encode_all, theirs.encode, theirs.decode, theirs.decode_all)


def _iree(family: str) -> Peer:
    from iree.tokenizer import Tokenizer as Theirs

    theirs = Theirs.from_file(str(tokenizer_json(family)))

    def stream(ids: Iterable[int]) -> list[str | None]:
        feed = theirs.decode_stream().feed
        return [feed([token]) for token in ids]

    return Peer(
        theirs.encode_batch_to_array,
        theirs.encode_batch,
        theirs.encode,
        theirs.decode,
        theirs.decode_batch,
        stream=stream,
    )


def _blingfire(family: str) -> Peer:
    import blingfire

    model = blingfire.load_model(str(Path(blingfire.__file__).with_name("bert_base_tok.bin")))
    # It wants to know the most ids that can come out, and has 100 for what it does not know.
    one = lambda text: blingfire.text_to_ids(model, text, len(text) + 1, 100, True)  # noqa: E731
    arrays = lambda texts: [one(text) for text in texts]  # noqa: E731
    return Peer(
        arrays, lambda texts: [ids.tolist() for ids in arrays(texts)], lambda text: one(text).tolist()
    )


PEERS: dict[str, Callable[[str], Peer]] = {
    "ferrolm": _ferrolm,
    "tokenizers": _tokenizers,
    "tiktoken": _tiktoken,
    "sentencepiece": _sentencepiece,
    "blingfire": _blingfire,
    "gigatoken": _gigatoken,
    "fastokens": _from_file("fastokens", "from_file"),
    "snaptokens": _from_file("snaptokens", "from_file"),
    "splintr": _splintr,
    "tokie": _from_file("tokie", "from_json"),
    "tuetoken": _tuetoken,
    "kitoken": _kitoken,
    "iree": _iree,
}

READS: dict[str, tuple[str, ...]] = {
    "tiktoken": BYTE_LEVEL[:-1],  # DeepSeek's is no file of ranks, and cuts text three times
    "sentencepiece": ("Llama 2", "T5"),
    "blingfire": ("BERT",),
    "gigatoken": (*BYTE_LEVEL, "Llama 2"),
    "fastokens": (*BYTE_LEVEL, "Llama 2"),
    "snaptokens": BYTE_LEVEL,
    "tuetoken": (*BYTE_LEVEL, "Llama 2"),
}
"""Families of libraries that do not read all; the others refuse the file."""
