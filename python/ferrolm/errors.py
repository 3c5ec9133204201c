"""Exceptions of ferrolm: one tree, whose members are also the built-in exceptions that users catch today.

FerrolmError
├── InvalidArgumentError (ValueError)    a wrong value: the message names the argument
│   └── ShapeError                       an array or tensor of the wrong shape, strides or dtype
├── InvalidTypeError (TypeError)         a value of the wrong type
├── InvalidEncodingError (ValueError)    text that is not valid Unicode
├── InvalidFileError (ValueError)        a file whose content is not what it should be
├── FileAccessError (OSError)            a file that cannot be read or written
│   └── MissingFileError (FileNotFoundError)
├── LimitError (ValueError)              input beyond a documented limit
├── UnknownNameError (KeyError)          a name that is not known: the message proposes the nearest
├── EngineError (RuntimeError)           an engine that is closed, or whose model failed
│   └── EngineFullError                  too many requests are waiting: try again later
└── MissingExtraError (ImportError)      an optional dependency is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "EngineError",
    "EngineFullError",
    "FerrolmError",
    "FileAccessError",
    "InvalidArgumentError",
    "InvalidEncodingError",
    "InvalidFileError",
    "InvalidTypeError",
    "LimitError",
    "MissingExtraError",
    "MissingFileError",
    "ShapeError",
    "UnknownNameError",
]


class FerrolmError(Exception):
    """Root of all exceptions that ferrolm raises on purpose."""


class InvalidArgumentError(FerrolmError, ValueError):
    """An argument has a value that the call cannot use."""


class ShapeError(InvalidArgumentError):
    """An array or tensor has the wrong shape, strides or dtype."""


class InvalidTypeError(FerrolmError, TypeError):
    """An argument has a type that the call cannot use."""


class InvalidEncodingError(FerrolmError, ValueError):
    """Text or bytes are not valid Unicode (UTF-8)."""


class InvalidFileError(FerrolmError, ValueError):
    """A file is malformed, truncated, corrupt, or of another format or version."""


class FileAccessError(FerrolmError, OSError):
    """A file cannot be read or written."""


class MissingFileError(FileAccessError, FileNotFoundError):
    """A file does not exist."""


class LimitError(FerrolmError, ValueError):
    """Input is larger than a documented limit."""


class UnknownNameError(FerrolmError, KeyError):
    """A name (of a task, model, token, configuration key, ...) is not known."""

    def __str__(self) -> str:  # KeyError would print the message in quotes
        return str(self.args[0]) if self.args else ""


class EngineError(FerrolmError, RuntimeError):
    """An engine cannot answer a request: it was closed, belongs to another process, or its model failed."""


class EngineFullError(EngineError):
    """As many requests wait for an engine as it lets wait."""


class MissingExtraError(FerrolmError, ImportError):
    """An optional dependency is needed that is not installed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an error message: ``"; did you mean 'x'?"``, or nothing when no known name is near."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
