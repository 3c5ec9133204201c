"""Files through a pipeline: formats, workers, resuming, what cannot be read."""

from __future__ import annotations

import gzip
import json
import random
import sys

import pytest

from ferrolm.data import iter_documents, read_documents, write_documents
from ferrolm.data.cleaning import chunks, run
from ferrolm.errors import (
    FerrolmError,
    FileAccessError,
    InvalidArgumentError,
    InvalidFileError,
    MissingFileError,
    UnknownNameError,
)
from ferrolm.text.pipeline import Document, Pipeline, on_text

pytest.importorskip("pyarrow")
pytest.importorskip("zstandard")
pytest.importorskip("warcio")

from web_archives import packed, warc_record

STEPS = "normalize,length:min=30,dedup:exact,mask,dedup:lines,lowercase"
OUTPUTS = [
    "out.jsonl",
    "out.jsonl.gz",
    "out.jsonl.zst",
    "out.jsonl.xz",
    "out.txt",
    "out.txt.bz2",
    "out.parquet",
]


@pytest.fixture(autouse=True)
def many_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_CHARACTERS", 2000)
    monkeypatch.setattr(run, "CHECKPOINT_SECONDS", 0.0)


@pytest.fixture
def pages(tmp_path):
    """JSON lines with repetitions, short texts and one line that is none."""
    drawn = random.Random(1)
    lines = [f"Line {drawn.randrange(60)} of a text,\u00a0 with some words." for _ in range(300)]
    path = tmp_path / "in.jsonl"
    with path.open("w") as file:
        for number in range(200):
            text = "\n".join(drawn.choices(lines, k=drawn.randrange(8)))
            file.write(json.dumps({"id": number, "text": text, "score": number / 2}) + "\n")
            if number == 70:
                file.write("{broken\n")
    return path


def clean(source, target, **options):
    report = Pipeline(STEPS).run(source, target, **options)
    return target.read_bytes(), report


def counts(report):
    """All of a report but times."""
    report.seconds = 0.0
    for step in report.steps:
        step.seconds = 0.0
    return report


def test_the_output_does_not_depend_on_workers(pages, tmp_path):
    one, first = clean(pages, tmp_path / "1.jsonl.gz", examples=3)
    two, second = clean(pages, tmp_path / "2.jsonl.gz", workers=2, examples=3)
    three, third = clean(pages, tmp_path / "3.jsonl.gz", workers=3, examples=3)
    assert one == two == three
    assert counts(first) == counts(second) == counts(third)
    assert first.records == 200
    assert 20 < first.written < 200
    assert first.unread["not JSON"].examples == [{"source": f"{pages}, line 72", "text": ""}]
    assert first.steps[2].removed["under 30 characters"].examples[0]["source"].startswith(f"{pages}, line ")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "1.jsonl.gz",
        "2.jsonl.gz",
        "3.jsonl.gz",
        "in.jsonl",
    ]


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_same_documents_in_every_format(name, pages, tmp_path):
    clean(pages, tmp_path / "plain.jsonl")
    _, report = clean(pages, tmp_path / name)
    expected = [document.text for document in read_documents(tmp_path / "plain.jsonl")]
    if ".txt" in name:
        (found,) = (document.text for document in read_documents(tmp_path / name))
        assert found == "\n\n".join(expected) + "\n"
    else:
        assert [document.text for document in read_documents(tmp_path / name)] == expected
    assert report.written == len(expected)


def test_documents_keep_their_fields_in_every_format(tmp_path):
    documents = [
        Document("ä", {"id": 1, "score": 1, "tags": ["x"], "ok": True, "none": None}),
        Document("b\nc", {"id": 2, "score": 0.5, "tags": "y", "ok": False, "name": "n"}),
    ]
    for name in ("a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.jsonl.bz2"):
        assert write_documents(documents, tmp_path / name) == 2
        found = list(read_documents(tmp_path / name))
        assert [(one.text, one.metadata) for one in found] == [(one.text, one.metadata) for one in documents]
    write_documents(documents, tmp_path / "a.parquet", field="content")
    found = [(one.text, one.metadata) for one in read_documents(tmp_path / "a.parquet", field="content")]
    assert found == [
        ("ä", {"id": 1, "score": 1.0, "tags": '["x"]', "ok": True, "none": None, "name": None}),
        ("b\nc", {"id": 2, "score": 0.5, "tags": '"y"', "ok": False, "none": None, "name": "n"}),
    ]
    write_documents(["a", "b\nc"], tmp_path / "a.txt.gz")
    assert gzip.decompress((tmp_path / "a.txt.gz").read_bytes()) == b"a\n\nb\nc\n"
    assert list(iter_documents([tmp_path / "a.jsonl.zst"])) == ["ä", "b\nc"]


