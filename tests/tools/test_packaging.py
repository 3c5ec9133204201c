"""What a release is made of: one version, the right files, every licence, workflows that trust nothing by a name."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import ferrolm

REPOSITORY = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))


def extra(name: str) -> list[str]:
    lines: list[str] = PYPROJECT["project"]["optional-dependencies"][name]
    return lines


def tool(name: str) -> Any:
    """A script of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(f"tool_{name}", REPOSITORY / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_the_version_stands_in_cargo_toml_alone() -> None:
    version = tool("check_wheel").version()
    assert ferrolm.__version__ == version
    command = [sys.executable, "-m", "ferrolm", "--version"]
    assert (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"ferrolm {version}\n"
    )
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    for manifest in (REPOSITORY / "rust").glob("*/Cargo.toml"):
        package = tomllib.loads(manifest.read_text(encoding="utf-8"))["package"]
        assert manifest.parent.name in ("fuzz", "loom") or package["version"] == {"workspace": True}


def test_what_is_installed_has_the_same_version() -> None:
    try:
        installed = importlib.metadata.version("ferrolm")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("ferrolm is imported from its sources and not installed")
    assert installed == ferrolm.__version__


WHEEL = "ferrolm-{version}-cp311-abi3-manylinux_2_17_x86_64.whl"


@pytest.fixture
def good_wheel() -> tuple[Any, str, list[str], list[str]]:
    """The tool, and name, files and sources of a wheel as it should be."""
    check = tool("check_wheel")
    info = f"ferrolm-{check.version()}.dist-info/"
    sources = ["python/ferrolm/__init__.py", "python/ferrolm/_rust.pyi", "python/ferrolm/py.typed"]
    names = [name.removeprefix("python/") for name in sources]
    names += ["ferrolm/_rust.abi3.so", f"{info}sboms/ferrolm-extension.cyclonedx.json"]
    names += [info + name for name in (*check.METADATA, *check.LICENSES)]
    return check, WHEEL.format(version=check.version()), names, sources


def test_a_good_wheel_has_no_faults(good_wheel: Any) -> None:
    check, wheel, names, sources = good_wheel
    assert check.faults(wheel, names, sources) == []


@pytest.mark.parametrize(
    "stray",
    [
        "tests/test_x.py",
        "ferrolm/notes.txt",
        "ferrolm/__pycache__/errors.cpython-311.pyc",
        "ferrolm/_rust.pdb",
        "Cargo.toml",
    ],
)
def test_a_stray_file_is_named(good_wheel: Any, stray: str) -> None:
    check, wheel, names, sources = good_wheel
    assert check.faults(wheel, [*names, stray], sources) == [f"{wheel}: has the stray file {stray}"]


@pytest.mark.parametrize(
    "part", ["py.typed", "_rust.pyi", "LICENSE", "THIRD_PARTY_LICENSES", "_rust.abi3.so", "sboms"]
)
def test_a_missing_part_is_named(good_wheel: Any, part: str) -> None:
    check, wheel, names, sources = good_wheel
    kept = [name for name in names if not name.endswith(part) and f"/{part}/" not in name]
    assert len(kept) == len(names) - 1
    (fault,) = check.faults(wheel, kept, sources)
    named = {"_rust.abi3.so": "has 0 compiled modules", "sboms": "has no SBOM"}
    assert named.get(part, "lacks ") in fault


def test_a_wheel_of_one_python_or_another_version_is_refused(good_wheel: Any) -> None:
    check, wheel, names, sources = good_wheel
    assert "stable interface" in check.faults(wheel.replace("cp311-abi3", "cp313-cp313"), names, sources)[0]
    assert "is not of version" in check.faults(wheel.replace(check.version(), "9.9.9"), names, sources)[0]


def test_the_tests_of_the_core_are_there() -> None:
    check = tool("check_wheel")
    assert [path for path in check.CORE_TESTS if not (REPOSITORY / path).exists()] == []
    known = {re.split(r"[<>=;\[]", line)[0] for line in [*extra("test"), *extra("data"), *extra("sparse")]}
    assert set(check.CORE_NEEDS) <= known


def test_every_source_that_git_knows_is_of_a_kind_that_belongs_into_a_wheel() -> None:
    if not shutil.which("git") or not (REPOSITORY / ".git").exists():
        pytest.skip("needs the repository's list of files")
    kinds = {".py", ".pyi", ".typed", ".html", ".json", ".md", ".safetensors"}
    names = tool("check_wheel").tracked("python")
    assert {"python/ferrolm/py.typed", "python/ferrolm/_rust.pyi"} <= set(names)
    assert [n for n in names if not n.endswith(tuple(kinds)) or Path(n).name.startswith("test_")] == []


@pytest.mark.skipif(not shutil.which("cargo"), reason="needs cargo")
def test_the_licences_are_those_of_the_crates_in_cargo_lock() -> None:
    licenses = tool("third_party_licenses")
    try:
        crates = licenses.linked_crates()
    except subprocess.CalledProcessError:
        pytest.skip("the crates of other systems are not here and cannot be downloaded")
    assert {"pyo3", "numpy", "icu_segmenter_data", "rayon"} <= {crate.name for crate in crates}
    assert not {"proptest", "criterion"} & {crate.name for crate in crates}
    text = (REPOSITORY / "THIRD_PARTY_LICENSES").read_text(encoding="utf-8")
    assert text == licenses.document(crates), "renew it with: make licenses"


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("MIT OR Apache-2.0", ["Apache-2.0"]),
        ("MIT/Apache-2.0", ["Apache-2.0"]),
        ("Unlicense OR MIT", ["MIT"]),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", ["Apache-2.0", "Unicode-3.0"]),
    ],
)
def test_the_licence_that_is_taken(expression: str, taken: list[str]) -> None:
    assert tool("third_party_licenses").chosen(expression) == taken


