"""Token for token equal to the `tokenizers` package, on all shared text and with every setting."""

from __future__ import annotations

import random
from typing import Any

import pytest
from shared_data import all_texts, read_text, shared

import ferrolm.tokenizers as ours_module

theirs_module = pytest.importorskip("tokenizers")

FILES = [
    "tokenizers/gpt2/tokenizer.json",
    "tokenizers/roberta-base/tokenizer.json",
    "models/tiny-gpt2-shakespeare/tokenizer.json",
]
FIELDS = (
    "ids",
    "type_ids",
    "tokens",
    "offsets",
    "word_ids",
    "sequence_ids",
    "special_tokens_mask",
    "attention_mask",
    "n_sequences",
)
SAMPLE = 4_000  # characters of each file; the reference makes full encodings at 1 MB/s
PARTS = (
    *"abcXY019 '.,!?-_()\n\t\r",
    *(
        "'s",
        "'t",
        "'re",
        "'ll",
        "'S",
        "  ",
        "   ",
        "\n\n",
        " \n",
        "\u00a0",
        "\u3000",
        "\u2003",
        "\u2028",
        "\u0085",
    ),
    *("\u200b", "é", "e\u0301", "ß", "İ", "漢字", "かな", "한글", "👍🏽", "👨‍👩‍👧", "٣", "½", "Ⅷ", "\u0378"),
    *(
        "\U00010d4a",
        "\U000323b0",
        "नमस्ते",
        "<|endoftext|>",
        "<|endof",
        "text|>",
        "<mask>",
        " <mask> ",
        "<s>",
        "</s>",
    ),
    *("Ġ", "Ċ", "\x00", "the", " the", " quick", "ing", "1234567", "//"),
)


def load(file: str) -> tuple[Any, Any]:
    path = shared(file)
    return ours_module.Tokenizer.from_file(path), theirs_module.Tokenizer.from_file(str(path))


def tricky(random_: random.Random, most: int = 30) -> str:
    return "".join(random_.choices(PARTS, k=random_.randint(0, most)))


def assert_equal(ours: Any, theirs: Any, context: object = "") -> None:
    for field in FIELDS:
        assert getattr(ours, field) == getattr(theirs, field), (field, context)
    assert len(ours.overflowing) == len(theirs.overflowing), context
    for our_part, their_part in zip(ours.overflowing, theirs.overflowing, strict=True):
        assert_equal(our_part, their_part, context)


