"""README, docs/ and docstrings run as they are."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
import warnings
from pathlib import Path

import pytest

import ferrolm
from ferrolm.errors import UnknownNameError
from ferrolm.models import bundled

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
CHAPTERS = sorted(
    (DOCS / "tutorial").glob("*.md"), key=lambda page: (page.stem != "index", page.name)
)  # the first makes the data
BLOCK = re.compile(
    r"(?P<skip><!-- docs: skip -->\s*\n)?^```python\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
# Running it is the command line itself.
NOT_IMPORTED = {"ferrolm.__main__"}


def modules() -> list[str]:
    found = pkgutil.walk_packages(ferrolm.__path__, "ferrolm.", onerror=lambda name: None)
    return ["ferrolm", *sorted({module.name for module in found} - NOT_IMPORTED)]


def needs_the_bundled_model(code: str) -> bool:
    if "ferrolm-tiny" not in code:
        return False
    try:
        bundled("ferrolm-tiny")
    except UnknownNameError:
        return True
    return False


def name_of(page: Path) -> str:
    return page.relative_to(DOCS if page.is_relative_to(DOCS) else REPOSITORY).as_posix()


def blocks_of(page: Path) -> list[re.Match[str]]:
    text = page.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(re.findall(r"^ *```python", text, re.MULTILINE)) == len(blocks)
    return [match for match in blocks if not match["skip"]]


def run_page(page: Path) -> None:
    """Block after block in one namespace. A package that is not installed ends the page, or the test where it is needed first."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for number, match in enumerate(blocks_of(page)):
        line = match.string.count("\n", 0, match.start("code"))
        # Errors show the page's own line numbers.
        code = compile("\n" * line + match["code"], str(page), "exec")
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                exec(code, namespace)
        except ImportError as error:
            if str(error.name).startswith("ferrolm"):
                raise
            pytest.skip(f"{page.name}, block {number + 1}, line {line}: {error}")


@pytest.mark.parametrize("page", [page for page in PAGES if page not in CHAPTERS], ids=name_of)
def test_the_python_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if any(needs_the_bundled_model(match["code"]) for match in blocks_of(page)):
        pytest.skip("the model ferrolm-tiny is not bundled in this checkout")
    run_page(page)


def test_the_tutorial_runs_from_the_first_chapter_to_the_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for page in CHAPTERS:
        run_page(page)


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module_run(name):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        pytest.skip(str(error))
    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        if needs_the_bundled_model(test.docstring):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runner.run(test, out=report.write)
    if "MissingExtraError" in report.getvalue():
        pytest.skip(report.getvalue().rpartition("MissingExtraError:")[2].strip())
    assert runner.summarize(verbose=False).failed == 0, report.getvalue()
