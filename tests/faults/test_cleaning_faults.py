"""Runs that are killed, inputs that are damaged, disks that are full."""

from __future__ import annotations

import gzip
import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ferrolm.cli import main
from ferrolm.data import write_documents
from ferrolm.data.cleaning import chunks
from ferrolm.errors import FileAccessError, InvalidFileError
from ferrolm.text.pipeline import Document, Pipeline

pytest.importorskip("pyarrow")
pytest.importorskip("zstandard")
pytest.importorskip("warcio")

from web_archives import packed, warc_record

STEPS = "normalize,dedup:exact,dedup:near,dedup:lines,sentences"
# Prints a dot for each chunk that is written, so that the test can kill it anywhere between.
PROGRAM = """
import sys
from ferrolm.data.cleaning import chunks, run
from ferrolm.text.pipeline import Pipeline
chunks.CHUNK_DOCUMENTS, run.CHECKPOINT_SECONDS = 5, 0.0
write = run._Run.write
def slowly(self, chunk):
    write(self, chunk)
    print(".", end="", flush=True)
run._Run.write = slowly
Pipeline(sys.argv[3]).run(sys.argv[1], sys.argv[2], workers=int(sys.argv[4]), progress=False)
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_DOCUMENTS", 5)
    drawn = random.Random(2)
    lines = [f"Here is line {number} of all the lines. It has two sentences." for number in range(400)]
    path = tmp_path / "in.jsonl.gz"
    write_documents(["\n".join(drawn.choices(lines, k=4)) for _ in range(300)], path)
    return path


def start(source, target, workers=1):
    command = [sys.executable, "-c", PROGRAM, str(source), str(target), STEPS, str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@pytest.mark.parametrize(
    ("name", "workers"), [("out.jsonl.zst", 1), ("out.parquet", 2)], ids=["one", "two-workers"]
)
def test_a_run_that_is_killed_again_and_again_makes_the_same_bytes(name, workers, source, tmp_path):
    whole = tmp_path / f"whole-{name}"
    Pipeline(STEPS).run(source, whole)
    drawn = random.Random(3)
    target = tmp_path / name
    for _ in range(2):
        process = start(source, target, workers)
        process.stdout.read(drawn.randrange(1, 15))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert not target.exists()
    assert (tmp_path / f".{name}.partial" / "state.json").exists()
    report = Pipeline(STEPS).run(source, target)
    assert report.resumed == 2
    assert report.records == 300
    assert target.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_a_run_that_is_interrupted_ends_and_goes_on(source, tmp_path):
    process = start(source, tmp_path / "out.jsonl", workers=2)
    process.stdout.read(2)
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    process.stdout.close()
    assert process.wait(30) != 0
    assert Pipeline(STEPS).run(source, tmp_path / "out.jsonl").resumed == 1


def test_a_killed_worker_is_an_error_and_the_run_goes_on(source, tmp_path, monkeypatch):
    (tmp_path / "deadly_step.py").write_text(
        "import os, signal\nfrom pathlib import Path\n"
        "def deadly(document):\n"
        "    if 'line 7 ' in document.text and (flag := Path(__file__).with_name('flag')).exists():\n"
        "        flag.unlink()\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return document\n"
    )
    (tmp_path / "flag").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    import deadly_step

    pipeline = Pipeline([deadly_step.deadly, STEPS])
    with pytest.raises(Exception, match=r"a worker process ended \(killed by signal 9\)"):
        pipeline.run(source, tmp_path / "out.jsonl", workers=2)
    assert not (tmp_path / "out.jsonl").exists()
    assert pipeline.run(source, tmp_path / "out.jsonl", workers=2).records == 300
    del sys.modules["deadly_step"]


PAGES = [warc_record(f"<p>page {number}</p>".encode(), number=number) for number in range(5)]


def damaged(name: str, folder: Path) -> Path:
    """A file of five documents, cut in the last or so."""
    path = folder / name
    if "warc" in name:
        path.write_bytes((packed(PAGES) if name.endswith(".gz") else b"".join(PAGES))[:-40])
        return path
    write_documents([f"page {number} " + "x" * 200 for number in range(5)], path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 9])
    return path


DAMAGED = [
    "a.jsonl.gz",
    "a.jsonl.bz2",
    "a.jsonl.xz",
    "a.jsonl.zst",
    "a.txt.gz",
    "a.parquet",
    "a.warc",
    "a.warc.gz",
]


@pytest.mark.parametrize("name", DAMAGED)
def test_a_cut_file_is_one_clear_line_and_nothing_is_written(name, tmp_path, capsys):
    path = damaged(name, tmp_path)
    target = tmp_path / "out.jsonl"
    assert main(["clean", str(path), str(target), "--steps", "normalize"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"ferrolm clean: error: {path}: ")
    assert error.count("\n") == 1
    assert not target.exists()
    report = Pipeline("normalize").run(path, target, tolerate="files")
    assert report.unread["a damaged file, or the rest of one"].number == 1
    assert report.written == (4 if "warc" in name else report.records)


def lying(wrong: int, pack) -> bytes:
    return pack([PAGES[0], warc_record(b"<p>lie</p>", wrong=wrong), *PAGES[1:]])


@pytest.mark.parametrize("wrong", [10, -5, 10**15], ids=["longer", "shorter", "huge"])
@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_an_archive_with_a_lying_length_loses_that_record_alone(name, wrong, tmp_path):
    (tmp_path / name).write_bytes(lying(wrong, packed if name.endswith(".gz") else b"".join))
    report = Pipeline("html:mode=all").run(tmp_path / name, tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text().split() == [word for n in range(5) for word in ("page", str(n))]
    (count,) = report.unread.values()
    assert count.number == 1
    with pytest.raises(InvalidFileError, match=r"record 2: a record that"):
        Pipeline("normalize").run(tmp_path / name, tmp_path / "no.txt", tolerate="none")


@pytest.mark.parametrize(
    "name", ["a.warc", "a.warc.gz", "a.parquet", "a.jsonl.gz", "a.jsonl.zst", "a.jsonl.xz"]
)
def test_a_file_that_is_something_else_is_told(name, tmp_path):
    (tmp_path / name).write_bytes(b"neither this nor that\n" * 50)
    with pytest.raises((InvalidFileError, FileAccessError), match=name):
        Pipeline("normalize").run(tmp_path / name, tmp_path / "out.txt")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_records_that_are_too_long_are_passed_over_without_holding_them(tmp_path, monkeypatch):
    from ferrolm.data import document_records

    monkeypatch.setattr(document_records, "MAX_RECORD", 1 << 20)
    lines = ['{"text": "a"}', json.dumps({"text": "x" * 3_000_000}), '{"text": "b"}', "x" * 2_000_000]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    report = Pipeline("normalize").run(tmp_path / "a.jsonl", tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == "a\n\nb\n"
    assert report.unread["a line of more than 1 MiB"].number == 2
    (tmp_path / "b.txt").write_text("word " * 300_000)
    report = Pipeline("normalize").run(tmp_path / "b.txt", tmp_path / "none.txt")
    assert "a file of more than 1 MiB as one document; read its lines" in next(iter(report.unread))
    bomb = warc_record(gzip.compress(bytes(5_000_000)), headers="Content-Encoding: gzip\r\n")
    (tmp_path / "c.warc").write_bytes(bomb + PAGES[0])
    report = Pipeline("html:mode=all").run(tmp_path / "c.warc", tmp_path / "pages.txt")
    assert (tmp_path / "pages.txt").read_text() == "page 0\n"
    assert report.unread["a page of more than 1 MiB"].number == 1


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_a_full_disk_is_an_error_and_the_run_goes_on_when_there_is_room(name, source, tmp_path):
    # The system refuses to let a file grow, as it does on a full disk.
    program = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    program += "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n" + PROGRAM
    command = [sys.executable, "-c", program, str(source), str(tmp_path / name), STEPS, "1"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert f"FileAccessError: cannot write {tmp_path / name}" in result.stderr
    assert "run again to go on" in result.stderr
    assert not (tmp_path / name).exists()
    report = Pipeline(STEPS).run(source, tmp_path / name)
    assert report.resumed == 1
    assert report.written > 100


def test_memory_does_not_grow_with_the_input(tmp_path):
    program = (
        "import resource, sys\nfrom ferrolm.text.pipeline import Pipeline\n"
        "Pipeline('lowercase,dedup:exact').run(sys.argv[1], sys.argv[2])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for copies in (2, 20):
        path = tmp_path / f"{copies}.jsonl"
        with path.open("w") as file:
            for number in range(copies * 100):
                file.write(json.dumps({"text": f"Text {number} " + "word " * 1000}) + "\n")
        command = [sys.executable, "-c", program, str(path), str(tmp_path / "out.jsonl")]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True).stdout))
    assert peaks[1] - peaks[0] < 8_000, "10 MB of text took 8 MB more memory than 1 MB"


def test_documents_that_cannot_be_written_leave_nothing(tmp_path):
    def broken():
        yield Document("a")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_documents(broken(), tmp_path / "a.jsonl")
    assert list(tmp_path.iterdir()) == []
