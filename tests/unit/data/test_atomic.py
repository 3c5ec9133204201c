"""Files appear whole, and what is no file stays what it is."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ferrolm.data import _atomic
from ferrolm.data._atomic import replace_file, replace_folder


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(
        [sys.executable, "-c", f"print(open({str(pipe)!r}).read())"], stdout=subprocess.PIPE, text=True
    )
    with replace_file(pipe) as file:
        file.write(b"through")
    assert reader.communicate(timeout=60)[0] == "through\n"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_file_is_kept_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("before")

    def fail() -> None:
        with replace_file(path) as file:
            file.write(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def fill(path: Path, text: str) -> None:
    with replace_folder(path) as folder:
        (folder / "one.txt").write_text(text)
        (folder / "two.txt").write_text(text)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are not exchanged")
def test_a_folder_that_is_replaced_is_there_at_every_moment(tmp_path: Path) -> None:
    path, done, missing = tmp_path / "folder", threading.Event(), []
    fill(path, "0")

    def watch() -> None:
        while not done.is_set():
            if not path.is_dir():
                missing.append(True)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(1, 50):
        fill(path, str(number))
    done.set()
    watcher.join()
    assert not missing
    assert (path / "one.txt").read_text() == (path / "two.txt").read_text() == "49"
    assert list(tmp_path.iterdir()) == [path]


def test_where_names_are_not_exchanged_a_folder_is_moved_aside(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_atomic, "_exchange", lambda one, other: False)
    path = tmp_path / "folder"
    fill(path, "before")
    fill(path, "after")
    assert (path / "two.txt").read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_comes_back_when_the_new_one_cannot_take_its_name(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_atomic, "_exchange", lambda one, other: False)
    path = tmp_path / "folder"
    fill(path, "before")
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            raise PermissionError(self)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        fill(path, "after")
    assert (path / "one.txt").read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