def test_half_a_surrogate_pair_is_written_as_json_has_it(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "x\\ud800"}\n')
    report = Pipeline("lowercase").run(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert report.written == 1
    assert [one.text for one in read_documents(tmp_path / "b.jsonl")] == ["x\ud800"]


def test_folders_pages_and_text_files(tmp_path):
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / ".hidden.html").write_text("no")
    (folder / "a.html").write_bytes('<meta charset="iso-8859-2"><p>Łódź</p>'.encode("iso-8859-2"))
    (folder / "sub" / "b.txt").write_text("One.\n\nTwo\nlines.\n\n\n\nThree.\n")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    report = Pipeline("html:mode=all").run(folder, folder / "out.jsonl")
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert rows == [
        {"text": "Łódź", "source": str(folder / "a.html")},
        {"text": "One.\n\nTwo\nlines.\n\n\n\nThree.\n", "source": str(folder / "sub" / "b.txt")},
    ]
    assert report.unread["a file of a folder whose kind is unknown"].number == 1
    again = Pipeline("html:mode=all").run(folder, folder / "out.jsonl")
    assert (again.written, again.files) == (2, 2), "an output inside the folder is no input"
    for split, expected in (
        ("line", ["One.", "Two", "lines.", "Three."]),
        ("paragraph", ["One.", "Two\nlines.", "Three."]),
    ):
        found = read_documents(folder / "sub", documents=split)
        assert [document.text for document in found] == expected


def archive():
    return [
        warc_record(b"software: x", kind="warcinfo", content_type="application/warc-fields"),
        warc_record(
            "<p>Žluťoučký kůň</p>".encode("cp1250"), number=1, content_type="text/html; charset=windows-1250"
        ),
        warc_record(b"GIF89a", number=2, content_type="image/gif"),
        warc_record(b"<p>gone</p>", number=3, status="404 Not Found"),
        warc_record(gzip.compress(b"<p>zipped</p>"), number=4, headers="Content-Encoding: gzip\r\n"),
        warc_record(
            b"6\r\n<p>c</\r\n2\r\np>\r\n0\r\n\r\n", number=5, headers="Transfer-Encoding: chunked\r\n"
        ),
        warc_record("plain ž".encode(), number=6, kind="conversion", content_type="text/plain"),
        warc_record(b"<p>odd</p>", number=7, content_type="text/html; charset=unknown-9"),
    ]


PAGES = ["Žluťoučký kůň", "zipped", "c", "plain ž", "odd"]


@pytest.mark.parametrize("form", ["plain", "members", "one member", "zstd"])
def test_web_archives(form, tmp_path):
    import zstandard

    name, make = {
        "plain": ("a.warc", b"".join),
        "members": ("a.warc.gz", packed),
        "one member": ("b.warc.gz", lambda records: gzip.compress(b"".join(records))),
        "zstd": ("a.warc.zst", lambda records: zstandard.compress(b"".join(records))),
    }[form]
    (tmp_path / name).write_bytes(make(archive()))
    report = Pipeline("html:mode=all").run(tmp_path / name, tmp_path / "out.jsonl", tolerate="none")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == PAGES
    assert rows[0]["url"] == "https://example.org/1"
    assert rows[0]["date"] == "2026-01-02T03:04:05Z"
    assert {reason: count.number for reason, count in report.unread.items()} == {
        "not a response": 1,
        "a response that is not HTML": 1,
        "a response other than 200": 1,
    }


class Stop(Exception):
    pass


