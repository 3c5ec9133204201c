"""Files that ferrolm writes: killed writers, flipped bits, 30 kinds of bad files, no room, no permission.

Longer: ``make soak``, of which ``python tests/kill_writers.py --kills 1000`` is a part.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bad_files import ALWAYS_BAD, DAMAGED, clear
from kill_writers import kill
from stored_forms import FORMS, Form

from ferrolm.errors import FerrolmError, FileAccessError

FILES = {name: form for name, form in FORMS.items() if not form.is_folder}
READ = {name: form for name, form in FILES.items() if not form.is_stream}
CHECKED = {name: form for name, form in FILES.items() if form.checked}
KILLS = int(os.environ.get("FERROLM_KILLS", "2"))
FLIPS = int(os.environ.get("FERROLM_FLIPS", "40"))

# Models of so few words have to guess their discounts.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ferrolm.ngram.DiscountFallbackWarning", "ignore:.*fork.*:DeprecationWarning"
)


@pytest.fixture
def good(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Form, Path, bytes]:
    form = FORMS[request.param]
    path = tmp_path / f"good{form.ending}"
    form.write(path, 12)
    assert form.read(path) == 12
    return form, path, path.read_bytes()


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if not form.extra])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_writer_loses_nothing(name: str, tmp_path: Path) -> None:
    kill(name, FORMS[name], tmp_path, KILLS, seed=KILLS)


@pytest.mark.parametrize("good", CHECKED, indirect=True)
def test_every_flipped_bit_is_noticed(good: tuple[Form, Path, bytes]) -> None:
    form, path, content = good
    draw = random.Random(0)
    for _ in range(FLIPS):
        place = draw.randrange(8 * len(content))
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(FerrolmError) as caught:
            form.read(path)
        assert str(path) in str(caught.value), f"bit {place}: {caught.value}"


@pytest.mark.parametrize("good", READ, indirect=True)
def test_what_is_no_such_file_is_an_error_that_names_it(good: tuple[Form, Path, bytes]) -> None:
    form, _, content = good
    for kind, make in ALWAYS_BAD.items():
        check_refused(form, good[1], kind, make, content)


@pytest.mark.parametrize("good", CHECKED, indirect=True)
def test_damaged_files_are_errors_that_name_them(good: tuple[Form, Path, bytes]) -> None:
    form, _, content = good
    for kind, make in DAMAGED.items():
        check_refused(form, good[1], kind, make, content)


@pytest.mark.parametrize("good", [name for name in READ if name not in CHECKED], indirect=True)
def test_damage_of_a_file_without_a_checksum_is_no_crash(good: tuple[Form, Path, bytes]) -> None:
    form, path, content = good
    for make in DAMAGED.values():
        clear(path)
        make(path, content)
        try:
            form.read(path)
        except FerrolmError as error:
            message = str(error)
        except AssertionError:
            continue  # it has other words, as the file says
        else:
            continue
        assert str(path) in message


def check_refused(
    form: Form, path: Path, kind: str, make: Callable[[Path, bytes], None], content: bytes
) -> None:
    bad = path.parent / f"bad{form.ending}"
    make(bad, content)
    try:
        with pytest.raises(FerrolmError) as caught:
            form.read(bad)
        assert str(bad) in str(caught.value), f"{kind}: {caught.value}"
    finally:
        clear(bad)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_is_missing_or_none_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a")
    for folder in ("missing", "file"):
        target = tmp_path / folder / f"stored{FILES[name].ending}"
        with pytest.raises(FerrolmError) as caught:
            FILES[name].write(target, 1)
        assert str(target) in str(caught.value)


NO_ROOM = """
import resource, sys, warnings
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from stored_forms import FORMS
warnings.simplefilter("ignore")
from ferrolm.errors import FileAccessError
for name, form in FORMS.items():
    if form.is_folder or name == "report":
        continue
    path = Path(f"stored{form.ending}")
    form.write(path, 1)
    # Packed files of a hundred bytes too; the signal of the limit is ignored by Python.
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, -1))
    try:
        form.write(path, 2)
        print(name, "was written")
    except FileAccessError as error:
        if str(path) not in str(error):
            print(name, error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    assert form.read(path) == 1, name
    assert [one for one in Path().iterdir() if one != path] == [], name
    path.unlink()
print("done")
"""


def test_without_room_the_old_file_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NO_ROOM, str(Path(__file__).parent.parent)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_file(small_disk: Path) -> None:
    warnings.simplefilter("ignore")
    for name, form in FILES.items():
        path = small_disk / f"stored{form.ending}"
        form.write(path, 1)
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        with pytest.raises(FileAccessError) as caught:
            form.write(path, 2)
        assert "No space" in str(caught.value), f"{name}: {caught.value}"
        filler.unlink()
        assert form.read(path) == 1
        assert [one.name for one in small_disk.iterdir()] == [path.name]
        path.unlink()
