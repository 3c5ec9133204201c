"""The loss among a sample of the vocabulary: the exact one where the sample is everything, near it and unbiased elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ferrolm.data import TokenFile, TokenFileWriter
from ferrolm.errors import InvalidArgumentError
from ferrolm.models import GPT2Config, GPT2LMHeadModel, RecurrentConfig, RecurrentLM
from ferrolm.training import NextToken, RunConfig, SampledNextToken, Trainer, evaluate

VOCAB = 60


def lstm(**settings: object) -> RecurrentLM:
    torch.manual_seed(0)
    return RecurrentLM(RecurrentConfig(vocab_size=VOCAB, hidden_size=12, initializer_range=0.5, **settings))


def gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCAB, n_positions=16, n_embd=16, n_layer=1, n_head=2)
    ).eval()


def counts() -> torch.Tensor:
    return torch.randint(0, 50, (VOCAB,), generator=torch.Generator().manual_seed(1))


def blocks(rows: int = 3) -> dict[str, torch.Tensor]:
    return {"blocks": torch.randint(VOCAB, (rows, 10), generator=torch.Generator().manual_seed(2))}


@pytest.mark.parametrize("make", [lstm, gpt2, lambda: lstm(tie_word_embeddings=False)])
@pytest.mark.parametrize("frequent", [VOCAB, 1000])
def test_with_the_whole_vocabulary_it_is_the_exact_loss(make, frequent: int) -> None:
    found = []
    for objective in (NextToken(), SampledNextToken(counts(), frequent=frequent, sampled=1)):
        model = make().eval()
        loss = objective.loss(model, blocks())
        loss.backward()
        found.append((loss, {name: each.grad for name, each in model.named_parameters()}))
    (expected, wanted), (loss, gradients) = found
    torch.testing.assert_close(loss, expected)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("frequent", [0, 10, 40])
def test_the_sum_over_the_vocabulary_is_unbiased(frequent: int) -> None:
    model, batch = lstm().eval(), {"blocks": torch.tensor([[3, 17]])}
    exact = float(NextToken().loss(model, batch).detach())
    objective = SampledNextToken(counts(), frequent=frequent, sampled=30)
    torch.manual_seed(5)
    with torch.no_grad():
        losses = torch.stack([objective.loss(model, batch) for _ in range(600)]).double()
    # exp(loss) is the estimated sum, divided by that of the target.
    sums = losses.exp()
    assert abs(sums.mean() - np.exp(exact)) < 4 * sums.std() / 600**0.5
    assert losses.std() > 0


def test_a_draw_does_not_depend_on_anything_but_the_generator() -> None:
    model, objective = lstm().eval(), SampledNextToken(counts(), frequent=5, sampled=9)
    losses = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        losses.append(float(objective.loss(model, blocks()).detach()))
    assert losses[0] == losses[1] != losses[2]


def test_it_teaches_the_whole_softmax(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = np.zeros(4000, dtype=np.int64)
    for place in range(1, len(words)):  # mostly the next word, sometimes any
        words[place] = random.integers(VOCAB) if random.random() < 0.1 else (words[place - 1] * 7 + 1) % VOCAB
    with TokenFileWriter(tmp_path / "a.tokens", VOCAB) as writer:
        writer.add(words)
    file = TokenFile(tmp_path / "a.tokens")
    settings = {
        "steps": 150, "batch_size": 32, "learning_rate": 3e-2, "beta2": 0.99, "warmup_steps": 10, "device": "cpu",
        "checkpoint_interval": 0, "plot": "off", "threads": 1, "weight_decay": 0.0,
    }  # fmt: skip
    config = RunConfig.from_dict({"data": {"block_size": 8}, "training": settings})
    objective = SampledNextToken(
        torch.from_numpy(np.bincount(words, minlength=VOCAB)), frequent=10, sampled=15
    )
    model = gpt2()
    Trainer(model, config, tmp_path / "run", file, objective=objective, show_progress=False).train()
    # 0.9 of the words are certain: 0.735 nats is what there is to be unsure about.
    assert evaluate(model, file, block_size=8).loss < 1.1


def test_what_does_not_fit() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"counts \[2, 2\], frequent 3 and sampled 1: expected \[vocab\]"
    ):
        SampledNextToken(torch.ones(2, 2), frequent=3, sampled=1)
    with pytest.raises(InvalidArgumentError, match="sampled 0"):
        SampledNextToken(counts(), sampled=0)
    with pytest.raises(InvalidArgumentError, match=r"lm_head is Linear.*with the 59 outputs that counts has"):
        SampledNextToken(counts()[:59]).loss(lstm(), blocks())
