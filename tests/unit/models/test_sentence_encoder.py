"""Sentence embeddings: pooling, and the folders of sentence-transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.models import BertConfig, BertForSentenceEmbedding, BertModel, load
from ferrolm.models.sentence_encoder import pool

CONFIG = BertConfig(
    vocab_size=61,
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=16,
    initializer_range=0.3,
)
IDS = torch.randint(2, 61, (2, 9), generator=torch.Generator().manual_seed(1))


def folder(path: Path, *kinds: str, mode: str = "mean_tokens") -> Path:
    """A checkpoint as sentence-transformers publishes them."""
    torch.manual_seed(0)
    BertModel(CONFIG).save_pretrained(path)
    modules = [
        {
            "path": "" if kind == "Transformer" else f"{number}_{kind}",
            "type": f"sentence_transformers.models.{kind}",
        }
        for number, kind in enumerate(kinds)
    ]
    (path / "modules.json").write_text(json.dumps(modules))
    (path / "1_Pooling").mkdir()
    modes = {f"pooling_mode_{each}": each == mode for each in ("cls_token", "mean_tokens", "max_tokens")}
    (path / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **modes}))
    return path


def test_padding_does_not_count() -> None:
    states = torch.tensor([[[1.0, -2.0], [3.0, -6.0], [100.0, 100.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert pool(states, mask).tolist() == [[2.0, -4.0]]
    assert pool(states, mask, "max").tolist() == [[3.0, -2.0]]
    assert pool(states, mask, "cls").tolist() == [[1.0, -2.0]]
    assert pool(states[:, :2]).tolist() == [[2.0, -4.0]]
    assert pool(states[:, :2], pooling="max").tolist() == [[3.0, -2.0]]


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_a_row_of_padding_alone_is_zero(pooling: str) -> None:
    assert pool(torch.ones(1, 3, 2), torch.zeros(1, 3), pooling).tolist() == [[0.0, 0.0]]


@torch.no_grad()
def test_an_embedding_does_not_depend_on_padding() -> None:
    torch.manual_seed(0)
    model = BertForSentenceEmbedding(CONFIG).eval()
    mask = torch.ones_like(IDS)
    mask[1, 5:] = 0
    together = model(IDS, mask).embeddings
    torch.testing.assert_close(together[1:], model(IDS[1:, :5]).embeddings, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(2))


@pytest.mark.parametrize("mode", ["cls_token", "mean_tokens", "max_tokens"])
@torch.no_grad()
def test_the_folder_says_how_to_pool(mode: str, tmp_path: Path) -> None:
    model = load(folder(tmp_path, "Transformer", "Pooling", mode=mode), task="sentence-similarity")
    assert isinstance(model, BertForSentenceEmbedding)
    assert (model.pooling, model.normalize) == (mode.partition("_")[0], False)
    expected = pool(BertModel.from_pretrained(tmp_path)(IDS).last_hidden_state, None, model.pooling)
    assert torch.equal(model(IDS).embeddings, expected)


def test_normalization_is_a_module_of_its_own_and_arguments_overrule(tmp_path: Path) -> None:
    path = folder(tmp_path, "Transformer", "Pooling", "Normalize")
    assert BertForSentenceEmbedding.from_pretrained(path).normalize
    model = BertForSentenceEmbedding.from_pretrained(path, pooling="cls", normalize=False)
    assert (model.pooling, model.normalize) == ("cls", False)


def test_modules_that_are_not_here_are_an_error(tmp_path: Path) -> None:
    path = folder(tmp_path, "Transformer", "Pooling", "Dense")
    with pytest.raises(InvalidFileError, match=r"modules.json names .*Dense"):
        BertForSentenceEmbedding.from_pretrained(path)


def test_a_folder_does_not_lead_out_of_itself(tmp_path: Path) -> None:
    path = folder(tmp_path, "Transformer", "Pooling")
    text = (path / "modules.json").read_text()
    (path / "modules.json").write_text(text.replace("1_Pooling", "../elsewhere"))
    with pytest.raises(InvalidFileError, match=r"modules.json names"):
        BertForSentenceEmbedding.from_pretrained(path)


def test_poolings_that_are_not_here_are_errors(tmp_path: Path) -> None:
    path = folder(tmp_path, "Transformer", "Pooling", mode="none")
    with pytest.raises(InvalidFileError, match="says nothing, expected one of pooling_mode_mean_tokens"):
        BertForSentenceEmbedding.from_pretrained(path)
    with pytest.raises(InvalidArgumentError, match=r"pooling is 'means'.*did you mean 'mean'"):
        BertForSentenceEmbedding(CONFIG, pooling="means")


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("normalize", [False, True])
@torch.no_grad()
def test_what_is_saved_pools_as_before(pooling: str, normalize: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = BertForSentenceEmbedding(CONFIG, pooling, normalize).eval()
    # Over a model that was saved there before, normalized or not.
    BertForSentenceEmbedding(CONFIG, "mean", not normalize).save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    again = load(tmp_path, task="sentence-similarity")
    assert torch.equal(again(IDS).embeddings, model(IDS).embeddings)
    # The folder is that of the encoder for everybody else.
    with pytest.warns(UserWarning, match="lacks pooler"):
        encoder = BertModel.from_pretrained(tmp_path)
    assert torch.equal(encoder(IDS).last_hidden_state, model.bert(IDS).last_hidden_state)
