"""A token file in the making that survives an interruption."""

from __future__ import annotations

import json
import os
import shutil
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ferrolm.data._atomic import replace_file
from ferrolm.data.token_file import HEADER_SIZE, TokenLayout
from ferrolm.errors import FileAccessError, InvalidArgumentError

__all__ = ["ResumableTokenFileWriter"]


class ResumableTokenFileWriter:
    """Writes a token file into a folder beside it, ``.NAME.partial``, and notes now and then how far it came.

    A writer of the same ``key`` takes up from the last `checkpoint`; one of another key starts anew. When the ``with``
    block ends without an exception, the file appears under its name and the folder is gone.

    ``position``: what the last checkpoint was given, None at the start.
    """

    position: Any = None

    def __init__(
        self,
        path: str | PathLike[str],
        vocab_size: int,
        tokenizer_hash: str,
        key: str,
        *,
        resume: bool = True,
    ) -> None:
        self.path = Path(path)
        self.layout = TokenLayout.for_vocabulary(vocab_size, tokenizer_hash)
        self.vocab_size = vocab_size
        self._key = f"{key} {tokenizer_hash} {vocab_size}"
        self.folder = self.path.with_name(f".{self.path.name}.partial")
        self.tokens = self.documents = self.text_bytes = 0
        self._checksum = 0
        state = self._saved_state() if resume else None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._tokens_file = self._open("tokens", HEADER_SIZE, state, "tokens", self.layout.width)
            self._ends_file = self._open("ends", 0, state, "documents", 8)
        except OSError as error:
            raise FileAccessError(f"cannot write {self.folder}: {error}") from error
        if state is not None:
            self.tokens, self.documents = state["tokens"], state["documents"]
            self.text_bytes, self._checksum = state["text_bytes"], state["checksum"]
            self.position = state["position"]

    def _saved_state(self) -> dict[str, Any] | None:
        try:
            state: dict[str, Any] = json.loads((self.folder / "state.json").read_bytes())
            sizes = (self.folder / "tokens").stat().st_size, (self.folder / "ends").stat().st_size
        except (OSError, ValueError):
            return None
        fits = state.get("key") == self._key
        fits = fits and sizes[0] >= HEADER_SIZE + state["tokens"] * self.layout.width
        return state if fits and sizes[1] >= state["documents"] * 8 else None

    def _open(self, name: str, header: int, state: dict[str, Any] | None, count: str, width: int) -> Any:
        path = self.folder / name
        if state is None:
            file = path.open("w+b")
            file.write(bytes(header))
            return file
        file = path.open("r+b")
        file.truncate(header + state[count] * width)
        file.seek(0, os.SEEK_END)
        return file

    def add_batch(self, ids: npt.NDArray[Any], offsets: npt.NDArray[np.int64], text_bytes: int = 0) -> None:
        """Append documents: ids [total], offsets [documents + 1]; ``text_bytes`` of all of them together."""
        data = self.layout.pack(ids)
        self._checksum = self.layout.checksum(data, self._checksum)
        try:
            self._tokens_file.write(data)
            self._ends_file.write((offsets[1:] + self.tokens).astype("<i8").tobytes())
        except OSError as error:
            raise FileAccessError(f"cannot write {self.folder}: {error}") from error
        self.tokens += len(ids)
        self.documents += len(offsets) - 1
        self.text_bytes += text_bytes

    def checkpoint(self, position: Any) -> None:
        """Make what was written last, and ``position`` (JSON) with it."""
        try:
            for file in (self._tokens_file, self._ends_file):
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FileAccessError(f"cannot write {self.folder}: {error}") from error
        state = {
            "key": self._key,
            "tokens": self.tokens,
            "documents": self.documents,
            "text_bytes": self.text_bytes,
            "checksum": self._checksum,
            "position": position,
        }
        with replace_file(self.folder / "state.json") as file:
            file.write(json.dumps(state).encode())
        self.position = position

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._tokens_file.close()
            self._ends_file.close()
        if kind is None:
            (self.folder / "tokens").replace(self.path)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _finish(self) -> None:
        self._ends_file.seek(0)
        ends = self._ends_file.read()
        tail = self.layout.padding(self.tokens) + bytes(8) + ends
        checksum = self.layout.checksum(tail, self._checksum)
        try:
            self._tokens_file.write(tail)
            self._tokens_file.seek(0)
            self._tokens_file.write(
                self.layout.header(self.tokens, self.documents, self.text_bytes, checksum)
            )
            self._tokens_file.flush()
            os.fsync(self._tokens_file.fileno())
        except OSError as error:
            raise FileAccessError(f"cannot write {self.folder}: {error}") from error


def source_key(sources: list[Path], **options: Any) -> str:
    """What tells whether files and options are those of an earlier run."""
    try:
        facts = [(str(source), source.stat().st_size, source.stat().st_mtime_ns) for source in sources]
    except OSError:
        facts = []  # reading says which one is missing
    if not all(isinstance(value, str | bool | None) for value in options.values()):
        raise InvalidArgumentError("options: expected strings, booleans and None")
    return json.dumps([facts, options], sort_keys=True)
