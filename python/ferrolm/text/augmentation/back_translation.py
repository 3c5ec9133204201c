"""Texts translated and translated back (Sennrich et al. 2016, Xie et al. 2020)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.text.augmentation.augmentation import Augmentation

__all__ = ["BackTranslation"]

_Translate: TypeAlias = Callable[[list[str]], Sequence[str]]


class BackTranslation(Augmentation):
    """Paraphrases by a translator, that is, by any function of a list of texts.

    It gets the texts of a batch together, each once as long as the cache remembers it. It has to give the same for the same
    text, if training is to be the same after a resume.

    >>> def to_french(texts): return [text.replace("film", "cinéma") for text in texts]
    >>> def to_english(texts): return [text.replace("cinéma", "movie") for text in texts]
    >>> BackTranslation(to_french, to_english)("a good film", np.random.default_rng(0))
    'a good movie'
    """

    def __init__(
        self, translate: _Translate, back: _Translate | None = None, *, cache_size: int = 100_000
    ) -> None:
        """``translate``: there, or there and back if ``back`` is None. ``cache_size``: texts to remember, 0 for none."""
        if cache_size < 0:
            raise InvalidArgumentError(f"cache_size is {cache_size}, expected 0 or more")
        self.translate, self.back, self.cache_size = translate, back, cache_size
        self._cache: OrderedDict[str, str] = OrderedDict()

    def batch(self, texts: Sequence[str], random: np.random.Generator) -> list[str]:
        known = {text: self._cache[text] for text in texts if text in self._cache}
        asked = [text for text in dict.fromkeys(texts) if text not in known]
        if asked:
            known.update(zip(asked, self._paraphrases(asked), strict=True))
        for text in dict.fromkeys(texts):
            self._cache[text] = known[text]
            self._cache.move_to_end(text)
        while len(self._cache) > self.cache_size:
            self._cache.popitem(last=False)
        return [known[text] for text in texts]

    def labeled(
        self, words: Sequence[str], labels: Sequence[str], random: np.random.Generator
    ) -> tuple[list[str], list[str]]:
        raise InvalidTypeError(
            "back-translation makes other words, which cannot have the labels: expected a text"
        )

    def _paraphrases(self, texts: list[str]) -> list[str]:
        for translate in (self.translate, self.back):
            if translate is not None:
                found = list(translate(texts))
                if len(found) != len(texts):
                    raise InvalidArgumentError(
                        f"translate gave {len(found)} texts for {len(texts)}, expected one for each"
                    )
                texts = found
        return texts
