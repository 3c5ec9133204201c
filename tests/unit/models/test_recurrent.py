"""Recurrent language models: what a caller sees of the model, its state and its dropout."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_language_model import tiny_recurrent
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError, InvalidFileError, ShapeError, UnknownNameError
from ferrolm.generation import NgramDraft
from ferrolm.models import RecurrentCache, RecurrentConfig, RecurrentLM, load_causal_lm, quantize

CELLS = ("rnn", "lstm", "gru")
IDS = torch.randint(0, 61, (3, 20), generator=torch.Generator().manual_seed(1))
CLOSE = {"atol": 1e-5, "rtol": 1e-4}


def tiny(cell: str = "lstm", **settings: object) -> RecurrentLM:
    torch.manual_seed(0)
    shape = {"vocab_size": 61, "n_positions": 24, "embedding_size": 12, "hidden_size": 16, "num_layers": 2}
    return RecurrentLM(RecurrentConfig(cell=cell, **{"initializer_range": 1.0, **shape, **settings})).eval()


def sequential(model: RecurrentLM, ids: Tensor) -> Tensor:
    """The logits by the equations of the cells, a token at a time."""
    config, decoder = model.config, model.model
    states = [torch.zeros(2, len(ids), outer) for _, outer in config.layer_sizes]
    logits = []
    for token in ids.T:
        x = decoder.embed_tokens(token)
        for place, layer in enumerate(decoder.layers):
            hidden, memory = states[place]
            inner = x @ layer.weight_ih_l0.T + layer.bias_ih_l0
            outer = hidden @ layer.weight_hh_l0.T + layer.bias_hh_l0
            if config.cell == "rnn":
                hidden = torch.tanh(inner + outer)
            elif config.cell == "lstm":
                take, forget, value, give = (inner + outer).chunk(4, dim=-1)
                memory = forget.sigmoid() * memory + take.sigmoid() * value.tanh()
                hidden = give.sigmoid() * memory.tanh()
            else:
                (reset, update, value), (reset_, update_, value_) = inner.chunk(3, -1), outer.chunk(3, -1)
                update = (update + update_).sigmoid()
                value = (value + (reset + reset_).sigmoid() * value_).tanh()
                hidden = (1 - update) * value + update * hidden
            x, states[place] = hidden, torch.stack([hidden, memory])
        logits.append(x @ model.lm_head.weight.T + model.lm_head.bias)
    return torch.stack(logits, dim=1)


@pytest.mark.parametrize("cell", CELLS)
@torch.no_grad()
def test_the_logits_are_those_of_the_equations(cell: str) -> None:
    for settings in ({}, {"tie_word_embeddings": False}, {"num_layers": 1}):
        model = tiny(cell, **settings)
        torch.testing.assert_close(model(IDS).logits, sequential(model, IDS), **CLOSE)


@pytest.mark.parametrize("cell", CELLS)
@torch.no_grad()
def test_layers_are_those_of_one_torch_module(cell: str) -> None:
    model = tiny(cell, embedding_size=16, num_layers=3)
    whole = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](16, 16, 3, batch_first=True)
    for place, layer in enumerate(model.model.layers):
        for name, value in layer.named_parameters():
            getattr(whole, name.replace("l0", f"l{place}")).copy_(value)
    expected, _ = whole(model.model.embed_tokens(IDS))
    torch.testing.assert_close(model.model(IDS), expected, **CLOSE)


@pytest.mark.parametrize("sizes", [[20], [1] * 20, [7, 1, 1, 11], [19, 1]])
@pytest.mark.parametrize("cell", CELLS)
@torch.no_grad()
def test_the_state_carries_over_blocks(cell: str, sizes: list[int]) -> None:
    model = tiny(cell)
    cache = model.new_cache()
    assert isinstance(cache, RecurrentCache)
    parts = [model(part, cache=cache).logits for part in IDS.split(sizes, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(IDS).logits, **CLOSE)
    assert cache.length == 20


@torch.no_grad()
def test_a_text_longer_than_a_call_may_be_goes_through_the_cache() -> None:
    short, long = tiny(n_positions=5), tiny()
    with pytest.raises(InvalidArgumentError, match=r"20 tokens, at most 5 \(n_positions\) fit one call"):
        short(IDS)
    cache = short.new_cache()
    parts = [short(part, cache=cache).logits for part in IDS.split(5, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), long(IDS).logits, **CLOSE)


def test_blocks_with_a_cache_are_truncated_back_propagation() -> None:
    model = tiny().train()
    first, second = IDS.split(10, dim=1)

    def gradients(first_learns: bool) -> list[Tensor]:
        model.zero_grad()
        cache = model.new_cache()
        with torch.set_grad_enabled(first_learns):
            loss = model(first, labels=first, cache=cache).loss
        if first_learns:
            loss.backward()
            model.zero_grad()
        model(second, labels=second, cache=cache).loss.backward()
        return [parameter.grad for parameter in model.parameters()]

    # The state is data to the second block, whether or not the first one learned.
    for mine, theirs in zip(gradients(True), gradients(False), strict=True):
        torch.testing.assert_close(mine, theirs)
        assert mine.abs().sum() > 0


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("padding", [1, 7])
@torch.no_grad()
def test_padding_on_the_left_changes_nothing(cell: str, padding: int) -> None:
    model = tiny(cell)
    padded = torch.cat([torch.full((3, padding), 9), IDS[:, : 20 - padding]], dim=1)
    padded[0] = IDS[0]  # a row without padding beside them
    mask = torch.ones_like(padded)
    mask[1:, :padding] = 0
    logits = model(padded, attention_mask=mask).logits
    torch.testing.assert_close(logits[1:, padding:], model(IDS[1:, : 20 - padding]).logits, **CLOSE)
    torch.testing.assert_close(logits[0], model(IDS[:1]).logits[0], **CLOSE)
    cache = model.new_cache()
    parts = []
    for start in range(0, 20, 4):  # among them calls in which some rows have padding alone
        part = padded[:, start : start + 4]
        parts.append(model(part, attention_mask=mask[:, : start + 4], cache=cache).logits)
    torch.testing.assert_close(torch.cat(parts, 1)[1:, padding:], logits[1:, padding:], **CLOSE)
    torch.testing.assert_close(torch.cat(parts, 1)[0], logits[0], **CLOSE)


@torch.no_grad()
def test_padding_within_a_row_is_not_read() -> None:
    model = tiny()
    mask = torch.ones_like(IDS)
    mask[:, 4:9] = 0
    kept = torch.cat([IDS[:, :4], IDS[:, 9:]], dim=1)
    logits = model(IDS, attention_mask=mask).logits
    torch.testing.assert_close(logits[:, 9:], model(kept).logits[:, 4:], **CLOSE)


@torch.no_grad()
def test_rows_of_the_state_can_be_selected() -> None:
    model = tiny()
    cache = model.new_cache()
    model(IDS[:, :10], cache=cache)
    rows = torch.tensor([2, 0, 2])
    cache.select(rows)
    after = model(IDS[rows, 10:], cache=cache).logits
    torch.testing.assert_close(after, model(IDS[rows]).logits[:, 10:], **CLOSE)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("length", [8, 9, 13, 14, 0])
@torch.no_grad()
def test_the_last_call_can_be_taken_back(cell: str, length: int) -> None:
    model = tiny(cell)
    cache = model.new_cache()
    for part in IDS[:, :14].split(8, dim=1):
        model(part, cache=cache)
    cache.truncate(length)
    assert cache.length == length
    rows = torch.tensor([1, 2])
    cache.select(rows)
    other = IDS.flip(1)[rows, :4]
    logits = model(other, cache=cache).logits
    expected = model(torch.cat([IDS[rows, :length], other], dim=1)).logits[:, length:]
    torch.testing.assert_close(logits, expected, **CLOSE)
    assert cache.length == length + 4


def test_an_earlier_call_cannot_be_taken_back() -> None:
    model = tiny()
    cache = model.new_cache()
    model(IDS[:, :8], cache=cache)
    model(IDS[:, 8:10], cache=cache)
    with pytest.raises(InvalidArgumentError, match="length is 5, expected 0 or 8 to 10"):
        cache.truncate(5)
    cache.truncate(9)
    cache.truncate(8)
    with pytest.raises(InvalidArgumentError, match="length is 7"):
        cache.truncate(7)
    cache.truncate(100)
    assert cache.length == 8


def test_labels_masks_and_kept_logits_are_those_of_the_other_models() -> None:
    model = tiny()
    whole = model(IDS, labels=IDS)
    logprobs = whole.logits[:, :-1].log_softmax(-1).gather(2, IDS[:, 1:, None])
    assert whole.loss.item() == pytest.approx(-logprobs.mean().item(), rel=1e-5)
    torch.testing.assert_close(model(IDS[:, :-1], shift_labels=IDS[:, 1:]).loss, whole.loss)
    torch.testing.assert_close(model(IDS, logits_to_keep=2).logits, whole.logits[:, -2:])
    with pytest.raises(ShapeError, match=r"attention_mask has shape \[3, 4\], expected \[3, 20\]"):
        model(IDS, attention_mask=torch.ones(3, 4))


@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_generates_what_each_prompt_does(cell: str) -> None:
    model = tiny_recurrent(cell=cell)
    prompts = ["hello", "a", "the longest of all prompts", "two"]
    together = model.generate(prompts, max_new_tokens=20)
    alone = [model.generate(prompt, max_new_tokens=20) for prompt in prompts]
    assert [each.ids.tolist() for each in together] == [each.ids.tolist() for each in alone]
    assert len({tuple(each.ids.tolist()) for each in alone}) == 4
    assert "".join(model.stream("hello", max_new_tokens=20)) == alone[0].text
    copies = model.generate("hello", num_return_sequences=3, do_sample=True, seed=3, max_new_tokens=12)
    assert len(copies) == 3


def test_drafts_take_the_state_back_where_they_were_wrong() -> None:
    model = tiny_recurrent()
    prompts = ["abcabcabcabc", "hello hello he", "x"]
    plain = model.generate(prompts, max_new_tokens=30)
    for draft in (NgramDraft(), NgramDraft(num_draft_tokens=6, prompt_order=2)):
        drafted = model.generate(prompts, draft=draft, max_new_tokens=30)
        assert [each.ids.tolist() for each in drafted] == [each.ids.tolist() for each in plain]


def test_a_text_is_scored_by_its_conditional_probabilities() -> None:
    model = tiny_recurrent()
    text = "a short text"
    start = torch.tensor([[model.model.config.bos_token_id, *model.tokenizer.encode(text).ids]])
    logprobs = model.model(start).logits[0].log_softmax(-1)[:-1].gather(1, start[0, 1:, None])
    assert model.score(text).logprob == pytest.approx(logprobs.sum().item(), rel=1e-4)
    assert model.perplexity(text) == pytest.approx(math.exp(-logprobs.mean().item()), rel=1e-4)
    assert model.score(text * 20).num_tokens == 240  # five windows


def masked(model: RecurrentLM) -> list[Tensor]:
    """What goes into each layer and the head in training."""
    seen: list[Tensor] = []
    for layer in [*model.model.layers, model.lm_head]:
        layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.train()(IDS)
    return seen


def test_variational_dropout_has_one_mask_for_each_sequence() -> None:
    model = tiny(input_dropout=0.5, layer_dropout=0.5, output_dropout=0.5)
    for x in masked(model):
        gone = x == 0  # [batch, time, size]
        assert torch.equal(gone, gone[:, :1].expand_as(gone))
        assert 0.2 < gone.float().mean() < 0.8
        assert not torch.equal(gone[0], gone[1])
    apart = tiny(input_dropout=0.5, layer_dropout=0.5, output_dropout=0.5, variational_dropout=False)
    for x in masked(apart):
        gone = x == 0
        assert not torch.equal(gone, gone[:, :1].expand_as(gone))
        assert 0.4 < gone.float().mean() < 0.6


def test_dropout_keeps_the_mean() -> None:
    model = tiny(input_dropout=0.25)
    whole = model.model.embed_tokens(IDS)
    (x, *_) = masked(model)
    torch.testing.assert_close(x[x != 0], (whole / 0.75)[x != 0])


def test_embedding_dropout_leaves_out_whole_words() -> None:
    ids = torch.arange(60).repeat(1, 1)[:, :24].repeat(2, 1)
    ids[1] = ids[1].flip(0)
    model = tiny(embedding_dropout=0.5)
    seen: list[Tensor] = []
    model.model.layers[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.train()(ids)
    gone = (seen[0] == 0).all(-1)
    assert torch.equal(gone[0], gone[1].flip(0))  # the same words in both rows
    assert torch.equal(gone, (seen[0] == 0).any(-1))
    assert 0 < gone.sum() < gone.numel()


@pytest.mark.parametrize(
    "name", ["embedding_dropout", "input_dropout", "layer_dropout", "output_dropout", "weight_dropout"]
)
def test_dropout_acts_in_training_alone(name: str) -> None:
    model, plain = tiny(**{name: 0.5}), tiny()
    torch.testing.assert_close(model(IDS).logits, plain(IDS).logits)
    model.train()
    assert (model(IDS).logits - model(IDS).logits).abs().max() > 1e-3
    torch.testing.assert_close(model.eval()(IDS).logits, plain(IDS).logits)


@pytest.mark.parametrize("cell", CELLS)
def test_weight_dropout_is_the_layer_with_some_weights_at_zero(cell: str) -> None:
    model = tiny(cell, weight_dropout=0.5, num_layers=1, embedding_size=16)
    torch.manual_seed(5)
    kept = nn.functional.dropout(model.model.layers[0].weight_hh_l0.detach(), 0.5)
    torch.manual_seed(5)
    dropped = model.train()(IDS).logits
    loss = model(IDS, labels=IDS).loss
    loss.backward()
    assert model.model.layers[0].weight_hh_l0.grad.abs().sum() > 0
    twin = tiny(cell, num_layers=1, embedding_size=16)
    twin.model.layers[0].weight_hh_l0.data.copy_(kept)
    torch.testing.assert_close(dropped, sequential(twin, IDS), **CLOSE)


def test_rows_with_padding_are_trained_with_dropout_too() -> None:
    model = tiny(weight_dropout=0.3, input_dropout=0.2, layer_dropout=0.2).train()
    mask = torch.ones_like(IDS)
    mask[0, :5] = 0
    model(IDS, labels=IDS, attention_mask=mask).loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("cell", CELLS)
def test_a_toy_language_is_learned_beyond_its_word_frequencies(cell: str) -> None:
    # In this language a bracket is closed by its own kind, so that single tokens tell little.
    generator = np.random.default_rng(0)
    pairs = generator.integers(0, 8, 4000)
    text = torch.from_numpy(np.stack([pairs, pairs + 8], axis=1).ravel())
    counts = torch.bincount(text, minlength=16) / len(text)
    unigram = math.exp(-(counts * counts.log()).sum().item())
    torch.manual_seed(0)
    model = RecurrentLM(
        RecurrentConfig(cell=cell, vocab_size=16, hidden_size=32, num_layers=1, input_dropout=0.1)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    rows = text[:6400].view(16, -1)
    cache = model.new_cache()
    for block in rows.split(20, dim=1) * 5:
        model(block, labels=block, cache=cache).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    held_out = text[6400:].view(8, -1)
    with torch.no_grad():
        perplexity = math.exp(model.eval()(held_out, labels=held_out).loss.item())
    # After an opening there is one choice, after a closing eight: the square root of 8, against 16.
    assert perplexity < 3.2 < unigram


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("tied", [True, False])
def test_a_saved_model_is_loaded_as_it_was(cell: str, tied: bool, tmp_path: Path) -> None:
    model = tiny(cell, tie_word_embeddings=tied, eos_token_id=3, input_dropout=0.2)
    model.save_pretrained(tmp_path)
    loaded = load_causal_lm(tmp_path)
    assert isinstance(loaded, RecurrentLM)
    assert loaded.config == model.config or loaded.config.extra == {"dtype": "float32"}
    assert torch.equal(loaded(IDS).logits, model(IDS).logits)
    settings = json.loads((tmp_path / "config.json").read_text())
    assert (settings["model_type"], settings["cell"]) == ("ferrolm-recurrent", cell)


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    tiny().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "hidden_size": 20}))
    with pytest.raises(
        InvalidFileError, match=r"model.layers.0.weight_hh_l0 has shape \[64, 16\], expected \[80, 20\]"
    ):
        load_causal_lm(tmp_path)
    path.write_text(json.dumps({**settings, "cell": "ltsm"}))
    with pytest.raises(
        InvalidFileError, match=r"config.json: cell is 'ltsm', expected .*did you mean 'lstm'"
    ):
        load_causal_lm(tmp_path)
    path.write_text(json.dumps({**settings, "model_type": "ferrolm-recurent"}))
    with pytest.raises(UnknownNameError, match="did you mean 'ferrolm-recurrent'"):
        load_causal_lm(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 0}, "hidden_size is 0, expected a positive integer"),
        ({"input_dropout": 1.0}, "input_dropout is 1.0, expected a probability from 0 to below 1"),
        ({"weight_dropout": -0.1}, "weight_dropout is -0.1"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        RecurrentConfig(**settings)


def test_forget_gates_start_open_and_other_biases_at_zero() -> None:
    for layer in tiny().model.layers:
        size = layer.hidden_size
        assert layer.bias_ih_l0[size : 2 * size].unique().tolist() == [1.0]
        others = itertools.chain(layer.bias_ih_l0[:size], layer.bias_ih_l0[2 * size :], layer.bias_hh_l0)
        assert {value.item() for value in others} == {0.0}


@pytest.mark.parametrize("cell", CELLS)
def test_sixteen_bits_and_autocast(cell: str) -> None:
    model = tiny(cell)
    expected = model(IDS).logits
    half = tiny(cell).to(torch.bfloat16)
    output = half(IDS, labels=IDS)
    assert (output.logits.dtype, output.loss.dtype) == (torch.bfloat16, torch.float32)
    assert (output.logits - expected).abs().max() < 0.05 * expected.abs().max()
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(IDS, labels=IDS).loss
    loss.backward()
    assert model.model.layers[0].weight_hh_l0.grad.abs().sum() > 0


def test_quantized_matrices_keep_the_choices() -> None:
    model = tiny(embedding_size=32, hidden_size=32)
    expected = model(IDS).logits
    logits = quantize(model, "int8")(IDS).logits
    assert (logits - expected).abs().max() < 0.05 * expected.abs().max()
