"""What all taggers answer to, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from ferrolm.data.readers._lines import PathLike
from ferrolm.errors import MissingFileError
from ferrolm.tagging.perceptron import PerceptronTagger

__all__ = ["Tagger", "load_tagger"]


@runtime_checkable
class Tagger(Protocol):
    """Gives each word of a sentence a tag."""

    @property
    def labels(self) -> list[str]:
        """The tags that it knows."""

    def tag(self, words: Sequence[str]) -> list[str]:
        """A tag for each word of one sentence."""

    def tag_sents(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """A tag for each word of each sentence; faster than one by one."""


def load_tagger(path: PathLike, *, device: str | None = None) -> Tagger:
    """A tagger by its path.

    Args:
        path: a file that `PerceptronTagger.save` wrote, or a folder with a model that ``ferrolm finetune`` taught the task
            "token-classification": a BiLSTM, perhaps with a CRF and letters, or an encoder (extra ``torch``).
        device: of a model of a folder, such as "cuda"; by default the CPU.

    Raises:
        MissingFileError: nothing is there.
        InvalidFileError: a damaged file, or one of another kind.
        InvalidArgumentError: a folder whose model was not taught to tag.
    """
    place = Path(path)
    if place.is_dir():
        from ferrolm.tagging.neural import NeuralTagger

        return NeuralTagger.load(place, device=device)
    if not place.exists():
        raise MissingFileError(f"{place} does not exist: expected a tagger's file, or a folder of a model")
    return PerceptronTagger.load(place)
