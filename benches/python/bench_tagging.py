"""Parts of speech and names, one thread each, against nltk and python-crfsuite; needs the shared data.

    pytest benches/python/bench_tagging.py --benchmark-enable

Learning is timed on UD English EWT's training set (universal tags), tagging on its test set, words given; `extra_info` has the accuracy,
that on words which training had not, and the words of a call. nltk learns for 5 epochs, its default, crfsuite with 20 features for 60
iterations. Names are those of WNUT17, and Chinese is learnt from the GSD treebank's dev set, the larger of the two that are here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ferrolm.tagging import LabeledWords, PerceptronTagger, read_conll, read_conllu, tagging_report

shared_data = pytest.importorskip("shared_data")

Sentences = list[LabeledWords]
Tag = Callable[[Sequence[Sequence[str]]], list[list[str]]]


@cache
def treebank(name: str) -> Sentences:
    return [each.labeled() for each in read_conllu(shared_data.shared(f"tasks/pos/{name}.conllu"))]


def ferrolm(train: Sentences, folder: Path, **options: Any) -> Tag:
    tagger = PerceptronTagger.train(train, **options)
    tagger.save(folder / "tagger")
    return PerceptronTagger.load(folder / "tagger").tag_sents


def nltk(train: Sentences, folder: Path) -> Tag:
    perceptron = pytest.importorskip("nltk.tag.perceptron")
    tagger = perceptron.PerceptronTagger(load=False)
    tagger.train([list(zip(each.words, each.labels, strict=True)) for each in train], nr_iter=5)
    return lambda sentences: [[tag for _, tag in tagger.tag(words)] for words in sentences]


def crfsuite(train: Sentences, folder: Path) -> Tag:
    crf = pytest.importorskip("pycrfsuite")
    trainer = crf.Trainer(verbose=False)
    for sentence in train:
        trainer.append(crf_features(sentence.words), sentence.labels)
    trainer.set_params({"c1": 0.1, "c2": 0.01, "max_iterations": 60, "feature.possible_transitions": True})
    trainer.train(str(folder / "crf"))
    tagger = crf.Tagger()
    tagger.open(str(folder / "crf"))
    return lambda sentences: [tagger.tag(crf_features(words)) for words in sentences]


def crf_features(words: Sequence[str]) -> list[list[str]]:
    """Twenty features of each place."""
    padded = ["<s>", *words, "</s>"]
    rows = []
    for before, word, after in zip(padded, padded[1:], padded[2:], strict=False):
        lower = word.lower()
        rows.append(
            [
                "bias", f"w={lower}", f"f={word}", f"-1={before.lower()}", f"+1={after.lower()}",
                *(f"s{n}={lower[-n:]}" for n in (1, 2, 3, 4)), *(f"p{n}={lower[:n]}" for n in (1, 2, 3)),
                f"t={word.istitle()}", f"u={word.isupper()}", f"d={any(map(str.isdigit, word))}", f"h={'-' in word}",
                f"-s={before[-3:].lower()}", f"+s={after[-3:].lower()}", f"-t={before.istitle()}", f"+t={after.istitle()}",
            ]
        )  # fmt: skip
    return rows


LEARNERS = {each.__name__: each for each in [ferrolm, nltk, crfsuite]}
TAGGERS: dict[str, Tag] = {}


def note_figures(benchmark: Any, tag: Tag, train: Sentences, test: Sentences) -> None:
    known = {word for sentence in train for word in sentence.words}
    report = tagging_report(test, tag([each.words for each in test]), known=known)
    benchmark.extra_info["accuracy"] = round(100 * report.accuracy, 2)
    benchmark.extra_info["unknown"] = round(100 * (report.unknown_accuracy or 0), 2)
    if report.entities:
        benchmark.extra_info["f1"] = round(100 * report.entities["f1"], 2)


@pytest.mark.parametrize("library", [*LEARNERS])
@pytest.mark.benchmark(group="learning the tags of UD English EWT", timer=time.process_time)
def test_learning(benchmark: Any, library: str, tmp_path: Path) -> None:
    train, test = treebank("ud-english-ewt/train"), treebank("ud-english-ewt/test")
    tag = benchmark.pedantic(LEARNERS[library], args=(train, tmp_path), rounds=1)
    TAGGERS[library] = tag
    benchmark.extra_info["words"] = sum(len(each.words) for each in train)
    note_figures(benchmark, tag, train, test)


@pytest.mark.parametrize("library", [*LEARNERS])
@pytest.mark.benchmark(group="tagging UD English EWT's test set", timer=time.process_time)
def test_tagging(benchmark: Any, library: str, tmp_path: Path) -> None:
    if library not in TAGGERS:
        TAGGERS[library] = LEARNERS[library](treebank("ud-english-ewt/train"), tmp_path)
    sentences = [each.words for each in treebank("ud-english-ewt/test")]
    benchmark.pedantic(TAGGERS[library], args=(sentences,), rounds=5, warmup_rounds=1)
    benchmark.extra_info["words"] = sum(map(len, sentences))


@pytest.mark.parametrize("library", [*LEARNERS])
@pytest.mark.benchmark(group="learning Chinese from GSD's dev set", timer=time.process_time)
def test_chinese(benchmark: Any, library: str, tmp_path: Path) -> None:
    train, test = treebank("ud-chinese-gsd/dev"), treebank("ud-chinese-gsd/test")
    tag = benchmark.pedantic(LEARNERS[library], args=(train, tmp_path), rounds=1)
    note_figures(benchmark, tag, train, test)


@pytest.mark.parametrize("library", [*LEARNERS])
@pytest.mark.benchmark(group="learning the names of WNUT17", timer=time.process_time)
def test_names(benchmark: Any, library: str, tmp_path: Path) -> None:
    train, test = (
        list(read_conll(shared_data.shared(f"tasks/ner/wnut17/{part}.conll"))) for part in ("train", "test")
    )
    tag = benchmark.pedantic(LEARNERS[library], args=(train, tmp_path), rounds=1)
    note_figures(benchmark, tag, train, test)
