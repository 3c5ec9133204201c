"""What a user of pre-tokenizers notices."""

from __future__ import annotations

import copy
import pickle

import pytest

from ferrolm.errors import FerrolmError, InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers import NormalizedString, PreTokenizedString, Regex, Token, Tokenizer, models
from ferrolm.tokenizers import pre_tokenizers as parts


class Lines:
    def pre_tokenize(self, pretok: PreTokenizedString) -> None:
        pretok.split(self.split)

    def split(self, index: int, piece: NormalizedString) -> list[NormalizedString]:
        return piece.split("\n", "removed")


class Leak:
    kept: PreTokenizedString

    def pre_tokenize(self, pretok: PreTokenizedString) -> None:
        Leak.kept = pretok


class Failing:
    def pre_tokenize(self, pretok: PreTokenizedString) -> None:
        raise RuntimeError("no")


def test_a_custom_pre_tokenizer() -> None:
    custom = parts.PreTokenizer.custom(Lines())
    assert type(custom) is parts.PreTokenizer
    assert custom.pre_tokenize_str("a\né") == [("a", (0, 1)), ("é", (2, 3))]
    sequence = parts.Sequence([custom, parts.Digits()])
    assert [text for text, _ in sequence.pre_tokenize_str("a1\n2")] == ["a", "1", "2"]
    for use in (custom.__getstate__, lambda: pickle.dumps(sequence)):
        with pytest.raises(FerrolmError, match="custom"):
            use()


def test_a_tokenizer_with_a_custom_pre_tokenizer() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = parts.PreTokenizer.custom(Lines())
    assert tokenizer.encode("a\nb").ids == [0, 1]
    assert tokenizer.encode("a\nb").offsets == [(0, 1), (2, 3)]
    assert [encoding.ids for encoding in tokenizer.encode_batch(["a", "b\na"] * 20)][:2] == [[0], [1, 0]]
    with pytest.raises(FerrolmError, match="custom"):
        tokenizer.to_str()


def test_what_a_custom_pre_tokenizer_raises_and_keeps() -> None:
    with pytest.raises(Exception, match="no"):
        parts.PreTokenizer.custom(Failing()).pre_tokenize_str("a")
    with pytest.raises(Exception, match="pre_tokenize"):
        parts.PreTokenizer.custom(object()).pre_tokenize_str("a")
    parts.PreTokenizer.custom(Leak()).pre_tokenize_str("a")
    with pytest.raises(FerrolmError, match="outside `pre_tokenize`"):
        Leak.kept.get_splits()


def test_a_pre_tokenized_string() -> None:
    text = PreTokenizedString("Él 12")
    parts.WhitespaceSplit().pre_tokenize(text)
    text.normalize(lambda piece: piece.lowercase())
    assert text.get_splits() == [("él", (0, 2), None), ("12", (3, 5), None)]
    assert [split[1] for split in text.get_splits(offset_type="byte")] == [(0, 3), (4, 6)]
    assert [split[1] for split in text.get_splits("normalized", "byte")] == [(0, 3), (3, 5)]
    with pytest.raises(FerrolmError, match="has no tokens"):
        text.to_encoding()
    text.tokenize(lambda piece: [Token(7, piece, (0, len(piece.encode())))])
    text.split(lambda index, piece: 1 / 0)  # what has tokens is not cut again
    encoding = text.to_encoding(type_id=3)
    assert (encoding.tokens, encoding.offsets) == (["él", "12"], [(0, 2), (3, 5)])
    assert (encoding.type_ids, encoding.word_ids) == ([3, 3], [0, 1])
    assert text.to_encoding(word_idx=5).word_ids == [5, 5]
    assert [[token.as_tuple() for token in tokens or []] for _, _, tokens in text.get_splits()] == [
        [(7, "él", (0, 3))],
        [(7, "12", (0, 2))],
    ]


def test_a_failed_change_changes_nothing() -> None:
    text = PreTokenizedString("a b")
    for change in (text.split, text.normalize, text.tokenize):
        with pytest.raises(ZeroDivisionError):
            change(lambda *_: 1 / 0)
        with pytest.raises(InvalidTypeError, match="expected a function"):
            change("no function")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        text.split(lambda index, piece: [1])  # type: ignore[list-item]
    with pytest.raises(InvalidArgumentError, match="offset_type"):
        text.get_splits(offset_type="bytes")
    assert text.get_splits() == [("a b", (0, 3), None)]


def test_settings_change_in_place_and_in_sequences() -> None:
    sequence = parts.Sequence(
        [parts.Split(Regex(r"\d"), "removed"), parts.Metaspace("a", "never", split=False)]
    )
    first = sequence[0]
    assert isinstance(first, parts.Split)
    first.behavior = "merged_with_next"
    first.invert = True
    assert repr(sequence).startswith(
        'Sequence(pretokenizers=[Split(pattern=Regex("\\d"), behavior=MergedWithNext'
    )
    with pytest.raises(InvalidArgumentError, match="cannot be read back"):
        _ = first.pattern
    sequence[1] = parts.FixedLength(2)
    assert isinstance(sequence[1], parts.FixedLength)
    assert len(sequence) == 2
    with pytest.raises(IndexError):
        sequence[2]
    with pytest.raises(FerrolmError, match="Sequence"):
        sequence[0] = parts.Sequence([])


@pytest.mark.parametrize(
    "part",
    [
        parts.Split("é", "contiguous", True),
        parts.Split(Regex(r"a|\s+(?!\S)"), "isolated"),
        parts.CharDelimiterSplit("-"),
        parts.Metaspace("_", "first", False),
        parts.Sequence([parts.BertPreTokenizer(), parts.Punctuation("removed")]),
        parts.FixedLength(7),
    ],
)
def test_pickles_and_copies(part: parts.PreTokenizer) -> None:
    for other in (pickle.loads(pickle.dumps(part)), copy.deepcopy(part)):
        assert type(other) is type(part)
        assert repr(other) == repr(part)


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match="delimiter: found '', expected a string of length 1"):
        parts.CharDelimiterSplit("")
    with pytest.raises(ValueError, match="prepend_scheme"):
        parts.Metaspace(prepend_scheme="last")
    with pytest.raises(ValueError, match="behavior: found 'gone', expected one of removed"):
        parts.Split(" ", "gone")
    with pytest.raises(TypeError, match="pattern: found int"):
        parts.Split(3, "removed")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="length is 0"):
        parts.FixedLength(0)
    with pytest.raises(TypeError, match=r"pretokenizers\[0\]: found str"):
        parts.Sequence(["Whitespace"])  # type: ignore[list-item]


def test_a_change_reaches_the_tokenizer() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    tokenizer.pre_tokenizer = parts.Sequence([parts.CharDelimiterSplit("-"), parts.Digits()])
    held = tokenizer.pre_tokenizer
    assert isinstance(held, parts.Sequence)
    delimiter = held[0]
    assert isinstance(delimiter, parts.CharDelimiterSplit)
    delimiter.delimiter = "+"
    assert tokenizer.encode("a+a-").ids == [0, 1]
