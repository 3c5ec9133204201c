"""The Transformer of 2017: the numbers of torch's, what padding and caches may not change, and that it learns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ferrolm.errors import InvalidArgumentError, InvalidFileError, ShapeError, UnknownNameError
from ferrolm.models import (
    EncoderDecoderCache,
    Transformer,
    TransformerConfig,
    load_causal_lm,
    load_seq2seq_lm,
)
from ferrolm.models.transformer import sinusoids
from ferrolm.sampling import SamplingParams

RANDOM = torch.Generator().manual_seed(1)
SOURCE = torch.randint(3, 50, (3, 14), generator=RANDOM)
TARGET = torch.randint(3, 50, (3, 11), generator=RANDOM)
MASK = torch.ones_like(SOURCE)
MASK[1, 9:] = 0
MASK[2, :4] = 0


def tiny(**settings: Any) -> Transformer:
    torch.manual_seed(0)
    shape = {
        "vocab_size": 50,
        "hidden_size": 24,
        "intermediate_size": 36,
        "num_layers": 2,
        "num_decoder_layers": 3,
        "num_heads": 4,
    }
    return Transformer(TransformerConfig(**(shape | settings))).eval()


KINDS: list[dict[str, Any]] = [
    {},
    {"norm_first": True, "activation": "gelu"},
    {"positions": "learned", "max_position_embeddings": 16},
    {"share_embeddings": False, "tie_word_embeddings": False, "source_vocab_size": 60},
]
kinds = pytest.mark.parametrize("settings", KINDS, ids=[",".join(each) or "paper" for each in KINDS])


def torchs(model: Transformer) -> nn.Transformer:
    """Torch's Transformer with the weights of ours."""
    config = model.config
    size, heads, inner = config.hidden_size, config.num_heads, config.intermediate_size
    settings = {"activation": config.activation, "batch_first": True, "norm_first": config.norm_first}
    encoder = nn.TransformerEncoderLayer(size, heads, inner, 0.0, **settings)
    decoder = nn.TransformerDecoderLayer(size, heads, inner, 0.0, **settings)
    # Ours has a last norm only where the layers begin with one, as in the papers.
    norms = [nn.LayerNorm(size) if config.norm_first else None for _ in range(2)]
    stacks = nn.Transformer(
        size,
        heads,
        custom_encoder=nn.TransformerEncoder(
            encoder, config.num_layers, norms[0], enable_nested_tensor=False
        ),
        custom_decoder=nn.TransformerDecoder(decoder, config.num_decoder_layers, norms[1]),
        batch_first=True,
    )
    for ours, theirs in ((model.encoder, stacks.encoder), (model.decoder, stacks.decoder)):
        for layer, other in zip(ours.layers, theirs.layers, strict=True):
            pairs = [(layer.attention, other.self_attn)]
            if hasattr(layer, "cross_attention"):
                pairs.append((layer.cross_attention, other.multihead_attn))
            for attention, packed in pairs:
                parts = (attention.query, attention.key, attention.value)
                packed.in_proj_weight.data = torch.cat([part.weight.data for part in parts])
                packed.in_proj_bias.data = torch.cat([part.bias.data for part in parts])
                packed.out_proj.load_state_dict(attention.output.state_dict())
            other.linear1.load_state_dict(layer.feed_forward.up.state_dict())
            other.linear2.load_state_dict(layer.feed_forward.down.state_dict())
            for number, residual in enumerate(layer.residuals, 1):
                getattr(other, f"norm{number}").load_state_dict(residual.norm.state_dict())
        if config.norm_first:
            theirs.norm.load_state_dict(ours.norm.state_dict())
    return stacks.eval()


def read(ids: Tensor, size: int) -> Tensor:
    """Positions of the paper, written out."""
    positions = torch.zeros(ids.shape[1], size)
    for position in range(ids.shape[1]):
        for i in range(0, size, 2):
            angle = position / 10000 ** (i / size)
            positions[position, i], positions[position, i + 1] = math.sin(angle), math.cos(angle)
    return positions


@pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_numbers_and_gradients_are_torchs(norm_first: bool, activation: str) -> None:
    model = tiny(norm_first=norm_first, activation=activation)
    for name, parameter in model.named_parameters():  # biases and norms that matter
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 1.0 if "norm.weight" in name else 0.0, std=0.3)
    theirs = torchs(model)
    mask = MASK.clone()
    mask[2] = 1  # torch's has no positions, which padding on the left shifts
    embedded = [model.embedding(ids) * 24**0.5 + read(ids, 24) for ids in (SOURCE, TARGET)]
    hidden = theirs(
        *embedded,
        tgt_mask=torch.ones(11, 11).triu(1).bool(),
        src_key_padding_mask=mask == 0,
        memory_key_padding_mask=mask == 0,
    )
    expected = hidden @ model.embedding.weight.T
    logits = model(SOURCE, attention_mask=mask, decoder_input_ids=TARGET).logits
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    with torch.no_grad():  # our kernel
        again = model(SOURCE, attention_mask=mask, decoder_input_ids=TARGET).logits
    torch.testing.assert_close(again, expected, atol=1e-5, rtol=1e-5)
    ours = torch.autograd.grad(logits.square().sum(), model.encoder.layers[0].feed_forward.up.weight)
    other = torch.autograd.grad(expected.square().sum(), theirs.encoder.layers[0].linear1.weight)
    torch.testing.assert_close(ours, other, atol=1e-3, rtol=1e-4)


def test_sinusoids_are_those_of_the_paper() -> None:
    torch.testing.assert_close(sinusoids(torch.arange(300), 24), read(torch.zeros(1, 300), 24))


