"""`Stream`: a text that is being generated, piece by piece."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ferrolm.generation.drafts.draft import DraftReport
from ferrolm.generation.output import Record, TokenLogprobs
from ferrolm.generation.text_stream import TextStream

__all__ = ["Stream"]


class Stream(Iterator[str]):
    """Pieces of a continuation, for `for`; made by `LanguageModel.stream`.

    ids: token ids so far. finish_reason: None while there is more, then that of `Generation`. logprobs: of the tokens so
    far, where they were asked for. draft_report: how many guesses of a draft were right so far, where there is one.
    """

    def __init__(
        self,
        steps: Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]],
        text: TextStream,
        eos: Collection[int],
        active: NDArray[np.bool_],
        reasons: Mapping[int, str] | None = None,
        record: Record | None = None,
        draft_report: DraftReport | None = None,
    ) -> None:
        self.draft_report = draft_report
        self.ids: list[int] = []
        self.finish_reason: str | None = None
        self._text, self._reasons, self._record = text, reasons or {}, record
        self._pieces = self._run(steps, eos, active)

    @property
    def logprobs(self) -> list[TokenLogprobs] | None:
        return None if self._record is None else self._record.logprobs[0][: len(self.ids)]

    def _run(
        self,
        steps: Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]],
        eos: Collection[int],
        active: NDArray[np.bool_],
    ) -> Iterator[str]:
        ended = False
        for _, ids in steps:
            token = int(ids[0])
            self.ids.append(token)
            ended = token in eos
            yield "" if ended else self._text.push(token)
            active[0] &= not self._text.stopped
        yield self._text.finish()
        told = self._reasons.get(0, "length")
        self.finish_reason = "stop" if self._text.stopped else "eos" if ended else told

    def __next__(self) -> str:
        for piece in self._pieces:
            if piece:
                return piece
        raise StopIteration
