"""Files appear whole, and what is no file stays what it is."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ferrolm.data._atomic import replace_file


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
