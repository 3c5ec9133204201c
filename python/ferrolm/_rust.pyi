"""Types of the Rust extension, by crate; checked against the module by mypy's stubtest."""

import builtins
import os
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

# base
__version__: str

def num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def simd_level() -> str: ...

# tokenizer

def byte_level_alphabet() -> list[str]: ...
def read_vocab_json(vocab: Path) -> dict[str, int]: ...
def read_vocab_txt(vocab: Path) -> dict[str, int]: ...
def read_merges(merges: Path) -> list[tuple[str, str]]: ...

@disjoint_base
class TokenizerModel:
    def __new__(
        cls,
        kind: str,
        vocab: dict[str, int] | Sequence[tuple[str, float]],
        settings: dict[str, Any],
        merges: Sequence[tuple[str, str]] | None = None,
    ) -> Self: ...
    def kind(self) -> str: ...
    def share(self, other: TokenizerModel) -> None: ...
    def to_json(self) -> str: ...
    def set_json(self, json: str) -> None: ...
    def options(self) -> dict[str, Any]: ...
    def set_options(self, settings: dict[str, Any]) -> None: ...
    def vocab(self) -> dict[str, int]: ...
    def merges(self) -> list[tuple[str, str]]: ...
    def token_to_id(self, token: str) -> int | None: ...
    def id_to_token(self, id: int) -> str | None: ...
    def token_tuples(self, sequence: str | bytes) -> list[tuple[int, str, tuple[int, int]]]: ...
    def save_files(self, folder: Path, prefix: str | None = None) -> list[Path]: ...
    def describe(self, elements: int) -> str: ...

@disjoint_base
class Normalizer:
    def __new__(cls, json: str) -> Self: ...
    def to_json(self) -> str: ...
    def set_json(self, json: str) -> None: ...
    @staticmethod
    def of_object(object: Any) -> Normalizer: ...
    def share(self, other: Normalizer) -> None: ...
    def set_parts(self, parts: Sequence[Normalizer]) -> None: ...
    def num_parts(self) -> int: ...
    def get_part(self, index: int) -> Normalizer: ...
    def set_part(self, index: int, part: Normalizer) -> None: ...
    def type_name(self) -> str: ...
    def normalize(self, normalized: NormalizedString) -> None: ...
    def normalize_str(self, sequence: str | bytes) -> str: ...

@final
class NormalizedString:
    """A text that is being normalized, and where each of its characters came from."""

    def __new__(cls, sequence: str | bytes) -> Self: ...
    @property
    def normalized(self) -> str:
        """The normalized form."""
    @property
    def original(self) -> str:
        """The original text."""
    def nfd(self) -> None:
        """Apply the normal form NFD."""
    def nfkd(self) -> None:
        """Apply the normal form NFKD."""
    def nfc(self) -> None:
        """Apply the normal form NFC."""
    def nfkc(self) -> None:
        """Apply the normal form NFKC."""
    def lowercase(self) -> None:
        """To lower case."""
    def uppercase(self) -> None:
        """To upper case."""
    def prepend(self, s: str) -> None:
        """Put ``s`` before a text that is not empty."""
    def append(self, s: str) -> None:
        """Put ``s`` after the text."""
    def lstrip(self) -> None:
        """Remove white space at the start."""
    def rstrip(self) -> None:
        """Remove white space at the end."""
    def strip(self) -> None:
        """Remove white space at both ends."""
    def clear(self) -> None:
        """Make the normalized form empty."""
    def slice(self, range: int | tuple[int, int] | builtins.slice) -> NormalizedString | None:
        """The part of these characters of the normalized form, or None if they are not there."""
    def __getitem__(self, key: int | tuple[int, int] | builtins.slice, /) -> NormalizedString | None: ...
    def filter(self, func: Callable[[str], bool]) -> None:
        """Keep the characters for which ``func(character)`` is true."""
    def for_each(self, func: Callable[[str], object]) -> None:
        """Call ``func(character)`` for every character."""
    def map(self, func: Callable[[str], str]) -> None:
        """Replace every character by ``func(character)``, a character."""
    def split(self, pattern: str | Regex, behavior: str) -> list[NormalizedString]:
        """The parts between the matches of ``pattern``, a str or a Regex; ``behavior`` says what becomes of the matches:
        "removed", "isolated", "merged_with_previous", "merged_with_next" or "contiguous".
        """
    def replace(self, pattern: str | Regex, content: str) -> None:
        """Replace every match of ``pattern``, a str or a Regex, by ``content``."""
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: dict[int, Any]) -> Self: ...

@final
class Regex:
    """A regular expression in the syntax of Oniguruma, for the parts that take a pattern."""

    def __new__(cls, s: str) -> Self: ...
    @property
    def pattern(self) -> str:
        """The expression."""
    def __getnewargs__(self) -> tuple[str]: ...

@disjoint_base
class PreTokenizer:
    def __new__(cls, json: str) -> Self: ...
    def to_json(self) -> str: ...
    def set_json(self, json: str) -> None: ...
    @staticmethod
    def of_object(object: Any) -> PreTokenizer: ...
    def share(self, other: PreTokenizer) -> None: ...
    def set_parts(self, parts: Sequence[PreTokenizer]) -> None: ...
    def num_parts(self) -> int: ...
    def get_part(self, index: int) -> PreTokenizer: ...
    def set_part(self, index: int, part: PreTokenizer) -> None: ...
    def type_name(self) -> str: ...
    def pre_tokenize(self, pretok: PreTokenizedString) -> None: ...
    def pre_tokenize_str(self, s: str | bytes) -> list[tuple[str, tuple[int, int]]]: ...

@final
class Token:
    """A piece of text with its id, for models written in Python."""

    def __new__(cls, id: int, value: str, offsets: tuple[int, int]) -> Self: ...
    @property
    def id(self) -> int:
        """Its number."""
    @property
    def value(self) -> str:
        """Its text."""
    @property
    def offsets(self) -> tuple[int, int]:
        """Where it begins and ends in the piece."""
    def as_tuple(self) -> tuple[int, str, tuple[int, int]]:
        """The three of them."""
    def __getnewargs__(self) -> tuple[int, str, tuple[int, int]]: ...

