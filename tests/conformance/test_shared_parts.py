"""A part that is changed changes every tokenizer and sequence that has it, as with ``tokenizers``."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import tokenizers as reference

import ferrolm.tokenizers as ours

Steps = Callable[[Any], list[Any]]


def words(package: Any, *vocabulary: str) -> Any:
    """A tokenizer that knows these words."""
    entries = {word: index for index, word in enumerate(("?", *vocabulary))}
    return package.Tokenizer(package.models.WordLevel(entries, "?"))


def tokens(*tokenizers: Any, text: str = "q") -> list[list[str]]:
    return [tokenizer.encode(text).tokens for tokenizer in tokenizers]


def part_of_a_normalizer(package: Any) -> list[Any]:
    prepend = package.normalizers.Prepend("a")
    sequence = package.normalizers.Sequence([prepend, package.normalizers.Lowercase()])
    tokenizer = words(package, "aq", "bq", "cq", "dq", "eQ")
    tokenizer.normalizer = sequence
    found = tokens(tokenizer, text="Q")
    prepend.prepend = "b"
    found += tokens(tokenizer, text="Q")
    tokenizer.normalizer[0].prepend = "c"
    found += tokens(tokenizer, text="Q")
    sequence[0] = package.normalizers.Prepend("d")
    found += tokens(tokenizer, text="Q")
    tokenizer.normalizer[1] = package.normalizers.NFC()
    prepend.prepend = "e"
    return [*found, *tokens(tokenizer, text="Q"), tokenizer.to_str(), repr(sequence)]


def part_of_a_pre_tokenizer(package: Any) -> list[Any]:
    parts = package.pre_tokenizers
    metaspace = parts.Metaspace()
    tokenizer = words(package, "a", "1", "▁a", "▁1", "_a", "_1", "-a", "-12", "12")
    tokenizer.pre_tokenizer = parts.Sequence([parts.WhitespaceSplit(), metaspace])
    found = tokens(tokenizer, text="a 12")
    metaspace.replacement = "_"
    found += tokens(tokenizer, text="a 12")
    tokenizer.pre_tokenizer[1].replacement = "-"
    found += tokens(tokenizer, text="a 12")
    tokenizer.pre_tokenizer[1] = parts.Digits(individual_digits=True)
    found += tokens(tokenizer, text="a 12")
    tokenizer.pre_tokenizer[1].individual_digits = False
    return [*found, *tokens(tokenizer, text="a 12")]


def part_of_a_post_processor(package: Any) -> list[Any]:
    processors = package.processors
    template = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    trimming = processors.ByteLevel(trim_offsets=True)
    inner = processors.Sequence([trimming])
    tokenizer = words(package, "<s>", " a")
    tokenizer.post_processor = processors.Sequence([inner, template])

    def seen() -> list[Any]:
        encoding = tokenizer.encode(" a")
        return [encoding.tokens, encoding.offsets, repr(tokenizer.post_processor), repr(inner)]

    found = seen()
    trimming.trim_offsets = False
    found += seen()
    template.single = "$A <s>"
    found += seen()
    tokenizer.post_processor[0].add_prefix_space = False
    found += seen()
    tokenizer.post_processor[1] = processors.BertProcessing(("x", 7), ("y", 8))
    return found + seen()


def one_part_of_several_tokenizers(package: Any) -> list[Any]:
    first, second, third = (words(package, "aq", "bq", "cq", "dq") for _ in range(3))
    prepend = package.normalizers.Prepend("a")
    first.normalizer = prepend
    second.normalizer = package.normalizers.Sequence([prepend])
    third.normalizer = first.normalizer
    found = tokens(first, second, third)
    prepend.prepend = "b"
    found += tokens(first, second, third)
    second.normalizer[0].prepend = "c"
    found += tokens(first, second, third)
    first.normalizer = None
    second.normalizer[0] = package.normalizers.Prepend("d")
    return found + tokens(first, second, third)


def decoders(package: Any) -> list[Any]:
    first, second = words(package, "a", "#b"), words(package, "a", "#b")
    decoder = package.decoders.WordPiece("@")
    inside = package.decoders.Metaspace()
    sequence = package.decoders.Sequence([inside])
    first.decoder = second.decoder = decoder
    decoder.prefix = "#"
    inside.replacement = "_"
    return [first.decode([1, 2]), second.decode([1, 2]), repr(sequence)]


def copies_are_apart(package: Any) -> list[Any]:
    tokenizer = words(package, "aq", "bq")
    prepend = package.normalizers.Prepend("a")
    tokenizer.normalizer = package.normalizers.Sequence([prepend])
    copied, restored = copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))
    prepend.prepend = "b"
    return tokens(tokenizer, copied, restored)


@pytest.mark.parametrize(
    "steps",
    [
        part_of_a_normalizer,
        part_of_a_pre_tokenizer,
        part_of_a_post_processor,
        one_part_of_several_tokenizers,
        decoders,
        copies_are_apart,
    ],
)
def test_changes_are_seen_where_the_reference_shows_them(steps: Steps) -> None:
    assert steps(ours) == steps(reference)


def test_a_part_with_python_code_stays_connected() -> None:
    class Shout:
        mark = "!"

        def normalize(self, normalized: Any) -> None:
            normalized.append(self.mark)

    prepend = ours.normalizers.Prepend("a")
    tokenizer = words(ours, "aq!", "bq!")
    tokenizer.normalizer = ours.normalizers.Sequence([prepend, ours.normalizers.Normalizer.custom(Shout())])
    prepend.prepend = "b"
    assert tokens(tokenizer) == [["bq!"]]


def test_parts_do_not_keep_tokenizers() -> None:
    from ferrolm.tokenizers import _shared_parts

    gc.collect()
    before = len(_shared_parts._holders)
    prepend = ours.normalizers.Prepend("a")
    tokenizer = words(ours, "aq")
    tokenizer.normalizer = prepend
    assert len(_shared_parts._holders) == before + 1
    del tokenizer
    gc.collect()
    assert len(_shared_parts._holders) == before
    prepend.prepend = "b"
