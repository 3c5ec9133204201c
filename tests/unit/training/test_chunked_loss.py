"""Cross-entropy a chunk of logits at a time: the plain one's value and gradients, without its memory."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    RecurrentConfig,
    RecurrentLM,
)
from ferrolm.training import ChunkedNextToken, ModelLoss, NextToken, chunked_cross_entropy, next_token_loss


def inputs(rows: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(rows)
    hidden = torch.randn(2, rows, 24, generator=generator).to(dtype)
    weight = (torch.randn(50, 24, generator=generator) * 0.5).to(dtype)
    bias = torch.randn(50, generator=generator).to(dtype)
    return hidden, weight, bias, torch.randint(50, (2, rows), generator=generator)


def plain(hidden, weight, targets, bias, label_smoothing=0.0, softcap=None):
    logits = (hidden @ weight.t()).float()
    logits = logits if bias is None else logits + bias.float()
    logits = logits if softcap is None else softcap * torch.tanh(logits / softcap)
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), label_smoothing=label_smoothing)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.1}, {"softcap": 3.0}, {"label_smoothing": 0.3, "softcap": 5.0}]
)
@pytest.mark.parametrize("biased", [False, True])
def test_value_and_gradients_are_the_plain_ones(dtype, ignored: bool, options: dict, biased: bool) -> None:
    hidden, weight, bias, targets = inputs(23, dtype)
    if ignored:
        targets[:, ::3] = -100
    found = []
    for loss_of in (plain, chunked_cross_entropy):
        leaves = [each.clone().requires_grad_() for each in (hidden, weight, bias)]
        chunk = {"chunk": 7} if loss_of is chunked_cross_entropy else {}
        loss = loss_of(leaves[0], leaves[1], targets, leaves[2] if biased else None, **options, **chunk)
        assert loss.dtype == torch.float32
        (loss * 3).backward()
        found.append((loss, [each.grad for each in leaves if each.grad is not None]))
    (expected, wanted), (loss, gradients) = found
    exact = dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=1e-6 if exact else 1e-5, atol=0)
    assert len(gradients) == len(wanted) == 2 + biased
    for gradient, each in zip(gradients, wanted, strict=True):
        assert gradient.dtype == dtype
        limit = 1e-5 if exact else 2e-2
        torch.testing.assert_close(gradient, each, rtol=limit, atol=limit * float(each.abs().max()))


@pytest.mark.parametrize("chunk", [1, 45, 46, 47, None])
def test_the_chunk_changes_nothing(chunk: int | None) -> None:
    hidden, weight, _, targets = inputs(23)
    torch.testing.assert_close(
        chunked_cross_entropy(hidden, weight, targets, chunk=chunk), plain(hidden, weight, targets, None)
    )


def test_only_what_needs_a_gradient_gets_one() -> None:
    hidden, weight, bias, targets = inputs(5)
    hidden.requires_grad_()
    chunked_cross_entropy(hidden, weight, targets, bias).backward()
    assert hidden.grad is not None
    assert weight.grad is None
    assert not chunked_cross_entropy(hidden.detach(), weight, targets).requires_grad


def test_autocast_multiplies_in_its_type_and_leaves_gradients_in_theirs() -> None:
    hidden, weight, _, targets = inputs(9)
    leaves = [each.clone().requires_grad_() for each in (hidden, weight)]
    with torch.autocast("cpu", torch.bfloat16):
        loss = chunked_cross_entropy(*leaves, targets, chunk=4)
        expected = plain(hidden, weight, targets, None)
    loss.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=0)
    assert {each.grad.dtype for each in leaves} == {torch.float32}


def test_gradients_in_half_precision_do_not_vanish_before_they_are_scaled() -> None:
    hidden, weight, _, targets = inputs(4000, torch.float16)
    leaves = [each.clone().requires_grad_() for each in (hidden, weight)]
    exact = [each.float().requires_grad_() for each in (hidden, weight)]
    (chunked_cross_entropy(*leaves, targets, chunk=500) * 65536).backward()
    (plain(*exact, targets, None) * 65536).backward()
    for ours, wanted in zip(leaves, exact, strict=True):
        torch.testing.assert_close(
            ours.grad.float(), wanted.grad, rtol=2e-2, atol=2e-2 * float(wanted.grad.abs().max())
        )


def test_nothing_to_score_is_no_number() -> None:
    hidden, weight, _, targets = inputs(3)
    targets[:] = -100
    assert chunked_cross_entropy(hidden.requires_grad_(), weight, targets).isnan()
    assert next_token_loss((hidden @ weight.t()).detach().requires_grad_(), targets).isnan()


def test_the_peak_of_memory_is_that_of_a_chunk() -> None:
    hidden, weight, _, targets = (
        torch.randn(2048, 8),
        torch.randn(20_000, 8),
        None,
        torch.randint(99, (2048,)),
    )
    peaks = []
    for loss_of in (
        lambda h, w: plain(h, w, targets, None),
        lambda h, w: chunked_cross_entropy(h, w, targets, chunk=64),
    ):
        h, w = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        with torch.profiler.profile(profile_memory=True) as profile:
            loss_of(h, w).backward()
        sizes, now, peak = [event.self_cpu_memory_usage for event in profile.events()], 0, 0
        for size in sizes:
            now += size
            peak = max(peak, now)
        peaks.append(peak)
    logits = 4 * 2048 * 20_000
    assert peaks[0] > 2 * logits
    assert peaks[1] < logits / 4


def test_shapes_and_settings_that_do_not_fit() -> None:
    hidden, weight, bias, targets = inputs(3)
    with pytest.raises(ShapeError, match=r"hidden \[2, 3, 24\] does not fit targets \[2, 2\]"):
        chunked_cross_entropy(hidden, weight, targets[:, :2])
    with pytest.raises(ShapeError, match=r"weight \[50, 23\] does not fit hidden"):
        chunked_cross_entropy(hidden, weight[:, 1:], targets)
    with pytest.raises(ShapeError, match=r"and bias \[49\] does not fit"):
        chunked_cross_entropy(hidden, weight, targets, bias[1:])
    with pytest.raises(InvalidArgumentError, match="label_smoothing is 1"):
        chunked_cross_entropy(hidden, weight, targets, label_smoothing=1.0)
    with pytest.raises(InvalidArgumentError, match="chunk must be positive, not 0"):
        chunked_cross_entropy(hidden, weight, targets, chunk=0)


@pytest.mark.parametrize("ignored", [0, 100, 256, 300])
def test_next_token_loss_leaves_out_what_is_ignored(ignored: int) -> None:
    generator = torch.Generator().manual_seed(ignored)
    logits, targets = (
        torch.randn(1, 301, 40, generator=generator),
        torch.randint(40, (1, 301), generator=generator),
    )
    targets[0, torch.randperm(301, generator=generator)[:ignored]] = 7
    ours, plain_logits = (logits.clone().requires_grad_() for _ in range(2))
    expected = F.cross_entropy(plain_logits.flatten(0, 1), targets.flatten(), ignore_index=7)
    loss = next_token_loss(ours, targets, ignore_index=7)
    torch.testing.assert_close(loss, expected)
    expected.backward()
    loss.backward()
    torch.testing.assert_close(ours.grad, plain_logits.grad)


def small_models() -> list[torch.nn.Module]:
    return [
        GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=8, n_layer=1, n_head=2)),
        LlamaForCausalLM(
            LlamaConfig(
                vocab_size=50,
                hidden_size=16,
                intermediate_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
            )
        ),
        RecurrentLM(RecurrentConfig(vocab_size=50, hidden_size=8)),
    ]


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("form", ["blocks", "labels", "shift_labels"])
def test_the_objective_is_the_plain_one_for_every_model(number: int, form: str) -> None:
    torch.manual_seed(0)
    model = small_models()[number].eval()
    ids = torch.randint(50, (3, 12))
    if form == "blocks":
        batch, other = {"blocks": ids}, NextToken()
    else:
        labels = ids.clone()
        labels[0, 4:7] = -100
        batch, other = {"input_ids": ids, form: labels}, ModelLoss(form)
    objective = ChunkedNextToken(chunk=5)
    gradients = []
    for each in (objective, other):
        loss = each.loss(model, batch)
        loss.backward()
        gradients.append([loss, *(parameter.grad.clone() for parameter in model.parameters())])
        model.zero_grad()
    for ours, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-7)
    scored = {"blocks": 33, "labels": 30, "shift_labels": 33}[form]
    assert objective.targets(batch) == scored


def test_what_the_objective_cannot_use_is_named() -> None:
    model = small_models()[0]
    with pytest.raises(
        InvalidArgumentError, match="a batch has input_ids, expected blocks, labels or shift_labels"
    ):
        ChunkedNextToken().targets({"input_ids": torch.zeros(1, 2)})
    model.lm_head = torch.nn.Sequential(model.lm_head)
    with pytest.raises(InvalidArgumentError, match="GPT2LMHeadModel has Sequential as lm_head"):
        ChunkedNextToken().loss(model, {"blocks": torch.zeros(1, 3, dtype=torch.long)})
