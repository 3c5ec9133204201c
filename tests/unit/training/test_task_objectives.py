"""Objectives of tasks: masked tokens, contrastive pairs, smoothed labels."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models import (
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSentenceEmbedding,
    BertForSequenceClassification,
    BertForTokenClassification,
    T5Config,
    T5ForConditionalGeneration,
)
from ferrolm.training import InBatchNegatives, LabelSmoothing, MaskedTokens, ModelLoss

SHAPE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def config(**changes: object) -> BertConfig:
    return BertConfig(
        vocab_size=60, **SHAPE, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **changes
    )


def ids(*shape: int) -> torch.Tensor:
    return torch.randint(3, 60, shape, generator=torch.Generator().manual_seed(sum(shape)))


def loss_and_gradients(objective, model, batch) -> list[torch.Tensor]:
    model.zero_grad()
    loss = objective.loss(model, batch)
    loss.backward()
    return [loss.detach(), *(each.grad.clone() for each in model.parameters() if each.grad is not None)]


@pytest.mark.parametrize("cls", [BertForMaskedLM, BertForPreTraining])
def test_masked_tokens_have_the_loss_of_all(cls: type) -> None:
    model = cls(config())
    labels = ids(3, 8)
    labels[:, 2:] = -100
    batch = {"input_ids": ids(3, 8), "labels": labels}
    if cls is BertForPreTraining:
        batch["next_sentence_label"] = torch.tensor([0, 1, 1])
    assert MaskedTokens().targets(batch) == ModelLoss().targets(batch) == 6
    for ours, wanted in zip(
        *(loss_and_gradients(o(), model, batch) for o in (MaskedTokens, ModelLoss)), strict=True
    ):
        torch.testing.assert_close(ours, wanted)
    assert model(**batch, labelled_only=True).loss is not None
    with pytest.raises(InvalidArgumentError, match="and nothing named 'labels'"):
        MaskedTokens().loss(model, {"input_ids": ids(1, 2)})
    with pytest.raises(InvalidArgumentError, match="labels is None"):
        model(ids(1, 2), labelled_only=True)


def ranking_loss(anchors, candidates, scale: float) -> torch.Tensor:
    """The slow twin: each anchor by itself."""
    losses = []
    for number, anchor in enumerate(anchors):
        scores = torch.stack([F.cosine_similarity(anchor, each, dim=0) * scale for each in candidates])
        losses.append(scores.logsumexp(0) - scores[number])
    return torch.stack(losses).mean()


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("negatives", [0, 2])
def test_pairs_are_ranked_among_the_batch(normalize: bool, symmetric: bool, negatives: int) -> None:
    model = BertForSentenceEmbedding(config(), normalize=normalize)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])
    batch = {"input_ids": ids(3, 4), "attention_mask": mask, "positive_input_ids": ids(3, 6)}
    anchors, candidates = (model(ids(3, 4), mask).embeddings, model(ids(3, 6)).embeddings)
    positives = candidates
    if negatives:
        batch["negative_input_ids"] = ids(3, negatives, 5)
        candidates = torch.cat([candidates, model(batch["negative_input_ids"].flatten(0, 1)).embeddings])
    expected = ranking_loss(anchors, candidates, 20.0)
    if symmetric:
        expected = (expected + ranking_loss(positives, anchors, 20.0)) / 2
    objective = InBatchNegatives(symmetric=symmetric)
    torch.testing.assert_close(objective.loss(model, batch), expected)
    assert objective.targets(batch) == 3


def test_training_brings_pairs_together() -> None:
    torch.manual_seed(0)
    model = BertForSentenceEmbedding(config())
    batch = {"input_ids": ids(8, 5), "positive_input_ids": ids(8, 7)}
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        InBatchNegatives().loss(model, batch).backward()
        optimizer.step()
    scores = model(batch["input_ids"]).embeddings @ model(batch["positive_input_ids"]).embeddings.t()
    assert scores.argmax(1).tolist() == list(range(8))
    with pytest.raises(InvalidArgumentError, match="temperature is 0"):
        InBatchNegatives(0)
    with pytest.raises(InvalidArgumentError, match="expected positive_input_ids"):
        InBatchNegatives().loss(model, {"input_ids": ids(2, 3)})


def test_smoothed_labels_of_texts_tokens_and_targets() -> None:
    texts = BertForSequenceClassification(config(num_labels=3))
    tokens = BertForTokenClassification(config(num_labels=3))
    shape = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "dropout_rate": 0.0}
    writer = T5ForConditionalGeneration(T5Config(vocab_size=60, **shape))
    some = torch.tensor([[1, -100, 2], [-100, 0, 0]])
    for model, labels in ((texts, torch.tensor([2, 0])), (tokens, some), (writer, some)):
        batch = {"input_ids": ids(2, 3), "labels": labels}
        logits = model(**batch).logits.flatten(0, -2)
        expected = F.cross_entropy(logits, labels.flatten(), label_smoothing=0.2)
        torch.testing.assert_close(LabelSmoothing(0.2).loss(model, batch), expected)
        torch.testing.assert_close(LabelSmoothing(0.0).loss(model, batch), model(**batch).loss)
        assert LabelSmoothing().targets(batch) == ModelLoss().targets(batch)
    batch = {"input_ids": ids(2, 3), "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]]), "labels": some}
    ours = loss_and_gradients(LabelSmoothing(0.2), writer, batch)
    writer.zero_grad()
    F.cross_entropy(writer(**batch).logits.flatten(0, 1), some.flatten(), label_smoothing=0.2).backward()
    wanted = [each.grad for each in writer.parameters() if each.grad is not None]
    for one, other in zip(ours[1:], wanted, strict=True):
        torch.testing.assert_close(one, other)
    numbers = BertForSequenceClassification(config(num_labels=1))
    with pytest.raises(ShapeError, match=r"labels are torch.float32 \[2\], expected int64 \[2\]"):
        LabelSmoothing().loss(numbers, {"input_ids": ids(2, 3), "labels": torch.tensor([0.5, 1.0])})
    with pytest.raises(InvalidArgumentError, match="smoothing is 1"):
        LabelSmoothing(1.0)
