"""Random strings through every tokenizer file: ids, offsets, masks and texts as the reference has them.

The strings are mostly what splitters stumble over: white space, marks, emoji, digits, apostrophes, parts of special
tokens. A longer run, spread over the files: ``python tests/property/test_exactness.py --count 1000000``
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

import pytest
from shared_data import shared

import ferrolm.compat.tiktoken as our_tiktoken
from ferrolm.tokenizers import Tokenizer

JSON = ("gpt2", "roberta-base", "llama2", "mistral-v1", "bert-base-uncased", "t5-small")
RANKS = (
    *(f"tiktoken/{name}.tiktoken" for name in ("r50k_base", "p50k_base", "cl100k_base", "o200k_base")),
    *("llama3/tokenizer.model", "qwen2/qwen.tiktoken"),
)
PIECES = ("llama2/tokenizer.model", "mistral-v1/tokenizer.model", "t5-small/spiece.model")
FIELDS = ("ids", "tokens", "offsets", "type_ids", "special_tokens_mask", "attention_mask", "word_ids")

SPACES = " \n\t\r\x0b\x0c\x85\u00a0\u1680\u2002\u2003\u2028\u3000\u200b\ufeff▁Ġ"
MARKS = "\u0300\u0301\u0323\u0327\u034f\u05b0\u093c\u094d\u0e31\u20dd\u3099\ufe0f\u200d"
EMOJI = ("👍🏽", "👨\u200d👩\u200d👧", "🇩🇪", "❤️", "🙂", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿")
DIGITS = "0123456789٣५½Ⅷ①𝟙１"
APOSTROPHES = ("'", "'s", "'S", "'ll", "'LL", "'Ll", "'re", "'t", "'ſ", "’s", "''", "'d've")
SPECIALS = ("<|endoftext|>", "<|endof", "text|>", "<s>", "</s>", "<mask>", "<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "<|begin_of_text|>", "<|im_start|>", "<extra_id_0>", "<extra_id_", "<0x0A>", "<|fim_prefix|>", "<|", "|>")  # fmt: skip
WORDS = ("the", " the", "Hello", "world", "ing", "don", "Straße", "İstanbul", "ΣΑΣ", "naïve", "漢字", "かな", "한국어", "नमस्ते", "ไทย", "שלום", "مرحبا", "://", "...", "--", "x=1;", "\x00", "\u0378", "ﬁ", "ǆ", "ﷺ")  # fmt: skip


def texts(seed: int, count: int) -> Iterator[str]:
    draw = Random(seed)

    def part() -> str:
        match draw.randrange(8):
            case 0 | 1:
                return draw.choice(SPACES) * draw.choice((1, 1, 1, 2, 3, 7))
            case 2:
                return draw.choice("aeoAkश漢") + draw.choice(MARKS) * draw.choice((1, 1, 2))
            case 3:
                return draw.choice(EMOJI)
            case 4:
                return "".join(draw.choice(DIGITS) for _ in range(draw.choice((1, 2, 3, 4, 9))))
            case 5:
                return draw.choice(APOSTROPHES)
            case 6:
                return draw.choice(SPECIALS)
        if draw.random() < 0.1:
            return chr(draw.choice((draw.randrange(0xD800), draw.randrange(0xE000, 0x110000))))
        return draw.choice(WORDS)

    for _ in range(count):
        yield "".join(part() for _ in range(draw.randrange(1, 16)))


def compare_json(name: str, strings: list[str]) -> None:
    reference = pytest.importorskip("tokenizers")
    path = shared(f"tokenizers/{name}/tokenizer.json")
    ours, theirs = Tokenizer.from_file(path), reference.Tokenizer.from_file(str(path))
    for tokenizer in (ours, theirs):
        tokenizer.no_padding()  # the file of BERT pads to 512
    for start in range(0, len(strings), 500):
        chunk = strings[start : start + 500]
        special = start // 500 % 2 == 0
        mine, other = (one.encode_batch(chunk, add_special_tokens=special) for one in (ours, theirs))
        for text, encoding, expected in zip(chunk, mine, other, strict=True):
            for field in FIELDS:
                assert getattr(encoding, field) == getattr(expected, field), (name, special, field, text)
        rows = [encoding.ids for encoding in other]
        assert ours.encode_ids_batch(chunk, add_special_tokens=special).tolist() == rows
        for skip in (True, False):
            decoded = (one.decode_batch(rows, skip_special_tokens=skip) for one in (ours, theirs))
            for text, answer, expected in zip(chunk, *decoded, strict=True):
                assert answer == expected, (name, skip, text)


def compare_ranks(name: str, strings: list[str]) -> None:
    tiktoken = pytest.importorskip("tiktoken")
    pattern = json.loads(shared("tokenizers/PATTERNS.json").read_text())[name]
    load = pytest.importorskip("tiktoken.load").load_tiktoken_bpe
    ranks = load(str(shared(f"tokenizers/{name}")))
    special = {token: len(ranks) + 1 + at for at, token in enumerate(SPECIALS[:1] + SPECIALS[10:13])}
    ours, theirs = (
        module.Encoding("test", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
        for module in (our_tiktoken, tiktoken)
    )
    for text in strings:
        expected = theirs.encode_ordinary(text)
        assert ours.encode_ordinary(text) == expected, (name, text)
        ids = theirs.encode(text, allowed_special="all")
        assert ours.encode(text, allowed_special="all") == ids, (name, text)
        assert ours.decode(ids) == text.encode("utf-8").decode()
        assert ours.decode_with_offsets(expected) == theirs.decode_with_offsets(expected), (name, text)


def compare_pieces(name: str, strings: list[str]) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    path = shared(f"tokenizers/{name}")
    ours = Tokenizer.from_sentencepiece(path)
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(path))
    # Special tokens in text are text for sentencepiece, which ends a text at NUL.
    ours.encode_special_tokens = True
    clean = [text.replace("\0", "") for text in strings]
    plain = [
        text
        for text in clean
        if not any(token in text for token in ("<extra_id_", "<s>", "</s>", "<unk>", "<pad>"))
    ]
    expected = theirs.encode(plain)
    for text, ids, row in zip(
        plain, expected, ours.encode_ids_batch(plain, add_special_tokens=False).tolist(), strict=True
    ):
        # Ways of one score, which sums in single precision tell apart, in double precision not.
        tie = (
            name.startswith("t5")
            and abs(sum(map(theirs.get_score, row)) - sum(map(theirs.get_score, ids))) < 1e-3
        )
        assert row == ids or tie, (name, text)
    # What is unknown has a text of its own there.
    known = [ids for ids in expected if theirs.unk_id() not in ids]
    for ids, text, other in zip(known, ours.decode_batch(known), theirs.decode(known), strict=True):
        assert text == other, (name, ids)


COMPARISONS: dict[str, Callable[[list[str]], None]] = {
    **{f"{name}/tokenizer.json": partial(compare_json, name) for name in JSON},
    **{name: partial(compare_ranks, name) for name in RANKS},
    **{name: partial(compare_pieces, name) for name in PIECES},
}


@pytest.mark.parametrize("name", COMPARISONS)
def test_random_strings(name: str) -> None:
    COMPARISONS[name](list(texts(7, 400)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    each, failures = -(-arguments.count // len(COMPARISONS)), 0
    for at, (name, compare) in enumerate(COMPARISONS.items()):
        start, done = time.perf_counter(), 0
        try:
            while done < each:
                count = min(5_000, each - done)
                compare(list(texts(arguments.seed * 1_000_000_000 + at * 1_000_000 + done, count)))
                done += count
            verdict = "equal"
        except AssertionError as error:
            failures, verdict = failures + 1, f"DIFFERENT {error}"
        print(f"{name:30} {done:8,} strings {time.perf_counter() - start:6.0f} s  {verdict}", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(main())
