"""The statistics of Gopher, slowly and plainly: what the Rust code must count."""

from __future__ import annotations

import re
from collections import Counter


def statistics(text: str, stop_words: set[str]) -> dict[str, float]:
    words = text.split()
    proper = [word for word in words if any(c.isalpha() or c.isnumeric() for c in word)]
    lines = text.split("\n")[: -1 if text.endswith("\n") else None] if text else []
    stripped = [re.sub(r"^\W+|\W+$", "", word).lower() for word in words]
    found = {
        "words": len(proper),
        "mean_word_length": share(sum(map(len, proper)), len(proper)),
        "hash_ratio": share(text.count("#"), len(words)),
        "ellipsis_ratio": share(text.count("...") + text.count("…"), len(words)),
        "bullet_lines": share(sum(line.lstrip().startswith(("•", "-", "*")) for line in lines), len(lines)),
        "ellipsis_lines": share(sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)),
        "alphabetic_words": share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "stop_words": len(stop_words & set(stripped)),
    }
    for name, pieces in (
        ("line", [line for line in text.split("\n") if line]),
        ("paragraph", re.split(r"\n\n+", text.strip())),
    ):
        repeats = [piece for index, piece in enumerate(pieces) if piece in pieces[:index]]
        found[f"duplicate_{name}s"] = share(len(repeats), len(pieces))
        found[f"duplicate_{name}_characters"] = share(sum(map(len, repeats)), len(text))
    for n in (2, 3, 4):
        found[f"top_{n}_gram"] = share(top(words, n), len(text))
    for n in range(5, 11):
        found[f"duplicate_{n}_grams"] = share(duplicate(words, n), len(text))
    return found


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def top(words: list[str], n: int) -> int:
    """Characters of the most frequent n-gram, the first of several."""
    grams = Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1))
    if not grams:
        return 0
    gram, count = grams.most_common(1)[0]
    return len(" ".join(gram)) * count if count > 1 else 0


def duplicate(words: list[str], n: int) -> int:
    """Characters of n-grams that came before; one that did is stepped over."""
    seen: set[tuple[str, ...]] = set()
    start = characters = 0
    while start + n <= len(words):
        gram = tuple(words[start : start + n])
        if gram in seen:
            characters += len("".join(gram))
            start += n
        else:
            seen.add(gram)
            start += 1
    return characters
