"""Steps that belong together, for common sources."""

from __future__ import annotations

from ferrolm.errors import UnknownNameError, nearest

__all__ = ["PRESETS", "preset_steps"]

PRESETS: dict[str, tuple[str, ...]] = {
    # Pages: the article, then what the makers of web corpora check.
    "web": ("html", "mojibake", "normalize", "length:min=200", "quality:gopher", "dedup:near"),
    # Long texts of known origin: nothing of them is judged.
    "books": ("mojibake", "normalize", "length:min=500", "dedup:near"),
    # Any text, altered as little as a tokenizer needs.
    "plain": ("normalize", "dedup:exact"),
}


def preset_steps(name: str) -> list[str]:
    """The steps of a preset: ``web``, ``books`` or ``plain``.

    >>> preset_steps("plain")
    ['normalize', 'dedup:exact']
    """
    if name not in PRESETS:
        raise UnknownNameError(
            f"there is no preset {name!r}, there are {', '.join(PRESETS)}{nearest(name, PRESETS)}"
        )
    return list(PRESETS[name])