@final
class PreTokenizedString:
    """A text that is being cut into pieces, each of which becomes tokens."""

    def __new__(cls, sequence: str | bytes) -> Self: ...
    def split(self, func: Callable[[int, NormalizedString], Sequence[NormalizedString]]) -> None:
        """Replace each piece without tokens by the list that ``func(index, piece)`` gives; they must be parts of it."""
    def normalize(self, func: Callable[[NormalizedString], object]) -> None:
        """Change each piece without tokens by ``func(piece)``, whose result does not matter."""
    def tokenize(self, func: Callable[[str], Sequence[Token]]) -> None:
        """Give each piece without tokens those of ``func(text)``, a list of ``Token``."""
    def to_encoding(self, type_id: int = 0, word_idx: int | None = None) -> Encoding:
        """The tokens of all pieces; each piece is a word unless ``word_idx`` is given."""
    def get_splits(
        self, offset_referential: str = "original", offset_type: str = "char"
    ) -> list[tuple[str, tuple[int, int], list[Token] | None]]:
        """(text, offsets, tokens) of each piece; offsets count "char" or "byte" of the "original" or "normalized" text."""

@disjoint_base
class PostProcessor:
    def __new__(cls, json: str) -> Self: ...
    def to_json(self) -> str: ...
    def set_json(self, json: str) -> None: ...
    def num_special_tokens_to_add(self, is_pair: bool) -> int: ...
    def process(
        self, encoding: Encoding, pair: Encoding | None = None, add_special_tokens: bool = True
    ) -> Encoding: ...

@disjoint_base
class TokenDecoder:
    def __new__(cls, json: str) -> Self: ...
    def to_json(self) -> str: ...
    def set_json(self, json: str) -> None: ...
    def set_custom(self, decoder: Any) -> None: ...
    def is_custom(self) -> bool: ...
    def take(self, other: TokenDecoder) -> None: ...
    def decode(self, tokens: Sequence[str]) -> str: ...

@final
class DecodeStream:
    """Decodes ids one by one, and gives text as soon as it is certain."""

    def __new__(cls, ids: Sequence[int] | None = None, skip_special_tokens: bool | None = False) -> Self: ...
    def step(self, tokenizer: Tokenizer, id: int | Sequence[int]) -> str | None:
        """The text that the id, or the ids, complete; None while a character is unfinished."""
    def __copy__(self) -> DecodeStream: ...
    def __deepcopy__(self, _memo: Any) -> DecodeStream: ...

@final
class Encoding:
    """What encoding a text gives: ids, and on demand tokens, offsets, words, masks. Like `tokenizers.Encoding`."""

    def __new__(cls) -> Self: ...
    def __len__(self) -> int: ...
    def _repr_html_(self) -> str: ...
    def __getstate__(self) -> bytes: ...
    def __setstate__(self, state: Any) -> None: ...
    @property
    def ids(self) -> list[int]:
        """Ids of the tokens."""
    @property
    def type_ids(self) -> list[int]:
        """0 for tokens of the first sequence, 1 for those of the second, or as the post-processor says."""
    @property
    def tokens(self) -> list[str]:
        """The tokens as the vocabulary writes them."""
    @property
    def word_ids(self) -> list[int | None]:
        """For each token the number of its word (a piece of the pre-tokenizer) in its sequence; None for special tokens."""
    @property
    def words(self) -> list[int | None]:
        """The index of the word of each token; deprecated name of ``word_ids``."""
    @property
    def sequence_ids(self) -> list[int | None]:
        """For each token the number of its sequence; None for special tokens."""
    @property
    def offsets(self) -> list[tuple[int, int]]:
        """For each token where it begins and ends in the original text, in characters."""
    @property
    def special_tokens_mask(self) -> list[int]:
        """1 for tokens that the post-processor or padding added."""
    @property
    def attention_mask(self) -> list[int]:
        """0 for padding, 1 for the rest."""
    @property
    def overflowing(self) -> list[Encoding]:
        """What truncation cut off, as encodings of at most the same length."""
    @property
    def n_sequences(self) -> int:
        """How many sequences were encoded together."""
    def word_to_tokens(self, word_index: int, sequence_index: int = 0) -> tuple[int, int] | None:
        """The range of the tokens of a word; None if it has none."""
    def word_to_chars(self, word_index: int, sequence_index: int = 0) -> tuple[int, int] | None:
        """The range of the characters of a word."""
    def token_to_sequence(self, token_index: int) -> int | None:
        """The number of the sequence of a token."""
    def token_to_chars(self, token_index: int) -> tuple[int, int] | None:
        """The range of the characters of a token."""
    def token_to_word(self, token_index: int) -> int | None:
        """The number of the word of a token."""
    def char_to_token(self, char_pos: int, sequence_index: int = 0) -> int | None:
        """The number of the token that has a character."""
    def char_to_word(self, char_pos: int, sequence_index: int = 0) -> int | None:
        """The number of the word that has a character."""
    def set_sequence_id(self, sequence_id: int) -> None:
        """Say of which sequence all tokens are."""
    def pad(
        self,
        length: int,
        *,
        direction: str = "right",
        pad_id: int = 0,
        pad_type_id: int = 0,
        pad_token: str = "[PAD]",
    ) -> None:
        """Make it ``length`` tokens long, if it is shorter."""
    def truncate(self, max_length: int, stride: int = 0, direction: str = "right") -> None:
        """Make it at most ``max_length`` tokens long; the rest goes to ``overflowing``, each part with ``stride`` tokens of the part before."""
    @staticmethod
    def merge(encodings: Sequence[Encoding], growing_offsets: bool = True) -> Encoding:
        """The encodings joined; with growing offsets, those of each count on from the one before."""

