"""Collators of labelled tasks: what models are given for texts, words, answers and pairs, and the way back."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from shared_data import shared

from ferrolm import Tokenizer
from ferrolm.data import (
    ContrastivePairsCollator,
    ExampleBatches,
    QuestionAnsweringCollator,
    Seq2SeqCollator,
    TextClassificationCollator,
    TokenClassificationCollator,
    example_lengths,
)
from ferrolm.errors import InvalidArgumentError, ShapeError, UnknownNameError
from ferrolm.models import BertConfig, BertForQuestionAnswering, BertForSequenceClassification
from ferrolm.tokenizers import models, pre_tokenizers


@pytest.fixture(scope="module")
def bert() -> Tokenizer:
    return Tokenizer.from_file(str(shared("tokenizers/bert-base-uncased/tokenizer.json")))


@pytest.fixture(scope="module")
def roberta() -> Tokenizer:
    return Tokenizer.from_file(str(shared("tokenizers/roberta-base/tokenizer.json")))


def small_bert(**changes: object) -> BertConfig:
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return BertConfig(vocab_size=30522, **shape, **changes)


def test_pairs_are_padded_with_types_and_mask(bert: Tokenizer) -> None:
    collate = TextClassificationCollator(bert, label_names=["no", "yes"], pad_to_multiple_of=8)
    batch = collate(collate.encode(["a b c", "a"], ["d", "e f"], ["yes", "no"]))
    assert [bert.id_to_token(i) for i in batch["input_ids"][0].tolist()] == (
        ["[CLS]", "a", "b", "c", "[SEP]", "d", "[SEP]", "[PAD]"]
    )
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1, 0, 0]]
    assert batch["attention_mask"].sum(1).tolist() == [7, 6]
    assert batch["labels"].tolist() == [1, 0]
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


def test_types_are_left_out_where_a_model_has_none(bert: Tokenizer, roberta: Tokenizer) -> None:
    for collate in (
        TextClassificationCollator(bert, token_type_ids=False),
        TextClassificationCollator(roberta),
    ):
        assert "token_type_ids" not in collate(collate.encode(["a"], ["b"]))


@pytest.mark.parametrize(
    ("problem_type", "labels", "expected"),
    [
        ("single_label_classification", ["b", 0], [1, 0]),
        ("multi_label_classification", [["b", "c"], []], [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]),
        ("regression", [1.5, -2], [1.5, -2.0]),
    ],
)
def test_labels_of_each_kind_of_problem(
    bert: Tokenizer, problem_type: str, labels: list, expected: list
) -> None:
    collate = TextClassificationCollator(bert, label_names=["a", "b", "c"], problem_type=problem_type)
    batch = collate(collate.encode(["x", "y z"], labels=labels))
    assert batch["labels"].tolist() == expected
    config = small_bert(num_labels=1 if problem_type == "regression" else 3, problem_type=problem_type)
    assert BertForSequenceClassification(config)(**batch).loss.isfinite()


def test_long_texts_are_cut_and_rows_of_like_length_come_together(bert: Tokenizer) -> None:
    collate = TextClassificationCollator(bert, max_length=8)
    examples = collate.encode([f"{'word ' * n}" for n in range(1, 31)], labels=[0] * 30)
    lengths = example_lengths(examples)
    assert lengths.tolist() == [min(n + 2, 8) for n in range(1, 31)]
    batches = ExampleBatches(examples, collate, 5, lengths=lengths)
    widths = [batches.batch(index)["input_ids"].shape[1] for index in range(6)]
    assert min(widths) < 8 == max(widths)


def test_labels_that_are_wrong_are_named(bert: Tokenizer) -> None:
    collate = TextClassificationCollator(bert, label_names=["positive", "negative"])
    with pytest.raises(UnknownNameError, match=r"label 'postive' is none of .* did you mean 'positive'"):
        collate.encode(["a"], labels=["postive"])
    with pytest.raises(InvalidArgumentError, match="label is 2, expected a whole number, 0 to 1"):
        collate.encode(["a"], labels=[2])
    with pytest.raises(InvalidArgumentError, match="found 1 for 2 texts"):
        collate.encode(["a", "b"], labels=[0])
    with pytest.raises(InvalidArgumentError, match=r"problem_type is 'regresion'.*did you mean 'regression'"):
        TextClassificationCollator(bert, problem_type="regresion")
    with pytest.raises(InvalidArgumentError, match="label_names is None"):
        TextClassificationCollator(bert, problem_type="multi_label_classification")
    with pytest.raises(InvalidArgumentError, match="is a name: expected label_names"):
        TextClassificationCollator(bert).encode(["a"], labels=["x"])
    unpadded = Tokenizer(models.WordLevel({"a": 0}))
    with pytest.raises(InvalidArgumentError, match="no padding token"):
        TextClassificationCollator(unpadded)([{"input_ids": [0]}])


NAMES = ["O", "B-LOC", "I-LOC"]


def test_words_have_their_label_at_the_first_token(roberta: Tokenizer) -> None:
    words, labels = ["in", "Llanfairpwllgwyngyll", "", "now"], ["O", "B-LOC", "O", "O"]
    collate = TokenClassificationCollator(roberta, label_names=NAMES)
    (example,) = collate.encode([words], [labels])
    pieces = (example["word_ids"] == 1).sum()
    assert pieces > 3
    assert example["labels"].tolist() == [-100, 0, 1, *[-100] * (pieces - 1), 0, -100]
    every = TokenClassificationCollator(roberta, label_names=NAMES, label_all=True).encode([words], [labels])
    assert every[0]["labels"].tolist() == [-100, 0, 1, *[2] * (pieces - 1), 0, -100]
    batch = collate([example, *collate.encode([["on"]], [["O"]])])
    assert batch["labels"][1].tolist() == [-100, 0, *[-100] * (pieces + 2)]
    predicted = np.where(batch["labels"][0] < 0, 2, batch["labels"][0])
    assert collate.word_labels(example, predicted) == ["O", "B-LOC", "O"], "the empty word has no token"


def test_labels_and_words_must_be_as_many(bert: Tokenizer) -> None:
    collate = TokenClassificationCollator(bert, label_names=NAMES)
    with pytest.raises(InvalidArgumentError, match="text 1 has 1 words, but 2 labels"):
        collate.encode([["a"], ["b"]], [["O"], ["O", "O"]])
    with pytest.raises(ShapeError, match=r"predicted has shape \[2\], expected \[3\] or more"):
        collate.word_labels(collate.encode([["a"]])[0], [0, 0])


def test_tokens_tell_how_their_word_is_written(bert: Tokenizer) -> None:
    words = ["The", "iPhone", "of", "Transylvania", "\u00c9mile", ""]
    plain = TokenClassificationCollator(bert).encode([words])[0]
    collate = TokenClassificationCollator(bert, case_types=True, characters=True)
    example = collate.encode([words])[0]
    assert example["input_ids"].tolist() == plain["input_ids"].tolist()
    of_words = {
        words[w]: t for w, t in zip(example["word_ids"], example["token_type_ids"], strict=True) if w >= 0
    }
    assert of_words == {"The": 1, "iPhone": 1, "of": 0, "Transylvania": 1, "\u00c9mile": 1}
    batch = collate([example, *collate.encode([["no"]])])
    assert batch["token_type_ids"][:, [0, -1]].tolist() == [[0, 0], [0, 0]], "special tokens and padding"
    assert batch["token_type_ids"][1].sum() == 0
    letters = batch["character_ids"]
    assert letters.shape == (*batch["input_ids"].shape, len("Transylvania"))
    for place, word in enumerate(example["word_ids"]):
        spelled = "".join(map(chr, letters[0, place])).rstrip("\0")
        assert spelled == ("" if word < 0 else words[word]), "every token knows its whole word"
    assert letters[1, 3:].sum() == 0, "padding has no letters"
    long = collate.encode([["x" * 1000]])[0]
    assert long["character_ids"].shape == (len(long["input_ids"]), 24)
    with pytest.raises(
        InvalidArgumentError, match="case_types is set, but the model takes no token_type_ids"
    ):
        TokenClassificationCollator(bert, case_types=True, token_type_ids=False)


def test_named_entities_of_real_tweets_come_back(bert: Tokenizer) -> None:
    lines = shared("tasks/ner/wnut17/dev.conll").read_text(encoding="utf-8").split("\n")
    rows = [[]]
    for line in lines[:4000]:
        rows[-1].append(line.split("\t")) if line.strip() else rows.append([])
    rows = [row for row in rows if row]
    words, labels = ([[word[i] for word in row] for row in rows] for i in (0, 1))
    names = sorted({label for row in labels for label in row})
    collate = TokenClassificationCollator(bert, label_names=names)
    for example, row, given in zip(collate.encode(words, labels), words, labels, strict=True):
        kept = np.unique(example["word_ids"][example["word_ids"] >= 0])
        assert collate.word_labels(example, example["labels"]) == [given[number] for number in kept]
        assert len(kept) >= 0.9 * len(row)


def squad(language: str, paragraphs: int) -> tuple[list[str], list[str], list[tuple[str, int]]]:
    content = json.loads(shared(f"tasks/qa/xquad/xquad.{language}.json").read_text(encoding="utf-8"))
    questions, contexts, answers = [], [], []
    for article in content["data"][:paragraphs]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                answer = question["answers"][0]
                questions.append(question["question"])
                contexts.append(paragraph["context"])
                answers.append((answer["text"], answer["answer_start"]))
    return questions, contexts, answers


@pytest.mark.parametrize("language", ["en", "de", "zh"])
@pytest.mark.parametrize("max_length", [64, 384])
def test_real_answers_go_to_tokens_and_back(bert: Tokenizer, language: str, max_length: int) -> None:
    questions, contexts, answers = squad(language, 6)
    collate = QuestionAnsweringCollator(bert, max_length=max_length, stride=24, max_question_length=24)
    windows = collate.encode(questions, contexts, answers)
    assert max(len(window["input_ids"]) for window in windows) <= max_length
    if max_length == 64:
        assert len(windows) > 2 * len(questions)
    starts, ends = ([np.zeros(len(window["input_ids"])) for window in windows] for _ in range(2))
    answerable = set()
    for window, start, end in zip(windows, starts, ends, strict=True):
        if window["start_positions"]:
            answerable.add(window["example"])
            start[window["start_positions"]] = end[window["end_positions"]] = 1
    assert len(answerable) > 0.95 * len(questions), "nearly all answers fit a window"
    found = collate.answers(windows, starts, ends, contexts, max_answer_length=64)
    exact = 0
    for number in answerable:
        text, start = answers[number]
        answer = found[number]
        # Tokens may be longer than the answer, never shorter.
        assert answer.start <= start <= start + len(text) <= answer.end
        exact += answer.text == text
    assert exact > 0.95 * len(answerable)


def test_squad_forms_no_answer_and_its_threshold(bert: Tokenizer) -> None:
    collate = QuestionAnsweringCollator(bert, max_length=20, stride=4, max_question_length=8)
    context = "The quick brown fox jumps over the lazy dog. " * 3
    answers = [{"text": ["fox"], "answer_start": [16]}, {"text": [], "answer_start": []}, None]
    windows = collate.encode([" who jumps?"] * 3, [context] * 3, answers)
    first = windows[0]
    assert context[slice(*first["offsets"][first["start_positions"]])] == "fox"
    assert all(w["start_positions"] == w["end_positions"] == 0 for w in windows if w["example"])
    assert (first["offsets"][:5] == -1).all(), "the question is no part of the context"
    batch = collate(windows)
    output = BertForQuestionAnswering(small_bert())(**batch)
    assert output.loss.isfinite()
    logits = [np.zeros(len(w["input_ids"])) for w in windows]
    for row in logits:
        row[0] = 1.0
    assert {
        a.text for a in collate.answers(windows, logits, logits, [context] * 3, no_answer_threshold=1.5)
    } == {""}
    assert all(
        a.text for a in collate.answers(windows, logits, logits, [context] * 3, no_answer_threshold=2.5)
    )


def test_the_best_stretch_is_that_of_a_plain_search(bert: Tokenizer) -> None:
    collate = QuestionAnsweringCollator(bert, max_length=24, stride=4, max_question_length=8)
    context = (
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    )
    windows = collate.encode(["which number?"], [context])
    random = np.random.default_rng(0)
    for limit in (1, 3, 30):
        starts, ends = ([random.normal(size=40) for _ in windows] for _ in range(2))  # padded logits
        (answer,) = collate.answers(windows, starts, ends, [context], max_answer_length=limit)
        every = {
            (float(np.float32(s[i]) + np.float32(e[j])), w["offsets"][i, 0], w["offsets"][j, 1])
            for w, s, e in zip(windows, starts, ends, strict=True)
            for i in range(len(w["offsets"]))
            for j in range(i, min(i + limit, len(w["offsets"])))
            if w["offsets"][i, 0] >= 0 and w["offsets"][j, 0] >= 0
        }
        score, start, end = max(every)
        assert (answer.start, answer.end) == (start, end)
        assert answer.score == pytest.approx(score)


def test_answers_and_settings_that_do_not_fit_are_refused(bert: Tokenizer) -> None:
    collate = QuestionAnsweringCollator(bert)
    with pytest.raises(InvalidArgumentError, match="'dog' of question 0 is not at 2, where 'cat' is"):
        collate.encode(["q"], ["a cat"], [("dog", 2)])
    with pytest.raises(InvalidArgumentError, match="2 questions, but 1 contexts"):
        collate.encode(["q", "r"], ["a cat"])
    windows = collate.encode(["q"], ["a cat"])
    with pytest.raises(ShapeError, match="logits of window 0"):
        collate.answers(windows, [[1.0]], [[1.0]], ["a cat"])
    logits = [[0.0] * 9]
    with pytest.raises(InvalidArgumentError, match="windows of 1 contexts, expected those of 2"):
        collate.answers(windows, logits, logits, ["a cat", "a dog"])


def test_sources_and_targets_end_and_labels_are_padded_with_what_is_not_scored() -> None:
    tokenizer = Tokenizer.from_file(str(shared("tokenizers/t5-small/tokenizer.json")))
    collate = Seq2SeqCollator(
        tokenizer, prefix="translate English to German: ", max_length=16, max_target_length=4
    )
    batch = collate(collate.encode(["Hello there.", "x " * 40], ["Hallo.", "y " * 40]))
    assert tokenizer.decode(batch["input_ids"][0].tolist()) == "translate English to German: Hello there."
    assert batch["input_ids"].shape == (2, 16)
    assert batch["labels"].shape == (2, 4)
    assert batch["labels"][:, -1].tolist() == [1, 1] or batch["labels"][0, -1] == -100
    assert (batch["labels"][1] == 1).sum() == 1, "a target that is cut ends too"
    assert "labels" not in collate(collate.encode(["a"]))
    with pytest.raises(InvalidArgumentError, match="end_token '<end>' is not in"):
        Seq2SeqCollator(tokenizer, end_token="<end>").encode(["a"])
    with pytest.raises(InvalidArgumentError, match="found 2 texts for 1"):
        collate.encode(["a"], ["b", "c"])


def test_pairs_and_hard_negatives_are_rows_of_their_own(bert: Tokenizer) -> None:
    collate = ContrastivePairsCollator(bert)
    batch = collate(collate.encode(["a", "b c"], ["d", "e"], [["f g h", "i"], ["j", "k"]]))
    assert batch["input_ids"].shape == (2, 4)
    assert batch["positive_input_ids"].shape == (2, 3)
    assert batch["negative_input_ids"].shape == (2, 2, 5)
    assert batch["negative_attention_mask"].sum(-1).tolist() == [[5, 3], [3, 3]]
    assert bert.decode(batch["negative_input_ids"][0, 0].tolist()) == "f g h"
    with pytest.raises(InvalidArgumentError, match=r"rows of \[1, 2\] texts"):
        collate.encode(["a", "b"], ["c", "d"], [["e"], ["f", "g"]])
    with pytest.raises(InvalidArgumentError, match="positives: found 1 rows for 2 anchors"):
        collate.encode(["a", "b"], ["c"])


def test_a_tokenizer_without_post_processor_has_windows_too() -> None:
    tokenizer = Tokenizer(models.WordLevel({"[PAD]": 0, "q": 1, "a": 2, "b": 3}, unk_token="[PAD]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    collate = QuestionAnsweringCollator(tokenizer, max_length=4, stride=0, max_question_length=1)
    windows = collate.encode(["q"], ["a a a b a"], [("b", 6)])
    assert [(w["start_positions"], w["end_positions"]) for w in windows] == [(0, 0), (1, 1)]
