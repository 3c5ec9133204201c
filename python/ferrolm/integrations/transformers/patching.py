"""`patch`: every fast tokenizer that transformers loads gets our backend."""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import tokenizers as reference
import transformers

from ferrolm import _rust
from ferrolm.integrations.transformers.tokenizers import accelerate
from ferrolm.tokenizers.decoders import DecodeStream

__all__ = ["patch"]


class _EitherDecodeStream:
    """A decode stream for whichever tokenizer its first step is given."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._arguments, self._options = arguments, options
        self._stream: Any = None

    def step(self, tokenizer: Any, id: Any) -> Any:
        if self._stream is None:
            ours = isinstance(tokenizer, _rust.Tokenizer)
            kind = DecodeStream if ours else _ORIGINAL_STREAM
            self._stream = kind(*self._arguments, **self._options)
        return self._stream.step(tokenizer, id)


_ORIGINAL_STREAM = reference.decoders.DecodeStream


class patch(AbstractContextManager[None]):
    """Give every fast tokenizer that transformers makes from now on our backend, and `DecodeStream` the same.

    As a context manager it lasts for the block; called alone, until `undo` of what it returned. Tokenizers made
    meanwhile keep our backend. Those that cannot be converted keep theirs, with one warning.

    >>> from transformers import PreTrainedTokenizerFast
    >>> from ferrolm.models import bundled
    >>> path = str(bundled("ferrolm-tiny") / "tokenizer.json")
    >>> with patch():
    ...     tokenizer = PreTrainedTokenizerFast(tokenizer_file=path)
    >>> type(tokenizer.backend_tokenizer).__module__
    'ferrolm.integrations.transformers.tokenizers'
    """

    def __init__(self) -> None:
        base = transformers.PreTrainedTokenizerFast
        original: Any = base.__init__

        @functools.wraps(original)
        def init(tokenizer: Any, *arguments: Any, **options: Any) -> None:
            original(tokenizer, *arguments, **options)
            accelerate(tokenizer)

        self._undo: list[tuple[Any, str, Any]] = []
        self._replace(base, "__init__", init)
        # Modules that took the name from its module have it under their own.
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] not in ("tokenizers", "transformers"):
                continue
            if getattr(module, "__dict__", {}).get("DecodeStream") is _ORIGINAL_STREAM:
                self._replace(module, "DecodeStream", _EitherDecodeStream)

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        self._undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def undo(self) -> None:
        """Take it back; a second time does nothing."""
        while self._undo:
            owner, name, value = self._undo.pop()
            setattr(owner, name, value)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()
