"""Fine-tune the pre-trained encoder, and one of the same shape that knows nothing, with several seeds.

python compare.py tags.toml -o tags [--seeds 0 1 2] [--set data.train=...]

Both learn from the same sentences in the same order, for as long, by the same settings; what differs is the weights that they begin
with. Prints each figure on the test data, and the means with intervals of 95 % by Student's t over the seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ferrolm.models import locate
from ferrolm.training import FinetuningConfig, finetune

# Of Student's distribution, 97.5 %, by degrees of freedom.
_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def without_weights(model: dict[str, Any]) -> dict[str, Any]:
    """The settings of [model] that make what ``checkpoint`` has, with random weights."""
    shape = json.loads((locate(model["checkpoint"]) / "config.json").read_text(encoding="utf-8"))
    names = (
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings",
    )  # fmt: skip
    rest = {name: value for name, value in model.items() if name != "checkpoint"}
    return {"type": shape["model_type"], **{name: shape[name] for name in names}, **rest}


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and the ends of its interval, which one value does not have."""
    middle = mean(values)
    if len(values) < 2:
        return middle, float("-inf"), float("inf")
    half = _T.get(len(values) - 1, 2.2) * stdev(values) / len(values) ** 0.5
    return middle, middle - half, middle + half


def compare(config: FinetuningConfig, output: Path, seeds: Sequence[int]) -> dict[str, list[float]]:
    """The figure on the test data of each run, by what the model began with; a run that has ended is not done again."""
    found: dict[str, list[float]] = {"pre-trained": [], "random": []}
    for seed in seeds:
        for name, model in (("pre-trained", config.model), ("random", without_weights(config.model))):
            folder = output / f"{name}-{seed}"
            if not (folder / "test.json").exists():
                training = dataclasses.replace(config.training, seed=seed)
                begin = time.process_time()
                finetune(dataclasses.replace(config, model=model, training=training), folder, resume=True)
                print(f"{folder}: {time.process_time() - begin:.0f} CPU seconds", flush=True)
            figures = json.loads((folder / "test.json").read_text(encoding="utf-8"))
            found[name].append(figures[config.task.metric or "accuracy"])
    return found


def main(arguments: Sequence[str] | None = None) -> dict[str, list[float]]:
    """Print the table, and return the figures by what the model began with."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="overrides")
    options = parser.parse_args(arguments)
    found = compare(
        FinetuningConfig.from_file(options.config, options.overrides), options.output, options.seeds
    )
    print("| begins with | each seed | mean | interval |\n| --- | --- | ---: | --- |")
    for name, values in found.items():
        middle, low, high = interval(values)
        each = ", ".join(f"{100 * value:.2f}" for value in values)
        print(f"| {name} weights | {each} | {100 * middle:.2f} % | {100 * low:.2f} to {100 * high:.2f} % |")
    return found


if __name__ == "__main__":
    main()
