"""N-grams on a local Ray cluster of two processes: the results of one machine."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ferrolm.errors import InvalidArgumentError, MissingFileError
from ferrolm.ngram import NgramLM, count

ray = pytest.importorskip("ray")

from ferrolm.integrations.ray import count_ngrams, train_ngram


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("shards")
    words = np.random.default_rng(9).zipf(1.4, 30_000) % 900
    rows = [" ".join(f"w{word}" for word in row) for row in words.reshape(-1, 15)]
    paths = [folder / f"part-{shard}" for shard in range(5)]
    for shard, path in enumerate(paths):
        path.write_text("\n".join(rows[shard * 400 : (shard + 1) * 400]) + "\n")
    return paths


def test_counts_of_shards_are_those_of_the_whole(files: list[Path]) -> None:
    whole = count(files, (1, 3))
    assert count_ngrams(files, (1, 3)) == whole
    assert count_ngrams(map(str, files), (1, 3), memory="100KB", task_options={"num_cpus": 0.5}) == whole
    assert pickle.loads(pickle.dumps(whole)) == whole


def test_a_model_of_shards_is_that_of_the_whole(files: list[Path], tmp_path: Path) -> None:
    train_ngram(files, 3, prune=(0, 0, 1), memory="1MB").save(tmp_path / "shards.flm")
    NgramLM.train(files, 3, prune=(0, 0, 1)).save(tmp_path / "whole.flm")
    assert (tmp_path / "shards.flm").read_bytes() == (tmp_path / "whole.flm").read_bytes()


def test_what_fails_in_a_task_is_raised_here(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="does not exist"):
        count_ngrams([files[0], tmp_path / "missing"])
    with pytest.raises(InvalidArgumentError, match="empty"):
        count_ngrams([])
