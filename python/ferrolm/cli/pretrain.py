"""``ferrolm pretrain``: train a language model as a TOML file says."""

from __future__ import annotations

import argparse
import sys

from ferrolm.cli._runs import configure_run, figures, folder_of, is_first_process

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    from ferrolm.training.config import describe

    configure_run(parser, "[model], [objective], [data], [training]", describe())


def run(arguments: argparse.Namespace) -> int:
    from ferrolm.training import RunConfig, pretrain

    config = RunConfig.from_file(arguments.config, arguments.set)
    folder = folder_of(arguments)
    result = pretrain(config, folder, resume=arguments.resume, show_progress=not arguments.quiet)
    if result.signal is not None:
        if is_first_process():
            print(f"stopped after step {result.step}; go on with --resume", file=sys.stderr)
        return 128 + result.signal
    if not arguments.quiet and is_first_process():
        print(f"{folder / 'final'}: {figures(result.metrics) or 'no validation file'}", file=sys.stderr)
    return 0
