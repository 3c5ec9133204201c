"""How examples and a query become a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest

__all__ = ["Example", "Template"]


@dataclass(frozen=True)
class Example:
    """A text and what is said of it: the name of a label, or an answer."""

    text: str
    label: str


@dataclass(frozen=True)
class Template:
    r"""The form of a prompt.

    example: with ``{text}`` and ``{label}``; the label stands at its end, as that is what the model goes on with.
    separator: between examples. instruction: what comes before them. verbalizer: words for labels, where the names
    themselves are not what a text would say.

    Raises `InvalidArgumentError` for an example that lacks one of the two fields, has another, or does not end with the
    label.

    >>> template = Template("Review: {text}\nIt was {label}", verbalizer={"pos": "great", "neg": "terrible"})
    >>> print(template.prompt([Example("A joy.", "pos")], "So dull!"))
    Review: A joy.
    It was great
    <BLANKLINE>
    Review: So dull!
    It was
    """

    example: str = "{text}\nLabel: {label}"
    separator: str = "\n\n"
    instruction: str = ""
    verbalizer: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            names = [name for _, name, _, _ in Formatter().parse(self.example) if name is not None]
        except ValueError as error:
            raise InvalidArgumentError(f"example is {self.example!r}: {error}") from None
        if sorted(names) != ["label", "text"] or not self.example.endswith("{label}"):
            raise InvalidArgumentError(
                f"example is {self.example!r}: expected {{text}} and, at its end, {{label}}, each once"
            )

    def word(self, label: str) -> str:
        """What stands for a label; `UnknownNameError` if there is a verbalizer that lacks it."""
        if not self.verbalizer:
            return label
        if label not in self.verbalizer:
            raise UnknownNameError(
                f"the label {label!r} has no word in the verbalizer{nearest(label, [*self.verbalizer])}"
            )
        return self.verbalizer[label]

    def shown(self, example: Example) -> str:
        """One example as it stands in a prompt."""
        return self.example.format(text=example.text, label=self.word(example.label))

    def prompt(self, examples: Sequence[Example], query: str) -> str:
        """Everything before the answer, without white space at its end: models expect that with the next word."""
        asked = self.example.removesuffix("{label}").format(text=query).rstrip()
        parts = [self.instruction] if self.instruction else []
        return self.separator.join([*parts, *map(self.shown, examples), asked])

    def continuation(self, label: str) -> str:
        """What follows the prompt if the label is right, with the white space before it."""
        before = self.example.removesuffix("{label}")
        return before[len(before.rstrip()) :] + self.word(label)
