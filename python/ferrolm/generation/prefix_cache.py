"""`PrefixCache`: the keys and values of earlier texts, so that what a new prompt has in common with one is not computed again.

The keys of a token depend on the tokens before it alone, and so do all that follow from them: two texts share those of their
longest common prefix. Texts are kept in a radix tree (as in Zheng et al. 2024, "SGLang"): a path from the root spells a text,
and texts go apart where their tokens do, so that a common beginning is kept once, whatever its length. A node has at most
`NODE_TOKENS` tokens, so that little is forgotten at a time.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ferrolm.errors import InvalidArgumentError
from ferrolm.models import CausalLM, KeyValueCache
from ferrolm.models.cache_rows import KeyValueRows

__all__ = ["PrefixCache"]

NODE_TOKENS = 64


@dataclass(eq=False)
class _Node:
    tokens: list[int]
    kept: Tensor  # [2 layers, kv_heads, tokens, head_dim]
    parent: _Node | None
    children: dict[int, _Node] = field(default_factory=dict)  # by their first token


class PrefixCache:
    """Keys and values of at most ``max_tokens`` tokens of one model; what was not used for longest goes first.

    `ferrolm.generation.Engine` has one of its own; `LanguageModel.generate` and its relatives take one as
    ``prefix_cache``. A model whose rotary positions depend
    on the length of the text ("dynamic", "longrope") and recurrent models are read as a whole, and keep nothing here (`serves`). Results
    are those without it, up to rounding: products over fewer tokens may round otherwise. May be used by several threads.

    max_tokens: each takes 2 * layers * kv_heads * head_dim numbers of the model's type. lookups, hits: prompts that were
    looked for, and those of which a part was found. tokens_saved: tokens that were not computed.

    >>> import numpy as np
    >>> from ferrolm.generation.decoders.prefill import read_prompts
    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=4, n_layer=1, n_head=2)).eval()
    >>> prefixes = PrefixCache(1000)
    >>> _ = read_prompts(model, [np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5, 6])], prefixes)
    >>> prefixes
    PrefixCache(tokens=6, lookups=2, hits=1, tokens_saved=3)
    """

    def __init__(self, max_tokens: int = 8192) -> None:
        if not isinstance(max_tokens, int) or isinstance(max_tokens, bool) or max_tokens < 1:
            raise InvalidArgumentError(f"max_tokens is {max_tokens!r}, expected a positive integer")
        self.max_tokens = max_tokens
        self.num_tokens = self.lookups = self.hits = self.tokens_saved = 0
        self._root = _Node([], torch.empty(0), None)
        # Least recently used first; a node always after its children, so that the first one is a leaf.
        self._nodes: OrderedDict[_Node, None] = OrderedDict()
        self._model: weakref.ref[CausalLM] | None = None
        self._lock = threading.Lock()

    def bind(self, model: CausalLM) -> None:
        """Say whose keys are kept; raises `InvalidArgumentError` when they are those of another model."""
        with self._lock:
            if self._model is None or (self._model() is None and not self.num_tokens):
                self._model = weakref.ref(model)
        if self._model() is not model:
            raise InvalidArgumentError(
                "prefix_cache holds keys and values of another model: make one for each"
            )

    @staticmethod
    def serves(model: object) -> bool:
        """Whether a model's prompts can be read in parts, so that what is kept of one serves another.

        That is a decoder with keys and values whose positions do not depend on how many tokens follow them.
        """
        if not isinstance(model, CausalLM) or type(model.new_cache()) is not KeyValueCache:
            return False
        return not getattr(getattr(model.decoder, "rotary", None), "varies", False)

    def load(self, ids: Sequence[int], cache: KeyValueRows) -> int:
        """Begin an empty cache of one row with what is known of ``ids``, and return the number of tokens.

        The last token is never among them, because somebody has to compute what follows it.
        """
        with self._lock:
            self.lookups += 1
            path = self._path(ids, len(ids) - 1)
            if not path:
                return 0
            self._touch([node for node, _ in path])
            kept = [node.kept[:, :, :count] for node, count in path]
            found = sum(count for _, count in path)
            self.hits += 1
            self.tokens_saved += found
        cache.load((kept[0] if len(kept) == 1 else torch.cat(kept, dim=2))[:, None])
        return found

    def store(self, ids: Sequence[int], cache: KeyValueRows, row: int = 0) -> None:
        """Keep the keys and values of a row, which are those of the tokens ``ids`` from its beginning on."""
        ids = list(ids[: self.max_tokens])
        with self._lock:
            path = self._path(ids, len(ids))
            nodes = [node for node, _ in path]
            done = sum(count for _, count in path)
            if path and path[-1][1] < len(nodes[-1].tokens):
                nodes[-1] = self._split(*path[-1])
            self._touch(nodes)
            if done == len(ids):
                return
            self._forget(self.num_tokens + len(ids) - done - self.max_tokens)
            for begin in range(done, len(ids), NODE_TOKENS):
                end = min(begin + NODE_TOKENS, len(ids))
                kept = cache.kept(row, begin, end).clone(memory_format=torch.contiguous_format)
                nodes.append(self._append(nodes[-1] if nodes else self._root, ids[begin:end], kept))
            self._touch(nodes)

    def clear(self) -> None:
        """Forget all texts; the counts stay."""
        with self._lock:
            self._root.children.clear()
            self._nodes.clear()
            self.num_tokens = 0
            self._model = None

    def __repr__(self) -> str:
        counts = f"lookups={self.lookups}, hits={self.hits}, tokens_saved={self.tokens_saved}"
        return f"PrefixCache(tokens={self.num_tokens}, {counts})"

    def __getstate__(self) -> Any:
        raise TypeError("a PrefixCache holds a model's state and is not pickled or copied")

    def _path(self, ids: Sequence[int], most: int) -> list[tuple[_Node, int]]:
        """The nodes that spell the longest known prefix of ``ids[:most]``; of the last one perhaps a part."""
        path: list[tuple[_Node, int]] = []
        node, begin = self._root, 0
        while begin < most and (child := node.children.get(ids[begin])) is not None:
            count = _common(child.tokens, ids[begin : min(begin + len(child.tokens), most)])
            path.append((child, count))
            if count < len(child.tokens):
                break
            node, begin = child, begin + count
        return path

    def _split(self, node: _Node, count: int) -> _Node:
        """Make the first tokens of a node one of its own, which is returned."""
        assert node.parent is not None
        head = _Node(node.tokens[:count], node.kept[:, :, :count].clone(), node.parent)
        node.parent.children[head.tokens[0]] = head
        node.tokens, node.kept, node.parent = node.tokens[count:], node.kept[:, :, count:].clone(), head
        head.children[node.tokens[0]] = node
        self._nodes[head] = None
        return head

    def _append(self, parent: _Node, tokens: list[int], kept: Tensor) -> _Node:
        node = _Node(tokens, kept, parent)
        parent.children[tokens[0]] = node
        self._nodes[node] = None
        self.num_tokens += len(tokens)
        return node

    def _touch(self, path: Sequence[_Node]) -> None:
        for node in reversed(path):
            self._nodes.move_to_end(node)

    def _forget(self, tokens: int) -> None:
        """At least so many; none if it is negative."""
        while tokens > 0:
            node, _ = self._nodes.popitem(last=False)
            assert node.parent is not None
            del node.parent.children[node.tokens[0]]
            self.num_tokens -= len(node.tokens)
            tokens -= len(node.tokens)


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the longest common prefix."""
    if first == second:
        return len(first)
    pairs = zip(first, second, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
