"""Recurrent classifiers and taggers: padding, pooling, losses, learning, files."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError, InvalidFileError, ShapeError, UnknownNameError
from ferrolm.models import BiLSTMTagger, LSTMClassifier, LSTMConfig, summarize, summarize_checkpoint
from ferrolm.models.lstm_tagger import TAG_DECODERS, SoftmaxTags

POOLINGS = ("last", "max", "mean", "attention")
LENGTHS = torch.tensor([5, 1, 9, 7])
IDS = torch.randint(1, 50, (4, 9), generator=torch.Generator().manual_seed(1))
MASK = torch.arange(9) < LENGTHS[:, None]
CLOSE = {"atol": 1e-6, "rtol": 1e-4}

torch.set_num_threads(1)


def config(**settings: object) -> LSTMConfig:
    shape = {"vocab_size": 50, "embedding_size": 12, "hidden_size": 8, "num_layers": 2, "num_labels": 3}
    return LSTMConfig(**{**shape, **settings})


def classifier(**settings: object) -> LSTMClassifier:
    torch.manual_seed(0)
    return LSTMClassifier(config(**settings)).eval()


def tagger(**settings: object) -> BiLSTMTagger:
    torch.manual_seed(0)
    return BiLSTMTagger(config(**settings)).eval()


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [True, False])
@torch.no_grad()
def test_a_row_depends_neither_on_the_others_nor_on_padding(
    pooling: str, cell: str, bidirectional: bool
) -> None:
    model = classifier(pooling=pooling, cell=cell, bidirectional=bidirectional)
    alone = torch.cat(
        [model(row[None, :length]).logits for row, length in zip(IDS, LENGTHS.tolist(), strict=True)]
    )
    assert (alone - alone.mean(0)).abs().max() > 1e-3
    torch.testing.assert_close(model(IDS, lengths=LENGTHS).logits, alone, **CLOSE)
    torch.testing.assert_close(model(IDS, MASK).logits, alone, **CLOSE)
    other = IDS.masked_fill(~MASK, 49)
    torch.testing.assert_close(model(other, MASK.long()).logits, alone, **CLOSE)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(model(IDS[order], lengths=LENGTHS[order]).logits, alone[order], **CLOSE)
    # On the left, as some tokenizers pad.
    left = torch.stack([row.roll(9 - n) for row, n in zip(IDS, LENGTHS.tolist(), strict=True)])
    torch.testing.assert_close(model(left, MASK.flip(1)).logits, alone, **CLOSE)


@torch.no_grad()
def test_poolings_are_what_they_are_called() -> None:
    hidden, _ = classifier().encoder(IDS, MASK)
    rows = [row[:length] for row, length in zip(hidden, LENGTHS.tolist(), strict=True)]

    def pooled(pooling: str) -> Tensor:
        model = classifier(pooling=pooling)
        seen: list[Tensor] = []
        model.classifier.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        # Some poolings have weights of their own, which are drawn after those of the encoder.
        model(IDS, MASK)
        return seen[0]

    ends = torch.stack([torch.cat([row[-1, :8], row[0, 8:]]) for row in rows])
    torch.testing.assert_close(pooled("last"), ends)
    torch.testing.assert_close(pooled("mean"), torch.stack([row.mean(0) for row in rows]))
    torch.testing.assert_close(pooled("max"), torch.stack([row.amax(0) for row in rows]))
    model = classifier(pooling="attention")
    weighted = [(model.query(torch.tanh(model.attention(row))).softmax(0) * row).sum(0) for row in rows]
    torch.testing.assert_close(pooled("attention"), torch.stack(weighted))


@torch.no_grad()
def test_the_encoder_is_torchs_module_over_packed_rows() -> None:
    model = classifier()
    twin = nn.LSTM(12, 8, 2, batch_first=True, bidirectional=True)
    twin.load_state_dict(model.encoder.rnn.state_dict())
    packed = nn.utils.rnn.pack_padded_sequence(
        model.encoder.embed_tokens(IDS), LENGTHS, batch_first=True, enforce_sorted=False
    )
    expected, (hidden, _) = twin(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)
    out, last = model.encoder(IDS, MASK)
    torch.testing.assert_close(out, expected, **CLOSE)
    torch.testing.assert_close(last, torch.cat([hidden[2], hidden[3]], dim=1), **CLOSE)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_text_without_tokens_has_the_logits_of_the_bias(pooling: str) -> None:
    model = classifier(pooling=pooling)
    output = model(IDS, lengths=torch.tensor([5, 0, 9, 7]), labels=torch.tensor([0, 1, 2, 0]))
    torch.testing.assert_close(output.logits[1], model.classifier.bias)
    output.loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_given_embeddings_are_taken_and_kept_where_they_do_not_learn() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 12)).astype(np.float32)
    for train in (True, False):
        model = LSTMClassifier(config(train_embeddings=train), embeddings=vectors)
        optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=0.1)
        before = model.encoder.embed_tokens.weight.detach().clone()
        assert np.array_equal(before.numpy(), vectors)
        model(IDS, MASK, labels=torch.tensor([0, 1, 2, 0])).loss.backward()
        optimizer.step()
        assert torch.equal(model.encoder.embed_tokens.weight, before) != train
    assert summarize(model).parameters - summarize(model).trainable_parameters == 600
    with pytest.raises(ShapeError, match=r"embeddings has shape \[50, 11\], expected \[50, 12\]"):
        LSTMClassifier(config(), embeddings=vectors[:, 1:])


def test_the_loss_has_weights_and_smoothing() -> None:
    labels = torch.tensor([0, 2, -100, 1])
    plain = classifier()
    output = plain(IDS, MASK, labels=labels)
    kept = output.logits[[0, 1, 3]].log_softmax(-1)
    chosen = -kept[torch.arange(3), labels[[0, 1, 3]]]
    torch.testing.assert_close(output.loss, chosen.mean())
    weights = torch.tensor([1.0, 4.0, 0.5])
    weighted = classifier(class_weights=weights.tolist())(IDS, MASK, labels=labels).loss
    of_rows = weights[labels[[0, 1, 3]]]
    torch.testing.assert_close(weighted, (of_rows * chosen).sum() / of_rows.sum())
    smoothed = classifier(label_smoothing=0.3)(IDS, MASK, labels=labels).loss
    torch.testing.assert_close(smoothed, (0.7 * chosen - 0.3 * kept.mean(-1)).mean())


@torch.no_grad()
def test_a_tagger_labels_each_token_of_a_row_by_itself() -> None:
    model = tagger()
    for parameter in model.parameters():
        parameter.normal_()  # so that its choices differ
    output = model(IDS, MASK)
    found = model.decode(IDS, MASK)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = model(IDS[row : row + 1, :length]).logits[0]
        torch.testing.assert_close(output.logits[row, :length], alone, **CLOSE)
        assert found[row].tolist() == alone.argmax(-1).tolist() + [-100] * (9 - length)
    assert len(found[MASK].unique()) > 1


def test_padding_and_ignored_labels_are_not_in_a_taggers_loss() -> None:
    model = tagger(class_weights=[1, 2, 3])
    labels = IDS % 3
    expected = nn.functional.cross_entropy(
        model(IDS, MASK).logits[MASK], labels[MASK], torch.tensor([1.0, 2.0, 3.0])
    )
    torch.testing.assert_close(model(IDS, MASK, labels=labels).loss, expected)
    ignored = labels.masked_fill(IDS < 20, -100)
    scored = MASK & (IDS >= 20)
    expected = nn.functional.cross_entropy(
        model(IDS, MASK).logits[scored], labels[scored], torch.tensor([1.0, 2.0, 3.0])
    )
    torch.testing.assert_close(model(IDS, lengths=LENGTHS, labels=ignored).loss, expected)


def test_another_decoder_of_tags_is_used_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Biased(SoftmaxTags):
        def __init__(self, config: LSTMConfig) -> None:
            super().__init__(config)
            self.bias = nn.Parameter(torch.tensor([0.0, 100.0, 0.0]))

        def decode(self, emissions: Tensor, mask: Tensor) -> Tensor:
            return super().decode(emissions + self.bias, mask)

    monkeypatch.setitem(TAG_DECODERS, "biased", Biased)
    model = tagger(tag_decoder="biased")
    assert set(model.decode(IDS, MASK)[MASK].tolist()) == {1}
    model.tags.bias.data = torch.tensor([0.0, 0.0, 100.0])
    model.save_pretrained(tmp_path)
    loaded = BiLSTMTagger.from_pretrained(tmp_path)
    assert set(loaded.decode(IDS, MASK)[MASK].tolist()) == {2}
    with pytest.raises(UnknownNameError, match=r"tag_decoder is 'softmx', .*did you mean 'softmax'"):
        tagger(tag_decoder="softmx")


def test_a_crf_finds_the_best_sequence_of_labels(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = tagger(tag_decoder="crf")
    transitions = {"start_transitions": 3, "end_transitions": 3, "transitions": (3, 3)}
    with torch.no_grad():
        for name, shape in transitions.items():
            getattr(model.tags.crf, name).copy_(torch.randn(shape) * 2)
    crf = model.tags.crf
    labels = (IDS % 3).masked_fill(IDS < 20, -100)
    logits = model(IDS, MASK).logits
    expected, found = [], model.decode(IDS, MASK)
    for row, length in enumerate(LENGTHS.tolist()):
        kept = labels[row, :length] != -100
        of_row = logits[row : row + 1, :length][:, kept]
        if kept.any():
            expected.append(-crf.log_likelihood(of_row, labels[row : row + 1, :length][:, kept]))
        else:
            expected.append(torch.zeros(1))
        # Every sequence there is, for the rows that have not too many.
        if length <= 5:
            every = torch.cartesian_prod(*[torch.arange(3)] * length).reshape(-1, length)
            scores = crf.score(logits[row, None, :length].expand(len(every), -1, -1), every)
            assert found[row].tolist() == every[scores.argmax()].tolist() + [-100] * (9 - length)
    torch.testing.assert_close(model(IDS, MASK, labels=labels).loss, torch.cat(expected).mean())
    model.save_pretrained(tmp_path)
    assert torch.equal(BiLSTMTagger.from_pretrained(tmp_path).decode(IDS, MASK), found)
    with pytest.raises(InvalidArgumentError, match="class_weights and label_smoothing are for"):
        tagger(tag_decoder="crf", label_smoothing=0.1)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_toy_task_is_learned(pooling: str) -> None:
    # Which of the words 1 and 2 comes first; everything else is noise.
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(3, 20, (400, 8), generator=generator)
    lengths = torch.randint(3, 9, (400,), generator=generator)
    labels = torch.randint(0, 2, (400,), generator=generator)
    for row, label in enumerate(labels.tolist()):
        first, second = sorted(torch.randperm(int(lengths[row]), generator=generator)[:2].tolist())
        ids[row, first], ids[row, second] = (1, 2) if label == 0 else (2, 1)
    torch.manual_seed(0)
    model = LSTMClassifier(LSTMConfig(vocab_size=20, embedding_size=16, hidden_size=16, pooling=pooling))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(120):
        rows = torch.arange(step * 50, step * 50 + 50) % 300
        model(ids[rows], lengths=lengths[rows], labels=labels[rows]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        found = model.eval()(ids[300:], lengths=lengths[300:]).logits.argmax(-1)
    assert (found == labels[300:]).float().mean() > 0.9


def test_a_tagger_learns_from_both_sides() -> None:
    # A token's label is whether the tokens on its two sides are both even.
    ids = torch.randint(2, 12, (300, 10), generator=torch.Generator().manual_seed(3))
    even = nn.functional.pad((ids % 2 == 0).long(), (1, 1))
    labels = even[:, :-2] * even[:, 2:]
    torch.manual_seed(0)
    model = BiLSTMTagger(LSTMConfig(vocab_size=12, embedding_size=16, hidden_size=16))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    for _ in range(60):
        model(ids[:200], labels=labels[:200]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    accuracy = (model.eval().decode(ids[200:]) == labels[200:]).float().mean()
    assert accuracy > 0.95 > (labels[200:] == 0).float().mean()


def letters(words: list[list[str]]) -> Tensor:
    longest = max(len(word) for row in words for word in row)
    return torch.tensor([[[*map(ord, word), *[0] * (longest - len(word))] for word in row] for row in words])


def test_the_letters_of_a_word_are_a_convolution_and_a_maximum() -> None:
    model = tagger(character_size=5, character_vocab_size=128).encoder.characters
    spelled = letters([["Anna", "\u4e2d", "a"], ["", "\u7684", "Anna"]])
    found = model(spelled)
    assert not found[1, 0].any(), "a place without letters"
    torch.testing.assert_close(found[0, 0], found[1, 2])
    torch.testing.assert_close(found[0, 1], found[1, 1])  # letters beyond the vocabulary are one
    vectors = nn.functional.pad(model.embed_characters(spelled[0, 0]), (0, 0, 1, 1))
    windows = vectors.unfold(0, 3, 1)  # [letters, size, 3]
    expected = torch.einsum("lsk,osk->lo", windows, model.convolution.weight) + model.convolution.bias
    torch.testing.assert_close(found[0, 0], expected.amax(0))
    longer = nn.functional.pad(spelled, (0, 7))
    torch.testing.assert_close(model(longer), found)
    with pytest.raises(
        ShapeError, match=r"character_ids has shape \[2, 3\], expected \[batch, time, letters\]"
    ):
        model(spelled[:, :, 0])


def test_a_tagger_learns_case_and_endings_of_words_it_has_no_id_for(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = torch.from_numpy(generator.integers(0, 3, (150, 6)))
    ids = torch.ones_like(labels)  # one unknown word

    def spell(label: int) -> str:
        word = "".join(generator.choice(list("bcdfgklmnprt"), 4))
        return (word.capitalize(), word + "ing", word)[label]

    words = letters([[spell(label) for label in row] for row in labels.tolist()])
    torch.manual_seed(0)
    model = BiLSTMTagger(config(character_size=16, tag_decoder="crf"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    for _ in range(40):
        model(ids[:100], labels=labels[:100], character_ids=words[:100]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    found = model.eval().decode(ids[100:], character_ids=words[100:])
    assert (found == labels[100:]).float().mean() > 0.95
    model.save_pretrained(tmp_path)
    loaded = BiLSTMTagger.from_pretrained(tmp_path)
    assert torch.equal(loaded.decode(ids[100:], character_ids=words[100:]), found)
    assert not model.encoder.characters.embed_characters.weight[0].any(), (
        "places without letters learn nothing"
    )
    assert summarize(model).notes == ("the work on the letters of words not counted",)
    with pytest.raises(InvalidArgumentError, match="character_ids are missing, but character_size is 16"):
        model(ids)
    with pytest.raises(InvalidArgumentError, match="character_ids are given, but character_size is 0"):
        tagger()(ids, character_ids=words)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_saved_classifier_is_loaded_as_it_was(pooling: str, tmp_path: Path) -> None:
    names = {0: "bad", 1: "fair", 2: "good"}
    model = classifier(
        pooling=pooling, id2label=names, class_weights=[1, 2, 3], train_embeddings=False, cell="gru"
    )
    model.save_pretrained(tmp_path)
    loaded = LSTMClassifier.from_pretrained(tmp_path)
    assert not loaded.training
    assert torch.equal(loaded(IDS, MASK).logits, model(IDS, MASK).logits)
    labels = torch.tensor([0, 1, 2, 0])
    assert torch.equal(loaded(IDS, MASK, labels=labels).loss, model(IDS, MASK, labels=labels).loss)
    assert (loaded.config.id2label, loaded.config.label2id["good"]) == (names, 2)
    assert not loaded.encoder.embed_tokens.weight.requires_grad
    half = LSTMClassifier.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert half(IDS, MASK, labels=labels).loss.dtype == torch.float32
    summary = summarize_checkpoint(tmp_path)
    assert summary.architecture == "LSTMClassifier"
    assert summary.parameters == sum(p.numel() for p in model.parameters())
    assert list(summary.layer_parameters) == ["encoder.rnn.0", "encoder.rnn.1"]


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    tagger().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    settings = json.loads(path.read_text())
    assert settings["architectures"] == ["BiLSTMTagger"]
    path.write_text(json.dumps({**settings, "pooling": "attention"}))
    with pytest.raises(InvalidFileError, match=r"attention.bias is missing; .*query.weight is missing"):
        LSTMClassifier.from_pretrained(tmp_path)
    path.write_text(json.dumps({**settings, "pooling": "lats"}))
    with pytest.raises(InvalidFileError, match=r"config.json: pooling is 'lats', .*did you mean 'last'"):
        BiLSTMTagger.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": "rnn"}, "cell is 'rnn', expected one of lstm, gru"),
        ({"num_labels": 0}, "num_labels is 0"),
        ({"num_labels": 3, "id2label": {0: "a", 1: "b"}}, "expected a name for each number from 0 to 2"),
        ({"class_weights": [1.0]}, r"class_weights is \[1.0\], expected 2 numbers"),
        ({"class_weights": [1.0, -1.0]}, "class_weights"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0"),
        ({"character_size": -1}, "character_size is -1, expected a whole number"),
        ({"character_vocab_size": 0}, "character_vocab_size is 0"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        LSTMConfig(**settings)


def test_masks_and_lengths_that_do_not_fit_are_named() -> None:
    for model in (classifier(), tagger()):
        with pytest.raises(ShapeError, match=r"attention_mask has shape \[4, 8\], expected \[4, 9\]"):
            model(IDS, MASK[:, 1:])
        with pytest.raises(ShapeError, match=r"lengths has shape \[3\], expected \[4\]"):
            model(IDS, lengths=LENGTHS[1:])
        with pytest.raises(ShapeError, match="lengths are 2 to 10, expected 0 to 9"):
            model(IDS, lengths=LENGTHS + 1)
        with pytest.raises(ShapeError, match="both given"):
            model(IDS, MASK, LENGTHS)


def test_dropout_acts_in_training_alone_and_one_layer_is_no_reason_to_warn() -> None:
    for name in ("input_dropout", "layer_dropout", "output_dropout"):
        for model in (classifier(**{name: 0.5}), tagger(**{name: 0.5})):
            assert torch.equal(model(IDS, MASK).logits, model(IDS, MASK).logits)
            model.train()
            assert (model(IDS, MASK).logits - model(IDS, MASK).logits).abs().max() > 1e-4, name
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier(layer_dropout=0.5, num_layers=1)