@kinds
def test_a_later_token_does_not_change_earlier_logits(settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    changed = TARGET.clone()
    changed[:, 6:] = 3
    expected = model(SOURCE, decoder_input_ids=TARGET).logits[:, :6]
    torch.testing.assert_close(model(SOURCE, decoder_input_ids=changed).logits[:, :6], expected)


@kinds
@pytest.mark.parametrize("learning", [True, False], ids=["torch's kernel", "our kernel"])
def test_padding_changes_nothing(settings: dict[str, Any], learning: bool) -> None:
    model = tiny(**settings)
    with torch.set_grad_enabled(learning):
        padded = model(SOURCE, attention_mask=MASK, decoder_input_ids=TARGET)
        for row in range(3):
            alone = SOURCE[row : row + 1, MASK[row].bool()]
            logits = model(alone, decoder_input_ids=TARGET[row : row + 1]).logits
            torch.testing.assert_close(padded.logits[row], logits[0], atol=1e-5, rtol=1e-4)
        seen = torch.ones_like(TARGET)
        seen[0, :5] = 0  # a target with padding on the left
        given = {"attention_mask": MASK, "decoder_attention_mask": seen}
        left = model(SOURCE, decoder_input_ids=TARGET, **given).logits
        alone = model(SOURCE[:1], decoder_input_ids=TARGET[:1, 5:]).logits
        torch.testing.assert_close(left[:1, 5:], alone, atol=1e-5, rtol=1e-4)


@kinds
@pytest.mark.parametrize("sizes", [[11], [1] * 11, [4, 1, 6]], ids=["whole", "one by one", "parts"])
@torch.no_grad()
def test_cache_gives_the_logits_of_one_pass(sizes: list[int], settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    cache = EncoderDecoderCache(model.config, capacity=1)
    states = model.encode(SOURCE, MASK)
    given = {"encoder_outputs": states, "attention_mask": MASK}
    parts = []
    for part in TARGET.split(sizes, dim=1):
        parts.append(model(decoder_input_ids=part, cache=cache, **given).logits)
        given = {}  # which the cache has
    expected = model(SOURCE, attention_mask=MASK, decoder_input_ids=TARGET).logits
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_rows_of_the_cache_can_be_selected() -> None:
    model = tiny()
    cache = EncoderDecoderCache(model.config)
    model(SOURCE, attention_mask=MASK, decoder_input_ids=TARGET[:, :5], cache=cache)
    rows = torch.tensor([2, 0, 2, 1])
    cache.select(rows)
    after = model(decoder_input_ids=TARGET[rows, 5:], cache=cache).logits
    expected = model(SOURCE, attention_mask=MASK, decoder_input_ids=TARGET).logits[rows, 5:]
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-4)


def test_the_loss_is_smoothed_in_training_and_ignores_padding() -> None:
    model = tiny(dropout=0.0, label_smoothing=0.2).train()
    labels = TARGET.clone()
    labels[0, 7:] = model.config.pad_token_id
    labels[1, 5:] = -100
    scored = (labels != -100) & (labels != 0)
    output = model(SOURCE, labels=labels)
    expected = cross_entropy(output.logits[scored], labels[scored], label_smoothing=0.2)
    torch.testing.assert_close(output.loss, expected)
    output = model.eval()(SOURCE, labels=labels)
    nats = -output.logits.log_softmax(-1)[scored].gather(1, labels[scored][:, None]).mean()
    torch.testing.assert_close(output.loss, nats)


def test_labels_are_shifted_to_what_the_decoder_reads() -> None:
    model = tiny(decoder_start_token_id=7)
    labels = torch.tensor([[5, 9, 2, -100, -100]])
    read = model.shift_right(labels)
    assert read.tolist() == [[7, 5, 9, 2, 0]]
    expected = model(SOURCE[:1], decoder_input_ids=read).logits
    torch.testing.assert_close(model(SOURCE[:1], labels=labels).logits, expected)


def test_what_is_shared_is_counted_once_and_the_weights_start_as_said() -> None:
    config = {"vocab_size": 500, "hidden_size": 64, "num_layers": 1, "num_decoder_layers": 1}
    shared = tiny(**config)
    tied = tiny(**config, share_embeddings=False)
    apart = tiny(**config, share_embeddings=False, tie_word_embeddings=False)
    assert tied.num_parameters() - shared.num_parameters() == 500 * 64
    assert apart.num_parameters() - tied.num_parameters() == 500 * 64
    assert shared.lm_head.weight.std().item() == pytest.approx(64**-0.5, rel=0.05)
    bound = (6 / (64 + 36)) ** 0.5  # Xavier
    up = shared.encoder.layers[0].feed_forward.up
    assert 0.98 * bound < up.weight.abs().max().item() <= bound
    assert up.bias.abs().max() == 0


@kinds
def test_a_saved_model_comes_back(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    model.save_pretrained(tmp_path)
    loaded = load_seq2seq_lm(tmp_path)
    assert isinstance(loaded, Transformer)
    assert loaded.config == model.config
    given = {"attention_mask": MASK, "labels": TARGET}
    assert torch.equal(loaded(SOURCE, **given).logits, model(SOURCE, **given).logits)


def fit(model: Transformer, steps: int, batch: Any) -> None:
    """Learning rates that rise for 20 steps, then fall."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.98), weight_decay=0.0)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-2 * min((step + 1) / 20, 1 - step / steps)
        given, labels = batch(64)
        model(**given, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


@pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
def test_it_learns_to_reverse(norm_first: bool) -> None:
    generator = torch.Generator().manual_seed(4)

    def batch(rows: int) -> tuple[dict[str, Tensor], Tensor]:
        ids = torch.randint(3, 9, (rows, 5), generator=generator)
        lengths = torch.randint(2, 6, (rows, 1), generator=generator)
        mask = (torch.arange(5) < lengths).long()
        last = lengths - 1 - torch.arange(6)  # the place that each label is read from, -1 for the end
        labels = torch.where(last < 0, 2, ids.gather(1, last.clamp(min=0))).masked_fill(last < -1, 0)
        return {"input_ids": ids * mask, "attention_mask": mask}, labels

    model = tiny(
        vocab_size=9, hidden_size=48, num_layers=1, num_decoder_layers=1, dropout=0.0, norm_first=norm_first
    )
    fit(model, 250, batch)
    given, labels = batch(200)
    made = model.generate(**given, max_new_tokens=6)
    made = nn.functional.pad(made, (0, 6 - made.shape[1]))
    assert (made == labels).all(dim=1).float().mean() > 0.9


def test_it_learns_from_features() -> None:
    """A frame of sound or patch of an image for each symbol, with noise; lengths differ."""
    generator = torch.Generator().manual_seed(5)
    prototypes = torch.randn(8, 12, generator=generator)

    def batch(rows: int) -> tuple[dict[str, Tensor], Tensor]:
        symbols = torch.randint(0, 8, (rows, 4), generator=generator)
        frames = prototypes[symbols.repeat_interleave(2, dim=1)]
        frames = frames + 0.2 * torch.randn(frames.shape, generator=generator)
        mask = torch.ones(rows, 8)
        mask[::2, 4:] = 0
        labels = nn.functional.pad(symbols + 3, (0, 1), value=2)
        labels[::2, 2:] = torch.tensor([2, 0, 0])
        return {"input_features": frames, "attention_mask": mask}, labels

    model = tiny(vocab_size=11, feature_size=12, num_layers=1, num_decoder_layers=1, dropout=0.0)
    fit(model, 150, batch)
    given, labels = batch(200)
    made = model.generate(**given, max_new_tokens=5)
    assert (made == labels).all(dim=1).float().mean() > 0.95


def test_generation_stops_and_draws_as_told() -> None:
    model = tiny()
    assert model.generate(SOURCE, MASK, max_new_tokens=6).tolist() == greedy(model, 6).tolist()
    drawn = [
        model.generate(SOURCE, MASK, max_new_tokens=6, params=SamplingParams(temperature=2.0, seed=seed))
        for seed in (1, 1, 2)
    ]
    assert drawn[0].tolist() == drawn[1].tolist() != drawn[2].tolist()
    cold = model.generate(SOURCE, MASK, max_new_tokens=6, params=SamplingParams(temperature=0))
    assert cold.tolist() == greedy(model, 6).tolist()


@torch.no_grad()
def greedy(model: Transformer, steps: int) -> Tensor:
    """Without a cache."""
    ids = torch.full((3, 1), model.config.decoder_start_token_id)
    for _ in range(steps):
        logits = model(SOURCE, attention_mask=MASK, decoder_input_ids=ids).logits[:, -1]
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
    assert not (ids == model.config.eos_token_id).any()
    return ids[:, 1:]


def test_what_does_not_fit_is_named() -> None:
    model, sound = tiny(), tiny(feature_size=5)
    with pytest.raises(ShapeError, match=r"attention_mask has shape \[3, 4\], expected \[3, 14\]"):
        model(SOURCE, labels=TARGET, attention_mask=MASK[:, :4])
    with pytest.raises(ShapeError, match=r"attention_mask has shape \[3, 4\], expected \[3, 14\]"):
        model(labels=TARGET, attention_mask=MASK[:, :4], encoder_outputs=model.encode(SOURCE))
    with pytest.raises(ShapeError, match=r"decoder_attention_mask has shape \[3, 14\], expected \[3, 11\]"):
        model(SOURCE, labels=TARGET, decoder_attention_mask=MASK)
    with pytest.raises(ShapeError, match="target has 1 rows and the source 3"):
        model(SOURCE, labels=TARGET[:1])
    with pytest.raises(
        ShapeError, match=r"labels has shape \[3, 11\], expected that of the logits, \[3, 2\]"
    ):
        model(SOURCE, labels=TARGET, logits_to_keep=2)
    with pytest.raises(
        ShapeError, match=r"input_features has shape \[3, 7, 4\], expected \[batch, time, 5\]"
    ):
        sound(input_features=torch.zeros(3, 7, 4), labels=TARGET)
    with pytest.raises(InvalidArgumentError, match=r"vectors of 5 numbers .* expected input_features alone"):
        sound(SOURCE, labels=TARGET)
    with pytest.raises(InvalidArgumentError, match="expected input_ids alone"):
        model(labels=TARGET)
    with pytest.raises(InvalidArgumentError, match="labels and decoder_input_ids are None"):
        model(SOURCE)
    learned = tiny(positions="learned", max_position_embeddings=12)
    with pytest.raises(InvalidArgumentError, match="14 tokens or frames, at most 12"):
        learned(SOURCE, labels=TARGET)
    with pytest.raises(InvalidArgumentError, match="max_new_tokens is 13, expected 1 to 12"):
        learned.generate(SOURCE[:, :5], max_new_tokens=13)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 30, "num_heads": 4}, "hidden_size is 30, expected an even multiple of num_heads, 4"),
        ({"num_layers": 0}, "num_layers is 0, expected a positive integer"),
        ({"feature_size": -1}, "feature_size is -1, expected a positive integer"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0, expected a number from 0 to below 1"),
        ({"positions": "sinusoid"}, "did you mean 'sinusoidal'"),
        ({"activation": "rellu"}, "did you mean 'relu'"),
        ({"source_vocab_size": 60}, "source_vocab_size is 60 and vocab_size 50"),
        ({"eos_token_id": 50}, "eos_token_id is 50, expected an id below 50"),
        ({"pad_token_id": 2}, "pad_token_id and eos_token_id are 2, expected two ids"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        tiny(**settings)


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    tiny().save_pretrained(tmp_path)
    with pytest.raises(
        UnknownNameError,
        match=r"config\.json: model_type is 'transformer', expected one of: ferrolm-recurrent, gpt2",
    ):
        load_causal_lm(tmp_path)
    path = tmp_path / "config.json"
    text = path.read_text()
    path.write_text(text.replace('"num_layers": 2', '"num_layers": 1'))
    with pytest.raises(InvalidFileError, match=r"encoder\.layers\.1\.\S+ is not expected"):
        load_seq2seq_lm(tmp_path)
    path.write_text(text.replace('"num_layers": 2', '"num_leyers": 2'))
    with pytest.raises(InvalidFileError, match=r"num_leyers is no setting .*did you mean 'num_layers'"):
        load_seq2seq_lm(tmp_path)
    path.write_text(text.replace('"transformer"', '"transformers"'))
    with pytest.raises(UnknownNameError, match="did you mean 'transformer'"):
        load_seq2seq_lm(tmp_path)
