"""Look into wheels, install each into an environment of its own, and run tests on what was installed.

    python tools/check_wheel.py dist/*.whl                     contents, then the main flows (tools/smoke.py)
    python tools/check_wheel.py dist/*.whl --tests core        also the tests of the rooms that need no torch
    python tools/check_wheel.py dist/*.whl --tests all         all tests, with the extra `test`
    python tools/check_wheel.py dist/*.whl --tests none        contents alone
    python tools/check_wheel.py dist/*.tar.gz                  a source distribution: the wheel that it builds
    python tools/check_wheel.py ... --python python3.13        with another interpreter

The tests run in a copy of the repository's tracked files that lacks python/, so that only the wheel can be what they import.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
EXTENSION = re.compile(r"ferrolm/_rust(\.abi3)?\.(so|pyd)")
METADATA = {"METADATA", "RECORD", "WHEEL", "entry_points.txt"}
LICENSES = {"licenses/LICENSE", "licenses/THIRD_PARTY_LICENSES"}
SBOM = re.compile(r"sboms/.+\.cyclonedx\.json")
CORE = ("tokenizers", "sampling", "ngram", "text")
CORE_CONFORMANCE = [
    "bpe_training",
    "byte_level_families",
    "decoders",
    "encoding_columns",
    "kenlm_golden",
    "models_equality",
    "nltk_smoothing",
    "normalized_string",
    "normalizers",
    "other_families",
    "parity_trainer",
    "pattern_classes",
    "patterns",
    "post_processors",
    "pre_tokenizers",
    "sentence_boundaries",
    "sentencepiece",
    "shared_parts",
    "tiktoken",
    "tokenizer_formats",
    "tokenizer_vectors",
    "tokenizers_equality",
    "tokenizers_interface",
    "tokenizers_whole_texts",
    "trainers_equality",
    "vectorizers_sklearn",
    "word_tokenizers",
]
CORE_TESTS = [
    *(f"tests/unit/{room}" for room in CORE),
    "tests/unit/test_attention.py",
    *(f"tests/conformance/test_{name}.py" for name in CORE_CONFORMANCE),
]
CORE_NEEDS = [
    "hypothesis",
    "nltk",
    "pyarrow",
    "pytest",
    "pytest-benchmark",
    "pytest-xdist",
    "scikit-learn",
    "scipy",
    "sentencepiece",
    "tiktoken",
    "tokenizers",
    "zstandard",
]
"""Of the libraries that tests compare with, those that are small and have wheels for every system."""
PIP = ["-m", "pip", "install", "--disable-pip-version-check"]


def version() -> str:
    """The version of the package: it stands in Cargo.toml and nowhere else."""
    cargo = tomllib.loads((REPOSITORY / "Cargo.toml").read_text(encoding="utf-8"))
    return str(cargo["workspace"]["package"]["version"])


def tracked(*folders: str) -> list[str]:
    """Files that git knows of, relative to the repository."""
    command = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--", *folders]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    return [name for name in listed.split("\0") if name and (REPOSITORY / name).exists()]


def faults(wheel: str, names: Collection[str], sources: Iterable[str]) -> list[str]:
    """What is wrong with a wheel of this file name, holding files of these names, made from these sources.

    >>> faults("ferrolm-0.0.9-cp311-abi3-linux_x86_64.whl", ["tests/x.py"], [])[0]
    'ferrolm-0.0.9-cp311-abi3-linux_x86_64.whl: is not of version 0.1.0'
    """
    info = f"ferrolm-{version()}.dist-info/"
    found = []
    if not wheel.startswith(f"ferrolm-{version()}-"):
        found.append(f"is not of version {version()}")
    if "-cp311-abi3-" not in wheel:
        found.append("is not for the stable interface of CPython 3.11 and later")
    compiled = [name for name in names if EXTENSION.fullmatch(name)]
    if len(compiled) != 1:
        found.append(f"has {len(compiled)} compiled modules, expected one ferrolm/_rust")
    expected = {name.removeprefix("python/") for name in sources}
    expected |= {*compiled, *(info + name for name in METADATA | LICENSES)}
    sboms = [name for name in names if SBOM.fullmatch(name.removeprefix(info))]
    if not sboms:
        found.append("has no SBOM")
    found += [f"lacks {name}" for name in sorted(expected - set(names))]
    found += [f"has the stray file {name}" for name in sorted(set(names) - expected - set(sboms))]
    return [f"{wheel}: {fault}" for fault in found]


def check_contents(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        size = sum(entry.file_size for entry in archive.infolist())
    found = faults(wheel.name, names, tracked("python/ferrolm"))
    if found:
        raise SystemExit("\n".join(found))
    print(
        f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1e6:.1f} MB, {size / 1e6:.1f} MB unpacked"
    )


def build(source: Path, folder: Path) -> Path:
    """The wheel that a source distribution becomes where there is nothing else of us."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run([*command, "--quiet", "--disable-pip-version-check"], cwd=folder, check=True)
    return next(folder.glob("*.whl"))


