"""Files of text straight to a token file."""

from __future__ import annotations

import time
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ferrolm.data.resumable import ResumableTokenFileWriter, source_key
from ferrolm.data.sources import read_batches
from ferrolm.data.token_file import TokenFile, tokenizer_hash
from ferrolm.errors import InvalidArgumentError

__all__ = ["encode_file"]

_PathLike = str | PathLike[str]
# Seconds of work that an interruption can lose.
_CHECKPOINT_SECONDS = 10.0


class _Tokenizer(Protocol):
    def encode_ids_batch(
        self, texts: Any, add_special_tokens: bool = ..., *, separator: str | None = ...
    ) -> Any: ...
    def get_vocab_size(self, with_added_tokens: bool = ...) -> int: ...
    def token_to_id(self, token: str, /) -> int | None: ...
    def to_str(self, pretty: bool = ...) -> str: ...


def encode_file(
    tokenizer: _Tokenizer,
    source: _PathLike | Iterable[_PathLike],
    target: _PathLike,
    *,
    field: str = "text",
    separator: str | None = None,
    end_of_text: str | None = None,
    add_special_tokens: bool = False,
    resume: bool = True,
    show_progress: bool | None = None,
) -> TokenFile:
    """What `Tokenizer.encode_file` does."""
    sources = [Path(source)] if isinstance(source, str | PathLike) else [Path(path) for path in source]
    end = None if end_of_text is None else tokenizer.token_to_id(end_of_text)
    if end_of_text is not None and end is None:
        raise InvalidArgumentError(f"end_of_text: {end_of_text!r} is not in the vocabulary")
    key = source_key(sources, field=field, separator=separator, end=end_of_text, special=add_special_tokens)
    size = tokenizer.get_vocab_size()
    with ResumableTokenFileWriter(target, size, tokenizer_hash(tokenizer), key, resume=resume) as writer:
        first, start = writer.position or (0, 0)
        bar = _bar(sources, first, show_progress, Path(target).name)
        saved = time.monotonic()
        with bar:
            for index in range(first, len(sources)):
                before = sum(path.stat().st_size for path in sources[:index] if path.exists())
                batches = read_batches(
                    sources[index], field=field, separator=separator, start=start if index == first else 0
                )
                for batch in batches:
                    ragged = tokenizer.encode_ids_batch(
                        batch.texts, add_special_tokens, separator=batch.separator
                    )
                    writer.add_batch(*_with_end(ragged.ids, ragged.offsets, end), batch.text_bytes)
                    bar.update(before + batch.done - bar.n)
                    bar.set_postfix_str(f"{writer.tokens:,} tokens", refresh=False)
                    if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                        writer.checkpoint((index, batch.position))
                        saved = time.monotonic()
    return TokenFile(target)


def _with_end(
    ids: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64], end: int | None
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    if end is None:
        return ids, offsets
    return np.insert(ids, offsets[1:], np.uint32(end)), offsets + np.arange(len(offsets))


def _bar(sources: list[Path], first: int, show: bool | None, title: str) -> Any:
    from tqdm import tqdm

    total = sum(path.stat().st_size for path in sources if path.exists())
    # None: on a terminal only.
    disable = None if show is None else not show
    return tqdm(total=total, desc=title, unit="B", unit_scale=True, disable=disable)
