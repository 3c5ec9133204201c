"""Place-holders for what a model should not learn by heart: addresses and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ferrolm.errors import UnknownNameError, nearest

__all__ = ["mask"]

# Starts are pinned by look-behinds and repeats are possessive, so that no text makes these slower than linear.
_PATTERNS = {
    "email": r"(?<![\w.%+-])[\w%+-]++(?:\.[\w%+-]++)*+@(?:[^\W_](?:[\w-]*+)\.)+[^\W\d_]{2,}+(?![\w@])",
    "url": r"(?<!\w)(?:https?://|ftp://|www\.)[^\s<>\"'`{}|\\^]*[^\s<>\"'`{}|\\^.,;:!?)\]*_]",
    "number": r"(?<![\w.,])[-+]?\d++(?:[.,:\u2009\u202f']\d++)*+(?:[eE][-+]?\d++)?+%?+(?!\w)",
}
_HOLDERS = {"email": "<email>", "url": "<url>", "number": "<number>"}


def mask(
    text: str,
    kinds: Iterable[str] = ("url", "email"),
    *,
    placeholders: Mapping[str, str] | None = None,
) -> str:
    """Replace URLs, e-mail addresses or numbers by place-holders.

    Args:
        text: the text.
        kinds: some of ``"url"``, ``"email"``, ``"number"``. Numbers are digits with separators, a sign, an exponent
            or a per cent sign; digits inside words (``B2B``) stay.
        placeholders: what stands for a kind, by default ``<url>``, ``<email>`` and ``<number>``.

    Raises:
        UnknownNameError: a kind that is not one of the three.

    >>> mask("Write to ann@example.org, or see https://example.org/a?b=1.")
    'Write to <email>, or see <url>.'
    >>> mask("1,000.5 apples at -3% from B2B", ["number"])
    '<number> apples at <number> from B2B'
    """
    asked = [kinds] if isinstance(kinds, str) else list(kinds)
    for kind in asked:
        if kind not in _PATTERNS:
            raise UnknownNameError(
                f"kind {kind!r} is not one of {', '.join(_PATTERNS)}{nearest(kind, _PATTERNS)}"
            )
    holders = {**_HOLDERS, **(placeholders or {})}
    pattern = "|".join(
        f"(?P<{kind}>{_PATTERNS[kind]})" for kind in ("url", "email", "number") if kind in asked
    )
    if not pattern:
        return text
    return re.sub(pattern, lambda found: holders[str(found.lastgroup)], text)
