"""Ids of BERT, Llama 2, Mistral and T5, whose text is cut into words, beside the `tokenizers` package."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import all_texts, read_text, shared

import ferrolm
from ferrolm import Tokenizer

tokenizers = pytest.importorskip("tokenizers")

FILES = [
    f"tokenizers/{name}/tokenizer.json" for name in ("bert-base-uncased", "llama2", "mistral-v1", "t5-small")
]
PART = 20_000  # characters that the reference takes at a time
SAMPLE = 200_000  # characters of each text: the reference makes about 1 MB/s

# What normalizers and pre-tokenizers tell apart, and what may join across a cut.
PIECES = (
    *" \t\n\r.,!?-_()'=<ab\u2581\u00a0\u3000\u2028\u0085\u200b\u200d\ufeff\ufffd\0\x01\x0b\x7f\u00ad",
    *(
        "  ",
        "   ",
        "\r\n",
        " \u0301",
        "\u0344\u0302",
        "e\u0301",
        "=\u0338",
        "\u0600",
        "\u0600 ",
        "\u2581\u2581",
    ),
    *(
        "Hello",
        "WORLD",
        " the",
        "don't",
        "é",
        "É",
        "ß",
        "İ",
        "Σ",
        "ﬁ",
        "①",
        "½",
        "ｱﾞ",
        "가",
        "\u1100\u1161",
        "ﷺ",
    ),
    *("漢", "字漢", "。", "—", "«", "”", "\uf900", "\U0002f800", "\U00020000", "\U0002b820", "ไทยำ", "क्षि"),
    *(
        "🙂",
        "👨‍👩‍👧",
        "👍🏽",
        "🇩🇪",
        "\U0001d160",
        "<s>",
        "</s>",
        "[MASK]",
        "<extra_id_0>",
        "<unk>",
        "12",
        "2024",
        "٣",
    ),
)


def pair(file: str) -> tuple[Tokenizer, tokenizers.Tokenizer]:
    path = shared(file)
    ours, theirs = Tokenizer.from_file(path), tokenizers.Tokenizer.from_file(str(path))
    for tokenizer in (ours, theirs):
        tokenizer.no_truncation()
        tokenizer.no_padding()
    return ours, theirs


def check(ours: Tokenizer, theirs: tokenizers.Tokenizer, texts: list[str]) -> None:
    expected = theirs.encode_batch_fast(texts, add_special_tokens=False)
    found = ours.encode_ids_batch(texts, add_special_tokens=False)
    for index, (text, encoding) in enumerate(zip(texts, expected, strict=True)):
        assert np.array_equal(found[index], encoding.ids), repr(text)


@pytest.mark.parametrize("file", FILES)
def test_ids_of_all_texts(file: str) -> None:
    ours, theirs = pair(file)
    for path in all_texts():
        text = read_text(path)[:SAMPLE]
        check(ours, theirs, [text[start : start + PART] for start in range(0, len(text), PART)])


@pytest.mark.parametrize("file", FILES)
def test_ids_of_random_texts(file: str) -> None:
    ours, theirs = pair(file)
    piece = st.one_of(st.sampled_from(PIECES), st.sampled_from(PIECES), st.text(max_size=4))

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.lists(piece, max_size=40).map("".join), min_size=1, max_size=20))
    def equal(texts: list[str]) -> None:
        check(ours, theirs, texts)

    equal()


@pytest.mark.exhaustive
@pytest.mark.parametrize("file", FILES)
def test_every_character_by_itself_and_between_letters(file: str) -> None:
    ours, theirs = pair(file)
    characters = [chr(code) for code in range(0x20000) if not 0xD800 <= code < 0xE000]
    texts = [
        f"a{a} b{b}a {c}"
        for a, b, c in zip(characters[::3], characters[1::3], characters[2::3], strict=False)
    ]
    check(ours, theirs, texts)


# BERT's options, and what is around words in models of other kinds, with the vocabularies of the files.
VARIANTS = [
    ("bert-base-uncased", "normalizer", {"type": "BertNormalizer", "clean_text": c, "handle_chinese_chars": h,
                                         "strip_accents": s, "lowercase": lower})
    for c, h, s, lower in [(True, True, None, False), (False, False, True, False), (False, True, False, True)]
] + [
    ("mistral-v1", "pre_tokenizer", {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split})
    for scheme, split in [("always", True), ("never", True), ("first", True), ("always", False), ("never", False)]
] + [
    ("t5-small", "pre_tokenizer", {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": True})
    for scheme in ("always", "first")
] + [
    ("bert-base-uncased", "pre_tokenizer", part)
    for part in (
        {"type": "Whitespace"},
        {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": True}]},
        {"type": "Split", "pattern": {"Regex": r"\w+|[^\w\s]"}, "behavior": "Removed", "invert": True},
        None,
    )
]  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "part", "value"), VARIANTS)
def test_variants_of_parts(name: str, part: str, value: object, tmp_path: Path) -> None:
    settings = json.loads(shared(f"tokenizers/{name}/tokenizer.json").read_text(encoding="utf-8"))
    settings[part] = value
    if name == "t5-small":
        # As transformers converts SentencePiece models today.
        squeeze = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}
        steps = [settings["normalizer"], {"type": "Strip", "strip_left": False, "strip_right": True}, squeeze]
        settings["normalizer"] = {"type": "Sequence", "normalizers": steps}
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(settings), encoding="utf-8")
    ours, theirs = pair(str(file))
    for path in all_texts():
        text = read_text(path)[:6000]
        check(ours, theirs, [text, text[:100], text[1:1000], ""])
    rng = np.random.default_rng(1)
    check(ours, theirs, ["".join(rng.choice(PIECES, size=30)) for _ in range(300)])


@pytest.mark.parametrize("file", FILES)
def test_a_long_text_has_the_same_ids_at_any_number_of_threads(file: str) -> None:
    ours, _ = pair(file)
    text = read_text(shared("text/books/sherlock-holmes.txt"))
    threads = ferrolm.num_threads()
    whole = ours.encode_ids(text, add_special_tokens=False)
    try:
        for count in (1, 2, 3):
            ferrolm.set_num_threads(count)
            (found,) = ours.encode_ids_batch([text], add_special_tokens=False)
            assert np.array_equal(found, whole)
    finally:
        ferrolm.set_num_threads(threads)


@pytest.mark.parametrize("file", FILES)
def test_one_unit_repeated_takes_linear_time(file: str) -> None:
    ours, _ = pair(file)
    for unit in ("a", " ", "▁", "漢", "\u0301", "\ufdfa", ",", "\n"):
        assert len(ours.encode_ids(unit * 100_000, add_special_tokens=False)) <= 2_000_000
