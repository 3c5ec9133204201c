"""Steps that remove documents for what they are."""

from __future__ import annotations

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.text.pipeline.document import Document
from ferrolm.text.pipeline.step import DocumentFunction, register
from ferrolm.text.words import words

__all__ = ["language", "length", "quality", "word_list"]

_ACTIONS = ("remove", "lines", "mask", "count")


@register("length")
def length(
    min: int = 1, max: int | None = None, min_words: int | None = None, max_words: int | None = None
) -> DocumentFunction:
    """Remove texts of less than min= or more than max= characters, less than min_words= or more than max_words= words."""
    for name, low, high in (("max", min, max), ("max_words", min_words or 0, max_words)):
        if high is not None and high < low:
            raise InvalidArgumentError(f"length: {name} is {high}, expected at least the minimum, {low}")

    def step(document: Document) -> Document | None:
        size = len(document.text)
        if size < min:
            return document.remove(f"under {min} characters")
        if max is not None and size > max:
            return document.remove(f"over {max} characters")
        if min_words is not None or max_words is not None:
            count = len(words(document.text))
            if min_words is not None and count < min_words:
                return document.remove(f"under {min_words} words")
            if max_words is not None and count > max_words:
                return document.remove(f"over {max_words} words")
        return document

    return step


@register("language")
def language(keep: tuple[str, ...] = (), probability: float = 0.5) -> DocumentFunction:
    """Keep the languages keep= (codes joined by +; none given: all) of at least probability=, and note the code."""
    from ferrolm.text.language import detect_language

    if not 0.0 <= probability <= 1.0:
        raise InvalidArgumentError(f"language: probability is {probability}, expected 0 to 1")
    known = [code for code in keep if code != "und"]
    detect_language("a", languages=known or None)  # an unknown code would remove every document

    def step(document: Document) -> Document | None:
        found = detect_language(document.text)
        if keep and found.code not in keep:
            return document.remove(f"language {found.code}")
        if keep and found.probability < probability:
            return document.remove(f"language uncertain, probability under {probability}")
        document.metadata["language"] = found.code
        return document

    return step


@register("quality")
def quality(rules: str = "gopher", language: str = "en", **thresholds: float) -> DocumentFunction:
    """Published rules=: gopher removes documents, c4 removes lines and documents; for texts of language=.

    Other parameters are thresholds of `ferrolm.text.GopherRules` and `C4Rules`: quality:gopher,min_words=20.
    """
    from ferrolm.text.quality import QualityFilter

    judge = QualityFilter(rules, language=language, **thresholds)  # type: ignore[arg-type]

    def step(document: Document) -> Document | None:
        text, reasons = judge(document.text)
        if text is None:
            return document.remove(reasons[0] if reasons else rules)
        document.text = text
        return document

    return step


@register("word-list")
def word_list(
    file: str = "", action: str = "remove", min: int = 1, fold_case: bool = True
) -> DocumentFunction:
    """Words of file= (one a line): action=remove texts with min= of them, remove lines, mask them, or count; each is counted.

    Whole words in any case, or with fold_case=false as they are listed: `ferrolm.text.WordListFilter`. No list comes with ferrolm.
    """
    from ferrolm.text.word_lists import WordListFilter

    if action not in _ACTIONS:
        raise UnknownNameError(
            f"word-list: action is {action!r}, expected one of {', '.join(_ACTIONS)}{nearest(action, _ACTIONS)}"
        )
    if not file:
        raise InvalidArgumentError("word-list: file is missing, expected word-list:file=words.txt")
    if min < 1:
        raise InvalidArgumentError(f"word-list: min is {min}, expected at least 1")
    listed = WordListFilter.from_file(file, fold_case=fold_case)

    def step(document: Document) -> Document | None:
        matches = listed.find(document.text)
        document.notes += [f"word {match.word}" for match in matches]
        if action == "remove" and len(matches) >= min:
            return document.remove("words of the list" if min == 1 else f"{min} words of the list or more")
        if action == "mask":
            document.text = listed.replaced(document.text, matches, "<word>")
        if action == "lines" and matches:
            kept = [line for line in document.text.split("\n") if not listed.find(line)]
            document.text = "\n".join(kept).strip("\n")
            return document if document.text else document.remove("no line without words of the list")
        return document

    return step
