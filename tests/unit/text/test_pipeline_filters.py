"""Steps that wrap what the room of texts finds out: languages, quality, near duplicates, personal data, words."""

from __future__ import annotations

import io

import pytest

from ferrolm.errors import UnknownNameError
from ferrolm.text.pipeline import Document, Pipeline, Report
from ferrolm.text.pipeline.memory_steps import NearDuplicates

TEXT = "the cat sat on the mat and looked at the dog that slept in the sun until it was late in the evening"


def run(steps, documents):
    report = Report()
    kept = list(Pipeline(steps).apply(documents, report=report))
    removed = {reason: count.number for reason, count in report.steps[-1].removed.items()}
    return kept, removed


def test_languages_that_are_not_asked_for_go_and_the_others_are_noted():
    pytest.importorskip("py3langid")
    german = "Die Katze saß auf der Matte und sah uns den ganzen Abend an."
    kept, removed = run("language:en+fr", [TEXT, german, "12 34"])
    assert [(document.text, document.metadata) for document in kept] == [(TEXT, {"language": "en"})]
    assert removed == {"language de": 1, "language und": 1}
    kept, removed = run("language", [TEXT, german])
    assert [document.metadata["language"] for document in kept] == ["en", "de"]
    _, removed = run("language:en,probability=1.0", ["the cat"])
    assert removed in ({"language uncertain, probability under 1.0": 1}, {})
    with pytest.raises(UnknownNameError, match="eng"):
        Pipeline("language:eng")


def test_quality_rules_with_thresholds():
    kept, removed = run("quality:gopher", ["Home | Login", TEXT])
    assert not kept
    assert removed == {"min_words": 2}
    kept, removed = run("quality:gopher,min_words=5,min_stop_words=2", ["Home | Login", TEXT])
    assert [document.text for document in kept] == [TEXT]
    kept, _ = run(
        "quality:c4,min_sentences=1",
        ["Home | Login\nThe cat sat on the mat.\nUse javascript to see this page."],
    )
    assert [document.text for document in kept] == ["The cat sat on the mat."]
    kept, _ = run(
        "quality:c4,min_sentences=1,javascript=false",
        ["The cat sat on the mat.\nUse javascript to see this page."],
    )
    assert [document.text for document in kept] == [
        "The cat sat on the mat.\nUse javascript to see this page."
    ]
    with pytest.raises(UnknownNameError, match="min_word"):
        Pipeline("quality:gopher,min_word=3")
    with pytest.raises(UnknownNameError, match="c5"):
        Pipeline("quality:c5")


def test_near_duplicates_go():
    nearly = TEXT.replace("late", "very late").upper()
    kept, removed = run("dedup:near,threshold=0.6", [TEXT, nearly, "something else entirely, of a few words"])
    assert [document.text for document in kept] == [TEXT, "something else entirely, of a few words"]
    assert removed == {"nearly the same text before": 1}


def test_a_memory_of_near_duplicates_is_made_again_from_its_journal():
    first, second = NearDuplicates(0.6), NearDuplicates(0.6)
    first.process([Document(TEXT), Document("half a surrogate pair \ud800 in a text of some words")])
    second.restore(io.BytesIO(first.take_journal()))
    assert first.take_journal() == b""
    results = second.process([Document(TEXT + " again"), Document("new")])
    assert [result is None for result in results] == [True, False]


@pytest.mark.parametrize(
    ("step", "text", "result"),
    [
        ("personal-data", "Mail ann@example.org from 8.8.4.4.", "Mail <email> from <ip>."),
        ("personal-data:ip", "Mail ann@example.org from 8.8.4.4.", "Mail ann@example.org from <ip>."),
        ("punctuation:keep='", "Don't, stop!", "Don't stop"),
        ("stop-words", "The cat.\nOn the mat.", "cat\nmat"),
        ("stop-words:de", "Der Hund und die Katze", "Hund Katze"),
        ("words:zh", "我们今天去北京。", "我们 今天 去 北京"),
        (
            "html:markdown,always=true",
            "<article><h1>Tea</h1><p>Good <b>tea</b>.</p></article>",
            "# Tea\n\nGood **tea**.",
        ),
    ],
    ids=["personal-data", "ip-alone", "punctuation", "stop-words", "stop-words-de", "words-zh", "markdown"],
)
def test_a_step_changes_a_text(step, text, result):
    kept, _ = run(step, [text])
    assert [document.text for document in kept] == [result]
