"""How well a language model completes Python that it has not seen, beside a 5-gram model over the same tokens.

    python complete.py data runs/code-completion/final

DATA has what prepare.py makes. Printed are the perplexity of a token, bits for each byte, how often the most probable next token
is the right one, and how often the second half of a line is written as its author did, greedily from what stands before.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import ferrolm
from ferrolm import LanguageModel
from ferrolm.data import TokenFile
from ferrolm.ngram import NgramLM
from ferrolm.tokenizers import RaggedIds, Tokenizer
from ferrolm.training import evaluate

# Characters before the half of a line, of which the model reads the last ones that fit, and tokens that it may write.
CONTEXT, WRITTEN = 800, 32


def lines_to_complete(text: str, count: int, seed: int) -> list[tuple[str, str]]:
    """What stands before the second half of a line, and that half; halves begin at a space between words."""
    found = []
    position = 0
    for line in text.splitlines(keepends=True):
        code = line.rstrip("\n")
        spaces = [at for at in range(1, len(code)) if code[at] == " " and code[at - 1] != " "]
        middle = (len(code) + len(code) - len(code.lstrip())) / 2
        if position > CONTEXT and spaces and not code.lstrip().startswith("#"):
            cut = min(spaces, key=lambda at: abs(at - middle))
            found.append((text[position + cut - CONTEXT : position + cut], code[cut:]))
        position += len(line)
    chosen = np.random.default_rng(seed).permutation(len(found))[:count]
    return [found[at] for at in sorted(chosen.tolist())]


def completed_lines(model: LanguageModel, cases: Sequence[tuple[str, str]]) -> tuple[float, list[str]]:
    """The share of lines that are completed to the letter, and what was written."""
    written: list[str] = []
    fits = model.model.config.n_positions - WRITTEN
    prompts = [model.tokenizer.encode_ids(before)[-fits:] for before, _ in cases]
    for start in range(0, len(cases), 16):
        found = model.generate(prompts[start : start + 16], max_new_tokens=WRITTEN, stop="\n")
        written += [each.text for each in found]
    right = [text.rstrip() == after.rstrip() for text, (_, after) in zip(written, cases, strict=True)]
    return float(np.mean(right)), written


@torch.no_grad()
def next_token_accuracy(model: LanguageModel, file: TokenFile, block_size: int) -> float:
    """How often the most probable token is the next one, in windows that do not overlap."""
    tokens = torch.from_numpy(file.tokens.astype(np.int64))
    right = 0
    for window in tokens.unfold(0, block_size + 1, block_size).split(16):
        right += int((model.model(window[:, :-1]).logits.argmax(-1) == window[:, 1:]).sum())
    return right / (len(tokens) // block_size * block_size)


def ngram_figures(data: Path, test: TokenFile, order: int = 5) -> dict[str, float]:
    """Perplexity and bits for each byte of a modified Kneser-Ney model over the tokens to learn from."""
    train = TokenFile(data / "code-train.tokens")
    size = Tokenizer.from_file(str(data / "code-tokenizer.json")).get_vocab_size()
    ids = [RaggedIds(file.tokens.astype(np.uint32), file.offsets) for file in (train, test)]
    score = NgramLM.train(ids[0], order=order, vocab_size=size).score_texts(ids[1], eos=False)
    return {"perplexity": score.perplexity, "bits per byte": score.bits_per_byte(test.text_bytes)}


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of lines")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    model, test = ferrolm.load_model(options.model), TokenFile(options.data / "code-test.tokens")
    block_size = model.model.config.n_positions
    held_out = evaluate(model.model, test, block_size=block_size, stride=block_size // 2)
    cases = lines_to_complete((options.data / "code-test.txt").read_text(), options.lines, options.seed)
    share, written = completed_lines(model, cases)
    figures = {
        "perplexity": held_out.perplexity,
        "bits per byte": held_out.bits_per_byte,
        "next tokens right": next_token_accuracy(model, test, block_size),
        "lines completed": share,
        **{f"{name}, 5-gram": value for name, value in ngram_figures(options.data, test).items()},
    }
    for name, value in figures.items():
        print(f"{name}: {value:.4g}")
    for (before, after), text in list(zip(cases, written, strict=True))[:5]:
        print(f"{before.splitlines()[-1]}|{text}" + ("" if text == after else f"    (was:{after})"))
    return figures


if __name__ == "__main__":
    main()
