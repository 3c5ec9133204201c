"""Pipelines of published tokenizers, each with a vocabulary of its own kind that is made here.

What families differ in is what happens around the model; so byte-level ones are trained on a little text by their own
pre-tokenizer, and the others take the models of files at hand.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from shared_data import read_text, shared
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tokenizers import normalizers as norm
from tokenizers.pre_tokenizers import ByteLevel, Metaspace, Split, WhitespaceSplit

APART = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = APART + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
BEFORE = r"[^\r\n\p{L}\p{N}]?"
O200K = (
    f"{BEFORE}{UPPER}*{LOWER}+{APART}?|{BEFORE}{UPPER}+{LOWER}*{APART}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES
)
NOT_HAN = r"&&[^\p{Han}]]"
KIMI = r"[\p{Han}]+|" + O200K.replace(r"\p{M}]", r"\p{M}" + NOT_HAN).replace(r"[\r\n/]*", r"[\r\n]*")
CUTS = "…。，、।۔،"
# The letters of DeepSeek V2, shortened; escaped where a character and its canonical form differ.
LATIN = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗ"
    "\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fd0-\u1fd3\u1fd6-\u1fdb\u212a-\u212d\ua640-\ua66d\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f"
)
SIGLIP = r"[!\"\#\$\%\&\'\(\)\*\+\,\-\.\:\;\=\?\@\[\\\]\^_`\{\|\}\~]"


@dataclass
class Family:
    """What surrounds the model, and the tokens that are added to it."""

    model: Callable[[Family], Tokenizer]
    normalizer: Any = None
    pre_tokenizer: Any = None
    decoder: Any = None
    single: str = ""
    pair: str = ""
    post_processor: Any = None
    added: list[str | AddedToken] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def sample() -> list[str]:
    """Text to learn from: English, code, Chinese, and a little of many languages."""
    texts = [
        read_text(shared("text/books/sherlock-holmes.txt"))[5000:45_000],
        read_text(shared("text/code/python-stdlib-sample.txt"))[:40_000],
        read_text(shared("text/multilingual/utf8-demo.txt")),
        read_text(shared("text/books/wagahai-neko-ja.txt"))[:8000],
    ]
    return texts + [
        read_text(path)[:1500] for path in sorted(shared("text/multilingual/udhr").glob("*.txt"))[::3]
    ]


def byte_level(family: Family) -> Tokenizer:
    """BPE over bytes, learned by the family's own cuts."""
    tokenizer = Tokenizer(models.BPE(**family.options))
    tokenizer.normalizer, tokenizer.pre_tokenizer = family.normalizer, family.pre_tokenizer
    suffixes = {name: value for name, value in family.options.items() if name == "end_of_word_suffix"}
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        show_progress=False,
        # Some are learned without the bytes that UTF-8 never has.
        initial_alphabet=sorted(set(ByteLevel.alphabet()) - set("ÀÁõö÷øùúûüýþÿ")),
        special_tokens=[family.options["unk_token"]] if "unk_token" in family.options else [],
        **suffixes,
    )
    tokenizer.train_from_iterator(sample(), trainer)
    return tokenizer


@cache
def _file(name: str) -> dict[str, Any]:
    description: dict[str, Any] = json.loads(shared(f"tokenizers/{name}/tokenizer.json").read_text("utf-8"))
    return description


@cache
def _model(name: str) -> dict[str, Any]:
    """The model of a file, with its more frequent tokens: all of them would take longer to load than to test."""
    model: dict[str, Any] = _file(name)["model"]
    if "merges" in model:
        # The characters come last in Llama's vocabulary.
        tokens = [token for token, at in model["vocab"].items() if at < 6000 or len(token) == 1]
        known = set(tokens)
        merges = [
            merge
            for merge in model["merges"]
            if known.issuperset((*merge.split(" "), merge.replace(" ", "")))
        ]
        return model | {"vocab": {token: at for at, token in enumerate(tokens)}, "merges": merges}
    return model | {"vocab": model["vocab"][:8000]} if isinstance(model["vocab"], list) else model


def _of_file(name: str, family: Family) -> Tokenizer:
    return Tokenizer.from_str(json.dumps({"version": "1.0", "model": _model(name) | family.options}))


def byte_fallback(family: Family) -> Tokenizer:
    return _of_file("llama2", family)


def unigram(family: Family) -> Tokenizer:
    return _of_file("t5-small", family)


def word_piece(family: Family) -> Tokenizer:
    return _of_file("bert-base-uncased", family)


