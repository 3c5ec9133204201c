"""Take the bill of materials out of a wheel, for a release: python tools/sbom.py WHEEL TARGET

Maturin writes one into every wheel (PEP 770): CycloneDX, each crate with version, checksum and licence.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path


def bill(wheel: Path) -> bytes:
    """The one CycloneDX document of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = [
            name for name in archive.namelist() if "/sboms/" in name and name.endswith(".cyclonedx.json")
        ]
        if len(names) != 1:
            raise SystemExit(f"{wheel}: has {len(names)} bills of materials, expected one")
        return archive.read(names[0])


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    wheel, target = map(Path, sys.argv[1:])
    content = bill(wheel)
    components = json.loads(content)["components"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    print(f"{target}: {len(components)} components")


if __name__ == "__main__":
    main()