def test_a_licence_that_may_not_be_linked_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'GPL-3\.0-only' offers none of Apache-2\.0"):
        tool("third_party_licenses").chosen("GPL-3.0-only")


def test_release_notes_are_the_section_of_the_version() -> None:
    notes = tool("release_notes")
    changelog = (
        "# Changelog\n\n## [Unreleased]\n\n## [1.1.0] - 2026-05-01\n\n- More.\n\n## [1.0.0]\n\n- First.\n"
    )
    assert notes.section(changelog, "1.1.0") == "- More."
    assert notes.section(changelog, "1.0.0") == "- First."
    with pytest.raises(ValueError, match=r"no section of version 1\.1"):
        notes.section(changelog, "1.1")
    with pytest.raises(ValueError, match=r"the tag is v0\.0\.7, expected v"):
        notes.notes("v0.0.7")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_pins_actions_and_takes_few_permissions(path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    text = path.read_text(encoding="utf-8")
    for action in re.findall(r"uses: ([^\s]+)(?: |$)", text, re.MULTILINE):
        if not action.startswith("./"):
            assert re.search(rf"{re.escape(action)} # v\d+\.\d+\.\d+$", text, re.MULTILINE), action
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    for name, job in workflow["jobs"].items():
        assert "timeout-minutes" in job or "uses" in job, name
        for step in job.get("steps", []):
            # What is written by others, a title or a branch, must not become part of a script.
            assert "${{" not in step.get("run", ""), step
            if "actions/checkout@" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_workflows_call_targets_and_tools_that_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    called = {
        name for line in re.findall(r"run: make ([a-z -]+)$", text, re.MULTILINE) for name in line.split()
    }
    assert called - targets - {"soak"} == set()
    for script in set(re.findall(r"(?:tools|benches)/\w+\.py", text + makefile)):
        assert (REPOSITORY / script).is_file(), script


def test_rust_is_the_version_of_cargo_toml_in_every_workflow() -> None:
    cargo = tomllib.loads((REPOSITORY / "Cargo.toml").read_text(encoding="utf-8"))
    wanted = cargo["workspace"]["package"]["rust-version"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert set(re.findall(r"rustup toolchain install ([\d.]+)", text)) == {wanted}
    assert set(re.findall(r"rustup default ([\d.]+)", text)) == {wanted}