@disjoint_base
class Tokenizer:
    def __new__(cls, model: TokenizerModel) -> Self: ...
    def load_json(self, json: bytes, name: str) -> None: ...
    def load_file(self, path: Path) -> None: ...
    def load_format(
        self,
        format: str,
        path: str | os.PathLike[str],
        merges: str | os.PathLike[str] | None = None,
        pattern: str = "",
        special_tokens: Sequence[tuple[str, int]] = ...,
    ) -> None: ...
    def save_tiktoken_file(self, path: str | os.PathLike[str]) -> None: ...
    def copy_from(self, other: Tokenizer) -> None: ...
    def sibling(self) -> Tokenizer: ...
    def to_json(self, pretty: bool) -> str: ...
    def save_file(self, path: Path, pretty: bool) -> None: ...
    def get_model(self) -> TokenizerModel: ...
    def set_model(self, model: TokenizerModel) -> None: ...
    def set_trained(
        self, model: TokenizerModel, tokens: list[tuple[str, bool, bool, bool, bool, bool]]
    ) -> None: ...
    def get_normalizer(self) -> Normalizer | None: ...
    def set_normalizer(self, part: Normalizer | None) -> None: ...
    def get_pre_tokenizer(self) -> PreTokenizer | None: ...
    def set_pre_tokenizer(self, part: PreTokenizer | None) -> None: ...
    def get_post_processor(self) -> PostProcessor | None: ...
    def set_post_processor(self, part: PostProcessor | None) -> None: ...
    def get_decoder(self) -> TokenDecoder | None: ...
    def set_decoder(self, part: TokenDecoder | None) -> None: ...
    def token_to_id(self, token: str) -> int | None:
        """The id of a token; None if it is not in the vocabulary."""
    def id_to_token(self, id: int) -> str | None:
        """The token of an id; None if there is none."""
    def get_vocab(self, with_added_tokens: bool = True) -> dict[str, int]:
        """All tokens with their ids."""
    def get_vocab_size(self, with_added_tokens: bool = True) -> int:
        """How many tokens there are."""
    def add_token_tuples(self, tokens: list[tuple[str, bool, bool, bool, bool, bool]]) -> int: ...
    def added_token_tuples(self) -> list[tuple[int, tuple[str, bool, bool, bool, bool, bool]]]: ...
    def get_encode_special_tokens(self) -> bool: ...
    def set_encode_special_tokens(self, value: bool) -> None: ...
    def num_special_tokens_to_add(self, is_pair: bool) -> int:
        """How many tokens the post-processor adds to one sequence, or to a pair."""
    def enable_truncation(
        self,
        max_length: int,
        stride: int = 0,
        strategy: str = "longest_first",
        direction: str = "right",
        **ignored: object,
    ) -> None:
        """Cut encodings to ``max_length`` tokens. ``strategy`` is longest_first, only_first or only_second; parts that overflow share ``stride`` tokens."""
    def no_truncation(self) -> None:
        """Cut nothing any more."""
    def truncation_settings(self) -> tuple[int, int, str, str] | None: ...
    def enable_padding(
        self,
        direction: str = "right",
        pad_id: int = 0,
        pad_type_id: int = 0,
        pad_token: str = "[PAD]",
        length: int | None = None,
        pad_to_multiple_of: int | None = None,
        **ignored: object,
    ) -> None:
        """Pad the encodings of a batch to the longest, or to ``length``, rounded up to ``pad_to_multiple_of``."""
    def no_padding(self) -> None:
        """Pad nothing any more."""
    def padding_settings(self) -> tuple[int | None, int | None, int, str, int, str] | None: ...
    def encode(
        self,
        sequence: Any,
        pair: Any = None,
        is_pretokenized: bool = False,
        add_special_tokens: bool = True,
    ) -> Encoding:
        """The encoding of a text, or of a pair of texts; of lists of words with ``is_pretokenized``.

        >>> from ferrolm import Tokenizer
        >>> from ferrolm.models import bundled
        >>> tokenizer = Tokenizer.from_file(bundled("ferrolm-tiny") / "tokenizer.json")
        >>> tokenizer.encode("a watch").ids
        [65, 1797]
        """
    def encode_many(
        self, input: Any, is_pretokenized: bool, add_special_tokens: bool, offsets: bool
    ) -> list[Encoding]: ...
    def post_process(
        self, encoding: Encoding, pair: Encoding | None = None, add_special_tokens: bool = True
    ) -> Encoding:
        """Truncate, add what the post-processor adds, and pad."""
    def encode_ids(self, text: str | bytes, add_special_tokens: bool = True) -> NDArray[np.uint32]:
        """The ids of a text as an array, uint32[n], without Python lists."""
    def encode_list(self, text: str | bytes, add_special_tokens: bool = True) -> list[int]: ...
    def encode_lists(
        self, texts: Iterable[str | bytes], add_special_tokens: bool = True
    ) -> list[list[int]]: ...
    def encode_ragged(
        self, texts: Iterable[str | bytes], add_special_tokens: bool = True
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
    def encode_buffer(
        self, data: Any, offsets: NDArray[np.int64], add_special_tokens: bool = True
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
    def encode_separated(
        self, data: Any, separator: str, add_special_tokens: bool = True
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
    def decode(self, ids: Any, skip_special_tokens: bool = True) -> str:
        """The text of some ids."""
    def decode_batch(self, sequences: Any, skip_special_tokens: bool = True) -> list[str]:
        """The text of each sequence of ids."""
    def decode_ragged(
        self,
        ids: NDArray[np.uint32],
        offsets: NDArray[np.int64],
        skip_special_tokens: bool = True,
    ) -> list[str]: ...

# tokenizer: encodings as tiktoken has them
@final
class RankEncoding:
    def __new__(
        cls, mergeable_ranks: dict[bytes, int], special_tokens: list[tuple[str, int]], pattern: str
    ) -> Self: ...
    @staticmethod
    def of_tiktoken(
        content: bytes, name: str, special_tokens: list[tuple[str, int]], pattern: str
    ) -> RankEncoding: ...
    @staticmethod
    def of_vocab_and_merges(
        vocab: bytes, merges: bytes, name: str, special_tokens: list[tuple[str, int]], pattern: str
    ) -> RankEncoding: ...
    def encode_ordinary(self, text: str) -> list[int]: ...
    def encode(self, text: str, allowed_special: Any, disallowed_special: Any) -> list[int]: ...
    def encode_array(
        self, text: str, allowed_special: Any, disallowed_special: Any
    ) -> NDArray[np.uint32]: ...
    def encode_ordinary_batch(self, texts: Sequence[str]) -> list[list[int]]: ...
    def encode_batch(
        self, texts: Sequence[str], allowed_special: Any, disallowed_special: Any
    ) -> list[list[int]]: ...
    def encode_with_unstable(
        self, text: str, allowed_special: Any, disallowed_special: Any
    ) -> tuple[list[int], list[list[int]]]: ...
    def encode_single_token(self, token: bytes) -> int | None: ...
    def encode_single_piece(self, piece: bytes) -> list[int]: ...
    def encode_bytes(self, bytes: bytes) -> list[int]: ...
    def decode_bytes(self, tokens: Any) -> bytes: ...
    def decode_single_token_bytes(self, token: int) -> bytes: ...
    def decode_tokens_bytes(self, tokens: Sequence[int]) -> list[bytes]: ...
    def decode_bytes_batch(self, batch: Sequence[Sequence[int]]) -> list[bytes]: ...
    def decode_with_offsets(self, tokens: Sequence[int]) -> tuple[bytes, list[int]]: ...
    def token_byte_values(self) -> list[bytes]: ...
    def mergeable_ranks(self) -> dict[bytes, int]: ...
    def sizes(self) -> tuple[int, int]: ...

# tokenizer: trainers
@final
class WordCounter:
    def __new__(cls, tokenizer: Tokenizer, *, by_line: bool = False) -> Self: ...
    def add(self, texts: Sequence[str]) -> None: ...
    def add_file(self, path: str | os.PathLike[str]) -> None: ...
    def progress(self) -> list[tuple[str, int, int]]: ...
    def __len__(self) -> int: ...
    def another(self) -> WordCounter: ...
    def train(self, model: TokenizerModel, settings: dict[str, Any]) -> TokenizerModel: ...

def train_parity_bpe(
    languages: list[WordCounter], development: list[WordCounter], settings: dict[str, Any]
) -> TokenizerModel: ...

# ngram
@final
class NgramCounts:
    @staticmethod
    def of_text(text: str | list[str], orders: Sequence[int]) -> NgramCounts: ...
    @staticmethod
    def of_ids(ids: NDArray[np.uint32], offsets: NDArray[np.int64], orders: Sequence[int]) -> NgramCounts: ...
    @staticmethod
    def load(path: PathLike[str], mmap: bool) -> NgramCounts: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> NgramCounts: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: PathLike[str]) -> None: ...
    def at_least(self, least: int) -> NgramCounts: ...
    def merge(self, other: NgramCounts) -> NgramCounts: ...
    def orders(self) -> list[int]: ...
    def sizes(self) -> list[int]: ...
    def tokens(self) -> int: ...
    def words(self) -> list[str] | None: ...
    def arrays(self, order: int) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]: ...
    def get_words(self, ngram: Sequence[str]) -> int: ...
    def get_ids(self, ngram: Sequence[int]) -> int: ...
    def most_common(self, number: int, order: int) -> tuple[list[int], list[int]]: ...

@final
class NgramTask:
    @staticmethod
    def counting(
        orders: Sequence[int],
        markers: bool,
        over_ids: bool,
        vocab_size: int | None,
        memory: int,
        directory: PathLike[str] | None,
        temporary: PathLike[str] | None,
        work: str,
    ) -> NgramTask: ...
    @staticmethod
    def training(
        order: int,
        smoothing: tuple[str, Sequence[float]],
        prune: Sequence[int],
        interpolate_unigrams: bool,
        discount_fallback: Sequence[float] | None,
        vocabulary: str | list[str] | None,
        over_ids: bool,
        vocab_size: int | None,
        skip_symbols: bool,
        memory: int,
        directory: PathLike[str] | None,
        temporary: PathLike[str] | None,
        work: str,
    ) -> NgramTask: ...
    @staticmethod
    def of_counts(
        counts: NgramCounts,
        order: int,
        smoothing: tuple[str, Sequence[float]],
        prune: Sequence[int],
        interpolate_unigrams: bool,
        discount_fallback: Sequence[float] | None,
        vocabulary: str | list[str] | None,
        vocab_size: int | None,
        memory: int,
        temporary: PathLike[str] | None,
    ) -> NgramTask: ...
    def completed(self) -> int: ...
    def push_text(self, text: str | list[str]) -> None: ...
    def push_ids(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> None: ...
    def close(self) -> list[str]: ...
    def run(self, stage: int) -> None: ...
    def counts(self) -> NgramCounts: ...
    def model(
        self,
    ) -> tuple[NgramModel, list[tuple[int, int, tuple[float, float, float], str | None]]]: ...

@final
class NgramModel:
    @staticmethod
    def train_text(
        text: str | list[str],
        skip_symbols: bool,
        order: int,
        smoothing: tuple[str, Sequence[float]],
        prune: Sequence[int],
        interpolate_unigrams: bool,
        discount_fallback: Sequence[float] | None,
        vocabulary: str | list[str] | None,
    ) -> tuple[NgramModel, list[tuple[int, int, tuple[float, float, float], str | None]]]: ...
    @staticmethod
    def train_ids(
        ids: NDArray[np.uint32],
        offsets: NDArray[np.int64],
        vocab_size: int,
        order: int,
        smoothing: tuple[str, Sequence[float]],
        prune: Sequence[int],
        interpolate_unigrams: bool,
        discount_fallback: Sequence[float] | None,
        vocabulary: str | list[str] | None,
    ) -> tuple[NgramModel, list[tuple[int, int, tuple[float, float, float], str | None]]]: ...
    @staticmethod
    def load(path: PathLike[str], mmap: bool) -> NgramModel: ...
    def save_arpa(self, path: PathLike[str]) -> None: ...
    def save_flm(self, path: PathLike[str]) -> None: ...
    def compact(self, bits: int | None) -> NgramModel: ...
    def hashed(self) -> NgramModel: ...
    def expand(self) -> NgramModel: ...
    def layout(self) -> str: ...
    def bytes(self) -> int: ...
    def order(self) -> int: ...
    def counts(self) -> list[int]: ...
    def is_ids(self) -> bool: ...
    def vocab_size(self) -> int: ...
    def special_ids(self) -> tuple[int, int, int]: ...
    def number(self, word: str) -> int | None: ...
    def word(self, number: int) -> str: ...
    def numbers(self, sentence: str) -> list[int]: ...
    def score(self, sentence: str, begin: bool, end: bool) -> float: ...
    def full_scores(self, sentence: str, begin: bool, end: bool) -> list[tuple[float, int, bool]]: ...
    def total_text(self, text: str | list[str], begin: bool, end: bool) -> tuple[float, float, int, int]: ...
    def totals_ids(
        self, ids: NDArray[np.uint32], offsets: NDArray[np.int64], begin: bool, end: bool
    ) -> list[tuple[float, float, int, int]]: ...
    def score_ids_batch(
        self, ids: NDArray[np.uint32], offsets: NDArray[np.int64], begin: bool, end: bool
    ) -> NDArray[np.float64]: ...
    def token_scores(
        self, ids: NDArray[np.uint32], offsets: NDArray[np.int64], begin: bool, end: bool
    ) -> NDArray[np.float32]: ...
    def next_logprobs(self, context: Sequence[int], begin: bool) -> NDArray[np.float32]: ...
    def begin_state(self, state: NgramState) -> None: ...
    def null_state(self, state: NgramState) -> None: ...
    def step(self, before: NgramState, word: str, after: NgramState) -> float: ...
    def full_step(self, before: NgramState, word: str, after: NgramState) -> tuple[float, int, bool]: ...

@disjoint_base
class NgramState:
    def __new__(cls) -> Self: ...
    def assign(self, other: NgramState) -> None: ...
    def words(self) -> list[int]: ...

_Documents: TypeAlias = list[str | list[str]] | tuple[NDArray[np.uint32], NDArray[np.int64], list[int]]

@final
class NgramCache:
    def __new__(cls, model: NgramModel, weight: float, size: int, half_life: float | None) -> NgramCache: ...
    def totals(
        self, documents: _Documents, begin: bool, end: bool
    ) -> list[tuple[float, float, int, int]]: ...
    def best_weight(self, documents: _Documents, begin: bool, end: bool) -> float: ...
    def next_logprobs(self, document: _Documents, begin: bool, end: bool) -> NDArray[np.float32]: ...

def ngram_interpolate(models: Sequence[NgramModel], weights: Sequence[float], kind: str) -> NgramModel: ...
def ngram_tune_text(models: Sequence[NgramModel], text: str | list[str], kind: str) -> list[float]: ...
def ngram_tune_ids(
    models: Sequence[NgramModel], ids: NDArray[np.uint32], offsets: NDArray[np.int64], kind: str
) -> list[float]: ...

_Counted: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32]]
_Hashed: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float64]]
_Pairs: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.uint32], Any]
_Spans: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]

