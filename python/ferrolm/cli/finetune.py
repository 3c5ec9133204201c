"""``ferrolm finetune``: teach a model a task as a TOML file says."""

from __future__ import annotations

import argparse
import json
import sys

from ferrolm.cli._runs import configure_run, figures, folder_of, is_first_process

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    from ferrolm.training.config import describe
    from ferrolm.training.finetuning.settings import FinetuningConfig

    configure_run(parser, "[task], [model], [data], [training], [lora]", describe(FinetuningConfig))


def run(arguments: argparse.Namespace) -> int:
    from ferrolm.training import FinetuningConfig, finetune

    config = FinetuningConfig.from_file(arguments.config, arguments.set)
    folder = folder_of(arguments)
    result = finetune(config, folder, resume=arguments.resume, show_progress=not arguments.quiet)
    if result.signal is not None:
        if is_first_process():
            print(f"stopped after step {result.step}; go on with --resume", file=sys.stderr)
        return 128 + result.signal
    if not arguments.quiet and is_first_process():
        print(f"{folder / 'final'}: {figures(result.metrics) or 'no validation data'}", file=sys.stderr)
        if config.data.test:
            print(f"test: {figures(json.loads((folder / 'test.json').read_bytes()))}", file=sys.stderr)
    return 0
