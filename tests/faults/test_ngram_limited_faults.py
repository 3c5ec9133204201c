"""Work with a limit of memory that is killed, or meets a full disk: nothing is lost, nothing is left."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ferrolm.errors import InvalidArgumentError
from ferrolm.ngram import NgramLM

WORK = """
import sys, warnings
from pathlib import Path
from ferrolm.ngram import NgramLM, count
warnings.simplefilter("ignore")
text, place, kind, target = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
where = {kind: place}
model = NgramLM.train(text, 4, memory="1MB", show_progress=False, **where)
model.save(target)
"""


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = np.random.default_rng(11)
    words = generator.zipf(1.3, 400_000) % 5000
    lines = (" ".join(f"w{word}" for word in row) for row in words.reshape(-1, 20))
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_text("\n".join(lines))
    return path


def start(text: Path, place: Path, kind: str, target: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORK, str(text), str(place), kind, str(target)])


def opened(process: int) -> list[Path]:
    """The files that a process has open."""
    files = []
    with contextlib.suppress(FileNotFoundError):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                files.append(link.readlink())
    return files


def expected(text: Path, tmp_path: Path) -> bytes:
    NgramLM.train(text, 4).save(tmp_path / "expected.flm")
    return (tmp_path / "expected.flm").read_bytes()


def test_killed_work_goes_on_where_it_was(text: Path, tmp_path: Path) -> None:
    place, target = tmp_path / "work", tmp_path / "model.flm"
    journal = place / "ferrolm-ngrams.journal"
    done: list[int] = []
    for _ in range(4):
        process = start(text, place, "directory", target)
        while process.poll() is None:
            lines = journal.read_text().count("\n") if journal.exists() else 0
            if lines > (done[-1] if done else 0) + 8:
                process.send_signal(signal.SIGKILL)
                done.append(lines)
                break
            time.sleep(0.002)
        process.wait()
        if process.returncode == 0:
            break
        assert not target.exists()
    else:
        process = start(text, place, "directory", target)
        assert process.wait() == 0
    assert done, "it was killed at least once"
    assert target.read_bytes() == expected(text, tmp_path)
    assert not place.exists()


def test_killed_work_leaves_nothing_in_the_temporary_directory(text: Path, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    process = start(text, place, "temporary_directory", tmp_path / "model.flm")
    while process.poll() is None and not any(file.is_relative_to(place) for file in opened(process.pid)):
        time.sleep(0.002)
    assert process.poll() is None, "it ended before it wrote a file"
    process.kill()
    process.wait()
    assert list(place.iterdir()) == []


def test_a_full_disk_is_an_error_and_the_work_can_go_on(text: Path, tmp_path: Path) -> None:
    place, target = tmp_path / "work", tmp_path / "model.flm"
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, -1))\n"
    ignore = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    command = [sys.executable, "-c", ignore + limited + WORK, str(text), str(place), "directory", str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "FileAccessError: cannot write" in result.stderr
    assert not target.exists()
    process = start(text, place, "directory", target)
    assert process.wait() == 0
    assert target.read_bytes() == expected(text, tmp_path)


def test_other_work_in_the_directory_is_refused(text: Path, tmp_path: Path) -> None:
    place = tmp_path / "work"
    process = start(text, place, "directory", tmp_path / "model.flm")
    while process.poll() is None and not (place / "tokens-0").exists():
        time.sleep(0.002)
    process.kill()
    process.wait()
    with pytest.raises(InvalidArgumentError, match="another kind"):
        NgramLM.train(text, 3, memory="1MB", directory=place)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis").write_text("x")
    with pytest.raises(InvalidArgumentError, match="other files"):
        NgramLM.train(text, 3, memory="1MB", directory=tmp_path / "full")
    assert (tmp_path / "full" / "thesis").read_text() == "x"
