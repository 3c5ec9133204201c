"""What a BERT is pre-trained on: masked tokens and words, pairs of segments; and blocks of token files."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from shared_data import shared

from ferrolm import Tokenizer
from ferrolm.data import (
    BlockExamples,
    ExampleBatches,
    MaskedLanguageModelingCollator,
    PackedBatches,
    PackedExamples,
    PackingCollator,
    SentenceDocuments,
    SentencePairCollator,
    SpanCorruptionCollator,
    write_token_file,
)
from ferrolm.data.collators import Masking, pack_lengths
from ferrolm.errors import InvalidArgumentError
from ferrolm.models import BertConfig, BertForPreTraining, T5Config, T5ForConditionalGeneration
from ferrolm.text import split_sentences
from ferrolm.tokenizers import models, pre_tokenizers


@pytest.fixture(scope="module")
def bert() -> Tokenizer:
    return Tokenizer.from_file(str(shared("tokenizers/bert-base-uncased/tokenizer.json")))


def masking(**shares: float) -> Masking:
    return Masking(99, np.arange(10, 90), [0, 99], **shares)


def test_the_shares_are_those_of_the_paper() -> None:
    ids = np.random.default_rng(0).integers(10, 90, (200, 500))
    ids[:, -20:] = 0
    inputs, labels = masking()(ids, np.random.default_rng(1))
    chosen = labels != -100
    assert not chosen[:, -20:].any(), "special tokens are never chosen"
    np.testing.assert_array_equal(labels[chosen], ids[chosen])
    np.testing.assert_array_equal(inputs[~chosen], ids[~chosen])
    assert chosen[:, :-20].mean() == pytest.approx(0.15, abs=0.005)
    assert (inputs[chosen] == 99).mean() == pytest.approx(0.8, abs=0.015)
    # Of the tenth that is drawn from 80 tokens, one in 80 stays by chance.
    assert (inputs[chosen] == ids[chosen]).mean() == pytest.approx(0.1 + 0.1 / 80, abs=0.01)
    others = inputs[chosen & (inputs != 99) & (inputs != ids)]
    assert set(others.tolist()) == set(range(10, 90))
    again = masking()(ids, np.random.default_rng(1))
    np.testing.assert_array_equal(again[0], inputs)
    assert (masking()(ids, np.random.default_rng(2))[0] != inputs).any(), "drawn anew"


def test_a_batch_has_a_target_if_it_can() -> None:
    for seed in range(50):
        _, labels = masking(probability=0.001)(np.array([[0, 20, 30, 0]]), np.random.default_rng(seed))
        assert (labels >= 0).sum() >= 1
    _, labels = masking()(np.zeros((1, 4), np.int64), np.random.default_rng(0))
    assert (labels == -100).all()


def test_words_are_masked_as_a_whole(bert: Tokenizer) -> None:
    collate = MaskedLanguageModelingCollator(
        bert, whole_words=True, probability=0.3, random_share=0.0, mask_share=1.0
    )
    texts = ["Internationalization of antidisestablishmentarianism notwithstanding"] * 40
    examples = collate.encode(texts, texts)
    words = examples[0]["word_ids"]
    assert (np.diff(words) == 0).sum() > 6, "words of several tokens"
    batch = collate(examples, np.random.default_rng(0))
    edges = np.flatnonzero(np.diff(words) != 0) + 1
    for row in (batch["labels"] != -100).numpy():
        for word in np.split(row, edges):
            assert word.all() or not word.any()
    chosen = (batch["labels"] != -100).numpy()[:, words >= 0]
    assert chosen.mean() == pytest.approx(0.3, abs=0.07)
    half = len(words) // 2
    assert (chosen[:, : half - 1] != chosen[:, half - 1 :][:, : half - 1]).any(), (
        "both texts are drawn for themselves"
    )
    with pytest.raises(InvalidArgumentError, match="no word_ids"):
        collate([{"input_ids": [4, 5]}], np.random.default_rng(0))


def test_batches_are_masked_anew_each_epoch_and_the_same_after_a_resume(bert: Tokenizer) -> None:
    collate = MaskedLanguageModelingCollator(bert, max_length=32)
    examples = collate.encode([f"sentence number {n} of a short and simple text" for n in range(8)])
    one, other = (ExampleBatches(examples, collate, 8, seed=4) for _ in range(2))
    torch.testing.assert_close(one.batch(3), other.batch(3))
    rows = [
        {tuple(row) for row in torch.cat([b["input_ids"], b["labels"]], 1).tolist()}
        for b in (one.batch(0), one.batch(1))
    ]
    assert rows[0] != rows[1]


def test_blocks_of_a_token_file_are_masked_between_their_special_tokens(bert: Tokenizer) -> None:
    tokens = np.arange(1000, 1100, dtype=np.uint16)
    batch = ExampleBatches(
        BlockExamples(tokens, 30, before=[101], after=[102]), MaskedLanguageModelingCollator(bert), 3
    ).batch(0)
    ids = torch.where(batch["labels"] >= 0, batch["labels"], batch["input_ids"])
    assert sorted(ids[:, 1:-1].flatten().tolist()) == list(range(1000, 1090))
    assert batch["input_ids"][:, [0, -1]].tolist() == [[101, 102]] * 3


def test_masking_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="probability is 0, expected"):
        masking(probability=0)
    with pytest.raises(InvalidArgumentError, match="shares of 1 together"):
        masking(mask_share=0.8, random_share=0.3)
    tokenizer = Tokenizer(models.WordLevel({"a": 0}))
    with pytest.raises(InvalidArgumentError, match=r"no \[MASK\] or <mask>"):
        MaskedLanguageModelingCollator(tokenizer)


def letters() -> Tokenizer:
    """A token for each of 400 words; sentence ``s`` of document ``d`` has words that tell both."""
    names = ["[PAD]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(400))]
    tokenizer = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(names[:4])
    return tokenizer


LENGTHS = [[3, 5, 2, 7], [4], [6, 1, 1, 2, 9, 30]]


def documents(tokenizer: Tokenizer, **options: bool) -> SentenceDocuments:
    number = iter(range(400))
    return SentenceDocuments.encode(
        tokenizer,
        [[" ".join(f"w{next(number)}" for _ in range(n)) for n in sizes] for sizes in LENGTHS],
        **options,
    )


def segments(batch: dict) -> list[tuple[list[int], list[int], int]]:
    """The words of both segments, unmasked, by which they can be told."""
    rows = []
    ids = torch.where(batch["labels"] >= 0, batch["labels"], batch["input_ids"])
    for row, types, mask, label in zip(
        ids, batch["token_type_ids"], batch["attention_mask"], batch["next_sentence_label"], strict=True
    ):
        first, second = row[(types == 0) & (mask == 1)].tolist(), row[types == 1].tolist()
        assert first[0] == 1
        assert first[-1] == second[-1] == 2
        rows.append(([token - 4 for token in first[1:-1]], [token - 4 for token in second[:-1]], int(label)))
    return rows


def owners() -> np.ndarray:
    return np.repeat(range(len(LENGTHS)), [sum(sizes) for sizes in LENGTHS])


@pytest.mark.parametrize("max_length", [8, 16, 64])
def test_the_second_segment_follows_or_is_of_another_document(max_length: int) -> None:
    tokenizer = letters()
    collate = SentencePairCollator(tokenizer, documents(tokenizer), max_length=max_length)
    examples = collate.examples()
    assert [i for start, stop, _ in examples for i in range(start, stop)] == list(range(11)), (
        "each sentence once"
    )
    random, owner, found = np.random.default_rng(0), owners(), []
    for _ in range(60):
        for first, second, changed in segments(collate(examples, random)):
            assert first, second
            assert len(first) + len(second) + 3 <= max_length
            assert (np.diff(first) == 1).all()
            assert (np.diff(second) == 1).all()
            if changed:
                assert owner[second[0]] != owner[first[0]]
            else:
                assert owner[second[0]] == owner[first[0]]
                assert second[0] > first[-1]
                if max_length == 64:
                    assert second[0] == first[-1] + 1
            found.append((changed, first[0]))
    alone = 17  # the only sentence of its document is never followed
    assert 0.42 < np.mean([changed for changed, start in found if start != alone]) < 0.75
    assert all(changed for changed, start in found if start == alone)


def test_two_segments_in_order_or_not() -> None:
    tokenizer = letters()
    collate = SentencePairCollator(tokenizer, documents(tokenizer), task="sentence_order", max_length=40)
    examples = collate.examples()
    assert all(stop - start >= 2 for start, stop, _ in examples)
    random, owner, labels = np.random.default_rng(0), owners(), []
    for _ in range(60):
        for first, second, swapped in segments(collate(examples, random)):
            assert owner[first[0]] == owner[second[0]]
            assert (second[-1] < first[0]) if swapped else (first[-1] < second[0])
            labels.append(swapped)
    assert np.mean(labels) == pytest.approx(0.5, abs=0.1)


def test_one_row_in_ten_is_made_shorter() -> None:
    tokenizer = letters()
    many = SentenceDocuments.encode(tokenizer, [["w1 w2"] * 400] * 20)
    targets = np.array([t for *_, t in SentencePairCollator(tokenizer, many, max_length=35).examples(seed=1)])
    assert np.mean(targets < 32) == pytest.approx(0.1, abs=0.04)
    assert targets.max() == 32
    assert targets.min() >= 2
    plain = SentencePairCollator(tokenizer, many, max_length=35, short_seq_probability=0.0).examples()
    assert {t for *_, t in plain} == {32}
    assert {stop - start for start, stop, _ in plain} == {16}


def test_segments_that_are_too_long_lose_tokens_at_both_ends() -> None:
    tokenizer = letters()
    long = SentenceDocuments.encode(tokenizer, [[" ".join(f"w{i}" for i in range(100))], ["w200 w201 w202"]])
    collate = SentencePairCollator(tokenizer, long, max_length=23)
    starts = set()
    for seed in range(30):
        first, second, label = segments(collate([(0, 1, 20)], np.random.default_rng(seed)))[0]
        assert (len(first), len(second), label) == (17, 3, 1)
        starts.add(first[0])
    assert len(starts) > 5
    assert min(starts) > 0


def test_words_of_sentences_are_masked_as_a_whole(bert: Tokenizer) -> None:
    text = "Unbelievably internationalized. Unbelievably internationalized. Antidisestablishmentarianism."
    documents = SentenceDocuments.encode(bert, [split_sentences(text)] * 2, words=True)
    plain = SentenceDocuments.encode(bert, [split_sentences(text)] * 2)
    np.testing.assert_array_equal(documents.ids, plain.ids)
    np.testing.assert_array_equal(documents.sentences, plain.sentences)
    assert documents.fingerprint == plain.fingerprint
    collate = SentencePairCollator(bert, documents, whole_words=True, max_length=64, probability=0.4)
    for seed in range(10):
        batch = collate(collate.examples(), np.random.default_rng(seed))
        for row, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            tokens = [bert.id_to_token(i) for i in torch.where(labels >= 0, labels, row).tolist()]
            chosen = (labels >= 0).tolist()
            assert all(chosen[i] == chosen[i - 1] for i, token in enumerate(tokens) if token.startswith("##"))
    with pytest.raises(InvalidArgumentError, match="documents have no words"):
        SentencePairCollator(bert, plain, whole_words=True)


def test_a_bert_learns_both_tasks_from_real_text(bert: Tokenizer) -> None:
    lines = shared("text/wikitext-2/test.txt").read_text(encoding="utf-8").split("\n")
    texts = [split_sentences(line) for line in lines[:200] if len(line) > 200]
    documents = SentenceDocuments.encode(bert, texts)
    collate = SentencePairCollator(bert, documents, max_length=64)
    batches = ExampleBatches(collate.examples(), collate, 16, fingerprint=documents.fingerprint)
    batch = batches.batch(0)
    assert batch["input_ids"].shape[1] <= 64
    assert (batch["labels"] != -100).float().sum() / batch["attention_mask"].sum() == pytest.approx(
        0.15, abs=0.05
    )
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    output = BertForPreTraining(BertConfig(vocab_size=30522, **shape))(**batch)
    assert output.loss.item() == pytest.approx(np.log(30522) + np.log(2), abs=0.5)


def test_pairs_that_cannot_be_made_are_refused() -> None:
    tokenizer = letters()
    one = SentenceDocuments.encode(tokenizer, [["w1"]])
    with pytest.raises(InvalidArgumentError, match="1 documents, expected 2 or more"):
        SentencePairCollator(tokenizer, one)
    with pytest.raises(InvalidArgumentError, match="no document has two sentences"):
        SentencePairCollator(tokenizer, one, task="sentence_order").examples()
    with pytest.raises(InvalidArgumentError, match="task is 'order'"):
        SentencePairCollator(tokenizer, one, task="order")
    with pytest.raises(InvalidArgumentError, match="documents: none has a token"):
        SentenceDocuments.encode(tokenizer, [[], [""]])


def test_a_token_file_becomes_spans_that_fill_the_inputs(tmp_path) -> None:
    tokenizer = Tokenizer.from_file(str(shared("tokenizers/t5-small/tokenizer.json")))
    text = shared("text/tinyshakespeare.txt").read_text(encoding="utf-8")[:40_000]
    file = write_token_file(tmp_path / "t5.tokens", text.split("\n\n"), tokenizer, end_of_text="</s>")
    collate = SpanCorruptionCollator(tokenizer)
    blocks = collate.blocks(file.tokens, input_length=128)
    batch = ExampleBatches(blocks, collate, 4).batch(0)
    assert batch["input_ids"].shape == (4, 128)
    assert batch["attention_mask"].all()
    assert batch["labels"].shape[1] == 29, "21 tokens, 7 sentinels and the end"
    assert [int((row >= 32000).sum()) for row in batch["labels"]] == [7] * 4
    assert batch["input_ids"][0][batch["input_ids"][0] >= 32000].tolist() == list(range(32099, 32092, -1))
    small = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    assert T5ForConditionalGeneration(T5Config(vocab_size=32128, **small))(**batch).loss.isfinite()


def test_spans_that_cannot_be_are_refused() -> None:
    tokenizer = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "a": 2, "<extra_id_0>": 3}))
    collate = SpanCorruptionCollator(tokenizer, mean_span_length=1.0, noise_density=0.5)
    with pytest.raises(InvalidArgumentError, match="10 tokens has 5 spans, but there are 1 sentinels"):
        collate([{"input_ids": np.full(10, 2)}], np.random.default_rng(0))
    with pytest.raises(InvalidArgumentError, match="1 tokens, expected 2 or more"):
        collate([{"input_ids": np.full(1, 2)}], np.random.default_rng(0))
    with pytest.raises(InvalidArgumentError, match="no <extra_id_0>"):
        SpanCorruptionCollator(Tokenizer(models.WordLevel({"a": 0})))
    with pytest.raises(InvalidArgumentError, match="noise_density is 1"):
        SpanCorruptionCollator(tokenizer, noise_density=1.0)


def test_packing_of_a_real_token_file_wastes_little(tmp_path, bert: Tokenizer) -> None:
    text = shared("text/tinyshakespeare.txt").read_text(encoding="utf-8")[:200_000]
    file = write_token_file(tmp_path / "play.tokens", text.split("\n\n"), bert, end_of_text="[SEP]")
    batches = PackedBatches(file.tokens, file.offsets, 256, 4, seed=3)
    assert batches.fill > 0.99
    torch.testing.assert_close(
        batches.batch(5), PackedBatches(file.tokens, file.offsets, 256, 4, seed=3).batch(5)
    )
    targets = sum(
        int((PackingCollator(256)([row])["shift_labels"] != -100).sum()) for row in batches.examples
    )
    assert targets == len(file.tokens) - file.document_count
    assert batches.fingerprint != PackedBatches(file.tokens, file.offsets, 128, 4, seed=3).fingerprint


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="item 1 has length 9, expected 1 to 8"):
        pack_lengths([3, 9], 8)
    with pytest.raises(InvalidArgumentError, match="example 1 has 10 tokens, expected 9 at most"):
        PackedExamples([{"input_ids": [1]}, {"input_ids": [1] * 10}], 8)
    with pytest.raises(InvalidArgumentError, match="row 0 has 9 inputs, more than the capacity of 8"):
        PackingCollator(8)([[{"input_ids": [1] * 10}]])
    with pytest.raises(InvalidArgumentError, match="length is 4, expected 1 to 3"):
        BlockExamples(np.arange(3), 4)
