"""The readers on the files of published tasks, whose sizes are known."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest
from shared_data import shared

from ferrolm.data import (
    LabelNames,
    entity_spans,
    read_conll,
    read_conllu,
    read_csv,
    read_jsonl_pairs,
    read_labeled_files,
    read_parallel_tsv,
    read_squad,
    read_tsv,
)


@pytest.mark.parametrize(
    ("part", "sentences", "words", "multiword"),
    [("dev", 2001, 25147, 359), ("test", 2077, 25094, 354), ("train", 12544, 204577, 2614)],
)
def test_the_english_web_treebank(part: str, sentences: int, words: int, multiword: int) -> None:
    parsed = list(read_conllu(shared(f"tasks/pos/ud-english-ewt/{part}.conllu")))
    assert len(parsed) == sentences
    assert sum(len(sentence.words) for sentence in parsed) == words
    assert sum(len(sentence.multiword) for sentence in parsed) == multiword
    assert all(sentence.heads.count(0) == 1 for sentence in parsed)
    assert len(LabelNames.of(sentence.labeled().labels for sentence in parsed)) == 17


def test_the_chinese_treebank() -> None:
    parsed = list(read_conllu(shared("tasks/pos/ud-chinese-gsd/test.conllu")))
    assert (len(parsed), sum(len(sentence.words) for sentence in parsed)) == (500, 12010)
    # The words of Chinese have no spaces between them unless they say so.
    assert "".join(parsed[0].words) == parsed[0].metadata["text"]


@pytest.mark.parametrize(
    ("part", "sentences", "entities"), [("train", 3394, 1975), ("dev", 1009, 836), ("test", 1287, 1079)]
)
def test_entities_of_wnut17(part: str, sentences: int, entities: int) -> None:
    parsed = list(read_conll(shared(f"tasks/ner/wnut17/{part}.conll")))
    assert len(parsed) == sentences
    spans = [span for sentence in parsed for span in entity_spans(sentence.labels)]
    assert len(spans) == entities
    assert {span.label for span in spans} == {
        "corporation", "creative-work", "group", "location", "person", "product"
    }  # fmt: skip
    # The labels of the files are well formed: each B starts one entity.
    begins = sum(label.startswith("B-") for label in chain(*(sentence.labels for sentence in parsed)))
    assert begins == entities


def test_the_labels_of_wnut17_start_with_outside() -> None:
    names = LabelNames.of(s.labels for s in read_conll(shared("tasks/ner/wnut17/train.conll")))
    assert (len(names), names[0]) == (13, "O")


@pytest.mark.parametrize("language", ["ar", "de", "en", "hi", "ru", "zh"])
def test_xquad(language: str) -> None:
    examples = list(read_squad(shared(f"tasks/qa/xquad/xquad.{language}.json")))
    assert len(examples) == 1190
    assert len({example.context for example in examples}) == 240
    assert len({example.id for example in examples}) == 1190
    for example in examples:
        for answer in example.answers:
            assert example.context[answer.start :].startswith(answer.text)


def test_banking77() -> None:
    train = list(read_csv(shared("tasks/topic/banking77/train.csv"), label="category"))
    test = list(read_csv(shared("tasks/topic/banking77/test.csv"), label="category"))
    assert (len(train), len(test)) == (10003, 3080)
    names = LabelNames.of(str(example.label) for example in train)
    assert len(names) == 77
    assert set(Counter(example.label for example in test).values()) == {40}


def test_rt_polarity_and_names() -> None:
    reviews = list(read_labeled_files(shared("tasks/sentiment/rt-polarity")))
    assert Counter(example.label for example in reviews) == {"neg": 5331, "pos": 5331}
    assert reviews[0].text == "simplistic , silly and tedious ."
    names = list(read_labeled_files(shared("tasks/names")))
    assert len(names) == 20050
    assert len({example.label for example in names}) == 18


def test_pairs_of_sentences() -> None:
    examples = list(read_tsv(shared("tasks/pair/snli/test.txt"), text=0, text_pair=1, label=2))
    assert len(examples) == 9824
    assert Counter(example.label for example in examples) == {"0": 3368, "1": 3219, "2": 3237}
    scores = list(read_tsv(shared("tasks/similarity/EN-SIMLEX-999.txt"), 0, 1, 2, numeric=True))
    assert (len(scores), scores[0].label) == (999, 1.58)


def test_translations_and_summaries() -> None:
    chinese = list(read_parallel_tsv(shared("tasks/mt/tatoeba-eng-cmn.tsv")))
    assert sum(len(pair.targets) for pair in chinese) == 21007
    assert (chinese[0].source, chinese[0].targets) == ("Hi.", ("嗨。", "你好。"))
    french = read_parallel_tsv(shared("tasks/mt/tatoeba-eng-fra.tsv.gz"))
    assert sum(len(pair.targets) for pair in french) == 167130
    for part, count in (("train", 1992), ("dev", 619), ("test", 618)):
        papers = list(read_jsonl_pairs(shared(f"tasks/summarization/scitldr-a/{part}.jsonl")))
        assert len(papers) == count
        assert all(paper.target for paper in papers)
