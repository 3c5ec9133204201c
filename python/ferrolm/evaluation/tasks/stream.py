"""Examples of an evaluation, as many as are asked for, with a bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ferrolm._extras import require
from ferrolm.errors import InvalidFileError
from ferrolm.evaluation.tasks.settings import Settings

__all__ = ["batches", "column", "examples_of", "limited", "shown"]

Item = TypeVar("Item")


def limited(items: Iterable[Item], settings: Settings) -> Iterator[Item]:
    """The first ``settings.limit``."""
    return islice(items, settings.limit)


def examples_of(items: Iterable[Item], data: Path, settings: Settings) -> list[Item]:
    """The first ones as a list; `InvalidFileError` if there are none."""
    found = list(limited(items, settings))
    if not found:
        raise InvalidFileError(f"{data}: there is no example in it")
    return found


def shown(items: Sequence[Item], settings: Settings, unit: str) -> Iterator[Item]:
    """The items, with a bar on standard error."""
    tqdm = require("tqdm", "torch", "a progress bar").tqdm
    disable = None if settings.show_progress is None else not settings.show_progress
    yield from tqdm(items, unit=unit, disable=disable)


def batches(items: Sequence[Item], settings: Settings, unit: str) -> Iterator[list[Item]]:
    """Lists of ``settings.batch_size``, with a bar over the items."""
    tqdm = require("tqdm", "torch", "a progress bar").tqdm
    disable = None if settings.show_progress is None else not settings.show_progress
    with tqdm(total=len(items), unit=unit, disable=disable) as bar:
        for start in range(0, len(items), settings.batch_size):
            batch = list(items[start : start + settings.batch_size])
            yield batch
            bar.update(len(batch))


def column(name: str) -> Any:
    """A column by its number, if it is one, or by its name."""
    return int(name) if name.isdigit() else name
