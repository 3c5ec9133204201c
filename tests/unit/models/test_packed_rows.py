"""Texts that share a row give the logits and gradients that each gives alone."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn

from ferrolm.data import PackingCollator
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    RecurrentConfig,
    RecurrentLM,
)

VOCABULARY = 61


def gpt2(n_positions: int = 64) -> GPT2LMHeadModel:
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCABULARY, n_positions=n_positions, n_embd=32, n_layer=2, n_head=4,
                   resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    )  # fmt: skip


def llama(**changes: object) -> LlamaForCausalLM:
    shape = {"hidden_size": 128, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY, num_key_value_heads=2, max_position_embeddings=2048, **shape, **changes
        )
    )


def texts(*lengths: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(sum(lengths))
    return [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]


def gradients(model: nn.Module) -> list[torch.Tensor]:
    found = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    return found


MODELS = {
    "gpt2": (gpt2, (9, 1, 17, 3)),
    "gpt2 whose row is longer than its positions": (lambda: gpt2(17), (9, 1, 17, 3)),
    "llama": (llama, (9, 1, 17, 3)),
    "a sliding window": (lambda: llama(model_type="mistral", sliding_window=4), (9, 1, 17, 3)),
    "our kernel with gradients": (llama, (200, 31, 290)),
    "our kernel with a window": (lambda: llama(model_type="mistral", sliding_window=50), (200, 31, 290)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_packed_row_is_its_texts(name: str) -> None:
    make, lengths = MODELS[name]
    torch.manual_seed(0)
    model, rows = make(), texts(*lengths)
    collate = PackingCollator(sum(lengths) + 5)
    batch = collate([[{"input_ids": torch.cat([row, row[:1]]).numpy()} for row in rows]])
    packed = model(**batch)
    alone = [model(row[None], shift_labels=torch.cat([row[1:], row[:1]])[None]) for row in rows]
    used = sum(lengths)
    torch.testing.assert_close(
        packed.logits[0, :used], torch.cat([each.logits[0] for each in alone]), rtol=1e-4, atol=2e-5
    )
    loss = sum(each.loss * length for each, length in zip(alone, lengths, strict=True)) / used
    torch.testing.assert_close(packed.loss, loss)
    packed.loss.backward()
    ours = gradients(model)
    loss.backward()
    for mine, expected in zip(ours, gradients(model), strict=True):
        torch.testing.assert_close(mine, expected, rtol=2e-3, atol=2e-6)
    with torch.inference_mode():
        torch.testing.assert_close(model.eval()(**batch).logits, packed.logits.detach(), rtol=1e-4, atol=2e-5)


def test_padding_of_a_row_may_be_said_by_the_mask_too() -> None:
    model = gpt2().eval()
    first, second = texts(4, 6)
    ids = torch.cat([first, second, torch.zeros(3, dtype=torch.long)])[None]
    documents = torch.tensor([[0] * 4 + [1] * 9])
    mask = torch.tensor([[1] * 10 + [0] * 3])
    logits = model(ids, attention_mask=mask, document_ids=documents).logits
    torch.testing.assert_close(logits[0, 4:10], model(second[None]).logits[0])


@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_encoders_read_packed_rows(model_type: str) -> None:
    config = BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32,
        max_position_embeddings=20, pad_token_id=1 if model_type == "roberta" else 0, model_type=model_type,
    )  # fmt: skip
    model = BertForMaskedLM(config).eval()
    rows = [row.clamp(min=2) for row in texts(7, 12, 1)]
    documents = torch.cat([torch.full_like(row, number) for number, row in enumerate(rows)])[None]
    packed = model(torch.cat(rows)[None], document_ids=documents).logits[0]
    torch.testing.assert_close(packed, torch.cat([model(row[None]).logits[0] for row in rows]))


def test_what_cannot_be_packed_is_refused() -> None:
    model, (ids,) = gpt2(8), texts(12)
    with pytest.raises(InvalidArgumentError, match="a text of 9 tokens, at most 8"):
        model(ids[None], document_ids=torch.tensor([[0] * 9 + [1] * 3]))
    with pytest.raises(ShapeError, match=r"document_ids has shape \[1, 3\], expected \[1, 12\]"):
        model(ids[None], document_ids=torch.tensor([[0, 0, 1]]))
    with pytest.raises(InvalidArgumentError, match="document_ids and cache are both given"):
        model(ids[None], document_ids=torch.zeros(1, 12, dtype=torch.long), cache=model.new_cache())
    recurrent = RecurrentLM(RecurrentConfig(vocab_size=VOCABULARY, hidden_size=8))
    with pytest.raises(InvalidArgumentError, match="RecurrentLM reads a row as one text"):
        recurrent(ids[None], document_ids=torch.zeros(1, 12, dtype=torch.long))


def test_the_hidden_states_are_those_that_the_head_reads() -> None:
    model, (ids,) = gpt2().eval(), texts(12)
    hidden = model(ids[None], with_head=False).logits
    torch.testing.assert_close(model.lm_head(hidden), model(ids[None]).logits)
