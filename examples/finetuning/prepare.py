"""Fixed splits of data sets that come without: ``python prepare.py DATA OUTPUT``.

DATA/sentiment/rt-polarity (Pang & Lee 2005): 80 % to train on, 10 % to choose by, 10 % to test, from seed 0, with an
equal share of both labels in each. The other recipes read published splits as they are.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from ferrolm.data import read_labeled_files, split

SEED = 0


def main(data: Path, output: Path) -> None:
    """Write OUTPUT/rt-polarity/{train,validation,test}.csv."""
    examples = list(read_labeled_files(data / "sentiment" / "rt-polarity"))
    # A sentence that occurs twice must not be in two parts.
    examples = list({example.text: example for example in examples}.values())
    parts = split(examples, (0.8, 0.1, 0.1), SEED, stratify=lambda example: example.label)
    folder = output / "rt-polarity"
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in zip(("train", "validation", "test"), parts, strict=True):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("text", "label"))
            rows.writerows((example.text, example.label) for example in part)
        print(f"{folder / name}.csv: {len(part):,} sentences")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
