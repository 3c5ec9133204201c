"""What travels through a pipeline: a text, what is known of it, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Document"]


@dataclass(slots=True)
class Document:
    """A text on its way.

    Attributes:
        text: the text; steps replace it.
        metadata: the other fields of a JSON line or a row, URL and date of a WARC record; written with the text.
        source: file and place, for messages: ``pages.jsonl, line 7``.
        data: the bytes of a page or a text file until the step ``decode`` has made ``text`` of them.
        encoding: of ``data``, if an HTTP header tells.
        media_type: ``text/html`` or ``text/plain`` if the source tells, else empty.
        reason: why a step removed the document, see `remove`.
        notes: what a step did to the text, one short phrase each; counted in the report, then forgotten.

    >>> document = Document("Tea")
    >>> document.remove("too short") is None, document.reason
    (True, 'too short')
    """

    text: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    data: bytes | None = None
    encoding: str | None = None
    media_type: str = ""
    reason: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Characters of the text, or bytes of what is not decoded yet."""
        return len(self.text) if self.data is None else len(self.data)

    def remove(self, reason: str) -> Document | None:
        """Note why this document goes, and give the None that a step returns: ``return document.remove("too short")``."""
        self.reason = reason
        return None
