"""Runs on two processes are the run on one; they stop together, resume to the bit, and change their number."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist
from distributed_runs import config, finetuning, run, uneven
from safetensors.torch import load_file

from ferrolm.data import TokenFile, TokenFileWriter
from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.models import BertForSequenceClassification, GPT2Config, GPT2LMHeadModel
from ferrolm.tokenizers import Tokenizer
from ferrolm.tokenizers.models import WordLevel
from ferrolm.tokenizers.pre_tokenizers import Whitespace
from ferrolm.training import ChunkedNextToken, Trainer, finetune
from ferrolm.training.distributed import join_world, read_launch

TESTS = Path(__file__).resolve().parents[2]
PATTERN = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
STEPS_OF_ONE = 4


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All runs of `distributed_runs` on two processes, after those that one process begins."""
    folder = tmp_path_factory.mktemp("runs")
    with TokenFileWriter(folder / "train.tokens", vocab_size=16) as writer:
        writer.add(np.tile(PATTERN, 30), text_bytes=720)
    words = ["good", "fine", "bad", "poor", "film", "book"]
    rows = [
        f"{words[label * 2 + index % 2]} {words[4 + index % 3 % 2]},{label}"
        for label in (0, 1)
        for index in range(12)
    ]
    (folder / "texts.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    vocabulary = {
        word: index for index, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])
    }
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    for kind in ("none", "fsdp"):
        stopped = run(
            config(folder, parallel=kind, batch_size=4), folder / f"one-{kind}",
            on_evaluation=lambda step, figures: step == STEPS_OF_ONE,
        )  # fmt: skip
        assert stopped.step == STEPS_OF_ONE
    dist.destroy_process_group()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = subprocess.run(
        [*torchrun, str(TESTS / "distributed_runs.py"), str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr[-6000:]
    return folder


@pytest.fixture(scope="module")
def one(runs: Path) -> Path:
    """The same batches on one process."""
    run(config(runs, batch_size=4), runs / "none")
    run(config(runs, batch_size=2, accumulation=2), runs / "none-accumulated")
    uneven(runs, "none", 2)
    return runs


def lines(folder: Path, name: str) -> list[float]:
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [record[name] for record in records if name in record]


def assert_same_weights(one: Path, other: Path) -> None:
    weights, expected = (load_file(folder / "final/model.safetensors") for folder in (one, other))
    assert weights.keys() == expected.keys()
    for name, tensor in weights.items():
        if name.endswith("c_attn.bias"):
            # Scores do not depend on the bias of keys: its gradient is rounding, which Adam makes large.
            tensor[16:32] = expected[name][16:32]
        torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
@pytest.mark.parametrize("how", ["", "-accumulated"])
def test_two_processes_learn_what_one_learns(one: Path, kind: str, how: str) -> None:
    two, alone = one / f"{kind}{how}", one / f"none{how}"
    for name, count in (("loss", 8), ("gradient_norm", 8), ("validation_loss", 2), ("epoch", 8)):
        assert len(lines(two, name)) == count
        np.testing.assert_allclose(lines(two, name), lines(alone, name), rtol=1e-6)
    assert lines(two, "loss")[-1] < lines(two, "loss")[0] - 0.2
    assert lines(two, "epoch")[-1] > 1
    assert_same_weights(two, alone)


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_the_final_model_is_whole(one: Path, kind: str) -> None:
    model = GPT2LMHeadModel.from_pretrained(one / kind / "final")
    assert model(torch.tensor([PATTERN])).logits.shape == (1, 12, 16)
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_micro_batches_without_targets_hold_nobody_up(one: Path, kind: str) -> None:
    np.testing.assert_allclose(
        lines(one / f"uneven-{kind}", "loss"), lines(one / "uneven-none", "loss"), rtol=1e-6
    )


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_a_signal_to_one_process_stops_both_and_they_resume_to_the_bit(runs: Path, kind: str) -> None:
    broken, whole = runs / f"{kind}-broken", runs / f"{kind}-whole"
    assert lines(broken, "loss") == lines(whole, "loss")
    assert lines(broken, "validation_loss") == lines(whole, "validation_loss")
    name = "final/model.safetensors"
    assert (broken / name).read_bytes() == (whole / name).read_bytes()
    kept = sorted(path.name for path in (broken / "checkpoints").iterdir())
    assert kept == ["step-000005", "step-000008"], "nothing half written is left"


def test_processes_drop_out_different_units(runs: Path) -> None:
    states = torch.load(runs / "ddp-whole/checkpoints/step-000008/state.pt", weights_only=True)["random"]
    assert len(states) == 2
    assert not torch.equal(states[0]["cpu"], states[1]["cpu"])


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_fine_tuning_is_that_of_one_process(one: Path, kind: str) -> None:
    if not (one / "none-finetuned").exists():
        finetune(finetuning(one, "none", 4), one / "none-finetuned", show_progress=False)
    two, alone = one / f"{kind}-finetuned", one / "none-finetuned"
    np.testing.assert_allclose(lines(two, "loss"), lines(alone, "loss"), rtol=1e-5)
    assert json.loads((two / "test.json").read_text()) == pytest.approx(
        json.loads((alone / "test.json").read_text()), rel=1e-4
    )
    assert BertForSequenceClassification.from_pretrained(two / "final").num_parameters() > 1000


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_shards_are_updated_as_whole_matrices_are(one: Path, optimizer: str) -> None:
    run(config(one, batch_size=4, steps=3, optimizer=optimizer), one / f"none-{optimizer}")
    np.testing.assert_allclose(
        lines(one / f"fsdp-{optimizer}", "validation_loss"),
        lines(one / f"none-{optimizer}", "validation_loss"),
        rtol=1e-5,
    )


def test_what_needs_whole_matrices_says_so(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"adafactor needs whole matrices: set training.parallel to ddp"
    ):
        run(config(runs, parallel="fsdp", optimizer="adafactor"), tmp_path / "run")
    dist.destroy_process_group()


def test_sixteen_bits_of_shards_are_near_float32(one: Path) -> None:
    np.testing.assert_allclose(lines(one / "fsdp-bfloat16", "loss"), lines(one / "none", "loss"), rtol=0.03)


@pytest.mark.parametrize("name", ["one-fsdp", "one-none"])
def test_a_run_of_one_process_goes_on_with_two(one: Path, name: str) -> None:
    np.testing.assert_allclose(lines(one / name, "loss"), lines(one / "none", "loss"), rtol=1e-6)


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_a_run_of_two_processes_goes_on_with_one(one: Path, kind: str) -> None:
    folder = one / f"two-{kind}"
    assert len(lines(folder, "loss")) == 4
    assert run(config(one, batch_size=4, ema=0.5), folder, resume=True).finished
    np.testing.assert_allclose(lines(folder, "loss"), lines(one / "none", "loss"), rtol=1e-6)
    if not (one / "none-average").exists():
        run(config(one, batch_size=4, ema=0.5), one / "none-average")
    assert_same_weights(folder, one / "none-average")


def test_other_batches_are_not_the_same_run(runs: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="was made with other data, or another seed"):
        run(config(runs, batch_size=2), runs / "fsdp-whole", resume=True)


@pytest.fixture
def shards(runs: Path, tmp_path: Path) -> Path:
    """A copy of a run's folder with one sharded checkpoint."""
    shutil.copytree(runs / "fsdp/checkpoints", tmp_path / "run/checkpoints")
    return tmp_path / "run/checkpoints/step-000008/shards"


def resumed(shards: Path, runs: Path) -> None:
    run(config(runs, batch_size=4), shards.parents[2], resume=True)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch evil",)


def test_damaged_shards_are_named_and_nothing_in_them_is_run(
    shards: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shards)
    metadata = (shards / ".metadata").read_bytes()
    (shards / ".metadata").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(
        InvalidFileError, match=r"shards/.metadata cannot be read: .*system does not belong there"
    ):
        resumed(shards, runs)
    assert not Path("evil").exists()
    (shards / ".metadata").write_bytes(metadata[: len(metadata) // 2])
    with pytest.raises(InvalidFileError, match=r"shards/.metadata cannot be read"):
        resumed(shards, runs)
    (shards / ".metadata").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(InvalidFileError, match=r"it holds a dict"):
        resumed(shards, runs)
    (shards / ".metadata").write_bytes(metadata)
    (shards / "__1_0.distcp").unlink()
    with pytest.raises(InvalidFileError, match=r"shards cannot be read: .*__1_0.distcp"):
        resumed(shards, runs)


def test_a_part_that_is_missing_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "0",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "1",
    }
    assert read_launch({}) is None
    assert read_launch(whole) == (0, 2, 0)
    for name in whole:
        with pytest.raises(InvalidArgumentError, match=rf"and not {name}: start the processes with torchrun"):
            read_launch({key: value for key, value in whole.items() if key != name})
    with pytest.raises(InvalidArgumentError, match=r"must be numbers: .*'two'"):
        read_launch({**whole, "WORLD_SIZE": "two"})
    with pytest.raises(InvalidArgumentError, match=r"RANK 2 and LOCAL_RANK 0 .* do not fit WORLD_SIZE 2"):
        read_launch({**whole, "RANK": "2"})
    for name, value in whole.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        InvalidArgumentError, match=r"2 processes were started, and training.parallel is none"
    ):
        join_world("none", "cpu")


def test_a_chunked_loss_needs_the_whole_head(runs: Path, tmp_path: Path) -> None:
    settings = config(runs, parallel="fsdp")
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(**settings.model, n_positions=16))
    source = TokenFile(runs / "train.tokens")
    trainer = Trainer(
        model, settings, tmp_path / "run", source, objective=ChunkedNextToken(), show_progress=False
    )
    with pytest.raises(InvalidArgumentError, match=r"needs the whole head: set training.parallel to ddp"):
        trainer.train()
    dist.destroy_process_group()
