"""Processes that run steps: documents go through a pipe to `ferrolm.text.pipeline.worker` and come back.

Not `multiprocessing`, for the reasons of `ferrolm.data._stream_process`.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ferrolm.errors import FerrolmError, InvalidArgumentError
from ferrolm.text.pipeline.document import Document
from ferrolm.text.pipeline.pipeline import Pipeline
from ferrolm.text.pipeline.report import StepReport
from ferrolm.text.pipeline.step import MemoryStep
from ferrolm.text.pipeline.worker import receive, send

__all__ = ["Workers"]

_COMMAND = "import sys; sys.path[:] = {path!r}; from ferrolm.text.pipeline.worker import main; main()"

Result = tuple[list[Document], list[StepReport]]


class Workers:
    """So many processes with the steps of a pipeline; a context manager."""

    def __init__(self, pipeline: Pipeline, count: int, examples: int) -> None:
        self._examples = examples
        steps = [_message(given, step) for given, step in zip(pipeline.given, pipeline.steps, strict=True)]
        command = [sys.executable, "-c", _COMMAND.format(path=sys.path)]
        environment = {**os.environ, "FERROLM_NUM_THREADS": "1"}  # the processes are the parallelism
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
            for _ in range(count)
        ]
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        for process in self._processes:
            with suppress(BrokenPipeError):  # it ended at once: the first call says so
                assert process.stdin is not None
                send(process.stdin, pickle.dumps(steps))
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(count)

    def submit(self, first: int, end: int, documents: list[Document]) -> Future[Result]:
        """Run steps ``first`` to ``end`` on the documents, in whichever process is free."""
        return self._threads.submit(self._call, first, end, documents)

    def _call(self, first: int, end: int, documents: list[Document]) -> Result:
        process = self._idle.get()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            send(process.stdin, pickle.dumps((first, end, documents, self._examples)))
            answer = receive(process.stdout)
        except BrokenPipeError:
            answer = None
        finally:
            self._idle.put(
                process
            )  # a dead one too: who waits for a process is told, and does not wait forever
        if answer is None:
            status = process.wait()
            how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
            raise FerrolmError(f"a worker process ended ({how}); run again to go on from what is done")
        result = pickle.loads(answer)
        if isinstance(result, BaseException):
            raise result
        documents, reports = result
        return documents, reports

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
            process.wait()


def _message(given: Any, step: Any) -> bytes | None:
    if isinstance(step, MemoryStep):
        return None  # runs in the parent
    try:
        return pickle.dumps(given)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidArgumentError(
            f"step {step.name} cannot be sent to worker processes ({error}); define it at the top of a module, or use "
            "workers=1"
        ) from None
