"""A run: inputs through a pipeline into one file."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, get_args

from ferrolm._extras import require
from ferrolm._rust import __version__
from ferrolm.data.cleaning import chunks
from ferrolm.data.cleaning.chunks import Chunk, Place, read_chunks
from ferrolm.data.cleaning.output import ResumableOutput, StreamOutput
from ferrolm.data.cleaning.workers import Workers
from ferrolm.data.document_inputs import STANDARD_INPUT, InputFile, find_inputs
from ferrolm.data.document_output import DocumentEncoder, output_format_of
from ferrolm.data.document_records import START, Split
from ferrolm.errors import InvalidArgumentError, MissingExtraError, UnknownNameError, nearest
from ferrolm.text.pipeline.pipeline import Pipeline, Tolerate, run_memory_step, run_steps
from ferrolm.text.pipeline.report import Report, StepReport, add_example
from ferrolm.text.pipeline.step import MemoryStep

__all__ = ["CHECKPOINT_SECONDS", "clean_files"]

CHECKPOINT_SECONDS = 2.0
"""Seconds between the places that an interrupted run can go on from."""

# Chunks that wait for a worker, beside those that are worked on.
_WAITING = 2


def clean_files(
    pipeline: Pipeline,
    inputs: str | PathLike[str] | Sequence[str | PathLike[str]],
    output: str | PathLike[str] | None,
    *,
    workers: int = 1,
    resume: bool = True,
    progress: bool | None = None,
    examples: int = 0,
    field: str = "text",
    input_format: str = "auto",
    output_format: str = "auto",
    documents: Split = "file",
    tolerate: Tolerate = "records",
) -> Report:
    """Clean the documents of files and folders into one file; `Pipeline.run`.

    Args:
        pipeline: the steps.
        inputs: see `ferrolm.data.read_documents`, which explains ``field``, ``input_format``, ``documents`` and ``tolerate`` too.
        output: see `ferrolm.data.write_documents`; ``-`` is standard output, None writes nothing and reports alone.
        workers: processes that run steps without memory; the output does not depend on it. Functions of the user must be
            importable from a module if there is more than one.
        resume: go on from an interrupted run with the same inputs, steps and options, and leave what is done if this one
            fails. Functions of the user are told apart by name alone.
        progress: a bar over the bytes of the inputs; None shows it on a terminal only.
        examples: documents of each reason that the report names.
        output_format: ``jsonl``, ``parquet`` or ``text``, whatever the name says.

    Memory, beside what steps need themselves: a chunk is a million characters or a longer document, and (``workers`` + 3) chunks
    for each run of steps between steps with memory are held; deduplication adds 8 bytes for each text or line (``exact``, ``lines``).

    Raises as `read_documents` and `write_documents` do, and `FerrolmError` naming step and document where a step fails.
    """
    _check(workers, documents, tolerate)
    files, unknown = find_inputs(inputs, input_format)
    target = None if output is None else Path(output)
    if target is not None and target != STANDARD_INPUT:
        files = _without_output(files, target)
    format = output_format_of(target or STANDARD_INPUT, output_format)
    key = _key(
        pipeline, files, field=field, format=format, documents=documents, tolerate=tolerate, examples=examples
    )
    with ExitStack() as stack:
        written: ResumableOutput | StreamOutput
        if target is None or target == STANDARD_INPUT:
            stream = None if target is None else sys.stdout.buffer
            written = stack.enter_context(StreamOutput(stream, DocumentEncoder(format, field)))
        else:
            piped = any(file.path == STANDARD_INPUT for file in files)
            written = stack.enter_context(
                ResumableOutput(target, format, key, field, resume=resume and not piped)
            )
        run = _Run(pipeline, files, written, examples)
        for path in unknown if written.state is None else ():
            add_example(run.report.unread, "a file of a folder whose kind is unknown", str(path), "", 0, 3)
        pool = stack.enter_context(Workers(pipeline, workers, examples)) if workers > 1 else None
        stream = read_chunks(
            files, field=field, split=documents, tolerate=tolerate, start=run.place, examples=examples
        )
        for first, end in pipeline.segments():
            if first in run.memories:
                stream = run.remember(first, stream)
            else:
                stream = run.work(first, end, stream, pool, workers)
        with _bar(files, progress) as bar:
            for chunk in stream:
                run.write(chunk)
                bar.update(run.bytes_done(chunk) - bar.n)
        return run.finished()


class _Run:
    """What is known between two chunks."""

    def __init__(
        self,
        pipeline: Pipeline,
        files: Sequence[InputFile],
        output: ResumableOutput | StreamOutput,
        examples: int,
    ) -> None:
        self.pipeline = pipeline
        self.output = output
        self.examples = examples
        self.report = Report(files=len(files), steps=[StepReport(name) for name in pipeline.names])
        self.place: Place = (0, START)
        self.memories = {
            number: step.fresh() for number, step in enumerate(pipeline.steps) if isinstance(step, MemoryStep)
        }
        self._sizes = [0 if file.path == STANDARD_INPUT else file.path.stat().st_size for file in files]
        if output.state is not None:
            assert isinstance(output, ResumableOutput)
            self._restore(output, output.state)
        self._begun = self._saved = time.monotonic()

    def _restore(self, output: ResumableOutput, state: dict[str, Any]) -> None:
        self.report = Report.from_dict(state["report"])
        self.report.resumed += 1
        file, (offset, records) = state["place"]
        self.place = (file, (offset, records))
        for number, memory in self.memories.items():
            with output.journal(number) as journal:
                memory.restore(journal)

    def work(
        self, first: int, end: int, chunks: Iterator[Chunk], pool: Workers | None, workers: int
    ) -> Iterator[Chunk]:
        """Steps without memory on chunks, several at once, in order."""
        if pool is None:
            for chunk in chunks:
                documents, reports = run_steps(self.pipeline.steps[first:end], chunk.documents, self.examples)
                yield _with(chunk, first, documents, reports)
            return
        pending: deque[tuple[Chunk, Any]] = deque()
        for chunk in chunks:
            documents, chunk.documents = chunk.documents, []
            pending.append((chunk, pool.submit(first, end, documents)))
            if len(pending) >= workers + _WAITING:
                done, future = pending.popleft()
                yield _with(done, first, *future.result())
        for done, future in pending:
            yield _with(done, first, *future.result())

    def remember(self, number: int, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """A step with memory on one chunk after the other."""
        memory = self.memories[number]
        for chunk in chunks:
            report = StepReport(memory.name)
            chunk.documents = run_memory_step(memory, chunk.documents, report, self.examples)
            chunk.steps[number] = report
            chunk.journals[number] = memory.take_journal()
            yield chunk

    def write(self, chunk: Chunk) -> None:
        """Write what is left of a chunk, and count."""
        documents = [document for document in chunk.documents if document.text]
        self.output.append(documents, chunk.journals)
        report = self.report
        report.records += chunk.records
        report.add_unread(chunk.unread, max(self.examples, chunks.UNREAD_EXAMPLES))
        for number, step in chunk.steps.items():
            report.steps[number].merge(step, self.examples)
        report.empty += len(chunk.documents) - len(documents)
        report.written += len(documents)
        report.written_characters += sum(len(document.text) for document in documents)
        self.place = chunk.place
        if time.monotonic() - self._saved >= CHECKPOINT_SECONDS:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Note how far the run has come."""
        self.finished()
        self.output.checkpoint({"place": self.place, "report": self.report.to_dict()})
        self._saved = time.monotonic()

    def finished(self) -> Report:
        """The report so far, its seconds up to now."""
        now = time.monotonic()
        self.report.seconds += now - self._begun
        self._begun = now
        return self.report

    def bytes_done(self, chunk: Chunk) -> int:
        return sum(self._sizes[: chunk.place[0]]) + chunk.done


