"""Names of labels and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest

__all__ = ["LabelNames"]


class LabelNames:
    """Labels by number: what a model's outputs mean, saved in its configuration as ``id2label`` and ``label2id``.

    >>> names = LabelNames.of(["pos", "neg", "pos"])
    >>> names.id2label, names.ids(["pos", "neg"]).tolist(), names.names([1])
    ({0: 'neg', 1: 'pos'}, [1, 0], ['pos'])
    """

    def __init__(self, names: Iterable[str]) -> None:
        """``names``: in the order of their numbers, all different."""
        self._names = tuple(names)
        self._ids = {name: number for number, name in enumerate(self._names)}
        if not self._names or len(self._ids) < len(self._names):
            raise InvalidArgumentError(f"names are {list(self._names)}, expected one or more, all different")

    @classmethod
    def of(cls, labels: Iterable[str | Iterable[str]]) -> LabelNames:
        """The labels that occur, sorted; members of ``labels`` may be many labels each (of words, or of one text).

        In BIO labels ``O`` comes first, so that the most frequent one is number 0 as in published models.
        """
        found: set[str] = set()
        for label in labels:
            found.update([label] if isinstance(label, str) else label)
        return cls(sorted(found, key=lambda name: (name != "O", name)))

    @classmethod
    def from_config(cls, config: Any) -> LabelNames:
        """The labels of a model's configuration, or of its dictionary: ``id2label`` with numbers or texts as keys."""
        saved = config.get("id2label") if isinstance(config, Mapping) else getattr(config, "id2label", None)
        if not isinstance(saved, Mapping):
            raise InvalidArgumentError(f"id2label of the configuration is {saved!r}, expected a dictionary")
        by_id = {int(number): str(name) for number, name in saved.items()}
        if sorted(by_id) != list(range(len(by_id))):
            raise InvalidArgumentError(
                f"id2label has the numbers {sorted(by_id)}, expected 0 to {len(by_id) - 1}"
            )
        return cls(by_id[number] for number in range(len(by_id)))

    @property
    def id2label(self) -> dict[int, str]:
        return dict(enumerate(self._names))

    @property
    def label2id(self) -> dict[str, int]:
        return dict(self._ids)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._ids

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self._names):
            raise InvalidArgumentError(f"label {number}, expected 0 to {len(self._names) - 1}")
        return self._names[number]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelNames) and self._names == other._names

    def __hash__(self) -> int:
        return hash(self._names)

    def __repr__(self) -> str:
        return f"LabelNames({list(self._names)})"

    def id_of(self, name: str) -> int:
        """The number of a label. Raises `UnknownNameError`, which proposes the nearest."""
        try:
            return self._ids[name]
        except KeyError:
            some = ", ".join(self._names[:10]) + (", ..." if len(self) > 10 else "")
            raise UnknownNameError(
                f"label {name!r} is not one of {some}{nearest(str(name), self._names)}"
            ) from None

    def ids(self, names: Iterable[str]) -> npt.NDArray[np.int64]:
        """The numbers of labels, int64 [labels]."""
        return np.array([self.id_of(name) for name in names], dtype=np.int64)

    def names(self, ids: Iterable[int]) -> list[str]:
        """The labels of numbers."""
        return [self[int(number)] for number in ids]

    def indicators(self, labels: Iterable[Iterable[str]]) -> npt.NDArray[np.float32]:
        """1 where a text has a label, float32 [texts, labels]: targets of texts that may have several.

        >>> LabelNames(["art", "war"]).indicators([("war",), ()])
        array([[0., 1.],
               [0., 0.]], dtype=float32)
        """
        rows = [self.ids(names) for names in labels]
        targets = np.zeros((len(rows), len(self)), dtype=np.float32)
        for target, ids in zip(targets, rows, strict=True):
            target[ids] = 1
        return targets