@final
class CharacterTables:
    def __new__(
        cls,
        words: Sequence[tuple[int, int]],
        spaces: Sequence[tuple[int, int]],
        ignorable: Sequence[tuple[int, int]],
        cased: Sequence[tuple[int, int]],
        lower: Sequence[tuple[str, str]],
    ) -> CharacterTables: ...
    def lower(self, text: str) -> str: ...
    def words(self, text: str) -> list[str]: ...

@final
class NgramFeatures:
    def __new__(cls, names: Iterable[str]) -> NgramFeatures: ...
    @staticmethod
    def fit(documents: Iterable[Iterable[str]]) -> tuple[NgramFeatures, _Counted]: ...
    def transform(self, documents: Iterable[Iterable[str]]) -> _Counted: ...
    def names(self) -> list[str]: ...
    def vocabulary(self) -> dict[str, int]: ...
    def select(self, kept: NDArray[np.bool_]) -> NgramFeatures: ...
    def __len__(self) -> int: ...

@final
class NgramAnalyzer:
    def __new__(
        cls,
        tables: CharacterTables,
        units: str,
        lowercase: bool,
        stop_words: Iterable[str],
        ngram_range: tuple[int, int],
    ) -> NgramAnalyzer: ...
    def features(self, text: str) -> list[str]: ...
    def fit(self, texts: Iterable[str]) -> tuple[NgramFeatures, _Counted]: ...
    def transform(self, texts: Iterable[str], features: NgramFeatures) -> _Counted: ...
    def hash(
        self, texts: Iterable[str], n_features: int, alternate_sign: bool, binary: bool, norm: str | None
    ) -> _Hashed: ...