@cache
def charsmap() -> Any:
    """SentencePiece's map of characters, as in T5."""
    return norm.Precompiled(base64.b64decode(_file("t5-small")["normalizer"]["precompiled_charsmap"]))


def build(family: Family) -> str:
    """The family's tokenizer.json."""
    tokenizer = family.model(family)
    # Added before the normalizer is there or after makes no difference to the file.
    tokenizer.normalizer, tokenizer.pre_tokenizer = family.normalizer, family.pre_tokenizer
    for token in family.added:
        special = token.special if isinstance(token, AddedToken) else True
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)([token])
    if family.single:
        names = {piece.split(":")[0] for piece in f"{family.single} {family.pair}".split()} - {"$A", "$B"}
        tokens = [(name, tokenizer.token_to_id(name)) for name in sorted(names)]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=family.single, pair=family.pair or "$A $B:1", special_tokens=tokens
        )
    if family.post_processor is not None:
        tokenizer.post_processor = family.post_processor(tokenizer)
    tokenizer.decoder = family.decoder
    return tokenizer.to_str()


def sequence(*parts: Any) -> Any:
    return pre_tokenizers.Sequence(list(parts))


def split(pattern: str, behavior: str = "isolated", invert: bool = False) -> Any:
    return Split(Regex(pattern), behavior, invert)


def by_patterns(*patterns: str) -> Any:
    return sequence(*map(split, patterns), ByteLevel(add_prefix_space=False, use_regex=False))


def runs(character: str, longest: int) -> list[AddedToken]:
    """Runs of a character as tokens of their own, the longest first."""
    return [
        AddedToken(character * length, normalized=True, special=False) for length in range(longest, 1, -1)
    ]


def kept(*contents: str) -> list[AddedToken]:
    """Tokens that are matched in raw text and are not special."""
    return [AddedToken(content, normalized=False, special=False) for content in contents]


def roberta(sep: str, cls: str, **settings: bool) -> Callable[[Tokenizer], Any]:
    return lambda tokenizer: processors.RobertaProcessing(
        (sep, tokenizer.token_to_id(sep)), (cls, tokenizer.token_to_id(cls)), **settings
    )


def trimmed(**settings: bool) -> Callable[[Tokenizer], Any]:
    return lambda _: processors.ByteLevel(**settings)


PLAIN = ByteLevel(add_prefix_space=False)
OF_BYTES = decoders.ByteLevel()
LLAMA_DECODER = decoders.Sequence(
    [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
)
GEMMA_DECODER = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
SPACE_TO_BLOCK = norm.Replace(" ", "▁")
WORDS = Metaspace("▁", prepend_scheme="always")
END = ["<|endoftext|>"]


def of_bytes(pre_tokenizer: Any, *added: str | AddedToken, **parts: Any) -> Family:
    return Family(byte_level, pre_tokenizer=pre_tokenizer, decoder=OF_BYTES, added=[*END, *added], **parts)


def bert(lowercase: bool, *, pair: str = "[CLS] $A [SEP] $B:1 [SEP]:1", **settings: bool) -> Family:
    return Family(
        word_piece,
        normalizer=norm.BertNormalizer(lowercase=lowercase, **settings),
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
        decoder=decoders.WordPiece(),
        single="[CLS] $A [SEP]",
        pair=pair,
        added=["[PAD]", "[UNK]", "[CLS]", "[SEP]", AddedToken("[MASK]", lstrip=True, special=True)],
    )


def pieces(normalizer: Any, pre_tokenizer: Any = None, **parts: Any) -> Family:
    """SentencePiece's Unigram."""
    settings = {"single": "<s> $A </s>", "pair": "<s> $A </s> </s> $B </s>"} | parts
    return Family(
        unigram,
        normalizer=normalizer,
        pre_tokenizer=pre_tokenizer or sequence(WhitespaceSplit(), WORDS),
        decoder=decoders.Metaspace(),
        added=["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)],
        **settings,
    )


def llama(normalizer: Any, pre_tokenizer: Any = None, *added: str | AddedToken, **parts: Any) -> Family:
    settings = {"single": "<s> $A", "pair": "<s> $A <s>:1 $B:1", "decoder": LLAMA_DECODER} | parts
    return Family(
        byte_fallback,
        normalizer=normalizer,
        pre_tokenizer=pre_tokenizer,
        added=["<unk>", "<s>", "</s>", *added],
        **settings,
    )
