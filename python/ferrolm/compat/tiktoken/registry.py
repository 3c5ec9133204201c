"""Encodings by name."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Callable
from typing import Any

from ferrolm.compat.tiktoken.core import Encoding
from ferrolm.compat.tiktoken.openai_public import NAMES, load
from ferrolm.errors import InvalidArgumentError, nearest

__all__ = ["ENCODINGS", "get_encoding", "list_encoding_names"]

ENCODINGS: dict[str, Encoding] = {}

_lock = threading.RLock()


def _plugins() -> dict[str, Callable[[], dict[str, Any]]]:
    """Constructors of the modules in ``tiktoken_ext`` that others have installed, by name of the encoding."""
    try:
        package = importlib.import_module("tiktoken_ext")
    except ImportError:
        return {}
    found: dict[str, Callable[[], dict[str, Any]]] = {}
    for module in pkgutil.iter_modules(package.__path__, "tiktoken_ext."):
        if module.name != "tiktoken_ext.openai_public":
            found |= importlib.import_module(module.name).ENCODING_CONSTRUCTORS
    return found


def get_encoding(encoding_name: str) -> Encoding:
    """The encoding of a name, made once.

    Its file is read from the cache or, if it is not there, downloaded, which is logged (see `load.read_file_cached`).
    Raises `InvalidArgumentError` (a `ValueError`) for a name that is not known.
    """
    if not isinstance(encoding_name, str):
        raise InvalidArgumentError(f"encoding_name: found {type(encoding_name).__name__}, expected str")
    if (encoding := ENCODINGS.get(encoding_name)) is not None:
        return encoding
    with _lock:
        if encoding_name not in ENCODINGS:
            if encoding_name in NAMES:
                encoding = load(encoding_name)
            else:
                plugins = _plugins()
                if encoding_name not in plugins:
                    known = [*NAMES, *plugins]
                    raise InvalidArgumentError(
                        f"encoding_name: found {encoding_name!r}, expected one of {', '.join(known)}"
                        + nearest(encoding_name, known)
                    )
                encoding = Encoding(**plugins[encoding_name]())
            ENCODINGS[encoding_name] = encoding
        return ENCODINGS[encoding_name]


def list_encoding_names() -> list[str]:
    """The names that `get_encoding` knows.

    >>> list_encoding_names()[:3]
    ['gpt2', 'r50k_base', 'p50k_base']
    """
    return [*NAMES, *_plugins()]
