"""Counting and training within a limit of memory: input piece by piece, then stage after stage, with a bar."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.ngram._inputs import Ids
from ferrolm.ngram._memory import memory_bytes
from ferrolm.ngram._pieces import Source, open_source

__all__ = ["UNLIMITED", "Limit", "limit", "run", "run_stages"]

# Bytes of input that are read at once: enough to keep all threads busy.
_PIECE = 1 << 25
_LEAST_PIECE = 1 << 16


class Limit(NamedTuple):
    """What the work may take, and where its files go."""

    memory: int
    directory: Path | None
    temporary_directory: Path | None
    show_progress: bool | None


# All in memory.
UNLIMITED = Limit(1 << 62, None, None, False)


def limit(
    memory: int | str | None,
    directory: str | os.PathLike[str] | None,
    temporary_directory: str | os.PathLike[str] | None,
    show_progress: bool | None,
) -> Limit | None:
    """The limit that the arguments set; None if they set none."""
    if memory is None:
        if directory is not None or temporary_directory is not None:
            raise InvalidArgumentError(
                "a directory for files is used with a limit of memory: give memory, too"
            )
        return None
    if directory is not None and temporary_directory is not None:
        raise InvalidArgumentError("directory and temporary_directory exclude each other")
    return Limit(
        memory_bytes(memory),
        None if directory is None else Path(directory),
        None if temporary_directory is None else Path(temporary_directory),
        show_progress,
    )


def run(source: Any, bounds: Limit, title: str, make: Callable[[Source], _rust.NgramTask]) -> _rust.NgramTask:
    """Give all of ``source`` to the task that ``make`` makes, and run its stages."""
    from tqdm import tqdm

    size = min(_PIECE, max(_LEAST_PIECE, bounds.memory // 16))
    opened = open_source(source, size)
    task = make(opened)
    # None: on a terminal only.
    disable = None if bounds.show_progress is None else not bounds.show_progress
    skipped = task.completed()
    with tqdm(total=opened.total, desc=title, unit="B", unit_scale=True, disable=disable) as bar:
        for number, (piece, done) in enumerate(opened.pieces):
            if number >= skipped:
                if isinstance(piece, Ids):
                    task.push_ids(piece.ids, piece.offsets)
                else:
                    task.push_text(piece)
            bar.update(done - bar.n)
    run_stages(task, title, bounds)
    return task


def run_stages(task: _rust.NgramTask, title: str, bounds: Limit) -> None:
    """Run the stages of a task that has all of its input."""
    from tqdm import tqdm

    disable = None if bounds.show_progress is None else not bounds.show_progress
    stages = task.close()
    with tqdm(total=len(stages), desc=title, disable=disable if stages else True) as bar:
        for number, stage in enumerate(stages):
            bar.set_postfix_str(stage)
            task.run(number)
            bar.update()
