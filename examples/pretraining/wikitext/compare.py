"""Perplexity of a 5-gram model, of trained neural models, and of all of them together, over the same tokens.

python compare.py FOLDER lstm/final transformer/final [--limit 20000]

FOLDER has the files of prepare.py. Each model gives every token of the test text but the first ``<eos>`` a probability among the
33,278 words. The weights of the mixture are fitted on the validation text by expectation-maximization (Jelinek & Mercer 1980).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.data import TokenFile
from ferrolm.models import CausalLM
from ferrolm.models.auto import load_causal_lm
from ferrolm.ngram import NgramLM
from ferrolm.tokenizers import RaggedIds, Tokenizer

LogProbabilities = NDArray[np.float64]  # [tokens], natural logarithms


def lines(tokens: NDArray[np.uint32], end: int) -> RaggedIds:
    """The words between one ``<eos>`` and the next, of a stream that starts and ends with one."""
    ends = np.flatnonzero(tokens == end)
    words = tokens[tokens != end]
    return RaggedIds(words, (ends - np.arange(len(ends))).astype(np.int64))


def train_ngrams(tokens: NDArray[np.uint32], end: int, vocab_size: int, order: int = 5) -> NgramLM:
    """Modified Kneser-Ney over lines, whose ``</s>`` is the ``<eos>`` of the stream."""
    return NgramLM.train(lines(tokens, end), order, vocab_size=vocab_size)


def score_ngrams(model: NgramLM, tokens: NDArray[np.uint32], end: int) -> LogProbabilities:
    return model.token_scores(lines(tokens, end)).astype(np.float64) * np.log(10.0)


@torch.no_grad()
def score_neural(model: CausalLM, tokens: NDArray[np.uint32], window: int, rows: int = 8) -> LogProbabilities:
    """In windows that start half a window apart, so that all but the first tokens have half a window before them."""
    model.eval()
    stream = torch.from_numpy(tokens.astype(np.int64))
    targets, fresh = len(stream) - 1, window // 2
    found = np.full(targets, np.nan)
    starts = [*range(0, max(1, targets - window), fresh), max(0, targets - window)]
    for first in range(0, len(starts), rows):
        part = starts[first : first + rows]
        blocks = torch.stack([stream[start : start + window + 1] for start in part])
        hidden = model(blocks[:, :-1], with_head=False).logits
        for start, row, block in zip(part, hidden, blocks, strict=True):
            # What an earlier window has scored, it has scored; the whole vocabulary of a row at a time is enough memory.
            known = int(np.isfinite(found[start : start + window]).sum())
            logits = model.lm_head(row[known:])
            scores = logits.log_softmax(1).gather(1, block[1 + known :, None])[:, 0]
            found[start + known : start + window] = scores.double().numpy()
    return found


def fit_mixture(scores: Sequence[LogProbabilities], rounds: int = 100) -> NDArray[np.float64]:
    """The weights [models] under which the mixture finds the text most probable."""
    stacked = np.stack(scores)
    weights = np.full(len(stacked), 1 / len(stacked))
    for _ in range(rounds):
        joint = stacked + np.log(np.maximum(weights, 1e-300))[:, None]
        weights = np.exp(joint - np.logaddexp.reduce(joint)).mean(1)
    return weights


def mixed(scores: Sequence[LogProbabilities], weights: NDArray[np.float64]) -> LogProbabilities:
    return np.logaddexp.reduce(np.stack(scores) + np.log(np.maximum(weights, 1e-300))[:, None])


def perplexity(scores: LogProbabilities) -> float:
    return float(np.exp(-scores.mean()))


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Print the table, and return the perplexities on the test text by name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="with the files of prepare.py")
    parser.add_argument("models", nargs="*", type=Path, help="folders of trained models")
    parser.add_argument("--limit", type=int, default=0, help="tokens of each text; 0: all")
    given = parser.parse_args(arguments)
    end = Tokenizer.from_file(str(given.folder / "tokenizer.json")).token_to_id("<eos>")
    train, *held_out = (
        TokenFile(given.folder / f"{name}.tokens") for name in ("train", "validation", "test")
    )
    texts = [
        np.asarray(file.tokens, dtype=np.uint32)[: given.limit + 1 if given.limit else None]
        for file in held_out
    ]
    texts = [text[: np.flatnonzero(text == end)[-1] + 1] for text in texts]  # whole lines
    ngrams = train_ngrams(np.asarray(train.tokens, dtype=np.uint32), end, 1 + int(train.tokens.max()))
    scorers: dict[str, Callable[[NDArray[np.uint32]], LogProbabilities]] = {
        "5-gram": lambda text: score_ngrams(ngrams, text, end)
    }
    for path in given.models:
        model = load_causal_lm(path)
        window = model.config.n_positions
        scorers[str(path)] = lambda text, model=model, window=window: score_neural(model, text, window)
    found = {}
    for name, score in scorers.items():
        begin = time.process_time()
        found[name] = [score(text) for text in texts]
        print(f"scored by {name} in {time.process_time() - begin:.0f} s", flush=True)
    names = list(found)
    figures = [(name, *map(perplexity, found[name])) for name in names]
    pairs = [names] if len(names) < 3 else [names[:2], [names[0], names[2]], names[1:], names]
    for chosen in pairs if len(names) > 1 else []:
        weights = fit_mixture([found[name][0] for name in chosen])
        both = [perplexity(mixed([found[name][part] for name in chosen], weights)) for part in (0, 1)]
        title = " + ".join(f"{weight:.2f} {name}" for weight, name in zip(weights, chosen, strict=True))
        figures.append((title, *both))
    print("| model | validation | test |\n| --- | ---: | ---: |")
    for name, *values in figures:
        print(f"| {name} | {values[0]:.1f} | {values[1]:.1f} |")
    return {name: test for name, _, test in figures}


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
