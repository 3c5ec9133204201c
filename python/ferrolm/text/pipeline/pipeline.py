"""Steps one after the other, over documents in memory or over files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from os import PathLike
from typing import Literal

from ferrolm.errors import FerrolmError, InvalidTypeError
from ferrolm.text.pipeline import filter_steps, memory_steps, page_steps, text_steps  # noqa: F401  they register
from ferrolm.text.pipeline.document import Document
from ferrolm.text.pipeline.presets import preset_steps
from ferrolm.text.pipeline.report import Report, StepReport, add_example
from ferrolm.text.pipeline.step import MemoryStep, Step, make_step, registered, split_steps

__all__ = ["Pipeline", "Tolerate", "available_steps", "run_memory_step", "run_steps"]

GivenStep = str | Step | MemoryStep | Callable[[Document], Document | None]
Tolerate = Literal["none", "records", "files"]

# Documents that `Pipeline.apply` takes at once.
_TOGETHER = 256


def available_steps() -> dict[str, str]:
    """The names of the steps that can be described in words, with the first line of what each does.

    >>> available_steps()["lowercase"]
    'Small letters.'
    """
    return {
        name: (factory.__doc__ or "").strip().partition("\n")[0]
        for name, factory in sorted(registered().items())
    }


class Pipeline:
    """Steps that clean documents, in order.

    Args:
        steps: names with parameters (``"length:min=200"``, see `available_steps`), all in one string if you like
            (``"html,normalize,dedup:near"``), or any callables that take a `Document` and return it, or None to remove
            it. A callable that keeps state must be a `MemoryStep`; for strings see `on_text`.

    The first step is ``decode`` even if it is not named: it makes text of the bytes of pages and text files.

    Raises `UnknownNameError` and `InvalidArgumentError` for steps and parameters that do not exist.

    >>> pipeline = Pipeline("normalize,length:min=4,dedup:exact")
    >>> [document.text for document in pipeline.apply(["Good\u00a0tea ", "Good tea", "No"])]
    ['Good tea']
    """

    def __init__(self, steps: str | Iterable[GivenStep]) -> None:
        given: list[GivenStep] = []
        for step in [steps] if isinstance(steps, str) else steps:
            given.extend(split_steps(step) if isinstance(step, str) else [step])
        if not (given and isinstance(given[0], str) and given[0].partition(":")[0] == "decode"):
            given.insert(0, "decode")
        self.given = given
        self.steps = [make_step(step) for step in given]

    @classmethod
    def preset(cls, name: str, *more: GivenStep) -> Pipeline:
        """The steps of the preset ``web``, ``books`` or ``plain``, and ``more`` after them."""
        return cls([*preset_steps(name), *more])

    @property
    def names(self) -> list[str]:
        """The steps as they are described."""
        return [step.name for step in self.steps]

    def __repr__(self) -> str:
        return f"Pipeline({','.join(self.names)!r})"

    def segments(self) -> Iterator[tuple[int, int]]:
        """Runs of steps (first, end): each `MemoryStep` alone, the steps between together."""
        start = 0
        for place, step in enumerate(self.steps):
            if isinstance(step, MemoryStep):
                if start < place:
                    yield start, place
                yield place, place + 1
                start = place + 1
        if start < len(self.steps):
            yield start, len(self.steps)

    def apply(
        self, documents: Iterable[str | Document], *, report: Report | None = None, examples: int = 0
    ) -> Iterator[Document]:
        """The documents that are left, in order; ``report`` is filled, with so many ``examples`` of each reason.

        They are taken 256 at a time. Memory steps begin with nothing.

        >>> report = Report()
        >>> [document.text for document in Pipeline("length:min=3").apply(["to", "tea"], report=report)]
        ['tea']
        >>> report.removed
        1
        """
        steps = [step.fresh() if isinstance(step, MemoryStep) else step for step in self.steps]
        report = Report() if report is None else report
        report.steps = [StepReport(name) for name in self.names]
        rest = iter(documents)
        while together := [_as_document(document) for document in islice(rest, _TOGETHER)]:
            report.records += len(together)
            for step, counts in zip(steps, report.steps, strict=True):
                if isinstance(step, MemoryStep):
                    together = run_memory_step(step, together, counts, examples)
                else:
                    together = _run_step(step, together, counts, examples)
            report.written += len(together)
            report.written_characters += sum(document.size for document in together)
            yield from together

    def run(
        self,
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
        documents: Literal["file", "line", "paragraph"] = "file",
        tolerate: Tolerate = "records",
    ) -> Report:
        """Clean files into one file, in bounded memory; see `ferrolm.data.cleaning.clean_files`.

        An interrupted run leaves ``.NAME.partial`` beside the output; the next one with the same inputs and steps goes on from
        there, and what comes out is, byte for byte, what it would have been.
        """
        from ferrolm.data.cleaning import clean_files

        return clean_files(
            self, inputs, output, workers=workers, resume=resume, progress=progress, examples=examples, field=field,
            input_format=input_format, output_format=output_format, documents=documents, tolerate=tolerate,
        )  # fmt: skip


def run_steps(
    steps: Sequence[Step | MemoryStep], documents: list[Document], examples: int
) -> tuple[list[Document], list[StepReport]]:
    """Documents through steps without memory: those that are left, and what each step did."""
    reports = [StepReport(step.name) for step in steps]
    for step, report in zip(steps, reports, strict=True):
        assert not isinstance(step, MemoryStep)
        documents = _run_step(step, documents, report, examples)
    return documents, reports


def _run_step(step: Step, documents: list[Document], report: StepReport, examples: int) -> list[Document]:
    def one(document: Document) -> Document | None:
        try:
            return step(document)
        except FerrolmError:
            raise
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise FerrolmError(
                f"step {step.name} failed on {document.source or 'a document'}: {what}"
            ) from error

    return _counted(lambda: [one(document) for document in documents], documents, report, examples)


def run_memory_step(
    step: MemoryStep, documents: list[Document], report: StepReport, examples: int
) -> list[Document]:
    """Documents through a step that remembers: those that are left; ``report`` counts."""
    return _counted(lambda: step.process(documents), documents, report, examples)


def _counted(
    run: Callable[[], list[Document | None]], documents: list[Document], report: StepReport, examples: int
) -> list[Document]:
    before = [(document.text if document.data is None else None, document.size) for document in documents]
    start = time.process_time()
    results = run()
    report.seconds += time.process_time() - start
    kept: list[Document] = []
    for document, result, (text, size) in zip(documents, results, before, strict=True):
        report.documents_in += 1
        report.characters_in += size
        for note in document.notes:
            add_example(report.changes, note, document.source, text or "", 0, examples)
        document.notes.clear()
        if result is None:
            add_example(
                report.removed, document.reason or "removed", document.source, text or "", size, examples
            )
            continue
        if not isinstance(result, Document):
            raise InvalidTypeError(
                f"step {report.name} returned {type(result).__name__}, expected Document or None"
            )
        report.documents_out += 1
        report.characters_out += result.size
        report.changed += result.data is None and result.text != text
        kept.append(result)
    return kept


def _as_document(document: str | Document) -> Document:
    if isinstance(document, str):
        return Document(document)
    if not isinstance(document, Document):
        raise InvalidTypeError(f"documents hold {type(document).__name__}, expected str or Document")
    return document
