"""`PerceptronTagger`: what it learns, what it keeps, what it refuses."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from shared_data import shared

import ferrolm
from ferrolm.errors import (
    InvalidArgumentError,
    InvalidEncodingError,
    InvalidFileError,
    InvalidTypeError,
    MissingFileError,
)
from ferrolm.tagging import (
    EpochFigures,
    LabeledWords,
    PerceptronTagger,
    Tagger,
    evaluate_tagger,
    load_tagger,
    read_conll,
    read_conllu,
    tagging_report,
)

DOGS = [
    [("the", "DET"), ("dog", "NOUN"), ("barks", "VERB")],
    [("a", "DET"), ("cat", "NOUN"), ("sleeps", "VERB")],
    [("dogs", "NOUN"), ("bark", "VERB"), ("loudly", "ADV"), (".", "PUNCT")],
]
NAMES = [
    LabeledWords(
        ("Ann", "Lee", "lives", "in", "New", "York"), ("B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC")
    ),
    LabeledWords(("Bob", "met", "Ann", "Lee"), ("B-PER", "O", "B-PER", "I-PER")),
]


@pytest.fixture(scope="module")
def tagger() -> PerceptronTagger:
    return PerceptronTagger.train(DOGS, epochs=8)


def test_words_get_tags_one_by_one_and_in_batches(tagger: PerceptronTagger) -> None:
    assert tagger.tag(["the", "cat", "barks"]) == ["DET", "NOUN", "VERB"]
    assert tagger.tag([]) == []
    sentences = [["a", "dog", "sleeps"], [], ("dogs", "bark", ".")]
    assert tagger.tag_sents(sentences) == [tagger.tag(words) for words in sentences]
    assert tagger.tag_sents(iter([])) == []
    assert isinstance(tagger, Tagger)
    assert tagger.labels == ["ADV", "DET", "NOUN", "PUNCT", "VERB"]
    assert tagger.accuracy(DOGS) == 1.0


def test_a_file_and_a_pickle_keep_it(tagger: PerceptronTagger, tmp_path: Path) -> None:
    path = tmp_path / "dogs.tagger"
    tagger.save(path)
    for copy in (PerceptronTagger.load(path), load_tagger(path), pickle.loads(pickle.dumps(tagger))):
        assert copy.tag(["dogs", "bark", "loudly", "."]) == ["NOUN", "VERB", "ADV", "PUNCT"]
        assert copy.labels == tagger.labels
    assert PerceptronTagger.load(path).info == {"column": "upos", "sentences": 3, "epochs": 8, "seed": 1}
    assert PerceptronTagger.load(path).column == "upos"


def test_the_same_seed_makes_the_same_file(tagger: PerceptronTagger) -> None:
    again = PerceptronTagger.train(iter(DOGS), epochs=8)
    assert pickle.dumps(again) == pickle.dumps(tagger)
    with_labels = [LabeledWords(*map(tuple, zip(*each, strict=True))) for each in DOGS]
    assert pickle.dumps(PerceptronTagger.train(with_labels, epochs=8)) == pickle.dumps(tagger)


def test_entities_are_legal_and_counted_whole() -> None:
    tagger = PerceptronTagger.train(NAMES, column="ner")
    assert tagger.column == "ner"
    assert tagger.tag(["Bob", "Lee", "lives", "in", "York"])[2:4] == ["O", "O"]
    asked = list(itertools.product(["Lee", "York", "New", "in"], repeat=4))
    for labels in tagger.tag_sents(asked):
        for before, label in itertools.pairwise(["O", *labels]):
            assert not label.startswith("I-") or before[2:] == label[2:], labels
    report = tagger.evaluate(NAMES)
    assert report.entities == {"f1": 1.0, "precision": 1.0, "recall": 1.0}


def test_the_best_epoch_on_other_sentences_is_kept() -> None:
    seen: list[EpochFigures] = []
    tagger = PerceptronTagger.train(DOGS, epochs=4, dev=DOGS[:1], progress=seen.append)
    assert [figures.epoch for figures in seen] == [1, 2, 3, 4]
    best = max(figures.held_out or 0 for figures in seen)
    assert tagger.accuracy(DOGS[:1]) == best
    seen.clear()
    PerceptronTagger.train(DOGS, epochs=1, progress=seen.append)
    assert seen[0].held_out is None


def test_a_report_says_what_is_taken_for_what() -> None:
    gold = [LabeledWords(("a", "b", "c", "d"), ("X", "X", "Y", "Z"))]
    report = tagging_report(gold, [["X", "Y", "Y", "Y"]], known={"a", "b", "c"})
    assert (report.accuracy, report.unknown_accuracy, report.words, report.sentences) == (0.5, 0.0, 4, 1)
    assert report.confusion == {("X", "Y"): 1, ("Z", "Y"): 1}
    assert report.tags["Y"].precision == pytest.approx(1 / 3)
    assert (report.tags["X"].recall, report.tags["Z"].f1, report.tags["Z"].true) == (0.5, 0.0, 1)
    assert report.entities is None
    assert "accuracy 50.00% of 4 words in 1 sentences" in str(report)
    single = [LabeledWords(("a", "b"), ("S-X", "O"))]
    assert tagging_report(single, [["S-X", "O"]]).entities is None  # nothing begins with B-
    bioes = [LabeledWords(("a", "b", "c"), ("B-X", "E-X", "S-X"))]
    assert tagging_report(bioes, [["B-X", "E-X", "O"]]).entities == pytest.approx(
        {"f1": 2 / 3, "precision": 1.0, "recall": 0.5}
    )
    with pytest.raises(InvalidArgumentError, match="a tag for each word"):
        tagging_report(gold, [["X"]])


def test_what_is_no_sentence_is_refused(tagger: PerceptronTagger) -> None:
    with pytest.raises(InvalidTypeError, match="sentence 0 is of type"):
        tagger.tag("the dog")  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match="word 1 of sentence 1 is of type"):
        tagger.tag_sents([["a"], ["b", 7]])  # type: ignore[list-item]
    with pytest.raises(InvalidEncodingError, match="word 0 of sentence 0 has a lone surrogate"):
        tagger.tag(["\ud800"])
    with pytest.raises(InvalidTypeError, match="sentence 1 is 'dog'"):
        PerceptronTagger.train([DOGS[0], "dog"])  # type: ignore[list-item]
    with pytest.raises(InvalidArgumentError, match="sentence 0 has 2 words and 1 tags"):
        PerceptronTagger.train([LabeledWords(("a", "b"), ("X",))])
    with pytest.raises(InvalidArgumentError, match="no words"):
        PerceptronTagger.train([])
    with pytest.raises(InvalidArgumentError, match="epochs is 0"):
        PerceptronTagger.train(DOGS, epochs=0)
    with pytest.raises(InvalidArgumentError, match="constraints are on"):
        PerceptronTagger.train([[("a", "B-Y"), ("b", "I-X")]], constraints=True)


def test_damaged_files_are_refused(tagger: PerceptronTagger, tmp_path: Path) -> None:
    path = tmp_path / "dogs.tagger"
    tagger.save(path)
    content = path.read_bytes()
    broken = {
        "checksum does not match": content[:60] + b"?" + content[61:],
        "bytes after the header": content[:-5],
        "not a tagger's file": b"PK\x03\x04" + content,
        "version 9": content[:8] + b"\x09" + content[9:],
    }
    for message, changed in broken.items():
        path.write_bytes(changed)
        with pytest.raises(InvalidFileError, match=message) as caught:
            PerceptronTagger.load(path)
        assert str(path) in str(caught.value)
    with pytest.raises(MissingFileError, match="nowhere"):
        load_tagger(tmp_path / "nowhere")


def test_any_number_of_threads_gives_the_same_tags(tagger: PerceptronTagger) -> None:
    sentences = [["the", f"dog-{number % 50}", "barks", "."] * (number % 9) for number in range(3000)]
    threads = ferrolm.num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            ferrolm.set_num_threads(count)
            found.append(tagger.tag_sents(sentences))
    finally:
        ferrolm.set_num_threads(threads)
    assert found[0] == found[1] == found[2]
    assert [len(tags) for tags in found[0]] == [len(words) for words in sentences]


def test_a_sentence_of_a_million_words(tagger: PerceptronTagger) -> None:
    tags = tagger.tag(["the", "dog", "barks", "."] * 250_000)
    assert len(tags) == 1_000_000
    assert tags[400_000:400_004] == ["DET", "NOUN", "VERB", "PUNCT"]


def test_neither_torch_nor_transformers_is_imported() -> None:
    code = "import sys, ferrolm.tagging; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_slice_of_english_is_learnt() -> None:
    """Three epochs of 1,500 sentences; of all of them see docs/tagging.md."""
    train = itertools.islice(read_conllu(shared("tasks/pos/ud-english-ewt/train.conllu")), 1500)
    test = itertools.islice(read_conllu(shared("tasks/pos/ud-english-ewt/dev.conllu")), 500)
    sentences = [sentence.labeled() for sentence in train]
    tagger = PerceptronTagger.train(sentences, epochs=3)
    known = {word for sentence in sentences for word in sentence.words}
    report = evaluate_tagger(tagger, [sentence.labeled() for sentence in test], known=known)
    assert report.accuracy > 0.885
    assert report.unknown_accuracy is not None
    assert report.unknown_accuracy > 0.70


def test_names_of_the_wnut_are_learnt() -> None:
    sentences = list(itertools.islice(read_conll(shared("tasks/ner/wnut17/train.conll")), 1500))
    tagger = PerceptronTagger.train(sentences[:1200], epochs=3, column="ner")
    entities = tagger.evaluate(sentences[1200:]).entities
    assert entities is not None
    assert entities["f1"] > 0.25
