"""The notes of a release, from CHANGELOG.md: python tools/release_notes.py v1.2.3

Fails if the tag is not the version in Cargo.toml, or if the changelog has no section of that version.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
VERIFY = """
### Verify

Each file is attested by the workflow that built it: `gh attestation verify FILE --repo OWNER/REPOSITORY`. `SHA256SUMS` has their
checksums, `ferrolm.cyclonedx.json` what is linked into the wheels.
"""


def section(changelog: str, version: str) -> str:
    r"""What stands under a version's heading.

    >>> section("## [1.1.0] - 2026-05-01\n\n### Added\n\n- More.\n\n## [1.0.0]\n\n- First.\n", "1.1.0")
    '### Added\n\n- More.'
    """
    pattern = rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |\Z)"
    found = re.search(pattern, changelog, re.DOTALL | re.MULTILINE)
    if not found or not found[1].strip():
        raise ValueError(
            f"CHANGELOG.md has no section of version {version}; [Unreleased] becomes it at a release"
        )
    return found[1].strip()


def notes(tag: str) -> str:
    cargo = tomllib.loads((REPOSITORY / "Cargo.toml").read_text(encoding="utf-8"))
    version = cargo["workspace"]["package"]["version"]
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, expected v{version}: the version in Cargo.toml")
    return section((REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"), version) + "\n" + VERIFY


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    try:
        print(notes(sys.argv[1]))
    except ValueError as error:
        raise SystemExit(f"release_notes.py: {error}") from None
