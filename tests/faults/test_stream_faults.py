"""Streams whose process is killed, whose files are broken, whose parent dies or forks: an error or the right blocks, no hang."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from streamed_texts import END, blocks_of, byte_tokenizer, documents, write_json_lines

from ferrolm.data._block_stream import BlockStream, StreamSettings
from ferrolm.errors import FerrolmError, InvalidEncodingError, InvalidFileError

pytest.importorskip("torch")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        write_json_lines(tmp_path / name, documents(150, seed))
        for seed, name in enumerate(("a.jsonl", "b.jsonl.gz"))
    ]


def blocks_without_a_process(files: list[Path], number: int) -> list[np.ndarray]:
    settings = StreamSettings(tuple(map(str, files)), block_size=16, batch_size=4, end_id=END)
    return [batch.blocks for batch in islice(BlockStream(settings, byte_tokenizer()), number)]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_for_the_end(pid: int) -> None:
    for _ in range(100):
        if not running(pid):
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there after 5 seconds")


def test_a_killed_process_is_an_error_and_the_next_call_goes_on(files: list[Path]) -> None:
    expected = blocks_without_a_process(files, 200)
    with blocks_of(files, prefetch=1) as blocks:
        blocks.batch(0)
        os.kill(blocks._process.pid, signal.SIGKILL)
        index = 1
        with pytest.raises(FerrolmError, match=r"a\.jsonl.* ended \(killed by signal 9\)"):  # noqa: PT012
            while index < 200:  # what was in the pipe still comes
                assert np.array_equal(blocks.batch(index)["blocks"].numpy(), expected[index])
                index += 1
        assert np.array_equal(blocks.batch(index)["blocks"].numpy(), expected[index])


def test_errors_come_over_with_file_and_line_after_what_was_before(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", documents(20))
    broken = tmp_path / "b.jsonl"
    broken.write_text('{"text": "fine"}\n{"body": "no"}\n')
    with blocks_of([path, broken]) as blocks:
        blocks.batch(0)
        index = 1
        for _ in range(2):  # asking again gives the same again
            with pytest.raises(InvalidFileError, match=r"b\.jsonl, line 2: expected an object with a string"):  # noqa: PT012
                while True:
                    blocks.batch(index)
                    index += 1
    (tmp_path / "c.txt").write_bytes(b"abc\xff")
    with blocks_of(tmp_path / "c.txt") as blocks, pytest.raises(InvalidEncodingError, match=r"c\.txt"):
        blocks.batch(0)
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(path.read_bytes())[:-9])
    with (
        blocks_of(tmp_path / "d.jsonl.gz") as blocks,
        pytest.raises(InvalidFileError, match="not a complete gzip"),
    ):
        [blocks.batch(index) for index in range(100)]


def test_the_process_ends_with_close_with_its_object_and_with_its_parent(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", documents(2000))
    blocks = blocks_of(path)
    blocks.batch(0)
    pid = blocks._process.pid
    assert running(pid)
    blocks.close()
    assert not running(pid)
    blocks.close()
    again = blocks_of(path)
    again.batch(0)
    pid = again._process.pid
    del again
    assert not running(pid)
    # The parent is killed while a fork of it still has the pipe open.
    script = (
        "import os, sys, time\n"
        f"sys.path[:] = {[*sys.path, str(Path(__file__).parents[1])]!r}\n"
        "from pathlib import Path\n"
        "from streamed_texts import blocks_of\n"
        f"blocks = blocks_of(Path({str(path)!r}))\n"
        "process = blocks._start()\n"
        "process.next()\n"
        "if os.fork() == 0:\n    time.sleep(20); os._exit(0)\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert running(pid)
        parent.kill()
        parent.wait()
        try:
            wait_for_the_end(pid)
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


def test_a_forked_child_starts_a_process_of_its_own(files: list[Path]) -> None:
    expected = blocks_without_a_process(files, 4)
    with blocks_of(files) as blocks:
        blocks.batch(0)
        child = os.fork()
        if child == 0:
            good = False
            try:
                good = all(
                    np.array_equal(blocks.batch(index)["blocks"].numpy(), expected[index]) for index in (1, 2)
                )
                blocks.close()
            finally:
                os._exit(0 if good else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert all(
            np.array_equal(blocks.batch(index)["blocks"].numpy(), expected[index]) for index in (1, 2, 3)
        )
