"""Damaged files, odd text and Ctrl-C: every fault is one of our errors, and names the place."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import zstandard

from ferrolm.errors import (
    FileAccessError,
    InvalidArgumentError,
    InvalidEncodingError,
    InvalidFileError,
    MissingFileError,
)
from ferrolm.ngram import NgramCounts, NgramLM, count

pytestmark = pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")
ARPA = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1\t<unk>\t0
0\t<s>\t-0.3
-0.5\t</s>\t0
-0.4\ta\t-0.3

\\2-grams:
-0.2\t<s> a
-0.3\ta </s>

\\end\\
"""


def write(tmp_path: Path, text: str | bytes, name: str = "model.arpa") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("\\data\\", "This is SRILM's greeting.\n\n\\data\\"),
        ("ngram 1=4", "ngram  1=    4"),
        ("\t", " "),
        ("\n", "\r\n"),
        ("-0.4\ta", "-4e-1\ta"),
        ("0\t<s>", "-99\t<s>"),
        ("-1\t<unk>\t0", "-1\t<UNK>"),
        ("-0.2\t<s> a", "-inf\t<s> a"),
        ("<s>", "<S>"),
        ("</s>", "</S>"),
        ("grams:", "GRAMS:"),
        ("\\data\\\nngram", "\\DATA\\\nNGRAM"),
        ("\\end\\", "\\END\\"),
        ("\n-0.4", "\n\n \t\n-0.4"),
        ("-0.3\ta </s>", " -0.3 \t a\t</s>  "),
        ("</s>\t0", "</s>"),  # SRILM writes no back-off weight where it is not needed
    ],
)
def test_dialects_are_read(tmp_path: Path, old: str, new: str) -> None:
    for name, text in (
        ("model.arpa", ARPA.replace(old, new).encode()),
        ("m.gz", gzip.compress(ARPA.encode())),
    ):
        model = NgramLM.load(write(tmp_path, text, name))
        assert model.num_ngrams == (4, 2)
        assert model.full_scores("a")[1] == (pytest.approx(-0.3), 2, False)
        assert model.score("", eos=True) == pytest.approx(-0.3 - 0.5)  # the weight of <s>, then </s> alone


SRILM = """
\\data\\
ngram 1=4
ngram 2=3
ngram 3=1

\\1-grams:
-0.6\t</s>
-99\t<s>\t-0.2
-0.5\ta\t-0.3
-0.4\tb\t-0.1

\\2-grams:
-0.3\t<s> a\t-0.05
-0.2\ta b
-0.1\tb </s>

\\3-grams:
-0.15\t<s> a b

\\end\\
"""


def test_a_model_as_srilm_writes_it(tmp_path: Path) -> None:
    model = NgramLM.load(write(tmp_path, SRILM))
    assert model.full_scores("a b") == [
        (pytest.approx(-0.3), 2, False),
        (pytest.approx(-0.15), 3, False),
        (pytest.approx(-0.1), 2, False),
    ]
    assert model.num_ngrams == (5, 3, 1)  # <unk> is added, as impossible as KenLM makes it
    assert model.score("zebra", bos=False, eos=False) == -100


def test_without_a_begin_marker_sentences_begin_with_no_context(tmp_path: Path) -> None:
    text = ARPA.replace("0\t<s>\t-0.3\n", "").replace("-0.2\t<s> a\n", "")
    model = NgramLM.load(write(tmp_path, text.replace("1=4", "1=3").replace("2=2", "2=1")))
    assert model.score("a") == model.score("a", bos=False) == pytest.approx(-0.4 - 0.3)
    again = tmp_path / "again.arpa"
    model.save(again)
    assert NgramLM.load(again).score("a") == pytest.approx(model.score("a"))


def test_capitals_are_words_where_the_small_markers_are_there_too(tmp_path: Path) -> None:
    text = ARPA.replace("1=4", "1=5").replace("-0.4\ta", "-0.7\t<S>\n-0.4\ta")
    model = NgramLM.load(write(tmp_path, text))
    assert model.full_scores("<S>")[0] == (pytest.approx(-0.3 - 0.7), 1, False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (ARPA, "", "not an ARPA file"),
        (ARPA, "hello\nworld", "not an ARPA file"),
        ("\\end\\\n", "", r"ends without \\end\\"),
        ("\\end\\\n", "\\end\\\nmore", r"text after \\end\\"),
        ("ngram 2=2", "ngram 2=3", "line 15: expected a log10 probability"),
        ("ngram 2=2", "ngram 2=1", r"expected \\end\\"),
        ("ngram 2=2", "ngram 3=2", 'line 3: expected "ngram 2=COUNT"'),
        ("ngram 1=4", "ngram 1=99999999999", "expected"),
        ("ngram 1=4", "ngram 1=-4", "line 2"),
        ("-0.3\ta </s>", "-0.3\ta", "expected 2 words, found 1"),
        ("-0.3\ta </s>", "-0.3\ta b", '"b" is not among the unigrams'),
        ("-0.3\ta </s>", "-0.3\ta </s> a", "back-off"),
        ("-0.3\ta </s>", "-0.3\t<s> a", "listed twice"),
        ("-0.4\ta\t-0.3", "-0.4\t</s>\t-0.3", "listed twice"),
        ("-0.3\ta </s>", "0.3\ta </s>", "must not be positive"),
        ("-0.3\ta </s>", "nan\ta </s>", "log10 probability"),
        ("-0.4\ta\t-0.3", "-0.4\ta\tinf", "finite"),
        ("-0.2\t<s> a", "-0.2\t<s> a\t-1", "0 at the highest order"),
        ("-0.5\t</s>\t0", "-0.5\tb\t0", "lack </s>: no sentence could end"),
        ("-0.4\ta", "x\ta", 'line 9: expected a log10 probability, found "x"'),
    ],
)
def test_bad_arpa_files_name_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message) as caught:
        NgramLM.load(write(tmp_path, ARPA.replace(old, new)))
    assert "model.arpa" in str(caught.value)


