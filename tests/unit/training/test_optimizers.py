"""Every optimizer learns, decays what it should, and comes back from its state."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from ferrolm.errors import InvalidArgumentError
from ferrolm.models import GPT2Config, GPT2LMHeadModel
from ferrolm.training import MovingAverage, TrainingConfig, build_optimizer
from ferrolm.training.optimizer import add_penalties, set_learning_rate

OPTIMIZERS = ["adamw", "sgd", "rmsprop", "adafactor", "muon"]
RATES = {"adamw": 1e-2, "sgd": 0.5, "rmsprop": 1e-3, "adafactor": 5e-2, "muon": 2e-2}


def small() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    dropout = dict.fromkeys(("embd_pdrop", "resid_pdrop", "attn_pdrop"), 0.0)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=32, n_positions=16, n_embd=16, n_layer=1, n_head=2, **dropout)
    )


def train(model: GPT2LMHeadModel, optimizer: Any, steps: int) -> list[float]:
    ids = (torch.arange(64).view(4, 16) * 5) % 32
    losses = []
    for _ in range(steps):
        loss = model(ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def settings(name: str, **more: Any) -> TrainingConfig:
    return TrainingConfig(optimizer=name, learning_rate=RATES[name], weight_decay=0.0, **more)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_learns_and_its_state_is_all_it_needs(name: str) -> None:
    model = small()
    optimizer = build_optimizer(model, settings(name))
    losses = train(model, optimizer, 40)
    assert losses[0] == pytest.approx(math.log(32), abs=0.2)
    assert losses[-1] < 1.0
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    state = copy.deepcopy(optimizer.state_dict())
    expected = train(model, optimizer, 3)
    other = small()
    other.load_state_dict(weights)
    again = build_optimizer(other, settings(name))
    again.load_state_dict(state)
    assert train(other, again, 3) == expected


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_matrices_decay_and_vectors_do_not(name: str) -> None:
    model = small()
    before = {key: value.clone() for key, value in model.named_parameters()}
    optimizer = build_optimizer(model, TrainingConfig(optimizer=name, learning_rate=0.1, weight_decay=0.5))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for key, parameter in model.named_parameters():
        if parameter.dim() == 1:
            assert torch.equal(parameter, before[key]), key
        elif name != "rmsprop":  # whose decay goes through its adaptive rate
            assert torch.allclose(parameter, before[key] * 0.95), key


def test_muon_has_the_matrices_between_embeddings_and_head() -> None:
    optimizer = build_optimizer(small(), settings("muon"))
    muon, adamw = optimizer.parts
    shapes = sorted(tuple(p.shape) for group in muon.param_groups for p in group["params"])
    assert shapes == [(16, 16), (16, 48), (16, 64), (64, 16)]
    rest = sorted(tuple(p.shape) for group in adamw.param_groups for p in group["params"] if p.dim() == 2)
    assert rest == [(16, 16), (32, 16)], "positions and tokens"


def test_muon_takes_the_steps_of_torch() -> None:
    from ferrolm.training.muon import Muon

    generator = torch.Generator().manual_seed(0)
    shapes = [(8, 8), (8, 24), (24, 8), (8, 24)]
    start = [torch.randn(shape, generator=generator) for shape in shapes]
    gradients = [[torch.randn(shape, generator=generator) for shape in shapes] for _ in range(3)]
    found = []
    for optimizer_class, extra in ((torch.optim.Muon, {"adjust_lr_fn": "match_rms_adamw"}), (Muon, {})):
        parameters = [torch.nn.Parameter(each.clone()) for each in start]
        optimizer = optimizer_class(parameters, lr=0.02, momentum=0.9, weight_decay=0.1, **extra)
        for step in gradients:
            for parameter, gradient in zip(parameters, step, strict=True):
                parameter.grad = gradient.clone()
            optimizer.step()
        found.append((parameters, optimizer.state_dict()))
    (expected, their_state), (ours, our_state) = found
    for one, other, before in zip(ours, expected, start, strict=True):
        moved = other - before
        assert (one - other).norm() < 0.02 * moved.norm(), "torch works in bfloat16"
    for key, state in their_state["state"].items():
        torch.testing.assert_close(our_state["state"][key]["momentum_buffer"], state["momentum_buffer"])


@pytest.mark.parametrize("shape", [(6, 6), (5, 20), (20, 5), (3, 7, 9)])
def test_orthogonal_matrices_have_singular_values_near_one(shape: tuple[int, ...]) -> None:
    from ferrolm.training.muon import orthogonal

    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    found = orthogonal(matrices)
    assert found.shape == matrices.shape
    values = (left.mT @ found @ right.mT).diagonal(dim1=-2, dim2=-1)
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_muon_has_all_matrices_of_an_encoders_layers() -> None:
    from ferrolm.models import BertConfig, BertForSequenceClassification

    shape = {
        "vocab_size": 32,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
    }
    model = BertForSequenceClassification(BertConfig(**shape))
    muon, adamw = build_optimizer(model, settings("muon")).parts
    shapes = sorted(tuple(p.shape) for group in muon.param_groups for p in group["params"])
    assert shapes == sorted([(16, 16)] * 8 + [(16, 24), (24, 16)] * 2), (
        "query, key, value, output; in and out"
    )
    rest = {tuple(p.shape) for group in adamw.param_groups for p in group["params"] if p.dim() == 2}
    assert {(32, 16), (2, 16)} <= rest, "tokens and classes"


def test_new_parameters_have_their_own_rate() -> None:
    model = small()
    config = TrainingConfig(learning_rate=1e-3, head_learning_rate=1e-2)
    optimizer = build_optimizer(model, config, new=["transformer.ln_f.weight"])
    set_learning_rate(optimizer, 5e-4)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rates[id(model.transformer.ln_f.weight)] == pytest.approx(5e-3)
    assert rates[id(model.transformer.ln_f.bias)] == pytest.approx(5e-4)


def test_penalties_are_the_gradients_of_l1_and_l2() -> None:
    model, twin = small(), small()
    ids = torch.arange(16)[None]
    model(ids, labels=ids).loss.backward()
    add_penalties(model, l1=0.01, l2=0.1)
    loss = twin(ids, labels=ids).loss
    for parameter in twin.parameters():
        if parameter.dim() >= 2:
            loss = loss + 0.01 * parameter.abs().sum() + 0.05 * parameter.square().sum()
    loss.backward()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_the_average_is_that_of_torch() -> None:
    model = small()
    average = MovingAverage(model, decay=0.9)
    reference = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    )
    reference.update_parameters(model)
    optimizer = build_optimizer(model, settings("sgd"))
    for step in range(5):
        train(model, optimizer, 1)
        average.update(step + 1000)
        reference.update_parameters(model)
    now = model.transformer.ln_f.weight.detach().clone()
    with average.applied():
        for one, other in zip(model.parameters(), reference.module.parameters(), strict=True):
            torch.testing.assert_close(one, other)
    assert torch.equal(model.transformer.ln_f.weight, now)


def test_an_unknown_optimizer_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="optimizer must be adamw, sgd"):
        TrainingConfig(optimizer="lion")
