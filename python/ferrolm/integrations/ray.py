"""Work on many files by a Ray cluster, a task for each file: counting n-grams, training models of them, tokenizing.

Needs the extra ``ray``. Files must be readable where the tasks run. The results are those of one machine that reads the
files in order: merging counts is exact, and words are numbered as they first appear in that order.

    from ferrolm.integrations.ray import count_ngrams, encode_files, train_ngram

    counts = count_ngrams(["part-0.txt.gz", "part-1.txt.gz"], orders=(1, 2, 3))
    model = train_ngram(["part-0.txt.gz", "part-1.txt.gz"], order=5)
    paths = encode_files(["part-0.jsonl.gz", "part-1.jsonl.gz"], "tokens", tokenizer, end_of_text="<|endoftext|>")
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError
from ferrolm.ngram import NgramCounts, NgramLM, count
from ferrolm.tokenizers import Tokenizer

__all__ = ["count_ngrams", "encode_files", "train_ngram"]

PathLike = str | os.PathLike[str]


def count_ngrams(
    files: Iterable[PathLike],
    orders: int | Iterable[int] = (1, 2, 3, 4, 5),
    *,
    markers: bool = False,
    memory: int | str | None = None,
    task_options: dict[str, Any] | None = None,
    show_progress: bool | None = None,
) -> NgramCounts:
    """What `ferrolm.ngram.count` counts in ``files`` (text, one sentence a line, perhaps compressed), in their order.

    - ``memory``: of each task that counts, as for `ferrolm.ngram.count`; None: what its file needs.
    - ``task_options``: of ``ray.remote``, such as ``{"num_cpus": 2, "max_retries": 5}``. By default a task takes one
      CPU, and one thread with it.
    - ``show_progress``: a bar over the tasks on standard error; None: if that is a terminal.

    Connects to the cluster that ``ray.init`` was called for, or as ``ray.init()`` would. A task that fails raises its
    own exception here.
    """
    ray = require("ray", "ray", "counting on a Ray cluster")
    paths = [Path(file) for file in files]
    if not paths:
        raise InvalidArgumentError("files is empty")
    options = {"num_cpus": 1, **(task_options or {})}
    chosen = [orders] if isinstance(orders, int) else list(orders)
    threads = max(1, int(options["num_cpus"]))
    count_file = ray.remote(_count_file).options(**options)
    merge = ray.remote(_merge).options(**options)
    parts = [count_file.remote(path, chosen, markers, memory, threads) for path in paths]
    tasks = list(parts)
    while len(parts) > 1:
        # Neighbours only: words are numbered by their first appearance in the order of the files.
        pairs = [merge.remote(*parts[i : i + 2]) for i in range(0, len(parts) - 1, 2)]
        tasks += pairs
        parts = pairs + (parts[-1:] if len(parts) % 2 else [])
    _wait(ray, tasks, show_progress, "counting")
    result: NgramCounts = ray.get(parts[0])
    return result


def train_ngram(
    files: Iterable[PathLike],
    order: int = 5,
    *,
    memory: int | str = "1GB",
    task_options: dict[str, Any] | None = None,
    show_progress: bool | None = None,
    **options: Any,
) -> NgramLM:
    """The model that `NgramLM.train` makes of ``files``: counted by `count_ngrams`, estimated here in files.

    ``memory`` bounds each task that counts, and the estimation; ``options`` are those of `NgramLM.from_counts`
    (``smoothing``, ``prune``, ``vocabulary`` ...).
    """
    counts = count_ngrams(
        files,
        range(1, order + 1),
        markers=True,
        memory=memory,
        task_options=task_options,
        show_progress=show_progress,
    )
    return NgramLM.from_counts(counts, order, memory=memory, show_progress=show_progress, **options)


def encode_files(
    files: Iterable[PathLike],
    folder: PathLike,
    tokenizer: Tokenizer,
    *,
    field: str = "text",
    separator: str | None = None,
    end_of_text: str | None = None,
    task_options: dict[str, Any] | None = None,
    show_progress: bool | None = None,
) -> list[Path]:
    """What `Tokenizer.encode_file` makes of each file: ``NAME.tokens`` in ``folder``, in the order of ``files``.

    - ``folder``: that all machines can write to; it is made if it is not there.
    - ``field``, ``separator``, ``end_of_text``: as for `Tokenizer.encode_file`.
    - ``task_options``, ``show_progress``: as for `count_ngrams`. A task that is started again, because its machine was lost,
      takes up where the first left off.

    To train on them, mix `ferrolm.data.TokenBlocks` of each in proportion to their tokens, with `ferrolm.data.Mixture`.
    """
    ray = require("ray", "ray", "tokenizing on a Ray cluster")
    paths = [Path(file) for file in files]
    if not paths:
        raise InvalidArgumentError("files is empty")
    target = Path(folder).absolute()
    targets = [target / f"{path.name}.tokens" for path in paths]
    if len(set(targets)) < len(targets):
        twice = next(path.name for path in paths if targets.count(target / f"{path.name}.tokens") > 1)
        raise InvalidArgumentError(f"files has several named {twice}, expected names that are all different")
    options = {"num_cpus": 1, **(task_options or {})}
    encode = ray.remote(_encode_file).options(**options)
    settings = {"field": field, "separator": separator, "end_of_text": end_of_text}
    shared = ray.put(tokenizer)
    threads = max(1, int(options["num_cpus"]))
    pairs = zip(paths, targets, strict=True)
    tasks = [encode.remote(shared, path.absolute(), to, settings, threads) for path, to in pairs]
    _wait(ray, tasks, show_progress, "tokenizing")
    return targets


def _encode_file(
    tokenizer: Tokenizer, path: Path, target: Path, settings: dict[str, Any], threads: int
) -> None:
    import ferrolm

    ferrolm.set_num_threads(threads)
    target.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.encode_file(path, target, show_progress=False, **settings)


def _count_file(
    path: Path, orders: list[int], markers: bool, memory: int | str | None, threads: int
) -> NgramCounts:
    import ferrolm

    ferrolm.set_num_threads(threads)
    return count(path, orders, markers=markers, memory=memory, show_progress=False)


def _merge(first: NgramCounts, second: NgramCounts) -> NgramCounts:
    return first.merge(second)


def _wait(ray: Any, tasks: list[Any], show_progress: bool | None, title: str) -> None:
    """Wait for all tasks; the exception of one that fails is raised at once."""
    from tqdm import tqdm

    disable = None if show_progress is None else not show_progress
    with tqdm(total=len(tasks), desc=title, unit="task", disable=disable) as bar:
        while tasks:
            done, tasks = ray.wait(tasks)
            ray.get(done)
            bar.update(len(done))
