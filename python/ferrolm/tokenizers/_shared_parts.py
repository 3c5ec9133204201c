"""Which tokenizers have parts that a user can hold: a part that is changed changes every tokenizer that has it."""

from __future__ import annotations

import threading
import weakref
from typing import Any, Protocol

__all__ = ["changed", "hold", "state"]


class _Holder(Protocol):
    def _refresh(self) -> None: ...


# By identity; a tokenizer that is gone is gone from here.
_holders: weakref.WeakValueDictionary[int, _Holder] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def hold(tokenizer: _Holder) -> None:
    """``tokenizer`` has put in or given out a part, and is to be told of changes from now on."""
    with _lock:
        _holders[id(tokenizer)] = tokenizer


def changed() -> None:
    """A part was changed. Which one does not matter: parts of sequences are shared, and each looks at its own."""
    with _lock:
        holders = list(_holders.values())
    for holder in holders:
        holder._refresh()


def state(part: Any) -> str | None:
    """What tells whether a part is still as it was; nothing does for one with Python code inside."""
    try:
        settings: str = part.to_json()
    except ValueError:
        return None
    return settings
