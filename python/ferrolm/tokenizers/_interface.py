"""What code written for the `tokenizers` package finds on a tokenizer besides its pipeline: parts that stay
connected, batches, awaitable calls, descriptions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from ferrolm import _rust
from ferrolm.tokenizers._part import LONG, SHORT, Limits, describe, literal
from ferrolm.tokenizers._shared_parts import hold, state
from ferrolm.tokenizers.batch import Batching
from ferrolm.tokenizers.ragged import RaggedIds
from ferrolm.tokenizers.tools.markup import table_view

__all__ = ["Interface"]

_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder", "model")


class Interface(Batching):
    """The base of `Tokenizer`."""

    # Parts: the objects that were put in or given out, each with its state when it was taken.
    _own: dict[str, tuple[Any, str | None]] | None = None

    def _wrapped(self, name: str, wrap: Callable[[Any], Any]) -> Any:
        """The object of a part, the same one as long as the tokenizer has that part."""
        own = self._parts()
        if name not in own:
            part = getattr(self, f"get_{name}")()
            if part is None:
                return None
            self._keep(name, wrap(part))
        return own[name][0]

    def _set_part(self, name: str, part: Any) -> None:
        """Take a part, which changes this tokenizer when it is changed, until another takes its place."""
        getattr(self, f"set_{name}")(part)
        if part is None:
            self._parts().pop(name, None)
        else:
            self._keep(name, part)

    def _keep(self, name: str, part: Any) -> None:
        self._parts()[name] = (part, state(part))
        hold(self)

    def _refresh(self) -> None:
        """Take the parts that have changed once more."""
        for name, (part, before) in list(self._parts().items()):
            if before is None or state(part) != before:
                self._set_part(name, part)

    def _parts(self) -> dict[str, tuple[Any, str | None]]:
        if self._own is None:
            self._own = {}
        return self._own

    # Encoding and decoding

    def encode_batch(
        self, input: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[_rust.Encoding]:
        """Encode texts, or pairs of texts as tuples of two; padded to the longest if padding is on."""
        return self.encode_many(input, is_pretokenized, add_special_tokens, True)

    def encode_batch_fast(
        self, input: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[_rust.Encoding]:
        """`encode_batch` without tokens, offsets and words."""
        return self.encode_many(input, is_pretokenized, add_special_tokens, False)

    def decode_batch(
        self, sequences: Sequence[Sequence[int]] | RaggedIds, skip_special_tokens: bool = True
    ) -> list[str]:
        """The texts of many sequences of ids, on all threads."""
        if isinstance(sequences, RaggedIds):
            return self.decode_ragged(sequences.ids, sequences.offsets, skip_special_tokens)
        return super().decode_batch(sequences, skip_special_tokens)

    async def async_encode(
        self, sequence: Any, pair: Any = None, is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> _rust.Encoding:
        """`encode` in a thread of its own, so that other tasks go on meanwhile."""
        return await asyncio.to_thread(self.encode, sequence, pair, is_pretokenized, add_special_tokens)

    async def async_encode_batch(
        self, input: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[_rust.Encoding]:
        """`encode_batch` in a thread of its own, so that other tasks go on meanwhile."""
        return await asyncio.to_thread(self.encode_batch, input, is_pretokenized, add_special_tokens)

    async def async_encode_batch_fast(
        self, input: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[_rust.Encoding]:
        """`encode_batch_fast` in a thread of its own, so that other tasks go on meanwhile."""
        return await asyncio.to_thread(self.encode_batch_fast, input, is_pretokenized, add_special_tokens)

    async def async_decode_batch(
        self, sequences: Sequence[Sequence[int]] | RaggedIds, skip_special_tokens: bool = True
    ) -> list[str]:
        """`decode_batch` in a thread of its own, so that other tasks go on meanwhile."""
        return await asyncio.to_thread(self.decode_batch, sequences, skip_special_tokens)

    # Descriptions

    def __repr__(self) -> str:
        return self._described(repr, LONG)

    def __str__(self) -> str:
        return self._described(str, SHORT)

    def _described(self, show: Callable[[Any], str], limits: Limits) -> str:
        names = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
        added = [
            {"id": index} | dict(zip(names, token, strict=True)) for index, token in self.added_token_tuples()
        ]
        parts = ", ".join(f"{name}={show(getattr(self, name))}" for name in _PARTS)
        settings = f"truncation={self._truncation_text()}, padding={self._padding_text()}"
        return f'Tokenizer(version="1.0", {settings}, added_tokens={literal(added, limits)}, {parts})'

    def _truncation_text(self) -> str:
        settings = self.truncation_settings()
        if settings is None:
            return "None"
        max_length, stride, strategy, direction = settings
        shown: dict[str, Any] = {"direction": direction.title(), "max_length": max_length}
        shown |= {"strategy": strategy.title().replace("_", ""), "stride": stride}
        return describe({"type": "TruncationParams"} | shown)

    def _padding_text(self) -> str:
        settings = self.padding_settings()
        if settings is None:
            return "None"
        length, pad_to_multiple_of, pad_id, pad_token, pad_type_id, direction = settings
        shown: dict[str, Any] = {"strategy": "BatchLongest" if length is None else f"Fixed({length})"}
        shown |= {"direction": direction.title(), "pad_to_multiple_of": pad_to_multiple_of}
        shown |= {"pad_id": pad_id, "pad_type_id": pad_type_id, "pad_token": pad_token}
        return describe({"type": "PaddingParams"} | shown)

    def _repr_html_(self) -> str:
        """The parts and settings, for notebooks."""
        rows = [("vocabulary", f"{self.get_vocab_size():,} tokens")]
        rows.append(("added tokens", ", ".join(token[0] for _, token in self.added_token_tuples())))
        rows += [(name, str(getattr(self, name))) for name in _PARTS]
        rows += [("truncation", self._truncation_text()), ("padding", self._padding_text())]
        return table_view("Tokenizer", rows)
