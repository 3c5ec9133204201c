"""Tokens added on top of a model's vocabulary."""

from __future__ import annotations

import warnings
from typing import Any

from ferrolm.errors import InvalidTypeError

__all__ = ["AddedToken"]

TokenTuple = tuple[str, bool, bool, bool, bool, bool]
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


class AddedToken:
    """A token that is matched in text before the model sees it.

    Args:
        content: its text.
        single_word: match only where no word character touches it.
        lstrip: take the white space on the left too.
        rstrip: take the white space on the right too.
        normalized: match in the normalized text; by default unless special.
        special: leave out when decoding without special tokens.

    Other options are ignored with a warning, as those of a ``tokenizer_config.json`` may be given whole.

    Raises:
        InvalidTypeError: ``content`` is no `str`.

    >>> AddedToken("<mask>", lstrip=True)
    AddedToken("<mask>", rstrip=False, lstrip=True, single_word=False, normalized=True, special=False)
    """

    __slots__ = ("_normalized", "content", "lstrip", "rstrip", "single_word", "special")

    def __init__(
        self,
        content: str | None = None,
        *,
        single_word: bool = False,
        lstrip: bool = False,
        rstrip: bool = False,
        normalized: bool | None = None,
        special: bool = False,
        **ignored: Any,
    ) -> None:
        if not isinstance(content, str | None):
            raise InvalidTypeError(f"content: found {type(content).__name__}, expected str")
        if ignored:
            warnings.warn(f"AddedToken: ignored unknown option {', '.join(ignored)}", stacklevel=2)
        self.content = "" if content is None else content
        self.single_word = single_word
        self.lstrip = lstrip
        self.rstrip = rstrip
        self.special = special
        self._normalized = normalized

    @property
    def normalized(self) -> bool:
        """Whether the token is matched in the normalized text."""
        return not self.special if self._normalized is None else self._normalized

    def __getstate__(self) -> dict[str, Any]:
        return {"content": self.content} | {name: getattr(self, name) for name in _FLAGS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __repr__(self) -> str:
        flags = ", ".join(
            f"{name}={getattr(self, name)}"
            for name in ("rstrip", "lstrip", "single_word", "normalized", "special")
        )
        return f'AddedToken("{self.content}", {flags})'

    def __str__(self) -> str:
        return self.content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AddedToken) and self.__getstate__() == other.__getstate__()

    def __hash__(self) -> int:
        return hash(self.content)


def token_tuple(token: object, special: bool) -> TokenTuple:
    """What the extension takes for a `str` or an `AddedToken` (ours, or one of the `tokenizers` package)."""
    if isinstance(token, str):
        token = AddedToken(token)
    if not hasattr(token, "content"):
        raise InvalidTypeError(f"tokens: found {type(token).__name__}, expected str or AddedToken")
    if special and isinstance(token, AddedToken):
        # As in the `tokenizers` package, whoever holds the token sees what became of it.
        token.special = True
    special = special or token.special  # type: ignore[attr-defined]
    normalized = token.normalized  # type: ignore[attr-defined]
    if isinstance(token, AddedToken) and token._normalized is None:
        normalized = not special
    return (token.content, token.single_word, token.lstrip, token.rstrip, normalized, special)  # type: ignore[attr-defined]


def from_tuple(values: TokenTuple) -> AddedToken:
    """The token that the extension describes."""
    content, single_word, lstrip, rstrip, normalized, special = values
    return AddedToken(
        content, single_word=single_word, lstrip=lstrip, rstrip=rstrip, normalized=normalized, special=special
    )
