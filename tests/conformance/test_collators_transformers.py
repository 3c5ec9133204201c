"""Collators give what transformers' collators give, and draw as they do."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from shared_data import shared

from ferrolm import Tokenizer
from ferrolm.data import (
    MaskedLanguageModelingCollator,
    Seq2SeqCollator,
    TextClassificationCollator,
    TokenClassificationCollator,
)

TEXTS = ["The quick brown fox.", "Unbelievably long internationalization of words, and more.", "No."]


@pytest.fixture(scope="module")
def bert() -> tuple[Tokenizer, object]:
    path = str(shared("tokenizers/bert-base-uncased/tokenizer.json"))
    names = {
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
        "unk_token": "[UNK]",
    }
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=path, **names)
    theirs.backend_tokenizer.no_padding()
    theirs.backend_tokenizer.no_truncation()
    return Tokenizer.from_file(path), theirs


def equal(ours: dict, theirs: dict) -> None:
    names = set(ours) | set(theirs)
    for name in names - {"token_type_ids"}:
        torch.testing.assert_close(ours[name], theirs[name], msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("multiple", [1, 8])
def test_texts(bert, multiple: int) -> None:
    ours, theirs = bert
    collate = TextClassificationCollator(ours, pad_to_multiple_of=multiple)
    features = [{**theirs(text), "label": number} for number, text in enumerate(TEXTS)]
    expected = transformers.DataCollatorWithPadding(theirs, pad_to_multiple_of=multiple)(features)
    equal(collate(collate.encode(TEXTS, labels=[0, 1, 2])), dict(expected))


def test_pairs_have_the_types_of_transformers(bert) -> None:
    ours, theirs = bert
    collate = TextClassificationCollator(ours, max_length=9)
    expected = theirs(
        TEXTS,
        TEXTS[::-1],
        padding=True,
        truncation=True,
        max_length=9,
        return_tensors="pt",
        return_token_type_ids=True,
    )
    batch = collate(collate.encode(TEXTS, TEXTS[::-1]))
    equal(batch, dict(expected))
    torch.testing.assert_close(batch["token_type_ids"], expected["token_type_ids"])


def test_words(bert) -> None:
    ours, theirs = bert
    words = [text.split() for text in TEXTS]
    labels = [[number % 3 for number in range(len(row))] for row in words]
    features = []
    for row, given in zip(words, labels, strict=True):
        encoded = theirs(row, is_split_into_words=True)
        before, spread = None, []
        for word in encoded.word_ids():  # as in transformers' examples
            spread.append(-100 if word is None or word == before else given[word])
            before = word
        features.append({**encoded, "labels": spread})
    collate = TokenClassificationCollator(ours)
    equal(
        collate(collate.encode(words, labels)),
        dict(transformers.DataCollatorForTokenClassification(theirs)(features)),
    )


def test_sources_and_targets(bert) -> None:
    ours, theirs = bert
    features = [{**theirs(text), "labels": theirs(text[::-1])["input_ids"]} for text in TEXTS]
    expected = transformers.DataCollatorForSeq2Seq(theirs)(features)
    collate = Seq2SeqCollator(ours)
    batch = collate(collate.encode(TEXTS, [text[::-1] for text in TEXTS]))
    equal(batch, {name: torch.as_tensor(np.asarray(each)) for name, each in expected.items()})


def test_masks_have_the_statistics_of_transformers(bert) -> None:
    ours, theirs = bert
    texts = [" ".join(TEXTS)] * 300
    collate = MaskedLanguageModelingCollator(ours)
    torch.manual_seed(0)
    expected = transformers.DataCollatorForLanguageModeling(theirs)([theirs(text) for text in texts])
    batch = collate(collate.encode(texts), np.random.default_rng(0))
    whole = torch.tensor(theirs(texts)["input_ids"])
    shares = []
    for each in (batch, expected):
        chosen = each["labels"] != -100
        assert torch.equal(each["labels"][chosen], whole[chosen])
        assert torch.equal(each["input_ids"][~chosen], whole[~chosen])
        assert not chosen[:, [0, -1]].any()
        tokens = each["input_ids"][chosen]
        shares.append(
            [
                chosen[:, 1:-1].float().mean(),
                (tokens == 103).float().mean(),
                (tokens == whole[chosen]).float().mean(),
            ]
        )
    torch.testing.assert_close(torch.tensor(shares[0]), torch.tensor(shares[1]), rtol=0.0, atol=0.03)
