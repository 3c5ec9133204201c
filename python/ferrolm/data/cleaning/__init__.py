"""`ferrolm.text.pipeline` over files: bounded memory, any number of processes, taken up after an interruption.

clean_files    inputs through a pipeline into one file or a stream; returns a report

A run reads *chunks* of documents, whose borders depend on the inputs alone. Steps without memory run on chunks in worker
processes, steps with memory on one chunk after the other in this process. What a chunk has become is appended to the output,
compressed by itself; so is what the memories have learnt of it to their journals. Now and then all of it is synced and the place
in the input noted: from there an interrupted run goes on, and makes the same bytes.
"""

from __future__ import annotations

from ferrolm.data.cleaning.run import clean_files

__all__ = ["clean_files"]
