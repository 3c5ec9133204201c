"""The how-to pages install what they import, and the tool that does them as a new user notices what does not work."""

from __future__ import annotations

import doctest
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TOOL = REPOSITORY / "tools" / "run_page.py"
PAGES = [path for path in sorted((REPOSITORY / "docs" / "how-to").glob("*.md")) if path.stem != "index"]
BROUGHT = {"numpy": "ferrolm", "torch": "ferrolm[torch]"}
"""Packages that come with another."""


@pytest.fixture(scope="module")
def run_page() -> Any:
    spec = importlib.util.spec_from_file_location("tool_run_page", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_installs_what_it_imports_before_it_does(page: Path, run_page: Any) -> None:
    installed: set[str] = set()
    for step in run_page.steps(page.read_text(encoding="utf-8")):
        if step.kind == "console":
            for command in run_page.commands(step.text):
                installed |= set(
                    re.findall(r"[\w\[\]-]+", command.partition("#")[0].removeprefix("pip install"))
                )
        for name in re.findall(r"^\s*(?:import|from) (\w+)", step.text, re.MULTILINE):
            if name not in sys.stdlib_module_names and name != "ferrolm":
                assert {name, BROUGHT.get(name, name)} & installed, f"line {step.line}: {name}"
    assert {"ferrolm", "ferrolm[torch]"} & installed


PAGE = """
```console
$ echo made > file.txt
made by the shell
```

```python
from pathlib import Path

print(Path("file.txt").read_text(), 0.125)
```

```text
made 0.1250001
```

<!-- docs: skip -->
```python
raise SystemExit("skipped")
```

```python
print(len([1, 2]))
```

```text
{count}
```
{more}"""


def done(folder: Path, count: int, more: str = "") -> subprocess.CompletedProcess[str]:
    page = folder / "page.md"
    page.write_text(PAGE.format(count=count, more=more), encoding="utf-8")
    command = [sys.executable, "-I", str(TOOL), str(page)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_commands_and_blocks_run_in_their_order(tmp_path: Path) -> None:
    result = done(tmp_path, count=2)
    assert result.stdout == "page.md: 3 blocks done, 2 of 2 outputs as shown\n"
    assert result.returncode == 0


def test_an_output_that_differs_is_told_with_its_line(tmp_path: Path) -> None:
    result = done(tmp_path, count=3)
    assert result.stdout.splitlines() == [
        "page.md, line 22: the page shows (-), this run printed (+)",
        "- 3",
        "+ 2",
        "page.md: 3 blocks done, 1 of 2 outputs as shown",
    ]
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("\n```python\nimport no_such_package\n```\n", 'page.md", line 31'),
        ("\n```console\n$ false\n```\n", "'false' returned non-zero exit status 1"),
    ],
    ids=["python", "console"],
)
def test_a_block_that_fails_ends_the_run_and_is_named(tmp_path: Path, more: str, named: str) -> None:
    result = done(tmp_path, count=2, more=more)
    assert result.returncode == 1
    assert named in result.stderr


def test_its_examples_run(run_page: Any) -> None:
    assert doctest.testmod(run_page).failed == 0