def _with(chunk: Chunk, first: int, documents: list[Any], reports: list[StepReport]) -> Chunk:
    chunk.documents = documents
    chunk.steps.update(enumerate(reports, first))
    return chunk


def _check(workers: int, documents: str, tolerate: str) -> None:
    if workers < 1:
        raise InvalidArgumentError(f"workers is {workers}, expected at least 1")
    for name, value, known in (
        ("documents", documents, get_args(Split)),
        ("tolerate", tolerate, get_args(Tolerate)),
    ):
        if value not in known:
            raise UnknownNameError(f"{name} is {value!r}, expected {', '.join(known)}{nearest(value, known)}")


def _without_output(files: list[InputFile], output: Path) -> list[InputFile]:
    """An output inside an input folder is not read; one that is named as input is an error."""
    if not output.exists() or output.is_dir():
        return files
    kept = [file for file in files if file.path == STANDARD_INPUT or not file.path.samefile(output)]
    if not kept:
        raise InvalidArgumentError(
            f"{output} is the input and the output, expected another name for the output"
        )
    return kept


def _key(pipeline: Pipeline, files: Sequence[InputFile], **options: Any) -> str:
    """What tells whether a run is the continuation of another."""
    facts = []
    for file in files:
        about = None if file.path == STANDARD_INPUT else file.path.stat()
        facts.append([str(file.path), file.format, about and about.st_size, about and about.st_mtime_ns])
    steps = [
        f"{step.name} {getattr(given, '__module__', '')}.{getattr(given, '__qualname__', '')}"
        for given, step in zip(pipeline.given, pipeline.steps, strict=True)
    ]
    sizes = [chunks.CHUNK_CHARACTERS, chunks.CHUNK_DOCUMENTS]  # compressed output shows the borders
    return json.dumps([__version__, sizes, facts, steps, options], sort_keys=True)


def _bar(files: Sequence[InputFile], progress: bool | None) -> Any:
    if progress is False or (progress is None and not sys.stderr.isatty()):
        return _NoBar()
    try:
        bar = require("tqdm", "torch", "a progress bar")
    except MissingExtraError:
        if progress:
            raise
        return _NoBar()
    total = sum(file.path.stat().st_size for file in files if file.path != STANDARD_INPUT)
    return bar.tqdm(total=total or None, desc="clean", unit="B", unit_scale=True)


class _NoBar:
    n = 0

    def update(self, _: int) -> None:
        pass

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *_: object) -> None:
        pass
