"""The encodings that OpenAI has published: their files, patterns and special tokens."""

from __future__ import annotations

from typing import NamedTuple

from ferrolm import _rust
from ferrolm.compat.tiktoken.core import Encoding, of_core
from ferrolm.compat.tiktoken.load import read_file_cached

__all__ = ["NAMES", "load"]

_HOST = "https://openaipublic.blob.core.windows.net"

_R50K = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s"
)
_WORD = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]%s[\p{Ll}\p{Lm}\p{Lo}\p{M}]%s(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?" + _WORD % ("*", "+"),
        r"[^\r\n\p{L}\p{N}]?" + _WORD % ("+", "*"),
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)

_FIM = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
_END = "<|endoftext|>"


def _harmony() -> dict[str, int]:
    named = {
        "<|startoftext|>": 199998,
        _END: 199999,
        "<|return|>": 200002,
        "<|constrain|>": 200003,
        "<|channel|>": 200005,
        "<|start|>": 200006,
        "<|end|>": 200007,
        "<|message|>": 200008,
        "<|call|>": 200012,
        "<|endofprompt|>": 200018,
    }
    # Id 200018 has two names: `tiktoken` reserves it as well.
    taken = set(named.values()) - {200018}
    reserved = {f"<|reserved_{index}|>": index for index in range(200000, 201088) if index not in taken}
    return named | reserved


class _Published(NamedTuple):
    file: str
    sha256: str
    pattern: str
    special_tokens: dict[str, int]
    size: int | None = None


_P50K_HASH = "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"
_O200K_HASH = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
_PUBLISHED = {
    "gpt2": _Published(
        "gpt-2/encodings/main/encoder.json",
        "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
        _R50K,
        {_END: 50256},
        50257,
    ),
    "r50k_base": _Published(
        "encodings/r50k_base.tiktoken",
        "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
        _R50K,
        {_END: 50256},
        50257,
    ),
    "p50k_base": _Published("encodings/p50k_base.tiktoken", _P50K_HASH, _R50K, {_END: 50256}, 50281),
    "p50k_edit": _Published(
        "encodings/p50k_base.tiktoken",
        _P50K_HASH,
        _R50K,
        {_END: 50256} | {token: 50281 + index for index, token in enumerate(_FIM)},
    ),
    "cl100k_base": _Published(
        "encodings/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        _CL100K,
        {_END: 100257}
        | {token: 100258 + index for index, token in enumerate(_FIM)}
        | {"<|endofprompt|>": 100276},
    ),
    "o200k_base": _Published(
        "encodings/o200k_base.tiktoken", _O200K_HASH, _O200K, {_END: 199999, "<|endofprompt|>": 200018}
    ),
    "o200k_harmony": _Published("encodings/o200k_base.tiktoken", _O200K_HASH, _O200K, _harmony()),
}
_GPT2_MERGES = "gpt-2/encodings/main/vocab.bpe"
_GPT2_MERGES_HASH = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"

NAMES = tuple(_PUBLISHED)


def load(name: str) -> Encoding:
    """The published encoding of a name, from the cache or from where it is published."""
    published = _PUBLISHED[name]
    address = f"{_HOST}/{published.file}"
    content = read_file_cached(address, published.sha256)
    special = list(published.special_tokens.items())
    if name == "gpt2":
        merges = read_file_cached(f"{_HOST}/{_GPT2_MERGES}", _GPT2_MERGES_HASH)
        core = _rust.RankEncoding.of_vocab_and_merges(content, merges, address, special, published.pattern)
    else:
        core = _rust.RankEncoding.of_tiktoken(content, address, special, published.pattern)
    return of_core(name, published.pattern, published.special_tokens, core, published.size)