def hash_features(
    documents: Iterable[Iterable[str]], n_features: int, alternate_sign: bool, binary: bool, norm: str | None
) -> _Hashed: ...
def count_document_ngrams(
    ids: NDArray[np.uint32], offsets: NDArray[np.int64], orders: Sequence[int]
) -> tuple[_Counted, NDArray[np.uint32], NDArray[np.int64]]: ...
def skip_grams_of_text(text: str | list[str], n: int, k: int) -> NgramCounts: ...
def skip_grams_of_ids(ids: NDArray[np.uint32], offsets: NDArray[np.int64], n: int, k: int) -> NgramCounts: ...
def cooccurrences_of_text(
    text: str | list[str],
    size: int,
    symmetric: bool,
    harmonic: bool,
    min_count: int,
    vocabulary: Iterable[str] | None,
) -> tuple[_Pairs, list[str] | None]: ...
def cooccurrences_of_ids(
    ids: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    size: int,
    symmetric: bool,
    harmonic: bool,
    min_count: int,
    vocabulary: NDArray[np.uint32] | None,
) -> _Pairs: ...
def read_arpa(file: Any, path: Path) -> NgramModel: ...
def text_totals(
    model: NgramModel, texts: Iterable[str], lines: bool, begin: bool, end: bool
) -> list[tuple[float, float, int, int]]: ...