def test_missing_contexts_and_suffixes_are_filled(tmp_path: Path) -> None:
    third = ARPA.replace("ngram 2=2", "ngram 2=2\nngram 3=1").replace(
        "\n\\end", "\n\\3-grams:\n-0.1\tX\n\n\\end"
    )
    model = NgramLM.load(write(tmp_path, third.replace("X", "<s> a a")))
    assert model.full_scores("a a")[1][:2] == (pytest.approx(-0.1), 3)
    assert model.num_ngrams == (4, 3, 1)
    # The context "a a" is not listed: it has the probability of backing off, and no back-off weight of its own.
    model = NgramLM.load(write(tmp_path, third.replace("X", "a a </s>")))
    assert model.num_ngrams == (4, 3, 1)
    found = model.full_scores("a a", bos=False)
    assert [(pytest.approx(score), length) for score, length, _ in found] == [(-0.4, 1), (-0.7, 2), (-0.1, 3)]
    assert model.full_scores("a a a", bos=False)[2][:2] == (pytest.approx(-0.7), 2)


def test_many_missing_contexts_at_once(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(6)]
    grams = [f"-0.5\t{a} {b} {c} {a}" for a in words for b in words for c in words[:2]]
    unigrams = [f"-1\t{word}\t-0.1" for word in [*words, "<unk>", "<s>", "</s>"]]
    head = f"\\data\\\nngram 1={len(unigrams)}\nngram 2=0\nngram 3=0\nngram 4={len(grams)}\n"
    sections = [("1", unigrams), ("2", []), ("3", []), ("4", grams)]
    body = "".join(f"\n\\{k}-grams:\n" + "\n".join(lines) + "\n" for k, lines in sections)
    model = NgramLM.load(write(tmp_path, head + body + "\n\\end\\\n"))
    assert model.num_ngrams[3] == len(grams)
    # All contexts "a b c" with c one of two words, and all suffixes "b c a": 72 + 72 trigrams, without those that are both.
    assert model.num_ngrams[2] == 72 + 72 - 24
    score, length, _ = model.full_scores("w3 w5 w1 w3", bos=False, eos=False)[-1]
    assert (score, length) == (pytest.approx(-0.5), 4)
    assert model.full_scores("w3 w5 w1 w2", bos=False, eos=False)[-1][0] == pytest.approx(-1 - 0.1)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="line 9: not UTF-8 at byte 5"):
        NgramLM.load(write(tmp_path, ARPA.replace("\ta\t", "\tÿ\t").encode("latin-1")))
    for call in (count, NgramLM.train):
        with pytest.raises(InvalidEncodingError, match=r"line 2"):
            call(b"a\n\xff")
        with pytest.raises(InvalidEncodingError, match=r"text.txt is not UTF-8"):
            call(write(tmp_path, b"a\n\xff", "text.txt"))
        with pytest.raises(InvalidEncodingError, match="sentence 1 is not valid Unicode"):
            call(["a", "a \ud800"])


PACKED = {"gz": gzip, "bz2": bz2, "xz": lzma, "zst": zstandard.ZstdCompressor()}


@pytest.mark.parametrize("ending", PACKED)
def test_cut_and_damaged_compressed_models_are_refused(tmp_path: Path, ending: str) -> None:
    packed = PACKED[ending].compress(ARPA.encode())
    whole = NgramLM.load(write(tmp_path, packed, f"m.arpa.{ending}"))
    assert whole.num_ngrams == NgramLM.load(write(tmp_path, ARPA)).num_ngrams
    name = r"m\.arpa\." + ending
    cuts = [packed[:size] for size in range(8, len(packed) - 8, 7)]
    for damaged in (*cuts, packed[:30] + b"\x55" * 8 + packed[38:]):
        with pytest.raises(InvalidFileError, match=name):
            NgramLM.load(write(tmp_path, damaged, f"m.arpa.{ending}"))
    # What comes out of it is looked at as a plain file is.
    other = PACKED[ending].compress(ARPA.replace("\\end\\", "").encode())
    with pytest.raises(InvalidFileError, match=name + r": line \d+: the file ends without"):
        NgramLM.load(write(tmp_path, other, f"m.arpa.{ending}"))
    with pytest.raises(InvalidArgumentError, match="mmap is for"):
        NgramLM.load(write(tmp_path, packed, f"m.arpa.{ending}"), mmap=True)


