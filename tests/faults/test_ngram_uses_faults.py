"""Ctrl-C and odd documents: long calls are answered, and one document of any shape is no trouble."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from ferrolm.ngram import (
    CountVectorizer,
    HashingVectorizer,
    contamination,
    cooccurrences,
    repeated_spans,
    skip_grams,
)

CALLS = [
    "CountVectorizer(ngram_range=(1, 3)).fit(texts)",
    "fitted.transform(texts)",
    "HashingVectorizer(ngram_range=(1, 3)).transform(texts)",
    "cooccurrences(ids, window=20, weighting='harmonic')",
    "skip_grams(ids, 4, 4)",
    "contamination(texts, texts[:5000])",
    "repeated_spans(ids, 5)",
]


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_is_answered(call: str) -> None:
    script = f"""
        import numpy as np, threading, time, os, signal
        from ferrolm.ngram import *
        ids = np.random.default_rng(0).integers(0, 5000, 2_000_000).astype(np.uint32)
        words = np.array([f"word{{i}}" for i in range(5000)])[ids]
        texts = [" ".join(row) for row in words.reshape(-1, 40)]
        fitted = CountVectorizer(ngram_range=(1, 2)).fit(texts[:1000])
        fitted.transform(texts[:10])
        sent = []
        def interrupt():
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)
        threading.Timer(0.3, interrupt).start()
        try:
            while True:
                {call}
        except KeyboardInterrupt:
            print(time.perf_counter() - sent[0])
        fitted.transform(texts[:10])
    """
    environment = {**os.environ, "FERROLM_NUM_THREADS": "2"}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100)
    assert done.returncode == 0, done.stderr
    # Promised within 100 ms on an idle machine; tests share theirs.
    assert float(done.stdout) < 2, signal.SIGINT


def test_one_document_of_a_million_words() -> None:
    text = "aa bb cc " * 350_000
    matrix = CountVectorizer(ngram_range=(1, 3)).fit_transform([text, "aa"])
    assert matrix.sum() == 3 * 1_050_000 - 3 + 1
    assert HashingVectorizer(norm=None, alternate_sign=False).transform([text]).sum() == 1_050_000
    assert cooccurrences(text, window=2).values.sum() == 2 * (2 * 1_050_000 - 3)
    assert skip_grams(text, 2, 1).values(2).sum() == 2 * 1_050_000 - 3
    spans = repeated_spans([text, text], 50)
    assert spans.lengths.tolist() == [1_049_997, 1_050_000]
    report = contamination([text], [text])
    assert report.examples[0].longest_span == 1_050_000


def test_a_word_of_many_characters() -> None:
    text = "ä" * 200_000
    assert CountVectorizer().fit([text]).get_feature_names_out().tolist() == [text]
    counts = CountVectorizer(analyzer="char", ngram_range=(1, 64)).fit_transform([text])
    assert counts.toarray()[0].tolist() == list(range(200_000, 200_000 - 64, -1))
    sigmas = "Σ" + "'" * 200_000 + "Σ"
    assert HashingVectorizer(analyzer="char").transform([sigmas]).shape == (1, 1 << 20)


def test_many_empty_documents() -> None:
    matrix = CountVectorizer().fit_transform([""] * 200_000 + ["word"])
    assert matrix.shape == (200_001, 1)
    assert np.flatnonzero(matrix.getnnz(axis=1)).tolist() == [200_000]
