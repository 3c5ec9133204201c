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
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
BLOCK = re.compile(
    r"(?P<skip><!-- docs: skip -->\s*\n)?^```python\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    blocks = [match for match in BLOCK.finditer(text) if not match["skip"]]
    assert len(re.findall(r"^```python$", text, re.MULTILINE)) == len(list(BLOCK.finditer(text)))
    if any(needs_the_bundled_model(match["code"]) for match in blocks):
        pytest.skip("the model ferrolm-tiny is not bundled in this checkout")
    namespace: dict[str, object] = {"__name__": "__main__"}
    for match in blocks:
        line = text.count("\n", 0, match.start("code"))
        code = compile(
            "\n" * line + match["code"], str(page), "exec"
        )  # errors show the page's own line numbers
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                exec(code, namespace)
        except ImportError as error:
            pytest.skip(f"{page.name}, line {line}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_relative_links_of_a_page_lead_somewhere(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


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