def test_damaged_gzip_and_missing_files(tmp_path: Path) -> None:
    packed = gzip.compress(ARPA.encode())
    for damaged in (packed[:-12], packed[:40] + b"\0\0\0\0" + packed[44:]):
        with pytest.raises(InvalidFileError):
            NgramLM.load(write(tmp_path, damaged, "m.arpa.gz"))
        with pytest.raises((InvalidFileError, FileAccessError)):
            count(write(tmp_path, damaged, "text.gz"))
    for call in (NgramLM.load, NgramCounts.load, count):
        with pytest.raises(MissingFileError):
            call(tmp_path / "missing.flm")
        with pytest.raises(FileAccessError):
            call(tmp_path)
    with pytest.raises(MissingFileError):
        NgramLM.train([[1, 2]], 1).save(tmp_path / "no" / "m.flm")
    with pytest.raises(InvalidArgumentError, match="mmap is for"):
        NgramLM.load(write(tmp_path, ARPA), mmap=True)


@pytest.mark.parametrize("kind", ["words", "ids", "compact", "hashed", "counts"])
def test_truncated_or_flipped_binaries_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file.flm"
    text = ["a b c", "b c a a"] if kind != "ids" else [[0, 1, 2], [1, 2, 0, 0]]
    if kind == "counts":
        count(text).save(path)
    else:
        model = NgramLM.train(text, 3, prune=(0, 0, 1))
        other = {"compact": lambda: model.compact(bits=4), "hashed": model.hashed}.get(kind, lambda: model)
        other().save(path)
    good = path.read_bytes()
    load = NgramCounts.load if kind == "counts" else NgramLM.load
    load(path)
    for length in [*range(0, min(len(good), 200), 7), len(good) - 8, len(good) - 1, len(good) + 8]:
        path.write_bytes((good + bytes(8))[:length])
        with pytest.raises(InvalidFileError):
            load(path)
    random = np.random.default_rng(0)
    for place in random.integers(0, len(good), 200):
        damaged = bytearray(good)
        damaged[place] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(InvalidFileError):
            load(path)
        if kind != "counts" and damaged[:8] == good[:8]:
            with pytest.raises(InvalidFileError):
                NgramLM.load(path, mmap=True)


@pytest.mark.parametrize("layout", ["expand", "compact", "hashed"])
def test_a_consistent_checksum_does_not_hide_bad_links(tmp_path: Path, layout: str) -> None:
    import zlib

    path = tmp_path / "m.flm"
    model = NgramLM.train([[0, 1, 2], [1, 2, 0]], 3)
    getattr(model, layout)().save(path)
    good = bytearray(path.read_bytes())
    refused = 0
    for place in range(80, len(good) - 8, 4):
        damaged = bytearray(good)
        damaged[place : place + 4] = b"\xff\xff\xff\x7f"
        damaged[-8:-4] = zlib.crc32(damaged[:-8]).to_bytes(4, "little")
        path.write_bytes(damaged)
        try:
            model = NgramLM.load(path)
        except InvalidFileError:
            refused += 1
        else:  # a probability or weight was hit: odd scores, but no failure
            model.score([0, 1, 2, 0, 5])
            model.next_token_logprobs([0, 1])
            model.expand().save(tmp_path / "again.flm")
    assert refused > 20


def test_a_line_of_a_million_words(tmp_path: Path) -> None:
    line = "a b c " * 350_000
    model = NgramLM.train(line, 3)
    assert model.num_ngrams == (6, 5, 5)
    assert np.isfinite(model.score(line))
    assert model.score_texts(line).num_tokens == 1_050_001


@pytest.mark.parametrize(
    "call",
    [
        "count(ids)",
        "NgramLM.train(ids)",
        "NgramLM.train(ids, smoothing='witten-bell')",
        "model.score_ids_batch(ids)",
        "interpolate([model, other], kind='log-linear')",
        "tune_weights([model, other], ids)",
        "tune_weights([model, other], ids[:20000], kind='log-linear')",
        "CachedNgramLM(model).score_texts([ids])",
    ],
)
def test_ctrl_c_is_answered(call: str) -> None:
    script = f"""
        import numpy as np, threading, time, os, signal
        from ferrolm.ngram import CachedNgramLM, NgramLM, count, interpolate, tune_weights
        ids = np.random.default_rng(0).integers(0, 5000, 6_000_000).astype(np.uint32)
        model = NgramLM.train(ids[:300_000], 3, vocab_size=5000)
        other = NgramLM.train(ids[200_000:500_000], 4, vocab_size=5000)
        sent = []
        def interrupt():
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)
        threading.Timer(0.2, interrupt).start()
        try:
            while True:
                {call}
        except KeyboardInterrupt:
            print(time.perf_counter() - sent[0])
        model.score([1, 2, 3])
    """
    environment = {**os.environ, "FERROLM_NUM_THREADS": "2"}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100)
    assert done.returncode == 0, done.stderr
    # Promised within 100 ms on an idle machine; tests share theirs.
    assert float(done.stdout) < 2, signal.SIGINT
