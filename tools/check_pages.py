"""Do the how-to pages as new users do: each in an environment of its own, with a wheel and what the page itself installs.

    python tools/check_pages.py dist/*.whl                                    every page of docs/how-to
    python tools/check_pages.py dist/*.whl --pages docs/how-to/from-kenlm.md
    python tools/check_pages.py dist/*.whl --python python3.13                with another interpreter

`pip install` of a page is answered by uv, which links files from its cache: three pages take five gigabytes of torch each.
`ferrolm` means the wheel there, and constraints.txt chooses the versions of the rest. tools/run_page.py does the steps.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from check_wheel import REPOSITORY, environment, find_uv

PAGES = sorted((REPOSITORY / "docs" / "how-to").glob("*.md"))
# From the cache where all is there, as in the Makefile.
PIP = """#!/bin/sh
"{uv}" pip "$@" --quiet --offline 2>/dev/null || exec "{uv}" pip "$@" --quiet
"""


def variables(interpreter: Path, wheel: Path, folder: Path) -> dict[str, str]:
    """What makes `pip install ferrolm` of a page take this wheel, into this environment."""
    (folder / "ferrolm.txt").write_text(f"ferrolm @ {wheel.as_uri()}\n", encoding="utf-8")
    constraints = [REPOSITORY / "constraints.txt", folder / "ferrolm.txt"]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {
        "VIRTUAL_ENV": str(interpreter.parent.parent),
        "UV_CONSTRAINT": " ".join(map(str, constraints)),
    }


def check(page: Path, wheel: Path, python: str, uv: str) -> bool:
    """Whether every block of the page ran."""
    with tempfile.TemporaryDirectory(prefix="ferrolm-page-") as temporary:
        folder = Path(temporary)
        interpreter = environment(python, folder / "environment")
        pip = interpreter.with_name("pip")
        pip.write_text(PIP.format(uv=uv), encoding="utf-8")
        work = folder / "work"
        work.mkdir()
        # -I: neither the folder of the script nor the user's packages are looked at.
        command = [str(interpreter), "-I", str(REPOSITORY / "tools" / "run_page.py"), str(page)]
        done = subprocess.run(command, cwd=work, env=variables(interpreter, wheel, folder), check=False)
    if done.returncode:
        print(f"{page.name}: failed", file=sys.stderr)
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", type=Path, metavar="WHEEL")
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter (default: the one that runs this)"
    )
    parser.add_argument("--pages", nargs="+", type=Path, default=PAGES, metavar="PAGE")
    arguments = parser.parse_args()
    if not arguments.wheel.is_file():
        parser.error(f"no such file: {arguments.wheel}")
    uv = find_uv()
    if uv is None:
        parser.error("uv is needed: make .venv/bin/uv")
    wheel = arguments.wheel.resolve()
    done = [check(page.resolve(), wheel, arguments.python, uv) for page in arguments.pages]
    if not all(done):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
