"""One small object of each class of `ferrolm._rust`, to call with wrong arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ferrolm import _rust

_BYTE_LEVEL = '{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}'
_ONES = np.ones((4, 8), np.float32)


def _tokenizer() -> Any:
    from ferrolm import tokenizers

    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE({"a": 0, "b": 1, "ab": 2, "[UNK]": 3}, [("a", "b")], unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return tokenizer


def _row_params() -> _rust.RowParams:
    return _rust.RowParams(
        numbers=[], top_h=None, top_k=0, logit_bias=[], rules=None, mirostat=None, watermark=None, order=None,
        gumbel=False, seed=1,
    )  # fmt: skip


def _ngram_model() -> _rust.NgramModel:
    smoothing: tuple[str, list[float]] = ("kneser-ney", [])
    return _rust.NgramModel.train_text(
        "a b c\nb c a", False, 2, smoothing, [0, 0], True, [0.5, 1.0, 1.5], None
    )[0]


def _tables() -> _rust.CharacterTables:
    return _rust.CharacterTables([(97, 122)], [(32, 32)], [], [(97, 122)], [("A", "a")])


def _c4() -> _rust.C4Filter:
    return _rust.C4Filter(
        min_sentences=1, min_line_words=1, max_word_length=9, terminal_punctuation=".", javascript=True, policy=True,
        lorem_ipsum=True, curly_bracket=True, citations=True, segmented=False, bad_words=["bad"],
    )  # fmt: skip


def _corpus() -> _rust.WordCorpus:
    return _rust.WordCorpus([["a", "b"]] * 9, 1)


def _word_model() -> _rust.WordModel:
    return _rust.WordModel(
        _corpus(), skip_gram=True, vector_size=4, window=2, shrink_windows=True, negative=2, ns_exponent=0.75,
        hierarchical=False, cbow_mean=True, sample=0.0, seed=1,
    )  # fmt: skip


def _word_pairs() -> _rust.WordPairs:
    return _rust.WordPairs(
        _corpus(),
        vocabulary=None,
        window=2,
        symmetric=True,
        memory_limit=1 << 20,
        directory=None,
        workers=1,
        seed=1,
    )


def _tagger_training() -> _rust.TaggerTraining:
    return _rust.TaggerTraining(
        [["a", "b"]] * 2, [["X", "Y"]] * 2, seed=1, margin=1, missed_margin=1, min_count=1, constraints=None
    )


def _tagger() -> _rust.TaggerModel:
    training = _tagger_training()
    training.epoch()
    return training.tagger(0.0, "")


def _decoder() -> _rust.Decoder:
    norm = (np.ones(8, np.float32), np.ones(8, np.float32), 1e-5)
    return _rust.Decoder(_ONES, _ONES, [], norm, (_ONES, None), (1, 1, 8))


INSTANCES: dict[str, Callable[[], Any]] = {
    "C4Filter": _c4,
    "CharacterTables": _tables,
    "Contamination": lambda: _rust.Contamination.of_texts(["a b c"], True, 2, 1),
    "DecodeStream": lambda: _rust.DecodeStream([], False),
    "Decoder": _decoder,
    "Encoding": lambda: _tokenizer().encode("ab a"),
    "GloveParameters": lambda: _rust.GloveParameters(3, 4, 1),
    "GopherFilter": lambda: _rust.GopherFilter([("min_words", 2.0)], {"the"}, False),
    "LinearWeights": lambda: _rust.LinearWeights(np.ones((8, 32), np.float32), "int8"),
    "NearDuplicates": lambda: _rust.NearDuplicates(0.8, 2, 64, 1),
    "NgramAnalyzer": lambda: _rust.NgramAnalyzer(_tables(), "word", True, [], (1, 2)),
    "NgramCache": lambda: _rust.NgramCache(_ngram_model(), 0.1, 10, None),
    "NgramCounts": lambda: _rust.NgramCounts.of_text("a b c", [1, 2]),
    "NgramFeatures": lambda: _rust.NgramFeatures(["a", "b"]),
    "NgramModel": _ngram_model,
    "NgramState": lambda: _rust.NgramState(),
    "NgramStates": lambda: _rust.NgramStates(_ngram_model(), [[0], [1]], True),
    "NgramTask": lambda: _rust.NgramTask.counting([1, 2], False, False, None, 1 << 20, None, None, "a"),
    "NormalizedString": lambda: _rust.NormalizedString("a e\u0301 漢"),
    "Normalizer": lambda: _rust.Normalizer('{"type":"NFC"}'),
    "PhraseCounts": lambda: _rust.PhraseCounts("_", {"of"}, 1000),
    "PhraseTable": lambda: _rust.PhraseTable({"a_b": 1.0}, "_", {"of"}, 0.5),
    "PostProcessor": lambda: _rust.PostProcessor(_BYTE_LEVEL),
    "PreTokenizedString": lambda: _rust.PreTokenizedString("a b"),
    "PreTokenizer": lambda: _rust.PreTokenizer('{"type":"Whitespace"}'),
    "PromptLookup": lambda: _rust.PromptLookup(3),
    "RankEncoding": lambda: _rust.RankEncoding(
        {bytes([byte]): byte for byte in range(256)}, [("<x>", 300)], "a|b"
    ),
    "Regex": lambda: _rust.Regex("a+"),
    "RowParams": _row_params,
    "Sampler": lambda: _rust.Sampler([_row_params(), _row_params()]),
    "SeenTexts": lambda: _rust.SeenTexts(False),
    "TaggerModel": _tagger,
    "TaggerTraining": _tagger_training,
    "Token": lambda: _rust.Token(0, "a", (0, 1)),
    "TokenDecoder": lambda: _rust.TokenDecoder(_BYTE_LEVEL),
    "Tokenizer": _tokenizer,
    "TokenizerModel": lambda: _tokenizer().get_model(),
    "WordCorpus": _corpus,
    "WordCounter": lambda: _rust.WordCounter(_tokenizer()),
    "WordModel": _word_model,
    "WordPairs": _word_pairs,
}
