"""Links of README, CONTRIBUTING and docs/ lead to files and headings that are there; the guide leaves out no page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\((?![a-z]+://|mailto:)([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?)(?: *\{ *#([\w-]+) *\})?$", re.MULTILINE)
# The headings below are made when the guide is built: from docstrings and from --help.
MADE = DOCS / "reference"


def prose(page: Path) -> str:
    return CODE.sub("`code`", FENCE.sub("", page.read_text(encoding="utf-8")))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Names of headings as Markdown's table of contents makes them; the second of a name has _1 behind it."""
    found: set[str] = set()
    for text, given in HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        words = re.sub(r"[^\w\s-]", "", text.replace("`", "")).strip().lower()
        name = given or re.sub(r"[-\s]+", "-", words)
        while name in found:
            head, _, number = name.rpartition("_")
            name = f"{head}_{int(number) + 1}" if number.isdigit() else f"{name}_1"
        found.add(name)
    return frozenset(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_of_a_page_lead_somewhere(page):
    wrong = []
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (
            anchor
            and target.suffix == ".md"
            and not target.is_relative_to(MADE)
            and anchor not in anchors(target)
        ):
            wrong.append(link)
    assert wrong == []


def test_the_guide_names_every_page():
    named = re.findall(r"[\w/.-]+\.md", (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_every_room_has_a_page_of_reference():
    import ferrolm

    described = "".join(page.read_text(encoding="utf-8") for page in MADE.glob("*.md"))
    missing = [room for room in ferrolm._ROOMS if f"::: ferrolm.{room}\n" not in described]
    assert missing == []