@pytest.mark.parametrize("file", FILES)
def test_every_shared_text(file: str) -> None:
    ours, theirs = load(file)
    for path in all_texts():
        text = read_text(path)
        text = text[len(text) // 2 :][:SAMPLE]
        expected = theirs.encode(text)
        assert_equal(ours.encode(text), expected, path.name)
        assert ours.encode_ids(text).tolist() == expected.ids
        for skip in (True, False):
            assert ours.decode(expected.ids, skip) == theirs.decode(expected.ids, skip)


def test_every_character() -> None:
    ours, theirs = load(FILES[0])
    # Beyond these planes there are only ideographs of one block, private use and nothing.
    for start in range(0, 0x33000, 0x11000):
        characters = [chr(code) for code in range(start, start + 0x11000) if not 0xD800 <= code < 0xE000]
        # Beside a letter and a digit the class of a character decides the boundaries.
        text = "".join(f"a{character}1{character}" for character in characters)
        assert ours.encode_ids(text).tolist() == theirs.encode_batch_fast([text])[0].ids, hex(start)


def with_settings(module: Any, tokenizer: Any, random_: random.Random) -> Any:
    """The same random settings for both modules, given equal generators."""
    processors = module.processors
    flag, other = random_.random() < 0.5, random_.random() < 0.5
    template = ("<s> $A:3 </s> <s>:2", "<s> $B:1 </s>:4 $A </s>", [("<s>", 0), ("</s>", 2)])
    tokenizer.post_processor = random_.choice(
        [
            processors.ByteLevel(add_prefix_space=flag, trim_offsets=other),
            processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=flag, add_prefix_space=other),
            processors.BertProcessing(("</s>", 2), ("<s>", 0)),
            processors.TemplateProcessing(*template),
            processors.Sequence(
                [
                    processors.ByteLevel(trim_offsets=flag),
                    processors.TemplateProcessing("<s> $A", "$A <s> $B:1", [("<s>", 0)]),
                ]
            ),
        ]
    )
    tokenizer.pre_tokenizer = module.pre_tokenizers.ByteLevel(
        add_prefix_space=random_.random() < 0.3, use_regex=random_.random() < 0.9
    )
    if random_.random() < 0.5:
        direction = random_.choice(["left", "right"])
        tokenizer.enable_truncation(
            random_.randint(9, 20), stride=random_.choice([0, 1, 2]), direction=direction
        )
    else:
        tokenizer.no_truncation()
    if random_.random() < 0.5:
        direction = random_.choice(["left", "right"])
        length, multiple = random_.choice([None, 5, 16]), random_.choice([None, 8])
        tokenizer.enable_padding(
            direction=direction,
            pad_id=7,
            pad_type_id=2,
            pad_token="<pad>",
            length=length,
            pad_to_multiple_of=multiple,
        )
    else:
        tokenizer.no_padding()
    tokenizer.encode_special_tokens = random_.random() < 0.2
    return tokenizer


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("seed", range(8))
def test_settings(file: str, seed: int) -> None:
    ours, theirs = load(file)
    with_settings(ours_module, ours, random.Random(seed))
    with_settings(theirs_module, theirs, random.Random(seed))
    random_ = random.Random(seed)
    for _ in range(10):
        first, second = tricky(random_), tricky(random_)
        words = [tricky(random_, 4) for _ in range(random_.randint(0, 5))]
        special = random_.random() < 0.7
        for arguments in ((first,), (first, second)):
            expected = theirs.encode(*arguments, add_special_tokens=special)
            assert_equal(ours.encode(*arguments, add_special_tokens=special), expected, arguments)
        encoded = ours.encode(words, is_pretokenized=True), theirs.encode(words, is_pretokenized=True)
        assert_equal(*encoded, words)
        batch = [first, (first, second), second]
        for name in ("encode_batch", "encode_batch_fast"):
            pairs = zip(getattr(ours, name)(batch), getattr(theirs, name)(batch), strict=True)
            for our_encoding, their_encoding in pairs:
                assert_equal(our_encoding, their_encoding, batch)


def test_lookups_between_tokens_words_and_characters() -> None:
    ours, theirs = load(FILES[1])
    text, other = "Hello wörld, it's 漢字 time", "and  more"
    ours_encoding, expected = ours.encode(text, other), theirs.encode(text, other)
    for index in range(len(expected)):
        for name in ("token_to_sequence", "token_to_chars", "token_to_word"):
            assert getattr(ours_encoding, name)(index) == getattr(expected, name)(index)
    for position in range(len(text) + 2):
        for sequence in (0, 1):
            for name in ("char_to_token", "char_to_word", "word_to_tokens", "word_to_chars"):
                found = getattr(ours_encoding, name)(position, sequence)
                assert found == getattr(expected, name)(position, sequence), (name, position, sequence)