@final
class NgramStates:
    def __new__(cls, model: NgramModel, contexts: Sequence[Sequence[int]], begin: bool) -> NgramStates: ...
    def accept(self, ids: NDArray[np.uint32]) -> None: ...
    def select(self, rows: Sequence[int]) -> None: ...
    def next_logprobs(self) -> NDArray[np.float32]: ...
    def propose(self, most: int) -> list[list[int]]: ...

@final
class PromptLookup:
    def __new__(cls, longest: int) -> PromptLookup: ...
    def extend(self, ids: NDArray[np.uint32]) -> None: ...
    def propose(self, most: int) -> list[int]: ...

@final
class Contamination:
    @staticmethod
    def of_texts(tests: Iterable[str], normalize: bool, n: int, min_length: int) -> Contamination: ...
    @staticmethod
    def of_ids(
        ids: NDArray[np.uint32], offsets: NDArray[np.int64], n: int, min_length: int
    ) -> Contamination: ...
    def add_texts(self, documents: Iterable[str], first: int) -> None: ...
    def add_ids(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64], first: int) -> None: ...
    def overlaps(self) -> list[tuple[int, int, int, int, int, int, int | None, str | None]]: ...

def repeated_spans_of_texts(texts: Iterable[str], normalize: bool, length: int) -> _Spans: ...
def repeated_spans_of_ids(ids: NDArray[np.uint32], offsets: NDArray[np.int64], length: int) -> _Spans: ...

# sampling
_Ragged: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.int64]]
_Tokens: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.float32] | None]

@final
class RowParams:
    def __new__(
        cls,
        *,
        numbers: list[tuple[str, float]],
        top_h: float | None,
        top_k: int,
        logit_bias: list[tuple[int, float]],
        rules: dict[str, Any] | None,
        mirostat: tuple[int, float, float] | None,
        watermark: Any | None,
        order: Sequence[str] | None,
        gumbel: bool,
        seed: int | None,
    ) -> RowParams: ...

@final
class Sampler:
    def __new__(cls, params: list[RowParams]) -> Sampler: ...
    def __len__(self) -> int: ...
    def sample(
        self,
        logits: NDArray[Any],
        dtype: str,
        rows: list[int] | None,
        logprobs: str | None,
        mask: NDArray[np.uint32] | None,
        noise: NDArray[np.float32] | None,
    ) -> _Tokens: ...
    def accept(self, tokens: NDArray[np.uint32], rows: list[int] | None) -> None: ...
    def reset(self, row: int, params: RowParams | None, prompt: NDArray[np.uint32]) -> None: ...
    def clocks(self) -> tuple[list[int], list[int]]: ...
    def limits(self) -> list[float]: ...
    def note(self, tokens: NDArray[np.uint32], surprises: list[float], rows: list[int]) -> None: ...
    def histories(self) -> tuple[list[int], NDArray[np.uint32], NDArray[np.uint32]]: ...
    def rule_changes(self, rows: list[int]) -> tuple[_Additions, _Additions, list[int]]: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(state: bytes) -> Sampler: ...

def sample(
    logits: NDArray[Any],
    dtype: str,
    params: RowParams | list[RowParams],
    *,
    prompt: _Ragged | None,
    history: _Ragged | None,
    seeds: NDArray[np.uint64] | None,
    steps: NDArray[np.uint64],
    logprobs: str | None,
    mask: NDArray[np.uint32] | None,
    noise: NDArray[np.float32] | None,
) -> _Tokens: ...
def filtered_probabilities(
    logits: NDArray[Any],
    dtype: str,
    params: RowParams | list[RowParams],
    *,
    prompt: _Ragged | None,
    history: _Ragged | None,
    mask: NDArray[np.uint32] | None,
) -> NDArray[np.float32]: ...
def top_logprobs(
    logits: NDArray[Any],
    dtype: str,
    params: RowParams | list[RowParams],
    count: int,
    *,
    prompt: _Ragged | None,
    history: _Ragged | None,
    mask: NDArray[np.uint32] | None,
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]: ...

_Additions: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]

def rule_changes(
    params: list[RowParams], prompt: _Ragged | None, history: _Ragged | None
) -> tuple[_Additions, _Additions, list[int]]: ...
def guided(
    conditional: NDArray[Any],
    unconditional: NDArray[Any],
    dtypes: tuple[str, str],
    scales: NDArray[np.float64],
) -> NDArray[np.float32]: ...
def derived_seeds(seed: int, count: int) -> list[int]: ...
def accept_drafts(
    tokens: NDArray[np.uint32],
    parents: NDArray[np.int64] | None,
    target: NDArray[Any],
    draft: NDArray[Any] | None,
    seeds: NDArray[np.uint64],
    steps: NDArray[np.uint64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]: ...
def beam_candidates(
    logits: NDArray[Any],
    dtype: str,
    params: RowParams | list[RowParams],
    scores: NDArray[np.float32],
    count: int,
    *,
    prompt: _Ragged | None,
    history: _Ragged | None,
    mask: NDArray[np.uint32] | None,
    penalized: _Ragged | None,
    diversity_penalty: float,
    draws: tuple[NDArray[np.uint64], NDArray[np.uint64]] | None,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.uint32]]: ...
def uniforms(seeds: NDArray[np.uint64], steps: NDArray[np.uint64]) -> NDArray[np.float64]: ...

