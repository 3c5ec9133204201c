"""The output of a run, which grows in a folder beside its place until it is whole."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ferrolm.data._atomic import replace_file
from ferrolm.data.document_output import DocumentEncoder, OutputFormat, finish_output
from ferrolm.errors import FerrolmError, FileAccessError, InvalidFileError
from ferrolm.text.pipeline.document import Document

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["ResumableOutput", "StreamOutput"]


class StreamOutput:
    """Documents to a stream that cannot be taken back, such as standard output, or to nowhere."""

    state: dict[str, Any] | None = None

    def __init__(self, stream: IO[bytes] | None, encoder: DocumentEncoder) -> None:
        self._stream = stream
        self._encoder = encoder
        self._size = 0

    def append(self, documents: list[Document], journals: dict[int, bytes]) -> None:
        """Write documents."""
        if self._stream is not None:
            data = self._encoder.encode(documents, first=self._size == 0)
            self._size += len(data)
            self._stream.write(data)

    def checkpoint(self, state: dict[str, Any]) -> None:
        """There is nothing to go back to."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            with suppress(BrokenPipeError):
                self._stream.flush()


class ResumableOutput:
    """Documents to ``.NAME.partial/output`` and journals beside it; at the end of the block the output takes its place.

    A writer of the same ``key`` takes up from the last `checkpoint`, whose ``state`` it has; one of another starts anew. After an
    exception the folder stays, unless ``resume`` is off.
    """

    state: dict[str, Any] | None = None

    def __init__(
        self, path: Path, format: OutputFormat, key: str, field: str, *, resume: bool = True
    ) -> None:
        self.path = path
        self.folder = path.with_name(f".{path.name}.partial")
        self._format = format
        self._encoder = DocumentEncoder(format, field, path)
        self._key = key
        self._resume = resume
        self._sizes: dict[str, int] = {}
        self._files: dict[str, IO[bytes]] = {}
        if path.is_dir():
            raise FileAccessError(f"cannot write {path}: it is a folder, expected the name of a file")
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = (self.folder / "lock").open("wb")
        except OSError as error:
            raise FileAccessError(f"cannot write {path}: {error}") from error
        self._take_lock()
        saved = self._saved() if resume else None
        if saved is not None:
            self._sizes, self.state = saved["sizes"], saved["state"]
            self._encoder.columns = saved["columns"]
        for name in ("output", *self._sizes):
            self._open(name)

    def _take_lock(self) -> None:
        try:
            if fcntl is not None:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise FileAccessError(f"cannot write {self.path}: another run is writing it") from None

    def _saved(self) -> dict[str, Any] | None:
        try:
            saved: dict[str, Any] = json.loads((self.folder / "state.json").read_bytes())
            whole = all((self.folder / name).stat().st_size >= size for name, size in saved["sizes"].items())
        except (OSError, ValueError, KeyError):
            return None
        return saved if saved.get("key") == self._key and whole else None

    def _open(self, name: str) -> IO[bytes]:
        if name not in self._files:
            size = self._sizes.setdefault(name, 0)
            try:
                file = (self.folder / name).open("r+b" if size else "wb")
                file.truncate(size)
                file.seek(size)
            except OSError as error:
                raise FileAccessError(f"cannot write {self.folder / name}: {error}") from error
            self._files[name] = file
        return self._files[name]

    def journal(self, step: int) -> IO[bytes]:
        """What a step with memory has learnt so far, to read."""
        self._open(f"memory-{step}")
        return (self.folder / f"memory-{step}").open("rb")

    def append(self, documents: list[Document], journals: dict[int, bytes]) -> None:
        """Write documents, and what steps learnt from their chunk."""
        self._write("output", self._encoder.encode(documents, first=self._sizes["output"] == 0))
        for step, journal in journals.items():
            self._write(f"memory-{step}", journal)

    def _write(self, name: str, data: bytes) -> None:
        try:
            self._open(name).write(data)
        except OSError as error:
            raise self._failed(error) from error
        self._sizes[name] += len(data)

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Make what was written last, and ``state`` (JSON) with it."""
        try:
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())
            saved = {"key": self._key, "sizes": self._sizes, "columns": self._encoder.columns, "state": state}
            with replace_file(self.folder / "state.json") as target:
                target.write(json.dumps(saved).encode())
        except FerrolmError:
            raise
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> FileAccessError:
        rest = f"; what is done is kept in {self.folder}, run again to go on" if self._resume else ""
        return FileAccessError(f"cannot write {self.path}: {error}{rest}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            for file in (*self._files.values(), self._lock):
                with suppress(OSError):  # a full disk says so a second time
                    file.close()
            if kind is None or not self._resume or not (self.folder / "state.json").exists():
                shutil.rmtree(self.folder, ignore_errors=True)

    def _finish(self) -> None:
        file = self._files["output"]
        try:
            file.flush()
            os.fsync(file.fileno())
            finish_output(self.folder / "output", self.path, self._format, self._encoder.columns)
        except (InvalidFileError, FileAccessError):
            raise
        except OSError as error:
            raise self._failed(error) from error
