"""Translate held-out sentences, and measure BLEU: python translate.py runs/translation/final test.tsv [--num-beams 4]."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ferrolm.data import TextPair, read_parallel_tsv
from ferrolm.evaluation import bleu
from ferrolm.generation import load_model
from ferrolm.models import Seq2SeqLM, load_seq2seq_lm
from ferrolm.tokenizers import Tokenizer

BATCH = 100
LONGEST = 64


def greedy(folder: Path, sources: Sequence[str]) -> list[str]:
    """The likeliest token at every step."""
    model: Seq2SeqLM = load_seq2seq_lm(folder).eval()
    tokenizer = Tokenizer.from_pretrained(str(folder))

    def write(texts: list[str]) -> list[str]:
        batch = tokenizer(texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
        made = model.generate(batch["input_ids"], batch["attention_mask"], max_new_tokens=LONGEST)
        return tokenizer.decode_batch(made.tolist(), skip_special_tokens=True)

    return by_length(sources, write)


def beam_search(folder: Path, sources: Sequence[str], num_beams: int) -> list[str]:
    """The likeliest of several texts that are kept at every step."""
    model = load_model(folder)

    def write(texts: list[str]) -> list[str]:
        found = model.generate(texts, num_beams=num_beams, max_tokens=LONGEST)
        return [generation.text for generation in found]

    return by_length(sources, write)


def by_length(texts: Sequence[str], write: Callable[[list[str]], list[str]]) -> list[str]:
    """What ``write`` makes of batches of texts of like length, in the order of the texts."""
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    made = [""] * len(texts)
    for start in range(0, len(order), BATCH):
        numbers = order[start : start + BATCH]
        for number, text in zip(numbers, write([texts[number] for number in numbers]), strict=True):
            made[number] = text
    return made


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder of the trained model")
    parser.add_argument("pairs", type=Path, help="sources, a tab, targets")
    parser.add_argument("--num-beams", type=int, default=1)
    parser.add_argument("--show", type=int, default=5, help="translations to print")
    options = parser.parse_args(arguments)
    pairs: list[TextPair] = list(read_parallel_tsv(options.pairs, alternatives=False))
    sources, targets = [pair.source for pair in pairs], [pair.targets[0] for pair in pairs]
    begin = time.process_time()
    if options.num_beams > 1:
        made = beam_search(options.model, sources, options.num_beams)
    else:
        made = greedy(options.model, sources)
    seconds = time.process_time() - begin
    for pair, text in list(zip(pairs, made, strict=True))[: options.show]:
        print(f"{pair.source}\n    {text}\n    ({pair.targets[0]})")
    result = bleu(made, targets, resamples=1000)
    print(f"{result} in {seconds:.0f} CPU seconds")
    print(result.details["signature"])
    return result.value


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
