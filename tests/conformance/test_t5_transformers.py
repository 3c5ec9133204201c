"""Our T5 against transformers': the same buckets, logits, losses, gradients, files and generated ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ferrolm.models import EncoderDecoderCache, T5ForConditionalGeneration, T5Model, load_seq2seq_lm
from ferrolm.models.t5 import relative_bucket

transformers = pytest.importorskip("transformers")

SHAPE = {
    "vocab_size": 67,
    "d_model": 24,
    "d_kv": 5,
    "d_ff": 40,
    "num_layers": 3,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 20,
    "decoder_start_token_id": 0,
}
V1_1 = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
VARIANTS: list[dict[str, Any]] = [
    {},
    V1_1,
    {"num_decoder_layers": 1},
    {"feed_forward_proj": "gelu", "layer_norm_epsilon": 0.1},
    {**V1_1, "feed_forward_proj": "gated-silu", "num_decoder_layers": 4, "decoder_start_token_id": 3},
]
variants = pytest.mark.parametrize("settings", VARIANTS, ids=[",".join(each) or "v1.0" for each in VARIANTS])
RANDOM = torch.Generator().manual_seed(3)
SOURCE = torch.randint(2, 67, (4, 40), generator=RANDOM)
TARGET = torch.randint(2, 67, (4, 30), generator=RANDOM)
MASK = torch.ones_like(SOURCE)
MASK[1, 25:] = 0  # padding on the right, and on the left
MASK[2, :13] = 0
LABELS = TARGET.clone()
LABELS[3, 11:] = -100


def theirs(directory: Path, settings: dict[str, Any]) -> Any:
    """A random checkpoint, with weights large enough for differences to show."""
    torch.manual_seed(0)
    model = transformers.T5ForConditionalGeneration(transformers.T5Config(**(SHAPE | settings))).eval()
    if not model.config.scale_decoder_outputs:
        # transformers 5 ties the head of a new v1.1; those of the published checkpoints are not tied.
        model.lm_head.weight = torch.nn.Parameter(torch.randn(67, 24) * 0.3)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(parameter, 1.0, std=0.3)
        elif "relative_attention_bias" in name:
            torch.nn.init.normal_(parameter, std=2.0)
    model.save_pretrained(directory)
    return model


def assert_close(ours: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("buckets", "furthest"), [(32, 128), (8, 20), (10, 64), (64, 1000)])
def test_buckets(bidirectional: bool, buckets: int, furthest: int) -> None:
    attention = transformers.models.t5.modeling_t5.T5Attention
    distance = torch.arange(-1200, 1200).view(2, 1200)
    expected = attention._relative_position_bucket(distance, bidirectional, buckets, furthest)
    assert relative_bucket(distance, bidirectional, buckets, furthest).tolist() == expected.tolist()


@variants
@torch.no_grad()
def test_logits_and_loss_with_padding(tmp_path: Path, settings: dict[str, Any]) -> None:
    reference, ours = theirs(tmp_path, settings), T5ForConditionalGeneration.from_pretrained(tmp_path)
    for mask in (None, MASK):
        expected = reference(input_ids=SOURCE, attention_mask=mask, labels=LABELS)
        output = ours(SOURCE, labels=LABELS, attention_mask=mask)
        assert_close(output.logits, expected.logits)
        assert_close(output.loss, expected.loss)
        real = torch.ones_like(MASK).bool() if mask is None else mask.bool()
        assert_close(output.encoder_last_hidden_state[real], expected.encoder_last_hidden_state[real])


@variants
@torch.no_grad()
def test_targets_with_padding_on_the_left(tmp_path: Path, settings: dict[str, Any]) -> None:
    reference, ours = theirs(tmp_path, settings), load_seq2seq_lm(tmp_path)
    seen = torch.ones_like(TARGET)
    seen[1, :9] = 0
    given = {"decoder_input_ids": TARGET, "decoder_attention_mask": seen, "attention_mask": MASK}
    expected = reference(input_ids=SOURCE, **given).logits
    assert_close(ours(SOURCE, **given).logits[seen.bool()], expected[seen.bool()])


@variants
def test_gradients(tmp_path: Path, settings: dict[str, Any]) -> None:
    reference, ours = theirs(tmp_path, settings), T5ForConditionalGeneration.from_pretrained(tmp_path)
    reference(input_ids=SOURCE, attention_mask=MASK, labels=LABELS).loss.backward()
    ours(SOURCE, labels=LABELS, attention_mask=MASK).loss.backward()
    expected = dict(reference.named_parameters())
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, expected[name].grad)


@variants
def test_greedy_ids(tmp_path: Path, settings: dict[str, Any]) -> None:
    reference, ours = theirs(tmp_path, settings), load_seq2seq_lm(tmp_path)
    # transformers 5.23 cannot cache a decoder of more layers than the encoder has.
    expected = reference.generate(
        SOURCE, attention_mask=MASK, max_new_tokens=25, do_sample=False, use_cache=False
    )
    assert ours.generate(SOURCE, MASK, max_new_tokens=25).tolist() == expected[:, 1:].tolist()


def test_a_row_that_ends_is_padded(tmp_path: Path) -> None:
    reference = theirs(tmp_path, V1_1)
    kept = reference.generate(SOURCE, attention_mask=MASK, max_new_tokens=25, do_sample=False)[:, 1:]
    # An id that the rows reach at different steps, made the one that ends them.
    end = next(
        each
        for each in kept[0].tolist()
        if len({row.tolist().index(each) for row in kept if each in row}) > 1
    )
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": end}))
    expected = reference.generate(
        SOURCE, attention_mask=MASK, max_new_tokens=25, do_sample=False, eos_token_id=end
    )
    ids = load_seq2seq_lm(tmp_path).generate(SOURCE, MASK, max_new_tokens=25)
    assert ids.tolist() == expected[:, 1:].tolist()
    assert (ids == 0).any()


@variants
@torch.no_grad()
def test_what_we_save_transformers_loads(tmp_path: Path, settings: dict[str, Any]) -> None:
    reference = theirs(tmp_path / "theirs", settings)
    T5ForConditionalGeneration.from_pretrained(tmp_path / "theirs").save_pretrained(tmp_path / "ours")
    expected, written = (load_file(tmp_path / each / "model.safetensors") for each in ("theirs", "ours"))
    assert written.keys() == expected.keys()
    loaded = transformers.T5ForConditionalGeneration.from_pretrained(tmp_path / "ours").eval()
    given = {"input_ids": SOURCE, "attention_mask": MASK, "labels": LABELS}
    assert torch.equal(loaded(**given).logits, reference(**given).logits)
    again = load_seq2seq_lm(tmp_path / "ours")
    assert again.config.to_dict() == load_seq2seq_lm(tmp_path / "theirs").config.to_dict()


@torch.no_grad()
def test_older_files_with_every_name_of_the_embedding_load(tmp_path: Path) -> None:
    reference = theirs(tmp_path, V1_1)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    for name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        tensors[name] = tensors["shared.weight"].clone()
    tensors["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.ones(8, 4)
    save_file(tensors, path)
    settings = json.loads((tmp_path / "config.json").read_text())
    del settings["scale_decoder_outputs"]  # what transformers 4 wrote
    (tmp_path / "config.json").write_text(json.dumps(settings | {"tie_word_embeddings": False}))
    expected = reference(input_ids=SOURCE, labels=LABELS).logits
    assert_close(load_seq2seq_lm(tmp_path)(SOURCE, labels=LABELS).logits, expected)


@variants
@torch.no_grad()
def test_the_model_without_its_head(tmp_path: Path, settings: dict[str, Any]) -> None:
    reference = theirs(tmp_path, settings)
    without = transformers.T5Model.from_pretrained(tmp_path).eval()
    expected = without(input_ids=SOURCE, attention_mask=MASK, decoder_input_ids=TARGET).last_hidden_state
    ours = T5Model.from_pretrained(tmp_path)
    assert_close(ours(SOURCE, MASK, TARGET).last_hidden_state, expected)
    assert ours.num_parameters() <= sum(p.numel() for p in reference.parameters())


@torch.no_grad()
def test_the_cache_gives_transformers_logits(tmp_path: Path) -> None:
    reference, ours = theirs(tmp_path, {}), load_seq2seq_lm(tmp_path)
    expected = reference(input_ids=SOURCE, attention_mask=MASK, decoder_input_ids=TARGET).logits
    cache = EncoderDecoderCache(ours.config)
    first = ours(SOURCE, attention_mask=MASK, decoder_input_ids=TARGET[:, :7], cache=cache).logits
    parts = [
        ours(decoder_input_ids=part, cache=cache).logits for part in TARGET[:, 7:].split([1, 1, 9, 12], 1)
    ]
    assert_close(torch.cat([first, *parts], dim=1), expected)
