"""What the loop does beside stepping: averages, early ends, rollbacks, precision, memory, and what it reports."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ferrolm.data import ExampleBatches, TokenFile, TokenFileWriter
from ferrolm.errors import InvalidArgumentError, MissingFileError
from ferrolm.models import GPT2Config, GPT2LMHeadModel, load_causal_lm
from ferrolm.training import (
    DivergedError,
    ModelLoss,
    NextToken,
    OutOfMemoryError,
    RunConfig,
    Trainer,
    TrainingConfig,
    build_optimizer,
    checkpoint_activations,
    evaluate,
    plot_runs,
    pretrain,
)
from ferrolm.training.step import OptimizerStep

PATTERN = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
SHAPE = {"vocab_size": 16, "n_positions": 16, "n_embd": 16, "n_layer": 2, "n_head": 2}
NO_DROPOUT = dict.fromkeys(("embd_pdrop", "resid_pdrop", "attn_pdrop"), 0.0)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    path = tmp_path / "train.tokens"
    with TokenFileWriter(path, vocab_size=16) as writer:
        writer.add(np.tile(PATTERN, 60), text_bytes=1440)
    return TokenFile(path)


def config(**training: Any) -> RunConfig:
    settings = {
        "steps": 12, "batch_size": 4, "warmup_steps": 2, "learning_rate": 0.01, "precision": "float32", "device": "cpu",
        "evaluation_interval": 0, "checkpoint_interval": 4, "log_interval": 1, "threads": 1, "plot": "off",
    }  # fmt: skip
    return RunConfig.from_dict({"data": {"block_size": 16}, "training": {**settings, **training}})


def small(**changes: Any) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(**{**SHAPE, **NO_DROPOUT, **changes}))


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


class Scripted:
    """An evaluation with given values, one after the other."""

    metric, higher_is_better = "score", True

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)

    def __call__(self, model: Any, precision: str = "float32") -> Mapping[str, float]:
        return {"score": self.scores.pop(0) if self.scores else 0.0}


def test_micro_batches_count_as_much_as_they_have_targets() -> None:
    """Rows of unequal length, accumulated, give the gradient of one padded batch of all rows."""
    rows = [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2], [5, 6, 7], [9, 1, 2, 3, 4]]

    def batch(part: list[list[int]]) -> dict[str, Any]:
        width = max(map(len, part))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in part])
        labels = torch.tensor([row + [-100] * (width - len(row)) for row in part])
        return {"input_ids": ids, "attention_mask": (labels >= 0).long(), "labels": labels}

    class Shifted:
        def targets(self, batch: Any) -> int:
            return int((batch["labels"][:, 1:] != -100).sum())

        def loss(self, model: Any, batch: Any) -> Any:
            return model(**batch).loss

    norms = []
    for parts in ([rows], [rows[:1], rows[1:2], rows[2:]], [rows[:2], rows[2:]]):
        model, settings = small(), config(gradient_clip=0.0).training
        step = OptimizerStep(model, model, Shifted(), build_optimizer(model, settings), settings, "float32")
        result = step([batch(part) for part in parts], 0.0)
        norms.append((float(result.loss), float(result.gradient_norm)))
    np.testing.assert_allclose(norms[1:], norms[:1] * 2, rtol=1e-5)


def test_epochs_are_counted_in_steps(tokens: TokenFile, tmp_path: Path) -> None:
    def collate(rows: list[list[int]], random: np.random.Generator) -> dict[str, Any]:
        return {"blocks": torch.tensor(rows)}

    batches = ExampleBatches([[1, 2, 3]] * 10, collate, batch_size=4)
    trainer = Trainer(
        small(),
        config(epochs=2.0, accumulation=2),
        tmp_path,
        batches,
        objective=NextToken(),
        show_progress=False,
    )
    assert trainer.train().step == 3, "20 rows in steps of 8"
    assert lines(tmp_path)[-1]["epoch"] == pytest.approx(2.4)


def test_it_stops_when_nothing_gets_better_and_keeps_the_best(tokens: TokenFile, tmp_path: Path) -> None:
    settings = config(evaluation_interval=2, early_stopping=2, steps=40, checkpoint_interval=0)
    model = small()
    trainer = Trainer(model, settings, tmp_path, tokens, Scripted(0.1, 0.9, 0.5, 0.4), show_progress=False)
    result = trainer.train()
    assert (result.step, result.best_step, result.stopped) == (8, 4, "early")
    assert result.finished
    again = Trainer(small(), settings, tmp_path, tokens, Scripted(), show_progress=False)
    assert again.train(resume=True).step == 8, "a run that ended so does not go on"
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept[0] == "step-000004"
    reference = small()
    from ferrolm.training.checkpoint import load_weights

    load_weights(tmp_path / "checkpoints/step-000004", reference)
    for one, best in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.equal(one, best)


def test_a_callback_ends_the_run(tokens: TokenFile, tmp_path: Path) -> None:
    seen: list[int] = []

    def on_evaluation(step: int, metrics: Mapping[str, float]) -> bool:
        seen.append(step)
        return step >= 6

    trainer = Trainer(
        small(),
        config(evaluation_interval=3),
        tmp_path,
        tokens,
        tokens,
        on_evaluation=on_evaluation,
        show_progress=False,
    )
    result = trainer.train()
    assert (result.step, result.stopped, seen) == (6, "callback", [3, 6])


def test_the_average_is_evaluated_and_is_the_final_model(tokens: TokenFile, tmp_path: Path) -> None:
    model, plain = small(), small()
    result = Trainer(
        model, config(ema=0.9), tmp_path / "average", tokens, tokens, show_progress=False
    ).train()
    Trainer(plain, config(), tmp_path / "plain", tokens, tokens, show_progress=False).train()
    assert not torch.equal(plain.lm_head.weight, model.lm_head.weight)
    found = evaluate(model, tokens, block_size=16)
    assert result.metrics["validation_loss"] == pytest.approx(found.loss, rel=1e-6)


class Poisoned:
    """Batches of which one, by its number, has a huge loss."""

    fingerprint = "poisoned"

    def __init__(self, bad: set[int]) -> None:
        self.bad = bad
        self.asked: list[int] = []

    def batch(self, index: int) -> dict[str, Any]:
        self.asked.append(index)
        ids = torch.tensor([(PATTERN * 2)[:17]] * 4)
        return {"blocks": ids, "scale": torch.tensor(float("nan") if index in self.bad else 1.0)}

    def epoch(self, index: int) -> float:
        return index / 100


class Scaled(NextToken):
    def loss(self, model: Any, batch: Any) -> Any:
        return super().loss(model, batch) * batch["scale"]


def test_a_loss_that_is_no_number_goes_back_and_past_the_data(tmp_path: Path) -> None:
    source = Poisoned({5})
    trainer = Trainer(
        small(), config(log_interval=3), tmp_path, source, objective=Scaled(), show_progress=False
    )
    result = trainer.train()
    assert result.step == 12
    # Batch 5 is met in step 5, the loss is looked at after step 6; back to step 4, and on from batch 6.
    assert source.asked == [0, 1, 2, 3, 4, 5, *range(6, 14)]
    written = lines(tmp_path)
    assert [line["step"] for line in written if "loss" in line] == [3, 6, 9, 12]
    (event,) = [line for line in written if "rollback" in line]
    assert (event["step"], event["steps_lost"]) == (4, 2)
    assert event["rollback"] == "the loss is nan at step 6"
    assert all(torch.isfinite(p).all() for p in trainer.model.parameters())


def test_going_back_has_an_end(tmp_path: Path) -> None:
    source = Poisoned(set(range(5, 200)))
    trainer = Trainer(small(), config(), tmp_path, source, objective=Scaled(), show_progress=False)
    with pytest.raises(
        DivergedError, match=r"the loss is nan at step 5 after going back 3 times: lower training\.l"
    ):
        trainer.train()
    assert (tmp_path / "checkpoints/step-000004").is_dir(), "the last good checkpoint is still there"


def test_a_spike_goes_back_too(tmp_path: Path) -> None:
    class Spike(Poisoned):
        def batch(self, index: int) -> dict[str, Any]:
            scale = 50.0 if index == 60 else 1.0
            return {**super().batch(index), "scale": torch.tensor(scale)}

    settings = config(steps=70, spike_deviations=8.0, checkpoint_interval=20, learning_rate=1e-5)
    trainer = Trainer(small(), settings, tmp_path, Spike(set()), objective=Scaled(), show_progress=False)
    assert trainer.train().step == 70
    (event,) = [line for line in lines(tmp_path) if "rollback" in line]
    assert event["rollback"].startswith("the loss jumped from")
    assert event["step"] == 60


def test_memory_that_runs_out_says_what_to_do_and_loses_nothing(tokens: TokenFile, tmp_path: Path) -> None:
    class Greedy(NextToken):
        left = 3

        def loss(self, model: Any, batch: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().loss(model, batch)

    trainer = Trainer(small(), config(), tmp_path, tokens, objective=Greedy(), show_progress=False)
    with pytest.raises(OutOfMemoryError, match=r"'blocks': \[4, 17\].*halve training.batch_size and double"):
        trainer.train()
    again = Trainer(small(), config(), tmp_path, tokens, show_progress=False)
    assert again.train(resume=True).step == 12
    whole = small()
    Trainer(whole, config(), tmp_path / "whole", tokens, show_progress=False).train()
    assert torch.equal(again.model.lm_head.weight, whole.lm_head.weight)


@pytest.mark.parametrize("make", ["gpt2", "bert", "transformer"])
def test_activations_computed_again_give_the_same_gradients(make: str) -> None:
    from ferrolm.models import BertConfig, BertForSequenceClassification, Transformer, TransformerConfig

    def build() -> Any:
        torch.manual_seed(1)
        if make == "gpt2":
            return small(resid_pdrop=0.2), {
                "input_ids": torch.arange(8)[None],
                "labels": torch.arange(8)[None],
            }
        ids = torch.tensor([[1, 2, 3, 4]])
        if make == "bert":
            shape = {"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
            model = BertForSequenceClassification(BertConfig(**shape, intermediate_size=16))
            return model, {"input_ids": ids, "labels": torch.tensor([1])}
        shape = {
            "vocab_size": 9,
            "d_model": 8,
            "num_heads": 2,
            "d_ff": 16,
            "num_encoder_layers": 2,
            "num_decoder_layers": 2,
        }
        known = TransformerConfig.__dataclass_fields__
        model = Transformer(TransformerConfig(**{key: value for key, value in shape.items() if key in known}))
        return model, {"input_ids": ids, "labels": ids}

    gradients = []
    for again in (False, True):
        model, batch = build()
        if again:
            assert checkpoint_activations(model) >= 2
        torch.manual_seed(5)
        model.train()(**batch).loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name])


def test_training_in_sixteen_bits_learns_as_well(tokens: TokenFile, tmp_path: Path) -> None:
    losses = {}
    for precision in ("float32", "bfloat16", "float16"):
        settings = config(steps=90, precision=precision, learning_rate=0.02)
        trainer = Trainer(small(), settings, tmp_path / precision, tokens, tokens, show_progress=False)
        losses[precision] = trainer.train().metrics["validation_loss"]
        assert all(p.dtype == torch.float32 for p in trainer.model.parameters())
    assert max(losses.values()) < 0.75 < math.log(16)
    assert max(losses.values()) - min(losses.values()) < 0.2


class Stopped(Trainer):
    """Sends itself the signal that a cluster would, in its seventh step."""

    def _step(self, step: int) -> Any:
        if step == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return super()._step(step)


@pytest.mark.parametrize(
    "setting", [{"optimizer": "muon"}, {"ema": 0.5}, {"precision": "float16"}, {"l1": 1e-4}]
)
def test_every_kind_of_run_resumes_to_the_bit(
    tokens: TokenFile, tmp_path: Path, setting: dict[str, Any]
) -> None:
    settings = config(**setting, accumulation=2)
    whole, broken = small(), small()
    Trainer(whole, settings, tmp_path / "whole", tokens, show_progress=False).train()
    first = Stopped(small(), settings, tmp_path / "broken", tokens, show_progress=False)
    assert first.train().step == 7
    Trainer(broken, settings, tmp_path / "broken", tokens, show_progress=False).train(resume=True)
    for one, other in zip(whole.parameters(), broken.parameters(), strict=True):
        assert torch.equal(one, other)


def test_samples_are_written_on_the_way(tmp_path: Path) -> None:
    from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers

    words = {
        word: number
        for number, word in enumerate(
            ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"]
        )
    }
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with TokenFileWriter(tmp_path / "train.tokens", vocab_size=16) as writer:
        writer.add(np.tile(PATTERN, 60), text_bytes=1440)
    run = config(sample_interval=5, sample_prompt="d b", sample_tokens=6)
    data = {
        "train": str(tmp_path / "train.tokens"),
        "tokenizer": str(tmp_path / "tokenizer.json"),
        "block_size": 16,
    }
    whole = RunConfig.from_dict(
        {"model": {**SHAPE, **NO_DROPOUT}, "data": data, "training": dataclasses.asdict(run.training)}
    )
    pretrain(whole, tmp_path / "run", show_progress=False)
    samples = [json.loads(line) for line in (tmp_path / "run/samples.jsonl").read_text().splitlines()]
    assert [sample["step"] for sample in samples] == [5, 10]
    assert all(sample["text"].startswith("d b ") and len(sample["text"].split()) == 8 for sample in samples)
    silent = dataclasses.replace(whole, training=dataclasses.replace(whole.training, sample_interval=0))
    pretrain(silent, tmp_path / "silent", show_progress=False)
    one, other = (load_causal_lm(tmp_path / name / "final") for name in ("run", "silent"))
    assert torch.equal(one.lm_head.weight, other.lm_head.weight), "samples change nothing"
    without = dataclasses.replace(whole, data=dataclasses.replace(whole.data, tokenizer=""))
    with pytest.raises(InvalidArgumentError, match=r"sample_interval needs data\.tokenizer"):
        pretrain(without, tmp_path / "without", show_progress=False)


def test_runs_are_drawn(tokens: TokenFile, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    trainer = Trainer(small(), config(plot="svg"), tmp_path / "run", tokens, tokens, show_progress=False)
    trainer.train()
    drawing = (tmp_path / "run/metrics.svg").read_text()
    assert drawing.startswith("<?xml")
    assert "validation_loss" in drawing or "validation loss" in drawing or len(drawing) > 10_000
    assert plot_runs([tmp_path / "run"], tmp_path / "again.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(MissingFileError, match=r"has no metrics\.jsonl: it is not the folder of a run"):
        plot_runs([tmp_path], tmp_path / "none.svg")


def test_tensorboard_has_the_metrics(tokens: TokenFile, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    Trainer(small(), config(tensorboard=True), tmp_path, tokens, tokens, show_progress=False).train()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    logged = [event.value for event in events.Scalars("loss")]
    np.testing.assert_allclose(
        logged, [line["loss"] for line in lines(tmp_path) if "loss" in line], rtol=1e-6
    )
    assert "validation_loss" in events.Tags()["scalars"]


def test_a_token_file_needs_a_block_size(tokens: TokenFile, tmp_path: Path) -> None:
    from ferrolm.training import FinetuningConfig

    with pytest.raises(InvalidArgumentError, match=r"a token file needs the data\.block_size"):
        Trainer(small(), FinetuningConfig(), tmp_path, tokens)


def test_settings_have_a_range() -> None:
    for name, value in (("ema", 1.0), ("warmup_fraction", 1.5), ("decay_fraction", 0.0)):
        with pytest.raises(InvalidArgumentError, match=name):
            TrainingConfig(**{name: value})


def test_a_compiled_model_learns_the_same(tokens: TokenFile, tmp_path: Path) -> None:
    losses = []
    for compiled in (False, True):
        settings = config(steps=3, compile=compiled)
        trainer = Trainer(
            small(n_layer=1), settings, tmp_path / str(compiled), tokens, tokens, show_progress=False
        )
        losses.append(trainer.train().metrics["validation_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_sequences_of_a_crf_are_counted_by_row() -> None:
    batch = {"labels": torch.tensor([[1, 2, -100], [0, -100, -100]])}
    assert ModelLoss().targets(batch) == 3
    assert ModelLoss(per_row=True).targets(batch) == 2


def test_a_best_checkpoint_that_is_gone_is_said(tokens: TokenFile, tmp_path: Path) -> None:
    settings = config(steps=8, evaluation_interval=4, final_model="best", checkpoint_interval=0)
    model = small()

    class Gone(Scripted):
        def __call__(self, model: Any, precision: str = "float32") -> Mapping[str, float]:
            shutil.rmtree(tmp_path / "checkpoints", ignore_errors=True)
            return super().__call__(model, precision)

    trainer = Trainer(model, settings, tmp_path, tokens, Gone(0.9, 0.1), show_progress=False)
    with pytest.warns(UserWarning, match=r"step-000004 is not there: the final model has the last weights"):
        assert trainer.train().step == 8
