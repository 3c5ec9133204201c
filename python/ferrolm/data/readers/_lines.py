"""Lines of text with their numbers, from plain and compressed files."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from ferrolm.data.sources import file_errors, open_content
from ferrolm.errors import InvalidEncodingError, UnknownNameError

__all__ = ["PathLike", "numbered_lines"]

PathLike: TypeAlias = str | os.PathLike[str]


def numbered_lines(path: Path, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    r"""Lines with their ends and their numbers from 1; only ``\n`` ends one. A byte order mark at the start is left out.

    ``encoding``: any in which ASCII is itself (UTF-8, Latin-1, the Windows code pages).
    """
    try:
        decode = codecs.lookup(encoding).decode
    except LookupError:
        raise UnknownNameError(f"encoding {encoding!r} is not known to Python") from None
    with file_errors(path), open_content(path) as (_, content):
        for number, line in enumerate(content, 1):
            try:
                text = decode(line)[0]
            except UnicodeDecodeError as error:
                message = f"{path}, line {number}: not {encoding} at byte {error.start}: {error.reason}"
                raise InvalidEncodingError(message) from error
            yield number, text.removeprefix("\ufeff") if number == 1 else text
