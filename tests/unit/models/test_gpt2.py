"""GPT-2: what a caller sees of the model itself. Equality with transformers is in tests/conformance."""

from __future__ import annotations

import math

import pytest
import torch

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models import GPT2Config, GPT2LMHeadModel, KeyValueCache


def tiny(**settings: object) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    shape = {"vocab_size": 61, "n_positions": 24, "n_embd": 16, "n_layer": 2, "n_head": 4} | settings
    return GPT2LMHeadModel(GPT2Config(**shape)).eval()


IDS = torch.randint(0, 61, (3, 20), generator=torch.Generator().manual_seed(1))


def test_a_later_token_does_not_change_earlier_logits() -> None:
    model = tiny()
    changed = IDS.clone()
    changed[:, 12:] = 0
    torch.testing.assert_close(model(IDS).logits[:, :12], model(changed).logits[:, :12])


def test_loss_is_the_mean_over_labels_shifted_by_one() -> None:
    model = tiny()
    output = model(IDS, labels=IDS)
    logprobs = output.logits[:, :-1].log_softmax(-1).gather(2, IDS[:, 1:, None])
    assert output.loss.item() == pytest.approx(-logprobs.mean().item(), rel=1e-5)


def test_labels_of_minus_100_do_not_count() -> None:
    model = tiny()
    labels = IDS.clone()
    labels[:, 5:] = -100
    assert model(IDS, labels=labels).loss.item() == pytest.approx(
        model(IDS[:, :5], labels=IDS[:, :5]).loss.item(), rel=1e-5
    )


def test_shift_labels_are_taken_as_they_are() -> None:
    model = tiny()
    expected = model(IDS, labels=IDS).loss
    torch.testing.assert_close(model(IDS[:, :-1], shift_labels=IDS[:, 1:]).loss, expected)


def test_half_precision_weights_give_a_float32_loss() -> None:
    assert tiny().to(torch.bfloat16)(IDS, labels=IDS).loss.dtype == torch.float32


@pytest.mark.parametrize("sizes", [[20], [1] * 20, [7, 1, 1, 11], [19, 1]])
@torch.no_grad()
def test_cache_gives_the_logits_of_one_pass(sizes: list[int]) -> None:
    model = tiny()
    cache = KeyValueCache(model.config, capacity=1)
    parts = [model(part, cache=cache).logits for part in IDS.split(sizes, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(IDS).logits, atol=1e-5, rtol=1e-4)
    assert cache.length == 20
    assert cache.capacity == 24


@torch.no_grad()
def test_rows_of_the_cache_can_be_selected() -> None:
    model = tiny()
    cache = KeyValueCache(model.config)
    model(IDS[:, :10], cache=cache)
    rows = torch.tensor([2, 0, 2])
    cache.select(rows)
    after = model(IDS[rows, 10:], cache=cache).logits
    torch.testing.assert_close(after, model(IDS[rows]).logits[:, 10:], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("padding", [1, 7])
@torch.no_grad()
def test_padding_on_the_left_changes_nothing(padding: int) -> None:
    model = tiny()
    padded = torch.cat([torch.full((3, padding), 9), IDS[:, : 20 - padding]], dim=1)
    mask = torch.ones_like(padded)
    mask[:, :padding] = 0
    logits = model(padded, attention_mask=mask).logits
    assert not logits.isnan().any()
    torch.testing.assert_close(
        logits[:, padding:], model(IDS[:, : 20 - padding]).logits, atol=1e-5, rtol=1e-4
    )


def test_logits_to_keep_are_the_last() -> None:
    model = tiny()
    torch.testing.assert_close(model(IDS, logits_to_keep=2).logits, model(IDS).logits[:, -2:])


def test_more_tokens_than_positions_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"25 tokens, at most 24 \(n_positions\)"):
        tiny()(torch.zeros(1, 25, dtype=torch.long))
    model, cache = tiny(), KeyValueCache(tiny().config)
    model(torch.zeros(1, 24, dtype=torch.long), cache=cache)
    with pytest.raises(InvalidArgumentError, match="25 tokens"):
        model(torch.zeros(1, 1, dtype=torch.long), cache=cache)


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"attention_mask has shape \[3, 4\], expected \[3, 20\]"):
        tiny()(IDS, attention_mask=torch.ones(3, 4))


def test_weights_start_as_gpt2_starts() -> None:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=500, n_positions=64, n_embd=128, n_layer=3, n_head=2))
    for name, weight in model.named_parameters():
        if name.endswith("c_proj.weight"):
            assert weight.std().item() == pytest.approx(0.02 / math.sqrt(6), rel=0.05), name
        elif weight.dim() == 2:
            assert weight.std().item() == pytest.approx(0.02, rel=0.05), name
        else:
            assert weight.unique().tolist() == [1.0 if "ln_" in name and "weight" in name else 0.0], name


def test_a_shared_head_is_counted_once() -> None:
    shared, apart = tiny(), tiny(tie_word_embeddings=False)
    assert apart.num_parameters() - shared.num_parameters() == 61 * 16
    shared.transformer.wte.weight.requires_grad_(False)
    assert shared.num_parameters() - shared.num_parameters(trainable=True) == 61 * 16


def test_a_training_step_lowers_the_loss_and_reaches_every_weight() -> None:
    model = tiny().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(10):
        loss = model(IDS, labels=IDS).loss
        loss.backward()
        assert all(
            p.grad is not None and p.grad.abs().sum() > 0
            for n, p in model.named_parameters()
            if "c_attn.bias" not in n
        )
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.3


def test_dropout_acts_in_training_alone() -> None:
    model = tiny(resid_pdrop=0.5, embd_pdrop=0.5, attn_pdrop=0.5)
    torch.testing.assert_close(model(IDS).logits, model(IDS).logits)
    model.train()
    assert (model(IDS).logits - model(IDS).logits).abs().max() > 1e-3
