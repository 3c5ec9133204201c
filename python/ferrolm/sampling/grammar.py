"""Output that follows a regular expression, a JSON schema or a grammar: the mask of each step, made by a grammar engine.

The engine is llguidance (extra ``grammar``); matchers of xgrammar work too. Both know which tokens may come next, which
`ferrolm.sample` and `ferrolm.Sampler.sample` take as ``mask`` and apply in the pass over the logits.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ferrolm.tokenizers import Tokenizer

__all__ = ["Constraint", "Grammar"]


class Grammar:
    """What texts are allowed, compiled for a tokenizer; any number of rows may follow it at once.

    >>> from ferrolm.tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    >>> tokenizer = Tokenizer(models.BPE())
    >>> tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    >>> tokenizer.decoder = decoders.ByteLevel()
    >>> trainer = trainers.BpeTrainer(
    ...     vocab_size=300, special_tokens=["</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    >>> tokenizer.train_from_iterator(["a year is a number like 1815"], trainer)
    >>> import numpy as np
    >>> from ferrolm import Sampler, SamplingParams
    >>> constraint = Constraint([Grammar.from_regex("[0-9]{4}", tokenizer, eos_token_id=0)])
    >>> sampler, ids = Sampler(SamplingParams(seed=1), batch=1), []
    >>> while not constraint.finished[0]:
    ...     drawn = sampler.sample(np.zeros((1, 300), np.float32), mask=constraint.mask(300))
    ...     sampler.accept(drawn)
    ...     constraint.accept(drawn)
    ...     ids.append(int(drawn[0]))
    >>> text = tokenizer.decode(ids)
    >>> len(text), text.isdigit()
    (4, True)
    """

    def __init__(self, source: str, tokenizer: Tokenizer, eos_token_id: int | Sequence[int]) -> None:
        """``source`` is a grammar as llguidance's ``grammar_from_*`` return it; see the other constructors."""
        engine = require("llguidance", extra="grammar", purpose="following a grammar")
        if not hasattr(tokenizer, "to_str"):
            raise InvalidTypeError(
                f"tokenizer must be a ferrolm.tokenizers.Tokenizer, found {type(tokenizer).__name__}"
            )
        eos = _end_tokens(eos_token_id, tokenizer.get_vocab_size())
        try:
            known = engine.LLTokenizer(tokenizer.to_str(), eos_token=eos)
        except ValueError as error:
            raise InvalidArgumentError(f"llguidance cannot use the tokenizer: {error}") from error
        self._matcher: Any = engine.LLMatcher(known, source)
        if self._matcher.is_error():
            raise InvalidArgumentError(f"the grammar cannot be used: {self._matcher.get_error()}")

    @classmethod
    def from_regex(cls, pattern: str, tokenizer: Tokenizer, *, eos_token_id: int | Sequence[int]) -> Grammar:
        """Texts that match the whole of ``pattern`` (syntax of Rust's regex crate: no look-around, no back-references).

        ``eos_token_id`` is the token, or tokens, that may come when a text is complete. Raises `InvalidArgumentError`
        for a pattern that cannot be used, `MissingExtraError` without the extra ``grammar``.
        """
        engine = require("llguidance", extra="grammar", purpose="following a grammar")
        return cls(engine.LLMatcher.grammar_from_regex(pattern), tokenizer, eos_token_id)

    @classmethod
    def from_json_schema(
        cls, schema: str | Mapping[str, Any], tokenizer: Tokenizer, *, eos_token_id: int | Sequence[int]
    ) -> Grammar:
        """JSON that fits ``schema``: a JSON schema as text or as a dictionary; ``{}`` is any JSON."""
        engine = require("llguidance", extra="grammar", purpose="following a grammar")
        text = schema if isinstance(schema, str) else json.dumps(schema)
        return cls(engine.LLMatcher.grammar_from_json_schema(text), tokenizer, eos_token_id)

    @classmethod
    def from_lark(cls, source: str, tokenizer: Tokenizer, *, eos_token_id: int | Sequence[int]) -> Grammar:
        """Texts of a context-free grammar in the notation of Lark, as llguidance has it."""
        engine = require("llguidance", extra="grammar", purpose="following a grammar")
        return cls(engine.LLMatcher.grammar_from_lark(source), tokenizer, eos_token_id)

    def matcher(self) -> Any:
        """A matcher of llguidance at the beginning of a text."""
        return self._matcher.deep_copy()


def _end_tokens(ids: Any, vocab_size: int) -> list[int]:
    try:
        tokens = [operator.index(token) for token in (ids if isinstance(ids, Sequence) else [ids])]
    except TypeError:
        raise InvalidTypeError(f"eos_token_id must be a token id or several, found {ids!r}") from None
    if not tokens or not 0 <= min(tokens) <= max(tokens) < vocab_size:
        raise InvalidArgumentError(f"eos_token_id must hold ids in [0, {vocab_size - 1}], found {ids!r}")
    return tokens


class _XGrammarMatcher(Protocol):
    def fill_next_token_bitmask(self, bitmask: Any, index: int = ...) -> Any: ...
    def accept_token(self, token: int) -> bool: ...
    def is_terminated(self) -> bool: ...
    def rollback(self, num_tokens: int) -> None: ...


class Constraint:
    """What may come next in each row of a batch.

    Args:
        rows: For each row a `Grammar`, a matcher of llguidance (``LLMatcher``) or of xgrammar (``GrammarMatcher``), or
            None, which leaves the row free.
    """

    def __init__(self, rows: Sequence[Grammar | _XGrammarMatcher | Any | None]) -> None:
        self._rows = [_row(row) for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def finished(self) -> list[bool]:
        """Whether a row's text has ended: by its end token, or as nothing can follow. Free rows never have."""
        return [row is not None and row.ended for row in self._rows]

    def mask(self, vocab_size: int) -> NDArray[np.int32]:
        """A bit for each token that may come now: int32 [rows, ceil(vocab_size / 32)], the lowest bit first.

        ``vocab_size`` is that of the logits, and for matchers of xgrammar that of their ``TokenizerInfo``. Rows that are finished may go on with anything.
        """
        words = -(-vocab_size // 32)
        bits = np.full((len(self._rows), words), -1, np.int32)
        for row, own in enumerate(self._rows):
            if own is not None and not own.ended:
                own.fill(bits[row : row + 1])
        return bits

    def accept(self, ids: Any) -> None:
        """One token for each row. Raises `InvalidArgumentError` for one that was not allowed; nothing is accepted then."""
        tokens = [int(token) for token in ids]
        if len(tokens) != len(self._rows):
            raise ShapeError(f"ids has {len(tokens)} entries for {len(self._rows)} rows")
        pairs = [(own, token) for own, token in zip(self._rows, tokens, strict=True) if own and not own.ended]
        for row, (own, token) in enumerate(zip(self._rows, tokens, strict=True)):
            if own and not own.ended and not own.allows(token):
                raise InvalidArgumentError(f"the grammar of row {row} does not allow token {token}")
        for own, token in pairs:
            own.accept(token)


class _LLGuidance:
    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    @property
    def ended(self) -> bool:
        return bool(self._matcher.is_stopped())

    def fill(self, bits: NDArray[np.int32]) -> None:
        own = np.frombuffer(self._matcher.compute_bitmask(), np.int32)
        # The tokenizer's vocabulary; logits may have more, as they are often padded.
        words = min(own.size, bits.size)
        bits[0, :words], bits[0, words:] = own[:words], 0

    def allows(self, token: int) -> bool:
        return bool(self._matcher.validate_tokens([token]) == 1)

    def accept(self, token: int) -> None:
        self._matcher.consume_token(token)


class _XGrammar:
    def __init__(self, matcher: _XGrammarMatcher) -> None:
        self._matcher = matcher
        self._bits: Any = None

    @property
    def ended(self) -> bool:
        return self._matcher.is_terminated()

    def fill(self, bits: NDArray[np.int32]) -> None:
        torch = require("torch", extra="torch", purpose="masks of xgrammar")
        self._matcher.fill_next_token_bitmask(torch.from_numpy(bits), 0)

    def allows(self, token: int) -> bool:
        # It says so only by accepting; what it does not allow changes nothing.
        allowed = self._matcher.accept_token(token)
        if allowed:
            self._matcher.rollback(1)
        return allowed

    def accept(self, token: int) -> None:
        self._matcher.accept_token(token)


def _row(row: Any) -> _LLGuidance | _XGrammar | None:
    if row is None:
        return None
    if isinstance(row, Grammar):
        return _LLGuidance(row.matcher())
    if hasattr(row, "compute_bitmask"):
        return _LLGuidance(row)
    if hasattr(row, "fill_next_token_bitmask"):
        return _XGrammar(row)
    raise InvalidTypeError(f"rows must be grammars, matchers or None, found {type(row).__name__}")
