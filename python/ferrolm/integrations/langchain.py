"""Our selectors where LangChain wants an example selector.

    from langchain_core.prompts import FewShotPromptTemplate
    from ferrolm.integrations.langchain import ExampleSelector

    examples = [{"input": "happy", "output": "sad"}, ...]
    FewShotPromptTemplate(example_selector=ExampleSelector(examples, k=2), ...)

LangChain need not be installed: it looks for two methods. Where it is, `ExampleSelector` is one of its ``BaseExampleSelector``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ferrolm.demonstrations import BM25Selector, Selector
from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest

__all__ = ["ExampleSelector"]


class ExampleSelector:
    """Chooses dictionaries by any of `ferrolm.demonstrations`.

    Args:
        examples: dictionaries of texts.
        k: how many to choose.
        kind: from a pool of texts to a selector; by default `BM25Selector`.
        input_keys: what of an example and of the input is compared, joined by a space; by default all keys that both have.
        best_last: the best example at the end, next to the question.

    >>> chooser = ExampleSelector([{"q": "a red car", "a": "yes"}, {"q": "blue sky", "a": "no"}], k=1)
    >>> chooser.select_examples({"q": "the sky"})
    [{'q': 'blue sky', 'a': 'no'}]
    """

    def __init__(
        self,
        examples: Sequence[Mapping[str, str]],
        k: int = 4,
        kind: Callable[[list[str]], Selector] = BM25Selector,
        *,
        input_keys: Sequence[str] | None = None,
        best_last: bool = True,
    ) -> None:
        if k < 0:
            raise InvalidArgumentError(f"k is {k}, expected at least 0")
        self.examples = [dict(example) for example in examples]
        self.k, self.kind, self.input_keys, self.best_last = k, kind, input_keys, best_last
        self._made: dict[tuple[str, ...], Selector] = {}

    def add_example(self, example: dict[str, str]) -> None:
        """Add one to the pool."""
        self.examples.append(dict(example))
        self._made.clear()

    async def aadd_example(self, example: dict[str, str]) -> None:
        """As `add_example`."""
        self.add_example(example)

    def select_examples(self, input_variables: Mapping[str, str]) -> list[dict[str, str]]:
        """The best ``k`` for an input."""
        if not self.examples:
            return []
        keys = tuple(self.input_keys or [key for key in input_variables if key in self.examples[0]])
        if not keys:
            raise InvalidArgumentError(
                f"the input has {', '.join(input_variables)}, the examples {', '.join(self.examples[0])}: "
                "expected a key of both, or input_keys"
            )
        selector = self._made.get(keys)
        if selector is None:
            selector = self._made[keys] = self.kind([_text(example, keys) for example in self.examples])
        chosen = selector.select(_text(input_variables, keys), self.k).tolist()
        return [self.examples[place] for place in (reversed(chosen) if self.best_last else chosen)]

    async def aselect_examples(self, input_variables: Mapping[str, str]) -> list[dict[str, str]]:
        """As `select_examples`."""
        return self.select_examples(input_variables)


def _text(values: Mapping[str, Any], keys: Sequence[str]) -> str:
    for key in keys:
        if key not in values:
            raise UnknownNameError(f"there is no {key!r} in an example{nearest(key, [*values])}")
    return " ".join(str(values[key]) for key in keys)


def _register() -> None:
    """Be one of LangChain's own, if it is there."""
    try:
        from langchain_core.example_selectors.base import BaseExampleSelector
    except ImportError:
        return
    BaseExampleSelector.register(ExampleSelector)


_register()