# attention
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any | None,
    causal: bool,
    scale: float | None,
    grouped: bool,
    lower_right: bool,
    window: int | None,
    softcap: float | None,
    alibi_slopes: NDArray[np.float32] | None,
    sinks: NDArray[np.float32] | None,
    /,
) -> NDArray[Any]: ...
def attention_with_cache(
    query: Any,
    key_cache: Any,
    value_cache: Any,
    lengths: NDArray[np.int64],
    block_table: NDArray[np.int64] | None,
    key_scales: Any | None,
    value_scales: Any | None,
    scale: float | None,
    window: int | None,
    softcap: float | None,
    alibi_slopes: NDArray[np.float32] | None,
    sinks: NDArray[np.float32] | None,
    /,
) -> NDArray[Any]: ...
def attention_varlen(
    query: Any,
    key: Any,
    value: Any,
    q_offsets: NDArray[np.int64],
    k_offsets: NDArray[np.int64],
    causal: bool,
    scale: float | None,
    grouped: bool,
    lower_right: bool,
    window: int | None,
    softcap: float | None,
    alibi_slopes: NDArray[np.float32] | None,
    sinks: NDArray[np.float32] | None,
    /,
) -> NDArray[Any]: ...
def attention_forward(
    query: Any,
    key: Any,
    value: Any,
    mask: Any | None,
    causal: bool,
    scale: float | None,
    grouped: bool,
    lower_right: bool,
    window: int | None,
    softcap: float | None,
    alibi_slopes: NDArray[np.float32] | None,
    sinks: NDArray[np.float32] | None,
    /,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
def attention_backward(
    gradient: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any | None,
    out: Any,
    log_sums: NDArray[np.float32],
    causal: bool,
    scale: float | None,
    grouped: bool,
    lower_right: bool,
    window: int | None,
    softcap: float | None,
    alibi_slopes: NDArray[np.float32] | None,
    sinks: NDArray[np.float32] | None,
    /,
) -> list[NDArray[np.float32]]: ...

@final
class LinearWeights:
    def __new__(cls, matrix: Any, format: str) -> LinearWeights: ...
    @staticmethod
    def from_bytes(format: str, shape: tuple[int, int], data: bytes) -> LinearWeights: ...
    def apply(self, x: Any, bias: Any | None, /) -> NDArray[np.float32]: ...
    def lookup(self, rows: NDArray[np.int64]) -> NDArray[np.float32]: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def format(self) -> str: ...
    @property
    def nbytes(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

# decoder
def gelu_tanh(x: Any, to: Any, /) -> None:
    """Write the GELU by a hyperbolic tangent of the values `x` to `to`, both float32, contiguous and of one length."""

def gelu_tanh_gradient(x: Any, gradient: Any, to: Any, /) -> None:
    """Write the gradient of the values `x` to `to`, from the `gradient` of their GELU."""

@final
class Decoder:
    def __new__(
        cls,
        embedding: Any,
        positions: Any,
        layers: Sequence[Any],
        norm: tuple[Any, Any | None, float],
        head: tuple[Any, Any | None],
        heads: tuple[int, int, int],
        /,
    ) -> Decoder: ...
    def step(
        self,
        ids: NDArray[np.int64],
        positions: NDArray[np.int64],
        caches: Sequence[tuple[Any, Any]],
        past: int,
        keep: int,
        visible: Any | None = None,
        /,
    ) -> NDArray[np.float32]: ...
    @property
    def nbytes(self) -> int: ...

# embedding
@final
class WordCorpus:
    def __new__(
        cls,
        sentences: Iterable[str | Iterable[str]],
        min_count: int,
        *,
        max_final_vocab: int | None = None,
        sorted_vocab: bool = True,
        ids_in_memory: int | None = None,
    ) -> WordCorpus: ...
    @staticmethod
    def from_file(
        path: str | PathLike[str],
        min_count: int,
        *,
        max_final_vocab: int | None = None,
        sorted_vocab: bool = True,
        ids_in_memory: int | None = None,
    ) -> WordCorpus: ...
    @property
    def words(self) -> list[str]: ...
    @property
    def counts(self) -> NDArray[np.uint64]: ...
    @property
    def raw_words(self) -> int: ...
    @property
    def num_sentences(self) -> int: ...
    @property
    def is_spooled(self) -> bool: ...
    def __len__(self) -> int: ...

@final
class WordModel:
    def __new__(
        cls,
        corpus: WordCorpus,
        *,
        skip_gram: bool,
        vector_size: int,
        window: int,
        shrink_windows: bool,
        negative: int,
        ns_exponent: float,
        hierarchical: bool,
        cbow_mean: bool,
        sample: float,
        seed: int,
        min_n: int = 0,
        max_n: int = 0,
        bucket: int = 0,
    ) -> WordModel: ...
    def extend(self, corpus: WordCorpus) -> None: ...
    def train(
        self,
        corpus: WordCorpus,
        *,
        epoch: int,
        epochs: int,
        alpha: float,
        min_alpha: float,
        workers: int,
        compute_loss: bool,
    ) -> tuple[int, float]: ...
    @property
    def words(self) -> list[str]: ...
    @property
    def counts(self) -> NDArray[np.uint64]: ...
    def vectors(self) -> NDArray[np.float32]: ...
    def vector(self, word: str) -> NDArray[np.float32] | None: ...
    def output_vectors(self) -> NDArray[np.float32] | None: ...
    def save(self, path: str | PathLike[str], note: str) -> None: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> tuple[WordModel, str]: ...

@final
class PhraseCounts:
    def __new__(cls, delimiter: str, connectors: set[str], max_vocab_size: int) -> PhraseCounts: ...
    def add(self, sentences: Iterable[str | Iterable[str]]) -> int: ...
    def entries(self) -> dict[str, int]: ...
    def restore(self, entries: list[tuple[str, int]], words: int) -> None: ...
    @property
    def num_words(self) -> int: ...
    def __len__(self) -> int: ...
    def analyze(
        self, sentence: str | Iterable[str], npmi: bool, min_count: float, threshold: float
    ) -> list[tuple[str, float | None]]: ...
    def phrases(self, npmi: bool, min_count: float, threshold: float) -> PhraseTable: ...

@final
class PhraseTable:
    def __new__(
        cls, phrases: dict[str, float], delimiter: str, connectors: set[str], threshold: float
    ) -> PhraseTable: ...
    def phrases(self) -> dict[str, float]: ...
    def analyze(self, sentence: str | Iterable[str]) -> list[tuple[str, float | None]]: ...

def load_word_vectors(
    path: str | PathLike[str], binary: bool, no_header: bool, limit: int | None, unicode_errors: str
) -> tuple[list[str], NDArray[np.float32]]: ...
def save_word_vectors(
    path: str | PathLike[str],
    words: list[str],
    vectors: NDArray[np.float32],
    binary: bool,
    header: bool,
) -> None: ...

# text: words, quality, personal data
def segment_words(texts: Sequence[str]) -> list[list[str]]: ...
def mask_personal_data(document: str, kinds: Sequence[tuple[str, str]]) -> str | None: ...

@final
class GopherFilter:
    def __new__(
        cls, limits: Sequence[tuple[str, float]], stop_words: set[str], segmented: bool
    ) -> GopherFilter: ...
    def statistics(self, document: str) -> list[tuple[str, float]]: ...
    def violations(self, document: str) -> list[str]: ...
    def violations_all(self, documents: Sequence[str]) -> list[list[str]]: ...

@final
class C4Filter:
    def __new__(
        cls,
        *,
        min_sentences: int,
        min_line_words: int,
        max_word_length: int,
        terminal_punctuation: str,
        javascript: bool,
        policy: bool,
        lorem_ipsum: bool,
        curly_bracket: bool,
        citations: bool,
        segmented: bool,
        bad_words: Sequence[str],
    ) -> C4Filter: ...
    def clean(self, document: str) -> tuple[str | None, list[str]]: ...
    def clean_all(self, documents: Sequence[str]) -> list[tuple[str | None, list[str]]]: ...

# text: duplicates
@final
class SeenTexts:
    def __new__(cls, verbatim: bool) -> SeenTexts: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> SeenTexts: ...
    def save(self, path: str | PathLike[str]) -> None: ...
    @property
    def verbatim(self) -> bool: ...
    def __len__(self) -> int: ...
    def add(self, document: str) -> bool: ...
    def add_all(self, texts: Sequence[str]) -> list[bool]: ...
    def without_repeats(self, document: str, paragraphs: bool, min_characters: int) -> str: ...

@final
class NearDuplicates:
    def __new__(cls, threshold: float, ngram: int, bins: int, seed: int) -> NearDuplicates: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> NearDuplicates: ...
    def save(self, path: str | PathLike[str]) -> None: ...
    @property
    def settings(self) -> tuple[float, int, int, int]: ...
    @property
    def memory(self) -> int: ...
    def __len__(self) -> int: ...
    def add(self, document: str) -> tuple[int, float] | None: ...
    def add_all(self, texts: Sequence[str]) -> list[tuple[int, float] | None]: ...

def compress_vectors(
    vectors: NDArray[np.float32], norms: NDArray[np.float32]
) -> tuple[
    NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]
]: ...
def nearest_compressed_vectors(
    vectors: NDArray[np.float32],
    norms: NDArray[np.float32],
    codes: tuple[
        NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]
    ],
    queries: NDArray[np.float32],
    *,
    top: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]: ...
