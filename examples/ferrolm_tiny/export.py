"""Write the trained model as it is bundled: float16 weights, generation settings, a compact tokenizer.json.

python export.py RUN/final FOLDER
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from ferrolm.models import load_causal_lm
from ferrolm.tokenizers import Tokenizer

GENERATION = {
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
    "do_sample": True,
    "temperature": 0.8,
    "top_p": 0.95,
    "max_new_tokens": 100,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    load_causal_lm(options.source, dtype=torch.float16).save_pretrained(options.target)
    settings = json.dumps(GENERATION, indent=2) + "\n"
    (options.target / "generation_config.json").write_text(settings, encoding="utf-8")
    Tokenizer.from_file(options.source / "tokenizer.json").save(
        options.target / "tokenizer.json", pretty=False
    )
    size = sum(path.stat().st_size for path in options.target.iterdir())
    print(f"{options.target}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
