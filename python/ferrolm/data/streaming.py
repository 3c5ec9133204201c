"""Training on files that are not tokenized beforehand."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from ferrolm.data._block_stream import StreamSettings
from ferrolm.data._stream_process import StreamProcess
from ferrolm.data.token_file import tokenizer_hash
from ferrolm.errors import FileAccessError, InvalidArgumentError, MissingFileError

if TYPE_CHECKING:
    from ferrolm.data.batches import Batch

__all__ = ["StreamingBlocks"]


class _Tokenizer(Protocol):
    def encode_ids_batch(self, texts: list[str], /, *, add_special_tokens: bool = ...) -> Any: ...
    def get_vocab_size(self, with_added_tokens: bool = ...) -> int: ...
    def token_to_id(self, token: str, /) -> int | None: ...
    def to_str(self, pretty: bool = ...) -> str: ...


class StreamingBlocks:
    r"""Blocks of tokens from files of text, tokenized by a process that reads ahead: ``{"blocks": int64 [rows, block_size + 1]}``.

    A `BatchSource` that is read forwards: batch ``index`` is the one after the last that was given, and `state` and `restore`
    continue to the bit, in the middle of a file and of a shuffled window too. After the last file the first follows. Documents
    are dealt out to the processes of a run one by one, and otherwise in each epoch. Only what is read ahead is in memory.

    Data that fits on a disk as token files is better prepared once (`ferrolm tokenize`): then any order can be drawn.

    >>> import tempfile
    >>> from ferrolm import Tokenizer
    >>> from ferrolm.tokenizers import models
    >>> tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "<|endoftext|>": 2}, []))
    >>> path = Path(tempfile.mkdtemp()) / "texts.jsonl"
    >>> _ = path.write_text('{"text": "aab"}\n{"text": "bb"}\n')
    >>> with StreamingBlocks([path], tokenizer, block_size=3, batch_size=2) as blocks:
    ...     print(blocks.batch(0)["blocks"])
    ...     saved = blocks.state()
    tensor([[0, 0, 1, 2],
            [2, 1, 1, 2]])
    """

    def __init__(
        self,
        paths: Iterable[str | PathLike[str]] | str | PathLike[str],
        tokenizer: _Tokenizer,
        block_size: int,
        batch_size: int,
        *,
        field: str = "text",
        separator: str | None = None,
        end_of_text: str | None = "<|endoftext|>",
        shuffle_buffer: int = 0,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        prefetch: int = 8,
        num_threads: int | None = None,
    ) -> None:
        """Starts nothing yet: the process starts with the first batch.

        Args:
            paths: files, in the order in which they are read. ``.jsonl``: the string under ``field`` of each line, ``.parquet``:
                the column ``field``; any other is UTF-8 text, one document, or several that ``separator`` ends. Text and JSON
                may be compressed (``.gz``, ``.bz2``, ``.xz``, ``.zst``). Text without a separator or compressed is read whole.
            tokenizer: a `ferrolm.Tokenizer`.
            block_size: tokens of a block that are learned.
            batch_size: rows for each process.
            end_of_text: the token after each document; None for none.
            shuffle_buffer: shuffle the blocks within windows of so many (rounded up to whole batches); 0 or 1: not at all.
                Windows are in memory and read again after `restore`.
            seed: of the shuffling.
            rank, world_size: this process, and how many there are.
            prefetch: batches to read ahead.
            num_threads: of the tokenizer in its process; None as in `ferrolm.num_threads` there.

        Raises:
            MissingFileError, FileAccessError: a file that cannot be read; later, when `batch` comes to it, the errors of
            `ferrolm.data.iter_documents`, which name file and line.
        """
        listed = [paths] if isinstance(paths, str | PathLike) else list(paths)
        if not listed:
            raise InvalidArgumentError("paths is empty, expected one file or more")
        for name, value, least in (
            ("block_size", block_size, 1), ("batch_size", batch_size, 1),
            ("shuffle_buffer", shuffle_buffer, 0), ("prefetch", prefetch, 1),
        ):  # fmt: skip
            if value < least:
                raise InvalidArgumentError(f"{name} is {value}, expected {least} or more")
        if not 0 <= rank < world_size:
            raise InvalidArgumentError(f"rank must be in [0, world_size), not {rank} of {world_size}")
        end = None if end_of_text is None else tokenizer.token_to_id(end_of_text)
        if end_of_text is not None and end is None:
            raise InvalidArgumentError(f"end_of_text {end_of_text!r} is not in the tokenizer's vocabulary")
        self._settings = StreamSettings(
            tuple(str(Path(path).absolute()) for path in listed), block_size, batch_size,
            field=field, separator=separator, end_id=end,
            shuffle_buffer=shuffle_buffer, seed=seed, rank=rank, world_size=world_size,
        )  # fmt: skip
        self.fingerprint = _fingerprint(self._settings, tokenizer_hash(tokenizer))
        self._tokenizer = tokenizer.to_str()
        self._prefetch, self._num_threads = prefetch, num_threads
        self._process: StreamProcess | None = None
        self._owner = 0
        self._index = 0
        self._stream: dict[str, Any] | None = None
        self._seen = 0.0

    def batch(self, index: int) -> Batch:
        """Batch ``index``, the one after that of the last call."""
        import torch

        if index != self._index:
            raise InvalidArgumentError(
                f"index is {index}, but a stream is read forwards and is at batch {self._index}; see restore()"
            )
        if self._process is None or self._owner != os.getpid():  # after a fork the parent's pipe is not ours
            self._process, self._owner = self._start(), os.getpid()
        try:
            found = self._process.next()
        except BaseException:
            self.close()  # a next call starts again from the last batch
            raise
        self._index, self._stream, self._seen = index + 1, found.state, found.seen
        return {"blocks": torch.from_numpy(found.blocks.astype("int64"))}

    def epoch(self, index: int) -> float:
        """How often the data has been seen before batch ``index``, by the bytes of the files; beyond the next one as far as its
        pace tells.
        """
        return self._seen * index / self._index if self._index else 0.0

    def state(self) -> dict[str, Any]:
        """Where the stream is, as JSON: after the last batch that was given."""
        return {
            "fingerprint": self.fingerprint, "rank": self._settings.rank,
            "index": self._index, "seen": self._seen, "stream": self._stream,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go to where a stream was that gave this state.

        Raises:
            InvalidArgumentError: it is of another tokenizer, other files, settings or number of processes.
        """
        if state.get("fingerprint") != self.fingerprint or state.get("rank") != self._settings.rank:
            raise InvalidArgumentError(
                f"state is of process {state.get('rank')} of a stream {state.get('fingerprint')}, expected process "
                f"{self._settings.rank} of {self.fingerprint}: files, tokenizer or settings are others"
            )
        self.close()
        self._index, self._seen, self._stream = state["index"], state["seen"], state["stream"]

    def close(self) -> None:
        """End the process. The stream can still go on: it would start another."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> StreamProcess:
        return StreamProcess(self._settings, self._tokenizer, self._stream, self._prefetch, self._num_threads)


def _fingerprint(settings: StreamSettings, tokenizer: str) -> str:
    files = []
    for path in map(Path, settings.paths):
        try:
            files.append((path.name, path.stat().st_size))
        except FileNotFoundError as error:
            raise MissingFileError(f"cannot read {path}: it does not exist") from error
        except OSError as error:
            raise FileAccessError(f"cannot read {path}: {error}") from error
    parts = (
        files, tokenizer, settings.block_size, settings.batch_size, settings.field, settings.separator,
        settings.end_id, settings.shuffle_buffer, settings.seed, settings.world_size,
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