def nearest_vectors(
    vectors: NDArray[np.float32],
    norms: NDArray[np.float32],
    queries: NDArray[np.float32],
    *,
    top: int,
    offsets: NDArray[np.int64],
    excluded: NDArray[np.uint32],
    rows: tuple[int, int],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]: ...

@final
class WordPairs:
    def __new__(
        cls,
        corpus: WordCorpus,
        *,
        vocabulary: list[str] | None,
        window: int,
        symmetric: bool,
        memory_limit: int,
        directory: str | PathLike[str] | None,
        workers: int,
        seed: int,
    ) -> WordPairs: ...
    def __len__(self) -> int: ...
    @property
    def on_disk(self) -> bool: ...
    def arrays(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float32]]: ...

@final
class GloveParameters:
    def __new__(cls, words: int, vector_size: int, seed: int) -> GloveParameters: ...
    @staticmethod
    def from_arrays(
        values: NDArray[np.float32],
        squares: NDArray[np.float32],
        context_values: NDArray[np.float32],
        context_squares: NDArray[np.float32],
    ) -> GloveParameters: ...
    def arrays(self) -> list[NDArray[np.float32]]: ...
    def epoch(
        self,
        pairs: WordPairs,
        *,
        x_max: float,
        alpha: float,
        learning_rate: float,
        workers: int,
        seed: int,
    ) -> float: ...

# tagging
@final
class TaggerTraining:
    def __new__(
        cls,
        words: Iterable[Iterable[str]],
        tags: Iterable[Iterable[str]],
        *,
        seed: int,
        margin: int,
        missed_margin: int,
        min_count: int,
        constraints: bool | None,
    ) -> TaggerTraining: ...
    def epoch(self) -> float: ...
    def tagger(self, prune: float, info: str) -> TaggerModel: ...
    @property
    def num_features(self) -> int: ...

@final
class TaggerModel:
    @staticmethod
    def load(path: str | PathLike[str]) -> TaggerModel: ...
    @staticmethod
    def from_bytes(content: bytes) -> TaggerModel: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: str | PathLike[str]) -> None: ...
    def tag(self, words: Iterable[str]) -> list[str]: ...
    def tag_sents(self, sentences: Iterable[Iterable[str]]) -> list[list[str]]: ...
    @property
    def labels(self) -> list[str]: ...
    @property
    def info(self) -> str: ...
    @property
    def scheme(self) -> str: ...
    @property
    def num_features(self) -> int: ...
    @property
    def num_weights(self) -> int: ...

def clean_html(page: str, main_content: bool, markdown: bool) -> str: ...
def clean_html_batch(pages: Sequence[str], main_content: bool, markdown: bool) -> list[str]: ...
def html_metadata(
    page: str,
) -> tuple[str | None, str | None, str | None, str | None, str | None, str | None]: ...