def test_added_tokens() -> None:
    ours, theirs = load(FILES[0])
    for module, tokenizer in ((ours_module, ours), (theirs_module, theirs)):
        token = module.AddedToken
        tokens = [
            token("word", single_word=True),
            token("<l>", lstrip=True),
            token("<r>", rstrip=True),
            "<new> one",
        ]
        assert tokenizer.add_tokens(tokens) == 4
        assert tokenizer.add_tokens(["<new> one", "the", "Ġfoo"]) == 2
        assert tokenizer.add_special_tokens(["<x>", token("<y>", lstrip=True, normalized=True)]) == 2
    assert ours.get_vocab_size() == theirs.get_vocab_size()
    assert ours.get_vocab() == theirs.get_vocab()
    decoders = ours.get_added_tokens_decoder(), theirs.get_added_tokens_decoder()
    assert {index: repr(token) for index, token in decoders[0].items()} == {
        index: repr(token) for index, token in decoders[1].items()
    }
    random_ = random.Random(0)
    parts = (
        "word",
        "<l>",
        "<r>",
        "<new> one",
        "the",
        "Ġfoo",
        "<x>",
        "<y>",
        " ",
        "\n",
        "s",
        "é",
        "-",
        "\u3000",
    )
    for _ in range(300):
        text = "".join(random_.choices(parts, k=random_.randint(0, 8)))
        expected = theirs.encode(text)
        assert_equal(ours.encode(text), expected, text)
        for skip in (True, False):
            assert ours.decode(expected.ids, skip) == theirs.decode(expected.ids, skip)


@pytest.mark.parametrize("file", FILES)
def test_decoding_any_ids(file: str) -> None:
    ours, theirs = load(file)
    random_ = random.Random(1)
    batch = [[random_.randrange(60_000) for _ in range(random_.randint(0, 40))] for _ in range(300)]
    assert ours.decode_batch(batch) == theirs.decode_batch(batch)
    ours_stream = ours_module.decoders.DecodeStream(skip_special_tokens=False)
    their_stream = theirs_module.decoders.DecodeStream(skip_special_tokens=False)
    for index in theirs.encode("It's 👨‍👩‍👧 naïve 漢字!<s> x").ids:
        assert ours_stream.step(ours, index) == their_stream.step(theirs, index)


@pytest.mark.parametrize("file", FILES)
def test_a_saved_file_loads_there_and_here(file: str, tmp_path: Any) -> None:
    ours, theirs = load(file)
    with_settings(ours_module, ours, random.Random(3))
    with_settings(theirs_module, theirs, random.Random(3))
    ours.encode_special_tokens = theirs.encode_special_tokens = False
    ours.add_special_tokens(["<extra>"])
    theirs.add_special_tokens(["<extra>"])
    assert ours.to_str() == theirs.to_str()
    ours.save(tmp_path / "tokenizer.json")
    text = "It's <extra> a  test<mask>"
    for loaded in (
        ours_module.Tokenizer.from_file(tmp_path / "tokenizer.json"),
        theirs_module.Tokenizer.from_file(str(tmp_path / "tokenizer.json")),
    ):
        assert_equal(loaded.encode(text, text), theirs.encode(text, text))


@pytest.mark.parametrize("options", [{}, {"unk_token": "<unk>"}, {"unk_token": "<unk>", "fuse_unk": True}, {"byte_fallback": True, "unk_token": "<unk>"}, {"ignore_merges": True}, {"end_of_word_suffix": "</w>"}, {"continuing_subword_prefix": "##"}])  # fmt: skip
def test_models_without_byte_level(options: dict[str, Any]) -> None:
    tokens = [
        "<unk>",
        "a",
        "b",
        "c",
        "ab",
        "abc",
        "é",
        "<0xE6>",
        "<0xBC>",
        "<0xA2>",
        "b</w>",
        "##b",
        "##a",
        "a##b",
        "x",
        "xx",
    ]
    vocab = {token: index for index, token in enumerate(tokens)}
    merges = [("a", "b"), ("x", "x")] if "continuing_subword_prefix" not in options else []
    random_ = random.Random(2)
    ours = ours_module.Tokenizer(ours_module.models.BPE(vocab, merges, **options))
    theirs = theirs_module.Tokenizer(theirs_module.models.BPE(vocab, merges, **options))
    for _ in range(300):
        text = "".join(random_.choices("aabbcéx漢 ", k=random_.randint(0, 12)))
        assert_equal(ours.encode(text), theirs.encode(text), text)
