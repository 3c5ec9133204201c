"""Token files made by a local Ray cluster: those of one machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ferrolm import Tokenizer
from ferrolm.data import Mixture, TokenBlocks, TokenFile
from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.tokenizers import models

ray = pytest.importorskip("ray")

from ferrolm.integrations.ray import encode_files


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(models.BPE({chr(97 + code): code for code in range(26)} | {"</s>": 26}, []))


def write_shard(path: Path, seed: int) -> Path:
    random = np.random.default_rng(seed)
    texts = ["".join(chr(97 + code) for code in random.integers(0, 26, 30)) for _ in range(40 + seed)]
    path.write_text("".join(json.dumps({"body": text}) + "\n" for text in texts))
    return path


def test_shards_are_tokenized_as_one_machine_does(tokenizer: Tokenizer, tmp_path: Path) -> None:
    files = [write_shard(tmp_path / f"part-{seed}.jsonl", seed) for seed in range(3)]
    options = {"field": "body", "end_of_text": "</s>"}
    paths = encode_files(files, tmp_path / "tokens", tokenizer, **options)
    assert [path.name for path in paths] == [f"part-{seed}.jsonl.tokens" for seed in range(3)]
    for source, path in zip(files, paths, strict=True):
        tokenizer.encode_file(source, tmp_path / "one", show_progress=False, **options)
        assert path.read_bytes() == (tmp_path / "one").read_bytes()
        TokenFile(path, verify=True)
    opened = [TokenFile(path) for path in paths]
    mixture = Mixture([(TokenBlocks(file, 8, 4), len(file)) for file in opened])
    assert mixture.batch(0)["blocks"].shape == (4, 9)


def test_what_fails_in_a_task_is_raised_here(tokenizer: Tokenizer, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"body": 3}\n')
    with pytest.raises(InvalidFileError, match=r"broken\.jsonl, line 1"):
        encode_files([broken], tmp_path / "tokens", tokenizer, field="body")
    assert not (tmp_path / "tokens" / "broken.jsonl.tokens").exists()
    with pytest.raises(InvalidArgumentError, match=r"several named a\.txt"):
        encode_files(["x/a.txt", "y/a.txt"], tmp_path, tokenizer)
    with pytest.raises(InvalidArgumentError, match="files is empty"):
        encode_files([], tmp_path, tokenizer)
