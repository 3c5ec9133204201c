"""Write THIRD_PARTY_LICENSES: the licences of every crate that is linked into the wheel.

    python tools/third_party_licenses.py            write the file (`make licenses`)
    python tools/third_party_licenses.py --check    is the file what it would write now?

The crates are those that the extension reaches through normal dependencies, on any platform: what only tests, benchmarks
and build scripts use is not in a wheel. Where a crate offers a choice, the first of PREFERRED that it offers is taken;
the text comes from the crate as it was downloaded. A licence outside of PREFERRED, or one without its text, is an error.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
TARGET = REPOSITORY / "THIRD_PARTY_LICENSES"
OURS = "Apache-2.0"
"""The licence of this package: its text is the file LICENSE and stands in no second place."""
PREFERRED = (OURS, "MIT", "Zlib", "Unicode-3.0", "BSD-2-Clause", "BSD-3-Clause", "ISC")
FILES = {"MIT": r"licen[cs]e-mit", "Zlib": r"licen[cs]e-zlib", "Unicode-3.0": r"licen[cs]e-unicode"}
"""The file of a licence in crates that have several; in others it is LICENSE."""
HEADER = f"""\
Third-party software in ferrolm

The compiled part of ferrolm, ferrolm/_rust, contains the crates below, and parts of the Rust standard library
(MIT OR Apache-2.0, https://github.com/rust-lang/rust). The text of {OURS} is in the file LICENSE; the others follow
the list. This file is made by: make licenses
"""


@dataclass(frozen=True, order=True)
class Crate:
    """A crate that is linked: what it may be used under, and where it was unpacked."""

    name: str
    version: str
    expression: str
    folder: Path


def linked_crates() -> list[Crate]:
    """Other people's crates that `ferrolm-extension` reaches through normal dependencies, by name."""
    metadata = cargo_metadata()
    packages = {package["id"]: package for package in metadata["packages"]}
    edges = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    waiting = [key for key, package in packages.items() if package["name"] == "ferrolm-extension"]
    seen: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key not in seen:
            seen.add(key)
            waiting += [d["pkg"] for d in edges[key] if any(kind["kind"] is None for kind in d["dep_kinds"])]
    found = [packages[key] for key in seen if packages[key]["source"] is not None]
    return sorted(
        Crate(p["name"], p["version"], p["license"] or "none", Path(p["manifest_path"]).parent) for p in found
    )


def cargo_metadata() -> dict[str, Any]:
    """What cargo knows of the locked dependencies; from the crates that are here already, if all are."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    result = subprocess.run([*command, "--offline"], cwd=REPOSITORY, capture_output=True, check=False)
    output = subprocess.check_output(command, cwd=REPOSITORY) if result.returncode else result.stdout
    metadata: dict[str, Any] = json.loads(output)
    return metadata


def chosen(expression: str) -> list[str]:
    """The licences that are taken of an SPDX expression: one of each OR, all of each AND.

    >>> chosen("Zlib OR MIT"), chosen("(MIT OR Apache-2.0) AND Unicode-3.0")
    (['MIT'], ['Apache-2.0', 'Unicode-3.0'])
    """
    taken = []
    for part in expression.replace("/", " OR ").split(" AND "):
        offered = [name.strip() for name in part.strip("() ").split(" OR ")]
        best = next((name for name in PREFERRED if name in offered), None)
        if best is None:
            raise ValueError(f"licence {expression!r} offers none of {', '.join(PREFERRED)}")
        taken.append(best)
    return taken


def license_text(crate: Crate, name: str) -> str:
    """The text of a licence as the crate has it, without spaces at the ends of lines."""
    files = sorted(path for path in crate.folder.iterdir() if path.is_file())
    for pattern in (FILES.get(name, "licen[cs]e"), r"licen[cs]e(\.md|\.txt)?$"):
        for path in files:
            if re.match(pattern, path.name, re.IGNORECASE):
                lines = path.read_text(encoding="utf-8").strip().splitlines()
                return "\n".join(line.rstrip() for line in lines)
    raise ValueError(f"{crate.name} {crate.version} is under {name} and has no file with its text")


def notices(crate: Crate) -> list[str]:
    """What Apache-2.0 asks to hand on beside its text."""
    found = sorted(path for path in crate.folder.iterdir() if path.name.upper().startswith("NOTICE"))
    return [path.read_text(encoding="utf-8").strip() for path in found]


def document(crates: list[Crate]) -> str:
    """The whole file: the list of crates, then each text with the crates that it belongs to."""
    texts: dict[tuple[str, str], list[str]] = {}
    listed = []
    for crate in crates:
        title = f"{crate.name} {crate.version}"
        taken = chosen(crate.expression)
        listed.append(f"{title}: {' and '.join(taken)}")
        for name in taken:
            if name != OURS:
                texts.setdefault((name, license_text(crate, name)), []).append(title)
        for text in notices(crate):
            texts.setdefault(("notice", text), []).append(title)
    rule = "-" * 80
    blocks = [
        f"{rule}\n{name}: {', '.join(titles)}\n{rule}\n\n{text}\n"
        for (name, text), titles in sorted(texts.items(), key=lambda item: (item[0][0], item[1]))
    ]
    return "\n".join([HEADER, "\n".join(listed) + "\n", *blocks])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is another")
    text = document(linked_crates())
    if not parser.parse_args().check:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        raise SystemExit(
            "THIRD_PARTY_LICENSES is not of the crates in Cargo.lock; renew it with: make licenses"
        )


if __name__ == "__main__":
    main()
