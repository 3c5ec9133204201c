"""Cleaning as a pipeline of steps, over documents in memory or files of any size: see docs/cleaning.md.

Pipeline          steps one after the other: `apply` to documents, `run` on files
Document          a text with its metadata
Step, MemoryStep  what a step is: a function on documents; one that remembers what it saw
on_text           a step of a function on strings
available_steps   the steps that have names
PRESETS           lists of steps for pages, books and any text
Report            what was removed, and why

Files are read and written by `ferrolm.data`: `read_documents`, `write_documents`.
"""

from __future__ import annotations

from ferrolm.text.pipeline.document import Document
from ferrolm.text.pipeline.pipeline import Pipeline, available_steps
from ferrolm.text.pipeline.presets import PRESETS
from ferrolm.text.pipeline.report import Count, Report, StepReport
from ferrolm.text.pipeline.step import MemoryStep, Step, on_text

__all__ = [
    "PRESETS",
    "Count",
    "Document",
    "MemoryStep",
    "Pipeline",
    "Report",
    "Step",
    "StepReport",
    "available_steps",
    "on_text",
]
