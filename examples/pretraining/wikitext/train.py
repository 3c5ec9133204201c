"""Train a word-level model as a configuration says, with a softmax over a sample of the words.

python train.py lstm.toml -o lstm [--resume] [--set training.steps=100]

`ferrolm pretrain` trains the same configurations with the whole softmax, which is eight times as many logits.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.data import TokenFile
from ferrolm.models import CausalLM
from ferrolm.training import RunConfig, SampledNextToken, Trainer, TrainingResult
from ferrolm.training.pretraining_models import build_model


@torch.no_grad()
def start_from_counts(model: CausalLM, counts: NDArray[np.int64]) -> None:
    """Let a head with a bias begin with the words' frequencies, which Adam's steps would take a thousand of to learn."""
    bias = model.lm_head.bias
    if bias is not None:
        bias.copy_(torch.from_numpy(np.log(np.maximum(counts, 1) / counts.sum())))


def train(config: RunConfig, directory: Path, *, resume: bool = False) -> TrainingResult:
    """Train in ``directory`` and write ``directory/final``, as `ferrolm.training.pretrain` does."""
    tokens = TokenFile(config.data.train, verify=True)
    torch.manual_seed(config.training.seed)
    model: Any = build_model(config, int(tokens.tokens.max(initial=0)))
    counts = np.bincount(tokens.tokens, minlength=model.config.vocab_size)
    objective = SampledNextToken(torch.from_numpy(counts))
    start_from_counts(model, counts)
    validation = TokenFile(config.data.validation, verify=True)
    trainer = Trainer(model, config, directory, tokens, validation, objective=objective)
    result = trainer.train(resume=resume)
    if result.finished:
        model.cpu().eval().save_pretrained(directory / "final")
        shutil.copyfile(config.data.tokenizer, directory / "final" / "tokenizer.json")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="overrides")
    arguments = parser.parse_args()
    train(
        RunConfig.from_file(arguments.config, arguments.overrides), arguments.output, resume=arguments.resume
    )
