"""Tasks of encoders: what transformers has no equal of, and errors; the rest is compared with it in tests/conformance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_encoders import LABELS, small_encoder, word_tokenizer

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.pipelines import TextEncoder
from ferrolm.generation.pipelines.answer_spans import best_spans
from ferrolm.generation.pipelines.entity_groups import TaggedTokens, entities
from ferrolm.models import BertCrfForTokenClassification, BiLSTMTagger, LSTMClassifier, LSTMConfig
from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers

TEXT = "one twos, fourteen is after six?"


def made(task: str, head: str | None = None, **options: Any) -> Any:
    return ferrolm.pipeline(task, TextEncoder(small_encoder(head or task), word_tokenizer()), **options)


def test_entities_of_a_model_with_a_crf_are_its_best_sequence_over_words() -> None:
    model = small_encoder("token-classification", BertCrfForTokenClassification)
    torch.nn.init.normal_(model.crf.transitions, std=2.0, generator=torch.Generator().manual_seed(1))
    tokenizer = word_tokenizer()
    encoding = tokenizer.encode(TEXT)
    assert [encoding.tokens[n] for n in (3, 6)] == ["##s", "##teen"]
    first = torch.tensor([[0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0]])
    with torch.no_grad():
        logits = model(torch.tensor([encoding.ids])).logits
    [best] = model.decode(logits, first).tolist()
    best[3], best[6] = best[2], best[5]  # what goes on with a word has its label
    pipe = ferrolm.pipeline("ner", model, tokenizer=tokenizer, ignore_labels=[])
    found = pipe(TEXT)
    assert [LABELS.index(each["entity"]) for each in found] == best[1:-1]
    marginals = model.crf.marginals(logits, first)[0]
    assert found[0]["score"] == pytest.approx(float(marginals[1, best[1]]), abs=1e-6)
    words = [pipe(TEXT, aggregation_strategy=strategy) for strategy in ("first", "average", "max")]
    assert words[0] == words[1] == words[2]
    assert pipe("") == []


@pytest.mark.parametrize("decoder", ["softmax", "crf"])
def test_recurrent_taggers(decoder: str) -> None:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "one": 1, "two": 2, ".": 3}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    torch.manual_seed(0)
    config = LSTMConfig(
        vocab_size=4, embedding_size=8, hidden_size=8, id2label=dict(enumerate(LABELS)), tag_decoder=decoder
    )
    model = BiLSTMTagger(config).eval()
    pipe = ferrolm.pipeline("ner", model, tokenizer=tokenizer, ignore_labels=None)
    texts = ["one two.", "two", "one unknown one one."]
    for found, text in zip(pipe(texts, batch_size=2), texts, strict=True):
        ids = torch.tensor([tokenizer.encode(text).ids])
        [best] = model.decode(ids).tolist()
        assert [each["entity"] for each in found] == [LABELS[tag] for tag in best]
        assert [text[each["start"] : each["end"]] for each in found] == [each["word"] for each in found]
    words = pipe("one unknown one one.", aggregation_strategy="first")
    assert "".join(each["word"] for each in words).replace(" ", "") == "oneunknownoneone."


def test_a_recurrent_classifier() -> None:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "good": 1, "bad": 2}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    torch.manual_seed(0)
    shape = {"vocab_size": 3, "embedding_size": 8, "hidden_size": 8, "pooling": "max"}
    model = LSTMClassifier(LSTMConfig(**shape, id2label={0: "no", 1: "yes"})).eval()
    pipe = ferrolm.pipeline("sentiment-analysis", model, tokenizer=tokenizer, truncation=True)
    texts = ["good good good", "bad", "", "bad " * 600]
    found = pipe(texts, batch_size=3)
    for each, text in zip(found, texts, strict=True):
        ids = tokenizer.encode(text).ids or [0]
        mask = torch.ones(1, len(ids)) * bool(tokenizer.encode(text).ids)
        scores = model(torch.tensor([ids]), mask).logits.softmax(-1)[0].detach()
        assert each["score"] == pytest.approx(float(scores.max()), abs=1e-6)
        assert each["label"] == ("no", "yes")[int(scores.argmax())]


def test_given_words_are_words_whatever_the_tokenizer_makes_of_them() -> None:
    pipe = made(
        "ner",
        "token-classification",
        is_split_into_words=True,
        aggregation_strategy="first",
        ignore_labels=[],
    )
    [one] = pipe([["one.two"]])
    assert {each["end"] for each in one} == {7}
    assert len(one) == 1
    assert pipe(["one.two"]) == one
    with pytest.raises(InvalidTypeError, match="expected a list of words"):
        pipe([["one"], "two"])


def test_strides_that_cannot_be() -> None:
    pipe = made("ner", "token-classification")
    with pytest.raises(InvalidArgumentError, match="stride is 4 with aggregation_strategy 'none'"):
        pipe(TEXT, stride=4)
    with pytest.raises(InvalidArgumentError, match="stride is 24, expected less than the 24 tokens that fit"):
        pipe(TEXT, stride=24, aggregation_strategy="simple")
    with pytest.raises(
        InvalidArgumentError, match=r"aggregation_strategy is 'frist', .*did you mean 'first'"
    ):
        pipe(TEXT, aggregation_strategy="frist")


@given(st.data())
def test_groups_cover_the_tokens_in_order(data: st.DataObject) -> None:
    """Nothing is lost between the tokens and their groups, whatever the labels and words."""
    count = data.draw(st.integers(1, 12))
    scores = np.array(
        data.draw(
            st.lists(
                st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=count, max_size=count
            )
        ),
        np.float32,
    )
    continues = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    places = np.arange(count)
    tokens = TaggedTokens(
        list("abcdefghijkl"[:count]), scores, scores.argmax(1), places, places + 1, places, continues
    )
    for strategy in ("simple", "first", "average", "max"):
        found = entities(tokens, strategy, LABELS, (), "".join)
        assert "".join(each["word"] for each in found) == "".join(tokens.words)
        assert [each["start"] for each in found[1:]] == [each["end"] for each in found[:-1]]
        if strategy != "simple":  # no entity begins within a word
            assert not any(continues[each["start"]] for each in found[1:])


def naive_spans(start: Any, end: Any, allowed: Any, max_length: int) -> list[tuple[float, int, int]]:
    counted = allowed.copy()
    counted[0] = True
    one, other = (np.where(counted, np.exp(logits), 0) for logits in (start, end))
    one, other = one / one.sum(), other / other.sum()
    return sorted(
        (
            (one[first] * other[last], first, last)
            for first in range(len(start))
            for last in range(first, min(first + max_length, len(start)))
            if allowed[first] and allowed[last]
        ),
        reverse=True,
    )


@settings(max_examples=50)
@given(st.integers(1, 14), st.integers(1, 20), st.integers(1, 6), st.integers(0, 10**6))
def test_best_spans_are_those_of_trying_all(length: int, max_length: int, top_k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    start, end = (random.normal(0, 2, length).astype(np.float32) for _ in range(2))
    allowed = random.random(length) < 0.7
    found = best_spans(start, end, allowed, top_k, max_length)
    expected = naive_spans(start, end, allowed, max_length)[:top_k]
    assert found.scores == pytest.approx([score for score, _, _ in expected], rel=1e-4)
    assert list(zip(found.firsts, found.lasts, strict=True)) == [(one, other) for _, one, other in expected]


def test_questions_in_all_their_forms() -> None:
    pipe = made("question-answering")
    question, context = "what is after three?", "one, two, three, four, five"
    one = pipe(question=question, context=context)
    assert list(one) == ["score", "start", "end", "answer"]
    assert context[one["start"] : one["end"]] == one["answer"]
    example = {"question": question, "context": context}
    assert pipe(question, context) == pipe(example) == pipe([example]) == one
    assert pipe(question=[question], context=context) == one
    assert pipe([example, example]) == [one, one]
    assert pipe(question=[question, question], context=context) == [one, one]
    assert pipe(question=[question, question], context=[context, context], batch_size=2) == [one, one]
    assert list(pipe(iter([example]))) == [one]


def test_no_answer_scores_the_least_that_a_window_gives_its_first_token() -> None:
    pipe = made("question-answering", handle_impossible_answer=True, top_k=500, max_seq_len=14, doc_stride=2)
    context = "one two three four five six, one two three four five six."
    found = pipe(question="what is?", context=context)
    [nothing] = [each for each in found if not each["answer"]]
    rows = pipe.encoder.encode(
        ["what is?"],
        [context],
        truncation="only_second",
        max_length=14,
        stride=2,
        return_overflowing_tokens=True,
    )[0]
    assert len(rows) > 1
    products = []
    for row in rows:
        with torch.no_grad():
            output = pipe.model(**pipe.encoder.inputs([row]))
        counted = torch.tensor(
            [place == 0 or number == 1 for place, number in enumerate(row.encoding.sequence_ids)]
        )
        starts, ends = (
            logits[0].masked_fill(~counted, -torch.inf).softmax(-1)
            for logits in (output.start_logits, output.end_logits)
        )
        products.append(float(starts[0] * ends[0]))
    assert nothing == {"score": pytest.approx(min(products), rel=1e-4), "start": 0, "end": 0, "answer": ""}
    assert [each["score"] for each in found] == sorted((each["score"] for each in found), reverse=True)


def test_questions_without_an_answer_or_a_meaning() -> None:
    pipe = made("question-answering")
    assert pipe(question="what?", context="  ")["answer"] == ""
    with pytest.raises(InvalidArgumentError, match="context is empty"):
        pipe(question="what?", context="")
    with pytest.raises(InvalidArgumentError, match="question is empty"):
        pipe({"question": "", "context": "one"})
    with pytest.raises(InvalidTypeError, match="takes question= and context="):
        pipe(question="what?")
    with pytest.raises(InvalidTypeError, match=r"expected \{'question': ..., 'context': ...\}"):
        pipe([{"question": "what?"}])
    with pytest.raises(InvalidArgumentError, match="2 questions, but 1 contexts"):
        pipe(question=["a", "b"], context=["c"])
    with pytest.raises(InvalidArgumentError, match="did you mean 'max_answer_len'"):
        pipe(question="what?", context="one", max_answer_length=3)
    with pytest.raises(InvalidArgumentError, match="doc_stride is 30, expected at most max_seq_len, 20"):
        pipe(question="what?", context="one", doc_stride=30, max_seq_len=20)
    with pytest.raises(
        InvalidArgumentError, match=r"a text has .* tokens, at most 24 .*: set max_seq_len to less"
    ):
        pipe(question="what?", context="one " * 60, max_seq_len=40)
    with pytest.raises(
        InvalidArgumentError, match="a question leaves no room for its context, with max_seq_len 24"
    ):
        pipe(question="what " * 18, context="one " * 60)
    assert pipe(question="what " * 18, context="one " * 60, max_question_len=5)["answer"]


def test_masks_that_are_not_there_and_targets_that_are_no_words() -> None:
    pipe = made("fill-mask")
    with pytest.raises(InvalidArgumentError, match=r"'one two' has no \[MASK\], expected one or more"):
        pipe(["[MASK]", "one two"])
    with pytest.raises(InvalidArgumentError, match="targets is empty"):
        pipe("[MASK]", targets=[])
    assert len(pipe("one [MASK]", top_k=1000)) == len(word_tokenizer().get_vocab())
    assert {each["token_str"] for each in pipe("one [MASK]", targets=["two", "two", "six"])} == {"two", "six"}
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, "a"))
    with pytest.raises(InvalidArgumentError, match="the tokenizer has no mask token"):
        ferrolm.pipeline("fill-mask", small_encoder("fill-mask"), tokenizer=tokenizer)


def test_similarities_are_cosines_of_embeddings() -> None:
    pipe = made("sentence-similarity")
    states = made("feature-extraction", "sentence-similarity", pooling="auto", return_tensors=True)
    sentences = ["two threes", "one", "six, six?"]
    expected = torch.stack(states(sentences)) @ states("one two")
    found = pipe({"source_sentence": "one two", "sentences": sentences})
    assert found == pytest.approx(expected.tolist(), abs=1e-6)
    again = pipe(
        [
            {"source_sentence": "one two", "sentences": sentences},
            {"source_sentence": "one", "sentences": ["one"]},
        ],
        batch_size=3,
    )
    assert again[0] == pytest.approx(found, abs=1e-6)
    assert again[1] == pytest.approx([1.0])
    with pytest.raises(InvalidTypeError, match=r"expected \{'source_sentence': ..., 'sentences'"):
        pipe("one")
    with pytest.raises(InvalidArgumentError, match="sentences is empty"):
        pipe({"source_sentence": "one", "sentences": []})


def test_pooled_states_are_means_of_tokens_or_their_first() -> None:
    pipe = made("feature-extraction", "sentence-similarity")
    tokens = torch.tensor(pipe("one twos")[0])
    assert tokens.shape == (5, 16)
    for pooling, expected in (("mean", tokens.mean(0)), ("cls", tokens[0]), ("max", tokens.amax(0))):
        found = pipe("one twos", pooling=pooling)
        torch.testing.assert_close(torch.tensor(found), expected)
        unit = pipe("one twos", pooling=pooling, normalize=True, return_tensors=True)
        torch.testing.assert_close(unit, expected / expected.norm())
    with pytest.raises(InvalidArgumentError, match="normalize is True without pooling"):
        pipe("one", normalize=True)
    with pytest.raises(InvalidArgumentError, match=r"pooling is 'men', .*did you mean 'mean'"):
        pipe("one", pooling="men")


def test_hypotheses_and_labels_that_say_nothing() -> None:
    with pytest.warns(UserWarning, match="no label begins with 'entail'"):
        pipe = made("zero-shot-classification", "text-classification")
    with pytest.raises(InvalidArgumentError, match="candidate_labels is missing"):
        pipe("one")
    with pytest.raises(InvalidArgumentError, match="candidate_labels is empty"):
        pipe("one", [])
    with pytest.raises(InvalidArgumentError, match=r"hypothesis_template is 'It is.', expected \{\} in it"):
        pipe("one", ["two"], hypothesis_template="It is.")
    with pytest.raises(InvalidArgumentError, match="an input of zero-shot-classification is empty"):
        pipe("", ["two"])
