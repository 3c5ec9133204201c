"""Steps, alone and one after the other, over documents in memory."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferrolm.errors import FerrolmError, InvalidArgumentError, InvalidTypeError, UnknownNameError
from ferrolm.text.pipeline import Document, MemoryStep, Pipeline, Report, available_steps, on_text
from ferrolm.text.pipeline.memory_steps import ExactDuplicates, RepeatedLines
from ferrolm.text.pipeline.seen import SeenHashes
from ferrolm.text.pipeline.step import make_step, split_steps


def texts(steps, documents, report=None):
    return [document.text for document in Pipeline(steps).apply(documents, report=report)]


CHANGES = [
    ("normalize", "Cafe\u0301\u200b  au lait\r\n", "Café au lait"),
    ("normalize:form=NFKC", "ﬁne", "fine"),
    ("normalize:NFKC", "ﬁne", "fine"),
    ("control", "a\u200b  b\0", "a  b"),
    ("mask", "me@example.org 12", "<email> 12"),
    ("mask:url+number", "me@example.org 12", "me@example.org <number>"),
    ("lowercase", "Tea", "tea"),
    ("sentences", "Tea, please. No\nmilk. Thanks!", "Tea, please.\nNo milk.\nThanks!"),
    ("words", "Tea, please.\n\n- No milk!", "Tea please\nNo milk"),
    ("words:lowercase=true", "Tea", "tea"),
    ("html:mode=all", "<p>a</p><p>b</p>", "a\nb"),
    ("html:mode=all,always=yes", "a &amp; b", "a & b"),
    ("html:mode=all", "if a &lt; b", "if a &lt; b"),
]


@pytest.mark.parametrize(("step", "text", "result"), CHANGES, ids=[case[0] for case in CHANGES])
def test_a_step_changes_a_text(step, text, result):
    assert texts(step, [text]) == [result]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("length:min=9", "under 9 characters"),
        ("length:max=3", "over 3 characters"),
        ("length:min_words=3", "under 3 words"),
        ("length:max_words=1", "over 1 words"),
        ("html:mode=all,always=true", "no text on the page"),
    ],
    ids=lambda value: value.replace(" ", "-"),
)
def test_a_step_removes_and_says_why(step, reason):
    report = Report()
    text = "<br>" if "html" in step else "Good tea"
    assert texts(step, [text], report) == []
    assert {name: count.number for name, count in report.steps[1].removed.items()} == {reason: 1}
    assert report.steps[1].removed[reason].characters == len(text)


def test_pages_in_bytes_are_decoded_first_whatever_the_steps_are():
    page = Document(data="naïve".encode("cp1252"), media_type="text/plain")
    (result,) = Pipeline("lowercase").apply([page])
    assert (result.text, result.data) == ("naïve", None)
    japanese = Document(data="日本".encode("euc_jp"), encoding="euc_jp")
    assert texts("html:mode=all", [japanese]) == ["日本"]
    greek = Document(data="λόγος".encode("iso-8859-7"))
    assert texts("decode:iso-8859-7,lowercase", [greek]) == ["λόγος"]


def test_lines_of_pages_are_paragraphs_and_those_of_texts_are_not():
    page = "<h1>Tea</h1><p>It is good. Is it?</p>"
    assert texts("html:mode=all,sentences", [page]) == ["Tea\nIt is good.\nIs it?"]
    assert texts("sentences", ["Tea\nIt is good."]) == ["Tea It is good."]
    assert texts("sentences:lines=true", ["Tea\nIt is good."]) == ["Tea\nIt is good."]
    assert texts("html:mode=all", [Document("<p>1 &lt; 2</p>", media_type="text/plain")]) == [
        "<p>1 &lt; 2</p>"
    ]


def test_exact_duplicates_and_repeated_lines():
    line = "This line is long enough to be compared."
    report = Report()
    assert texts("dedup:exact", ["a b", "c", "A  b", "a b"]) == ["a b", "c"]
    assert texts("dedup:exact,verbatim=true", ["a b", "c", "A  b", "a b"]) == ["a b", "c", "A  b"]
    found = texts("dedup:lines", [f"{line}\nYes.", f"Yes.\n{line}\n{line}", line], report)
    assert found == [f"{line}\nYes.", "Yes."]
    assert report.steps[1].changes["a line that was there before"].number == 3
    assert report.steps[1].removed["no line that is new"].number == 1
    assert texts("dedup:lines,min=3", ["abc", "ABC\nde"]) == ["abc", "de"]
    assert texts("dedup:lines,min=3,verbatim=yes", ["abc", "ABC\nde"]) == ["abc", "ABC\nde"]


def test_every_document_and_character_is_accounted_for():
    report = Report()
    documents = [f"Document {number % 40} " + "x" * number for number in range(100)] + ["", "same", "same"]
    steps = "length:min=20,max=90;normalize;dedup:exact;length:max=80".replace(";", ",")
    kept = list(Pipeline(steps).apply(documents, report=report, examples=2))
    assert (report.records, report.written) == (103, len(kept))
    for step, following in zip(report.steps, report.steps[1:], strict=False):
        removed = sum(count.number for count in step.removed.values())
        assert step.documents_in - removed == step.documents_out == following.documents_in
        assert step.characters_out == following.characters_in
        assert all(len(count.examples) <= 2 for count in step.removed.values())
    assert report.written_characters == report.steps[-1].characters_out == sum(len(one.text) for one in kept)
    assert Report.from_dict(report.to_dict()) == report
    assert "under 20 characters" in report.table()


def test_any_callable_is_a_step():
    def only_tea(document: Document) -> Document | None:
        document.metadata["seen"] = True
        return document if "tea" in document.text else document.remove("no tea")

    class Shout:
        name = "shout"

        def __call__(self, document: Document) -> Document:
            document.text = document.text.upper()
            return document

    report = Report()
    pipeline = Pipeline(
        ["normalize", only_tea, Shout(), on_text(str.swapcase), on_text(lambda text: text or None, "some")]
    )
    (result,) = pipeline.apply(["tea ", "coffee"], report=report)
    assert (result.text, result.metadata) == ("tea", {"seen": True})
    assert pipeline.names == ["decode", "normalize", "only_tea", "shout", "swapcase", "some"]
    assert report.steps[2].removed["no tea"].number == 1


def test_a_memory_step_of_ones_own_begins_anew_each_time():
    class EverySecond(MemoryStep):
        name = "every-second"

        def __init__(self):
            self.count = 0

        def fresh(self):
            return EverySecond()

        def process(self, documents):
            self.count += len(documents)
            return [
                document if place % 2 else document.remove("odd")
                for place, document in enumerate(documents, 1)
            ]

        def take_journal(self):
            return b""

        def restore(self, journal):
            pass

    pipeline = Pipeline([EverySecond()])
    assert [len(list(pipeline.apply(["a", "b", "c"]))) for _ in range(2)] == [2, 2]


MISTAKES = [
    ("htlm", UnknownNameError, "there is no step 'htlm'; did you mean 'html'"),
    ("normalize,fr", UnknownNameError, "lists are joined by +"),
    ("length:mim=3", UnknownNameError, "no parameter 'mim'; did you mean 'min'"),
    ("length:min=x", InvalidArgumentError, "min is 'x', expected a whole number"),
    ("length:min=3,min=4", InvalidArgumentError, "min is given twice"),
    ("length:min=9,max=3", InvalidArgumentError, "max is 3, expected at least the minimum, 9"),
    ("words:lowercase=maybe", InvalidArgumentError, "expected true or false"),
    ("normalize:NFX", UnknownNameError, "form is 'NFX'"),
    ("html:mode=man", UnknownNameError, "did you mean 'main'"),
    ("decode:utf-99", InvalidArgumentError, "utf-99"),
    ("dedup:nera", UnknownNameError, "did you mean 'near'"),
    ("dedup:near,threshold=2", InvalidArgumentError, "threshold is 2.0"),
    ("mask:adress", UnknownNameError, "adress"),
]


@pytest.mark.parametrize(("steps", "kind", "message"), MISTAKES, ids=[case[0] for case in MISTAKES])
def test_wrong_steps_are_told_before_anything_runs(steps, kind, message):
    with pytest.raises(kind) as caught:
        Pipeline(steps)
    assert message in str(caught.value)


def test_wrong_things_are_told_with_step_and_document():
    def broken(document: Document) -> Document:
        raise ZeroDivisionError("no")

    with pytest.raises(FerrolmError, match=r"step broken failed on here, line 3: ZeroDivisionError: no"):
        list(Pipeline([broken]).apply([Document("a", source="here, line 3")]))
    with pytest.raises(InvalidTypeError, match="step <lambda> returned str, expected Document or None"):
        list(Pipeline([lambda document: "text"]).apply(["a"]))
    with pytest.raises(InvalidTypeError, match="a step is int"):
        Pipeline([3])
    with pytest.raises(InvalidTypeError, match="documents hold int"):
        list(Pipeline("normalize").apply([3]))


def test_steps_in_one_string():
    assert split_steps("html, length:min=2,max=9,dedup:near,threshold=0.7,,words,lowercase=true") == [
        "html",
        "length:min=2,max=9",
        "dedup:near,threshold=0.7",
        "words:lowercase=true",
    ]


def test_every_step_explains_itself():
    steps = available_steps()
    assert list(steps) == sorted(steps)
    assert all(what.endswith(".") and len(what) > 10 for what in steps.values())


@pytest.mark.parametrize("make", [ExactDuplicates, lambda: RepeatedLines(min=1)], ids=["exact", "lines"])
@given(st.lists(st.text("ab\n", max_size=3), max_size=30), st.integers(0, 30), st.integers(1, 7))
def test_a_memory_that_is_restored_from_its_journal_goes_on_the_same(make, found, cut, together):
    def run(step, documents, size):
        results = []
        for place in range(0, len(documents), size):
            results += step.process([Document(text) for text in documents[place : place + size]])
        return [None if result is None else result.text for result in results]

    whole = run(make(), found, together)
    first, second = make(), make()
    before = run(first, found[:cut], 1)
    second.restore(io.BytesIO(first.take_journal()))
    assert before + run(second, found[cut:], 3) == whole


@given(st.lists(st.lists(st.integers(0, 50), max_size=20), max_size=40))
def test_seen_hashes_are_those_of_a_set(batches):
    seen, twin = SeenHashes(), set()
    for batch in batches:
        expected = []
        for value in batch:
            expected.append(value not in twin)
            twin.add(value)
        assert seen.add(np.array(batch, dtype=np.uint64)).tolist() == expected
    assert len(seen) == len(twin)


def test_seen_hashes_take_eight_bytes_each():
    seen = SeenHashes()
    for start in range(0, 200_000, 500):
        seen.add(np.arange(start, start + 500, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    assert sum(run.nbytes for run in seen._runs) == 8 * 200_000
    assert len(seen._runs) < 40


def test_a_made_step_is_called_by_itself():
    assert make_step("length:min=3")(Document("ab")) is None
