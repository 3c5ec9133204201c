"""Do a page of the guide top to bottom as its reader would, in the folder where it is called: python tools/run_page.py PAGE

Console blocks go to a shell, Python blocks run in one namespace, and what a block prints is held against the block of text
behind it. An error ends the run. An output that differs is told and ends nothing: last digits depend on the CPU, and the text
that pages learn from on the version of Python that brings it. tools/check_pages.py calls this in a clean environment.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import io
import math
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?P<skip><!-- docs: skip -->\s*\n)?^```(?P<kind>console|python|text)\n(?P<text>.*?)^```$(?P<gap>\s*)",
    re.DOTALL | re.MULTILINE,
)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


@dataclass
class Step:
    """One block that does something, with what the page says it prints."""

    kind: str
    text: str
    line: int
    shown: str | None = None


def steps(page: str) -> list[Step]:
    r"""The console and Python blocks of a page.

    >>> steps("```python\nprint(1)\n```\n\n```text\n1\n```\n")
    [Step(kind='python', text='print(1)\n', line=1, shown='1\n')]
    """
    found: list[Step] = []
    before = -1
    for block in BLOCK.finditer(page):
        if block["kind"] != "text":
            if not block["skip"]:
                found.append(Step(block["kind"], block["text"], page.count("\n", 0, block.start("text"))))
        elif found and block.start() == before:
            found[-1].shown = block["text"]
        before = block.end()
    return found


def commands(console: str) -> Iterator[str]:
    """What stands behind the prompts; the rest of a console block is output."""
    for line in console.splitlines():
        if line.startswith("$ "):
            yield line.removeprefix("$ ")


def alike(shown: str, printed: str) -> bool:
    """Whether two outputs say the same: words and whole numbers to the letter, others but for rounding.

    >>> alike("differ by 4.8e-07", "differ by 1.2e-06"), alike("79 texts", "78 texts")
    (True, False)
    """
    if NUMBER.sub("", shown).split() != NUMBER.sub("", printed).split():
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(
        one == other
        or (not one.isdigit() and math.isclose(float(one), float(other), rel_tol=0.02, abs_tol=1e-4))
        for one, other in pairs
    )


def run(step: Step, page: Path, namespace: dict[str, object]) -> str:
    """Do one step; what it printed."""
    if step.kind == "console":
        outputs = [
            subprocess.run(command, shell=True, check=True, stdout=subprocess.PIPE, text=True).stdout
            for command in commands(step.text)
        ]
        importlib.invalidate_caches()  # it may have installed something
        return "".join(outputs)
    printed = io.StringIO()
    # Errors show the page's own line numbers.
    code = compile("\n" * step.line + step.text, str(page), "exec")
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        exec(code, namespace)
    return printed.getvalue()


def main() -> None:
    page = Path(sys.argv[1]).resolve()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    namespace: dict[str, object] = {"__name__": "__main__"}
    todo = steps(page.read_text(encoding="utf-8"))
    differ = 0
    for step in todo:
        printed = run(step, page, namespace)
        if step.shown is not None and not alike(step.shown, printed):
            differ += 1
            print(f"{page.name}, line {step.line}: the page shows (-), this run printed (+)")
            sys.stdout.writelines(difflib.ndiff(step.shown.splitlines(True), printed.splitlines(True)))
    shown = sum(step.shown is not None for step in todo)
    print(f"{page.name}: {len(todo)} blocks done, {shown - differ} of {shown} outputs as shown")


if __name__ == "__main__":
    main()
