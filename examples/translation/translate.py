"""Translate held-out sentences, and measure BLEU: python translate.py translation/final test.tsv [--num-beams 4]."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from ferrolm.data import read_parallel_tsv
from ferrolm.evaluation import bleu
from ferrolm.generation import LanguageModel, load_model

BATCH = 100
LONGEST = 64


def translate(model: LanguageModel, sources: Sequence[str], num_beams: int) -> list[str]:
    """Texts in the order of their sources, of which those of like length are translated together; one beam is greedy."""
    order = sorted(range(len(sources)), key=lambda number: len(sources[number]))
    made = [""] * len(sources)
    for start in range(0, len(order), BATCH):
        numbers = order[start : start + BATCH]
        batch = [sources[number] for number in numbers]
        found = model.generate(batch, num_beams=num_beams, max_new_tokens=LONGEST)
        for number, generation in zip(numbers, found, strict=True):
            made[number] = generation.text
    return made


def main(arguments: Sequence[str] | None = None) -> float:
    """Print some translations, BLEU with its interval, and sacrebleu's signature; return BLEU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder of the trained model")
    parser.add_argument("pairs", type=Path, help="sources, a tab, targets")
    parser.add_argument("--num-beams", type=int, default=1)
    parser.add_argument("--show", type=int, default=5, help="translations to print")
    options = parser.parse_args(arguments)
    pairs = list(read_parallel_tsv(options.pairs, alternatives=False))
    begin = time.process_time()
    made = translate(load_model(options.model), [pair.source for pair in pairs], options.num_beams)
    seconds = time.process_time() - begin
    for pair, text in list(zip(pairs, made, strict=True))[: options.show]:
        print(f"{pair.source}\n    {text}\n    ({pair.targets[0]})")
    result = bleu(made, [pair.targets[0] for pair in pairs], resamples=1000)
    print(f"{result} in {seconds:.0f} CPU seconds")
    print(result.details["signature"])
    return result.value


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