def stopping_after(documents):
    """A step that fails at its n-th document, as a full disk or a signal would stop a run."""
    left = [documents]

    def step(document):
        left[0] -= 1
        if left[0] < 0:
            raise Stop
        return document

    step.__qualname__ = step.__name__ = "stopping"
    return step


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.jsonl.gz", "a.warc", "a.warc.gz", "one.warc.gz", "a.parquet", "pages", "a.txt"]
)
def test_a_run_that_stopped_goes_on_to_the_same_bytes(name, tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_DOCUMENTS", 3)
    texts = [
        f"Text {number % 17} of several,\nin a line that comes again {number % 5}." for number in range(40)
    ]
    records = [warc_record(text.encode(), number=place) for place, text in enumerate(texts)]
    path = tmp_path / name
    if name == "pages":
        path.mkdir()
        for place, text in enumerate(texts):
            (path / f"{place:02}.html").write_text(text)
    elif "warc" in name:
        path.write_bytes(
            {"a.warc": b"".join, "a.warc.gz": packed}.get(name, lambda all: gzip.compress(b"".join(all)))(
                records
            )
        )
    else:
        write_documents(texts, path)
    options = {"documents": "paragraph"} if name == "a.txt" else {}
    steps = ["normalize", "dedup:exact", "dedup:lines,min=5"]
    target = tmp_path / "out.jsonl.gz"
    expected = Pipeline([*steps, stopping_after(1000)]).run(path, tmp_path / "whole.jsonl.gz", **options)
    for allowed in (3, 0, 2, 5):
        with pytest.raises(FerrolmError, match="Stop"):
            Pipeline([*steps, stopping_after(allowed)]).run(path, target, **options)
        assert not target.exists()
    report = Pipeline([*steps, stopping_after(1000)]).run(path, target, **options)
    assert target.read_bytes() == (tmp_path / "whole.jsonl.gz").read_bytes()
    assert report.resumed >= 2
    assert (report.records, report.written, report.removed) == (
        expected.records,
        expected.written,
        expected.removed,
    )
    assert report.unread.keys() == expected.unread.keys()
    assert not (tmp_path / ".out.jsonl.gz.partial").exists()


def test_other_inputs_steps_or_options_begin_anew(pages, tmp_path):
    target = tmp_path / "out.jsonl"
    for change in ("steps", "field", "input"):
        with pytest.raises(FerrolmError, match="Stop"):
            Pipeline(["normalize", stopping_after(60)]).run(pages, target)
        if change == "input":
            with pages.open("a") as file:
                file.write('{"text": "more"}\n')
        steps = ["normalize" if change != "steps" else "lowercase", stopping_after(1000)]
        field = {"field": "other"} if change == "field" else {}
        report = Pipeline(steps).run(pages, target, **field)
        assert report.resumed == 0
    with pytest.raises(FerrolmError, match="Stop"):
        Pipeline([stopping_after(60)]).run(pages, tmp_path / "no.jsonl", resume=False)
    assert not list(tmp_path.glob(".no*"))


def test_bad_records_are_counted_or_stop(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(
        b'{"text": "good"}\n[1]\n{"text": 3}\n\n{"text": "\xff"}\n{"other": 1}\n' + b"[" * 100_000 + b"\n{}"
    )
    report = Pipeline("normalize").run(path, tmp_path / "out.txt")
    assert {reason: count.number for reason, count in report.unread.items()} == {
        "no string under 'text'": 4,
        "not UTF-8": 1,
        "not JSON": 1,
    }
    assert (tmp_path / "out.txt").read_text() == "good\n"
    with pytest.raises(InvalidFileError, match=r"in\.jsonl, line 2: no string under 'text'"):
        Pipeline("normalize").run(path, tmp_path / "no.txt", tolerate="none")
    unread = {}
    assert [one.text for one in read_documents(path, tolerate="records", unread=unread)] == ["good"]
    assert sum(count.number for count in unread.values()) == 6


def test_documents_without_text_are_counted_and_not_written(tmp_path):
    report = Pipeline(["normalize", on_text(lambda text: "", "emptied")]).run(
        [str(_jsonl(tmp_path, ["a", "b"]))], tmp_path / "out.jsonl"
    )
    assert (report.empty, report.written) == (2, 0)
    assert (tmp_path / "out.jsonl").read_bytes() == b""


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt", "a.html", "a.warc", "a.jsonl.gz"])
@pytest.mark.parametrize("target", ["out.jsonl", "out.parquet", "out.txt.gz"])
def test_empty_inputs_give_empty_outputs(name, target, tmp_path):
    (tmp_path / name).write_bytes(b"")
    report = Pipeline("html:mode=all,dedup:exact").run(tmp_path / name, tmp_path / target)
    assert report.written == 0
    assert (
        list(read_documents(tmp_path / target, input_format="parquet" if "parquet" in target else "jsonl"))
        == []
    )


def _jsonl(folder, texts):
    path = folder / "in.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def test_a_dry_run_writes_nothing(pages, tmp_path):
    report = Pipeline(STEPS).run(pages, None, workers=2)
    assert report.written > 0
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_wrong_calls_are_told(pages, tmp_path):
    pipeline = Pipeline("normalize")
    (tmp_path / "empty").mkdir()
    for arguments, options, kind, message in [
        ((tmp_path / "no.txt", "x.txt"), {}, MissingFileError, "no.txt does not exist"),
        ((tmp_path / "empty", "x.txt"), {}, InvalidArgumentError, "a folder without files to read"),
        (([], "x.txt"), {}, InvalidArgumentError, "no input files"),
        ((pages, tmp_path / "empty"), {}, FileAccessError, "it is a folder, expected the name of a file"),
        ((pages, pages), {}, InvalidArgumentError, "is the input and the output"),
        ((pages, tmp_path / "x.html"), {}, InvalidArgumentError, "html is read, not written"),
        ((pages, tmp_path / "no" / "x.txt"), {}, FileAccessError, "cannot write"),
        ((pages, tmp_path / "x.txt"), {"workers": 0}, InvalidArgumentError, "workers is 0"),
        ((pages, tmp_path / "x.txt"), {"tolerate": "all"}, UnknownNameError, "tolerate is 'all'"),
        ((pages, tmp_path / "x.txt"), {"documents": "lines"}, UnknownNameError, "did you mean 'line'"),
        ((pages, tmp_path / "x.txt"), {"input_format": "json"}, UnknownNameError, "did you mean 'jsonl'"),
        ((pages, tmp_path / "x.txt"), {"output_format": "csv"}, UnknownNameError, "output_format is 'csv'"),
    ]:
        with pytest.raises(kind) as caught:
            pipeline.run(*arguments, **options)
        assert message in str(caught.value)
    with pytest.raises(InvalidArgumentError, match="cannot be sent to worker processes"):
        Pipeline([lambda document: document]).run(pages, tmp_path / "x.txt", workers=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "in.jsonl"]


def test_a_function_of_a_module_runs_in_workers(pages, tmp_path, monkeypatch):
    (tmp_path / "my_steps.py").write_text(
        "def shout(document):\n    document.text = document.text.upper()\n    return document\n"
        "def fail(document):\n    raise ValueError('odd')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_steps

    report = Pipeline(["normalize", my_steps.shout]).run(pages, tmp_path / "out.txt", workers=2)
    assert report.written > 0
    assert (tmp_path / "out.txt").read_text().isupper()
    with pytest.raises(FerrolmError, match=r"step fail failed on .*in\.jsonl, line 1: ValueError: odd"):
        Pipeline([my_steps.fail]).run(pages, tmp_path / "no.txt", workers=2)
    del sys.modules["my_steps"]


def test_two_runs_do_not_write_one_file(pages, tmp_path):
    def again(document):
        with pytest.raises(FileAccessError, match="another run is writing it"):
            Pipeline("normalize").run(pages, tmp_path / "out.txt")
        return document

    first = [True]
    step = on_text(lambda text: text, "once")
    Pipeline([step, lambda document: again(document) if first and first.pop() else document]).run(
        pages, tmp_path / "out.txt"
    )
    assert (tmp_path / "out.txt").exists()