def environment(python: str, folder: Path) -> Path:
    """The interpreter of a new virtual environment."""
    if python == sys.executable:
        venv.create(folder, with_pip=True)
    else:
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def find_uv() -> str | None:
    """The one that the Makefile installs, else any. It links files from its cache where pip copies and compiles them."""
    return shutil.which("uv", path=str(REPOSITORY / ".venv" / "bin")) or shutil.which("uv")


def install(interpreter: Path, requirements: Iterable[str]) -> None:
    """By the locked versions; those of compiled packages are wheels for every system that we make ours for."""
    uv = find_uv()
    command = [uv, "pip", "install", "--python", str(interpreter)] if uv else [str(interpreter), *PIP]
    locked = ["--constraint", str(REPOSITORY / "constraints.txt")]
    subprocess.run([*command, "--quiet", *locked, *requirements], check=True)


def copy_without_package(folder: Path) -> None:
    """What tests read of the repository, without the package itself."""
    for name in tracked():
        if not name.startswith("python/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)


def run_tests(interpreter: Path, folder: Path, tests: list[str], workers: str) -> None:
    copy_without_package(folder)
    shared = os.environ.get("FERROLM_SHARED", str(REPOSITORY.parent / "shared"))
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [str(interpreter), "-m", "pytest", "--quiet", "--numprocesses", workers, *tests]
    subprocess.run(command, cwd=folder, env={**variables, "FERROLM_SHARED": shared}, check=True)


def check(wheel: Path, python: str, tests: str, workers: str) -> None:
    with tempfile.TemporaryDirectory(prefix="ferrolm-wheel-") as temporary:
        folder = Path(temporary)
        if wheel.name.endswith(".tar.gz"):
            wheel = build(wheel, folder)
        check_contents(wheel)
        if tests == "none":
            return
        interpreter = environment(python, folder / "environment")
        needs = {"smoke": [], "core": CORE_NEEDS, "all": []}[tests]
        install(interpreter, [f"ferrolm[test] @ {wheel.as_uri()}" if tests == "all" else str(wheel), *needs])
        # -I: neither this folder nor PYTHONPATH, where the sources may be, is looked at.
        subprocess.run([str(interpreter), "-I", str(REPOSITORY / "tools/smoke.py")], cwd=folder, check=True)
        if tests != "smoke":
            chosen = CORE_TESTS if tests == "core" else []
            run_tests(interpreter, folder / "copy", chosen, workers)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheels", nargs="+", type=Path, metavar="FILE", help="wheels or source distributions")
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter (default: the one that runs this)"
    )
    parser.add_argument("--tests", choices=["none", "smoke", "core", "all"], default="smoke")
    parser.add_argument("--workers", default="auto", help="processes that run tests (default: auto)")
    arguments = parser.parse_args()
    for wheel in arguments.wheels:
        if not wheel.is_file():
            parser.error(f"no such file: {wheel}")
        check(wheel.resolve(), arguments.python, arguments.tests, arguments.workers)


if __name__ == "__main__":
    main()
