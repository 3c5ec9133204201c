"""Bits per byte of the model and of 5-gram modified Kneser-Ney models, on the books held out.

    python compare.py FOLDER MODEL

FOLDER has what train.sh makes. The n-gram models learn from the same books, over the same tokens and over words.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from ferrolm.data import TokenFile, iter_documents
from ferrolm.models import load_causal_lm
from ferrolm.ngram import NgramLM
from ferrolm.tokenizers import RaggedIds
from ferrolm.training import evaluate


def ids(file: TokenFile) -> RaggedIds:
    return RaggedIds(file.tokens.astype(np.uint32), file.offsets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", type=Path)
    options = parser.parse_args()
    train, held_out = (TokenFile(options.folder / f"{name}.tokens") for name in ("train", "validation"))
    results: dict[str, float] = {}

    tokens = NgramLM.train(ids(train), order=5, vocab_size=4096)
    score = tokens.score_texts(ids(held_out), eos=False)  # documents end with a token of their own
    results["5-gram over tokens"] = score.bits_per_byte(held_out.text_bytes)

    train_text, held_out_text = (
        "\n".join(iter_documents([options.folder / f"{name}.jsonl"])) for name in ("train", "validation")
    )
    words = NgramLM.train(train_text, order=5)
    # An unknown word costs the probability of <unk>, but its spelling costs nothing: that flatters these figures.
    results["5-gram over words"] = words.score_texts(held_out_text).bits_per_byte(held_out.text_bytes)

    model = load_causal_lm(options.model).float()
    block = model.config.n_positions
    results["transformer, disjoint windows"] = evaluate(model, held_out, block_size=block).bits_per_byte
    strided = evaluate(model, held_out, block_size=block, stride=block // 4)
    results["transformer, 3/4 of a window of context"] = strided.bits_per_byte
    results["transformer, perplexity per token"] = strided.perplexity
    print(json.dumps({name: round(value, 4) for name, value in results.items()}, indent=2))


if __name__ == "__main__":
    main()
