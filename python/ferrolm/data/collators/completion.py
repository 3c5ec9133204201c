"""`CompletionCollator`: prompts with what is to follow, and dialogues, for language models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ferrolm.data.batches import Batch
from ferrolm.data.collators.padding import Collator, Example, pad_rows, tensors
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = ["CompletionCollator"]


class CompletionCollator(Collator):
    """Batches for a `CausalLM`: it reads prompt and completion, and is scored on the completion alone.

    >>> import ferrolm
    >>> from ferrolm.tokenizers import models, pre_tokenizers
    >>> tokenizer = ferrolm.Tokenizer(models.WordLevel({"<pad>": 0, "<end>": 1, "hi": 2, "you": 3, "too": 4}))
    >>> tokenizer.pre_tokenizer, tokenizer.pad_token = pre_tokenizers.WhitespaceSplit(), "<pad>"
    >>> collate = CompletionCollator(tokenizer, end_token="<end>")
    >>> batch = collate(collate.encode(["hi", "you"], [" you too", " too"]))
    >>> batch["input_ids"].tolist(), batch["labels"].tolist()
    ([[2, 3, 4, 1], [3, 4, 1, 0]], [[-100, 3, 4, 1], [-100, 4, 1, -100]])
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        end_token: str | None = None,
        separator: str = "",
        max_length: int | None = None,
        pad_to_multiple_of: int = 1,
    ) -> None:
        """Settings of `Collator`, and where texts end.

        Args:
            tokenizer, max_length, pad_to_multiple_of: see `Collator`. Prompts that are too long lose their beginning.
            end_token: follows each completion, and ends each message of a dialogue; None for nothing.
            separator: text between prompt and completion.
        """
        super().__init__(
            tokenizer, max_length=max_length, pad_to_multiple_of=pad_to_multiple_of, token_type_ids=False
        )
        self._separator, self._end_token = separator, end_token
        self._end: list[int] = []
        if end_token is not None:
            number = tokenizer.token_to_id(end_token)
            if number is None:
                raise InvalidArgumentError(f"end_token {end_token!r} is not in the tokenizer's vocabulary")
            self._end = [number]

    def encode(self, prompts: Sequence[str], completions: Sequence[str]) -> list[Example]:
        """Examples of prompts and what follows them; a completion that begins a word begins with its space."""
        if len(prompts) != len(completions):
            raise InvalidArgumentError(
                f"completions: found {len(completions)} texts for {len(prompts)} prompts"
            )
        first = self._ids([prompt + self._separator for prompt in prompts], special=True)
        second = self._ids(list(completions), special=False)
        return [
            self._example([(one, False), ([*other, *self._end], True)])
            for one, other in zip(first, second, strict=True)
        ]

    def encode_dialogues(self, dialogues: Sequence[Sequence[Mapping[str, str]]]) -> list[Example]:
        """Examples of dialogues: messages with ``role`` and ``content``; the model learns those of the ``assistant``.

        A message is written as ``role: content``, a line each, as `chat_template` says it.
        """
        examples = []
        for dialogue in dialogues:
            parts: list[tuple[list[int], bool]] = []
            for number, message in enumerate(dialogue):
                role, content = _message(message)
                learnt = role == "assistant"
                head, body = self._ids([f"{role}:", f" {content}"], special=False)
                parts += [(head, False), ([*body, *self._end], learnt)]
                if number + 1 < len(dialogue):
                    parts.append((self._ids(["\n"], special=False)[0], False))
            examples.append(self._example(parts))
        return examples

    @property
    def chat_template(self) -> str:
        """How `encode_dialogues` writes messages, as a Jinja template of the kind that checkpoints have.

        An answer begins with the space that it is learnt with, and is read again without it.
        """
        end = "" if self._end_token is None else self._end_token.replace("\\", "\\\\").replace("'", "\\'")
        return (
            "{% for message in messages %}"
            f"{{{{ message['role'] + ': ' + message['content'] | trim + '{end}' }}}}"
            "{% if not loop.last or add_generation_prompt %}{{ '\\n' }}{% endif %}"
            "{% endfor %}"
            "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
        )

    def _ids(self, texts: list[str], *, special: bool) -> list[list[int]]:
        ragged = self.tokenizer.encode_ids_batch(texts, add_special_tokens=special)
        return [row.tolist() for row in np.split(ragged.ids, ragged.offsets[1:-1])]

    def _example(self, parts: Sequence[tuple[Sequence[int], bool]]) -> Example:
        ids = np.array([token for part, _ in parts for token in part], np.int32)
        scored = np.repeat([learnt for _, learnt in parts], [len(part) for part, _ in parts])
        labels = np.where(scored, ids, -100).astype(np.int64)
        keep = self.max_length
        if keep is not None and len(ids) > keep:
            # What is scored stays as far as it fits, with as much before it as there is room for.
            last = int(np.flatnonzero(scored)[-1]) + 1 if scored.any() else len(ids)
            begin = max(0, last - keep)
            ids, labels = ids[begin : begin + keep], labels[begin : begin + keep]
        return {"input_ids": ids, "labels": labels}

    def __call__(self, examples: Sequence[Example], random: np.random.Generator | None = None) -> Batch:
        """``input_ids``, ``attention_mask`` and ``labels``, int64 [rows, longest], -100 where nothing is scored."""
        arrays: dict[str, npt.NDArray[Any]] = self._inputs(examples)
        labels = [example["labels"] for example in examples]
        arrays["labels"] = pad_rows(labels, -100, multiple_of=self._multiple)
        return tensors(arrays)


def _message(message: Mapping[str, str]) -> tuple[str, str]:
    try:
        return str(message["role"]), str(message["content"])
    except (KeyError, TypeError):
        raise InvalidArgumentError(
            f"a message is {str(message)[:60]!r}, expected an object with role and content"
        ) from None
