"""A process that reads ahead: it tokenizes what a `BlockStream` gives and sends batches through a pipe.

Not `multiprocessing`: its ``spawn`` runs the user's script again, which must be written for that, and its ``fork`` is unsafe
beside threads. The process ends when its standard input does, that is, with its parent however that ends.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
import weakref
from contextlib import suppress
from dataclasses import asdict
from typing import IO, Any

import numpy as np

from ferrolm import errors
from ferrolm.data._block_stream import BlockStream, StreamBatch, StreamSettings

__all__ = ["StreamProcess", "main"]

# A message: bytes of its JSON, bytes of its array, then both.
_HEADER = struct.Struct("<IQ")
_COMMAND = "import sys; sys.path[:] = {path!r}; from ferrolm.data._stream_process import main; main()"


class StreamProcess:
    """The parent's end: start, `next`, `close`."""

    def __init__(
        self,
        settings: StreamSettings,
        tokenizer: str,
        state: dict[str, Any] | None,
        prefetch: int,
        num_threads: int | None,
    ) -> None:
        self._settings = settings
        self._process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND.format(path=sys.path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.close = weakref.finalize(self, _stop, self._process, os.getpid())
        task = {
            "settings": asdict(settings), "tokenizer": tokenizer, "state": state,
            "prefetch": prefetch, "num_threads": num_threads,
        }  # fmt: skip
        assert self._process.stdin is not None
        try:
            _send(self._process.stdin, task)
        except BrokenPipeError:
            raise self._ended() from None

    @property
    def pid(self) -> int:
        return self._process.pid

    def next(self) -> StreamBatch:
        """The next batch, or the error that the process met; `FerrolmError` if it ended."""
        assert self._process.stdout is not None
        message = _receive(self._process.stdout)
        if message is None:
            raise self._ended()
        head, data = message
        if "error" in head:
            kind = getattr(errors, head["error"], errors.FerrolmError)
            raise kind(head["message"])
        shape = (self._settings.batch_size, self._settings.block_size + 1)
        return StreamBatch(np.frombuffer(data, "<u4").reshape(shape), head["state"], head["seen"])

    def _ended(self) -> errors.FerrolmError:
        status = self._process.wait()
        how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        names = ", ".join(self._settings.paths[:3])
        return errors.FerrolmError(
            f"the process that reads {names} ended ({how}); ask for the batch again to start another"
        )


def _stop(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:  # a forked child has the object too, but the process is not its own
        return
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    process.wait()


def main() -> None:
    """What the process runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both; the parent decides
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints does not print into the pipe
    received = _receive(sys.stdin.buffer)
    if received is None:
        return
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    task = received[0]
    ready: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue(task["prefetch"])
    threading.Thread(target=_send_all, args=(pipe, ready), daemon=True).start()
    try:
        for batch in _stream(task):
            ready.put(({"state": batch.state, "seen": batch.seen}, batch.blocks.astype("<u4").tobytes()))
    except BaseException as error:
        ready.put((_described(error), b""))
    ready.join()


def _stream(task: dict[str, Any]) -> BlockStream:
    import ferrolm

    if task["num_threads"] is not None:
        ferrolm.set_num_threads(task["num_threads"])
    settings = StreamSettings(**{**task["settings"], "paths": tuple(task["settings"]["paths"])})
    return BlockStream(settings, ferrolm.Tokenizer.from_str(task["tokenizer"]), task["state"])


def _described(error: BaseException) -> dict[str, Any]:
    if isinstance(error, errors.FerrolmError):
        return {"error": type(error).__name__, "message": str(error)}
    shown = "".join(traceback.format_exception(error))
    return {"error": "FerrolmError", "message": f"the process that reads ahead failed: {error!r}\n{shown}"}


def _send_all(pipe: IO[bytes], ready: queue.Queue[tuple[dict[str, Any], bytes]]) -> None:
    while True:
        head, data = ready.get()
        try:
            _send(pipe, head, data)
        except OSError:
            os._exit(0)  # nobody reads any more
        ready.task_done()


def _end_with_parent(parent: int) -> None:
    """End as soon as standard input does, or the parent is another (if one of its forks has the pipe open)."""
    import select

    while os.getppid() == parent:
        if select.select([0], [], [], 1.0)[0] and not os.read(0, 1):
            break
    os._exit(0)


def _send(pipe: IO[bytes], head: dict[str, Any], data: bytes = b"") -> None:
    text = json.dumps(head).encode()
    pipe.write(_HEADER.pack(len(text), len(data)) + text)
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """A message, or None at the end, be it in the middle of one."""
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    text_size, data_size = _HEADER.unpack(header)
    text, data = pipe.read(text_size), pipe.read(data_size)
    if len(text) < text_size or len(data) < data_size:
        return None
    head: dict[str, Any] = json.loads(text)
    return head, data
