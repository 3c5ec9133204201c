"""What a worker process runs: it makes the steps of a pipeline, and takes documents through them.

Messages are pickles, written by this program to its own pipe. The parent is `ferrolm.data.cleaning.workers`. The process ends when
its standard input does, that is, with its parent however that ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from contextlib import suppress
from typing import IO, Any

from ferrolm.errors import FerrolmError, InvalidArgumentError
from ferrolm.text.pipeline.pipeline import run_steps
from ferrolm.text.pipeline.step import make_step

__all__ = ["main", "receive", "send"]

_SIZE = struct.Struct("<Q")


def send(pipe: IO[bytes], data: bytes) -> None:
    """Write a message."""
    pipe.write(_SIZE.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes | None:
    """Read a message; None if the other end is gone."""
    head = pipe.read(_SIZE.size)
    if len(head) < _SIZE.size:
        return None
    (size,) = _SIZE.unpack(head)
    data = pipe.read(size)
    return data if len(data) == size else None


def main() -> None:
    """Answer each task (first step, end, documents, examples) with what is left and reports, or with an error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent decides
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints does not print into the pipe
    messages = receive(sys.stdin.buffer)
    if messages is None:
        return
    steps: list[Any] | None = None
    while (task := receive(sys.stdin.buffer)) is not None:
        try:
            steps = [_step(message) for message in pickle.loads(messages)] if steps is None else steps
            first, end, documents, examples = pickle.loads(task)
            answer = pickle.dumps(run_steps(steps[first:end], documents, examples))
        except FerrolmError as error:
            answer = pickle.dumps(type(error)(str(error)))
        with suppress(BrokenPipeError):
            send(pipe, answer)


def _step(message: bytes | None) -> Any:
    """A step, or None for one that runs in the parent."""
    if message is None:
        return None
    try:
        given = pickle.loads(message)
    except (AttributeError, ImportError) as error:
        raise InvalidArgumentError(
            f"a step cannot be found by worker processes ({error}); define it in a module that can be imported, or use "
            "workers=1"
        ) from None
    return make_step(given)
