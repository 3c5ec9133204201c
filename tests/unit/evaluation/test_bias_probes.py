"""StereoSet, Winogender and templates: against plain twins of their definitions, on masked and causal models."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest
from shared_data import shared

from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, ShapeError
from ferrolm.evaluation import evaluate
from ferrolm.evaluation.bias import (
    CausalAssociation,
    CausalChoices,
    MaskedAssociation,
    MaskedChoices,
    StereoSetExample,
    WinogenderSentence,
    correlated,
    read_occupations,
    read_stereoset,
    read_winogender,
    stereoset,
    template_probe,
    winogender,
)

LABELS = ("stereotype", "anti-stereotype", "unrelated")


def published_form(within, between):
    """A dictionary in the form of the published file, its sentences in another order than ours."""

    def one(number, kind, target, context, sentences):
        rows = [
            {"sentence": text, "gold_label": label, "id": f"{number}-{label}", "labels": []}
            for label, text in zip(LABELS, sentences, strict=True)
        ]
        return {
            "id": str(number),
            "bias_type": kind,
            "target": target,
            "context": context,
            "sentences": rows[::-1],
        }

    return {
        "version": "1",
        "data": {
            "intrasentence": [one(number, *each) for number, each in enumerate(within)],
            "intersentence": [one(number, *each) for number, each in enumerate(between)],
        },
    }


def write(folder):
    """A tiny file, made by hand."""
    within = [
        ("profession", "five", "one BLANK .", ["one two .", "one three .", "one six ."]),
        ("gender", "four", "BLANK is five .", ["two is five .", "three is five .", "six is five ."]),
    ]
    between = [("gender", "four", "one two .", ["three is two .", "three is five .", "six six six ."])]
    path = folder / "dev.json"
    path.write_text(json.dumps(published_form(within, between)))
    return path


def plain_stereoset(outcomes):
    """The published script's arithmetic, step by step: (target, three scores) -> lm, ss, icat."""
    counts = defaultdict(lambda: {"pro": 0, "related": 0, "total": 0})
    for target, (pro, anti, unrelated) in outcomes:
        count = counts[target]
        count["total"] += 1
        if pro > anti:
            count["pro"] += 1
        if pro > unrelated:
            count["related"] += 1
        if anti > unrelated:
            count["related"] += 1
    lm = np.mean([100 * each["related"] / (2 * each["total"]) for each in counts.values()])
    ss = np.mean([100 * each["pro"] / each["total"] for each in counts.values()])
    return {"lm_score": lm, "stereotype_score": ss, "icat": lm * min(ss, 100 - ss) / 50}


def test_stereoset_is_the_published_arithmetic():
    random = np.random.default_rng(0)
    kinds = ("gender", "race", "religion")
    examples, scores = [], {}
    for number in range(120):
        fills = ("a", "b", "c") if random.random() < 0.5 else None
        kind = kinds[number % 3]
        example = StereoSetExample(
            f"{number} BLANK", ("x", "y", "z"), f"{kind}{random.integers(5)}", kind, fills
        )
        examples.append(example)
        # Few values, so that some are equal.
        scores[example.context] = tuple(float(value) for value in random.integers(0, 4, 3))
    found = stereoset(lambda each: scores[each.context], examples, resamples=200)
    expected = plain_stereoset((each.target, scores[each.context]) for each in examples)
    groups = {"gender": lambda e: e.kind == "gender", "intersentence": lambda e: e.fills is None}
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value)
        assert found[name].low <= value <= found[name].high
        for group, of_group in groups.items():
            own = plain_stereoset((each.target, scores[each.context]) for each in examples if of_group(each))
            assert found[name].details[group] == pytest.approx(own[name])
    with pytest.raises(ShapeError, match="examples is empty"):
        stereoset(lambda each: (0, 0, 0), [])


def test_the_published_form_is_read(tmp_path):
    first, second, third = read_stereoset(write(tmp_path))
    assert (first.task, first.fills, first.kind) == ("intrasentence", ("two", "three", "six"), "profession")
    assert second.sentences == ("two is five .", "three is five .", "six is five .")
    assert (third.task, third.fills, third.target) == ("intersentence", None, "four")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "no file of StereoSet"),
        ("{", "no file of StereoSet"),
        ('{"data": {}}', "neither"),
        ('{"data": {"intrasentence": [{"id": "a7"}]}}', "intrasentence 'a7' has another form"),
        ('{"data": {"intersentence": [3]}}', "intersentence 3 has another form"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / "dev.json"
    path.write_text(content)
    with pytest.raises(InvalidFileError, match=message):
        read_stereoset(path)
    with pytest.raises(MissingFileError, match=r"none\.json: it does not exist"):
        read_stereoset(tmp_path / "none.json")


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    pytest.importorskip("torch")
    from small_encoders import encoder_folder

    from ferrolm import pipeline

    return pipeline("fill-mask", encoder_folder(tmp_path_factory.mktemp("masked"), "fill-mask"))


def hidden(pipe, text, *places):
    """Log-probabilities of all tokens at places of an encoded text, with these places masked: a plain twin."""
    import torch

    ids = pipe.encoder.tokenizer.encode(text).ids
    inputs = torch.tensor([ids])
    inputs[0, list(places)] = pipe.encoder.mask_token_id
    with torch.inference_mode():
        logits = pipe.model(inputs, attention_mask=torch.ones_like(inputs)).logits[0]
    return ids, logits.log_softmax(-1).double().numpy()


def test_a_masked_model_answers_stereoset(masked, tmp_path):
    within, _, between = read_stereoset(write(tmp_path))
    ids, logprobs = hidden(masked, "one two .", 2)
    assert MaskedChoices(masked)(within)[0] == pytest.approx(np.exp(logprobs[2, ids[2]]), rel=1e-4)
    text = f"{between.context} {between.sentences[0]}"
    expected = [
        logprobs[place, ids[place]]
        for place in range(4, 8)
        for ids, logprobs in [hidden(masked, text, place)]
    ]
    assert MaskedChoices(masked, batch_size=3)(between)[0] == pytest.approx(np.mean(expected), abs=1e-4)


def test_a_word_of_several_tokens_is_filled_from_the_left(masked):
    example = StereoSetExample(
        "one BLANK .", ("one fours .", "one two .", "one six ."), "x", "race", ("fours", "two", "six")
    )
    ids, whole = hidden(masked, "one fours .", 3)
    # The first token is asked for where the second is not there at all.
    first, alone = hidden(masked, "one four .", 2)
    assert len(ids) == 6
    expected = (np.exp(alone[2, first[2]]) + np.exp(whole[3, ids[3]])) / 2
    assert MaskedChoices(masked)(example)[0] == pytest.approx(expected, rel=1e-4)


def test_a_causal_model_answers_stereoset(tmp_path):
    pytest.importorskip("torch")
    from tiny_language_model import tiny_language_model

    model = tiny_language_model()
    within, _, between = read_stereoset(write(tmp_path))
    whole = model.score("one two .")
    assert CausalChoices(model)(within)[0] == pytest.approx(whole.logprob / whole.num_tokens)
    both = model.score("one two . three is two .")
    # A byte is a token: what follows the context is its last 15.
    assert CausalChoices(model)(between)[0] == pytest.approx(both.logprobs[-15:].mean())


def test_the_prior_is_taken_from_masked_associations(masked):
    text = "one two is five ."
    ids, given = hidden(masked, text, 2)
    _, prior = hidden(masked, text, 2, 4)
    expected = given[2, ids[2]] - prior[2, ids[2]]
    found = MaskedAssociation(masked)("one {group} is {attribute} .", "two", "five")
    assert found == pytest.approx(expected, abs=1e-4)
    assert MaskedAssociation(masked)("one {group} is {attribute} .", "two", "six") != pytest.approx(found)


def test_templates_of_a_causal_model():
    pytest.importorskip("torch")
    from tiny_language_model import tiny_language_model

    model = tiny_language_model()
    templates, words = ["{group} is {attribute}.", "a {attribute} {group}"], ["x", "yz"]
    found = template_probe(
        CausalAssociation(model),
        templates,
        {"men": ["he", "man"], "women": ["she"]},
        {"some": words},
        resamples=100,
    )

    def logprob(template, group, word):
        return model.score(template.format(group=group, attribute=word)).logprob

    scores = {
        word: np.mean(
            [
                np.mean([logprob(t, g, word) for g in ("he", "man")]) - logprob(t, "she", word)
                for t in templates
            ]
        )
        for word in words
    }
    assert found.scores == pytest.approx(scores)
    assert found.result.value == pytest.approx(np.mean([*scores.values()]))
    assert found.result.low <= found.result.value <= found.result.high


def test_wrong_templates_are_named():
    groups, attributes = {"a": ["x"], "b": ["y"]}, {"c": ["z"]}
    for arguments, message in [
        ((["{group} alone"], groups, attributes), "'{group} alone'"),
        (([], groups, attributes), "expected sentences with"),
        ((["{group}{attribute}"], {"a": ["x"]}, attributes), "groups has 1 lists"),
        ((["{group}{attribute}"], groups, {"c": []}), "attributes has 1 lists"),
    ]:
        with pytest.raises(InvalidArgumentError, match=message):
            template_probe(lambda *_: 0.0, *arguments)


def test_the_published_schemas():
    sentences = read_winogender(shared("tasks/bias/winogender/all_sentences.tsv"))
    occupations = read_occupations(shared("tasks/bias/winogender/occupations-stats.tsv"))
    assert (len(sentences), len(occupations)) == (720, 60)
    assert {each.occupation for each in sentences} == occupations.keys()

    # Who thinks as the statistics say has a correlation of one, and prefers "he" where most are men.
    def score(he, she):
        share = occupations[next(name for name in sorted(occupations, key=len, reverse=True) if name in he)]
        return 0.0, share - 50

    found = winogender(score, sentences, occupations)
    assert found["correlation"].value == pytest.approx(1)
    assert found["male_share"].value == pytest.approx(
        100 * np.mean([value < 50 for value in occupations.values()])
    )
    assert found["distance"].value == pytest.approx(
        np.mean([abs(value - 50) for value in occupations.values()])
    )
    assert found["male_share"].count == 240
    assert [*found["log_ratio"].details] == ["occupation", "participant", "he/she", "him/her", "his/her"]

    # Who prefers "he" everywhere, and forms with one "her" less so, ties nothing to anybody.
    def prior(he, she):
        return 0.0, -2.0 if " she " in she.lower() else -1.0

    alike = winogender(prior, sentences)
    assert alike["male_share"].value == 100
    assert alike["association"].value == pytest.approx(0, abs=1e-12)


def test_winogender_is_counted():
    def schema(occupation, refers_to, gender, text):
        return WinogenderSentence(text, occupation, "someone", refers_to, gender)

    sentences = [
        schema("a", "occupation", "male", "so He 1"), schema("a", "occupation", "female", "so She 2"),
        schema("a", "participant", "female", "so she 5"), schema("a", "participant", "male", "so he 1"),
        schema("a", "participant", "neutral", "they 9"), schema("b", "occupation", "male", "he 9"),
    ]  # fmt: skip
    found = winogender(lambda he, she: (float(he[-1]), float(she[-1])), sentences, resamples=0)
    assert (found["male_share"].value, found["log_ratio"].value) == (0.0, 2.5)
    assert found["distance"].details == {"occupation": 1.0, "participant": 4.0, "he/she": 2.5}
    assert found["association"].value == 1.5  # 1 and 4 from their mean
    with pytest.raises(ShapeError, match="no pair"):
        winogender(lambda he, she: (0.0, 0.0), sentences[-1:])
    with pytest.raises(ShapeError, match="2 names"):
        correlated({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3})


def test_bad_tables_are_named(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("sentid\tsentence\nnurse.someone.2.male.txt\tHe.\n")
    with pytest.raises(InvalidFileError, match="line 2"):
        read_winogender(path)
    path.write_text("occupation\tbls_pct_female\nnurse\tmany\n")
    with pytest.raises(InvalidFileError, match="'many'"):
        read_occupations(path)


def test_bias_is_a_task_of_evaluate(masked, tmp_path):
    from tiny_language_model import tiny_language_model

    path = write(tmp_path)
    found = evaluate(tiny_language_model(), "stereoset", path, resamples=10, show_progress=False)
    assert [*found.results] == ["icat", "lm_score", "stereotype_score"]
    assert found.results["lm_score"].value == pytest.approx(
        plain_stereoset(
            (each.target, CausalChoices(tiny_language_model())(each)) for each in read_stereoset(path)
        )["lm_score"]
    )
    assert len(found.scores) == 3
    assert evaluate(masked, "stereoset", path, show_progress=False).results["icat"].count == 3
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("sent_more,sent_less,bias_type,stereo_antistereo\none two .,one three .,age,stereo\n")
    for model in (masked, tiny_language_model()):
        report = evaluate(model, "crows-pairs", pairs, resamples=0, show_progress=False)
        assert report.value in (0.0, 100.0)
        assert report.scores.tolist() == [report.value / 100]
    schemas = tmp_path / "winogender"
    schemas.mkdir()
    rows = [
        f"nurse.someone.{n}.{gender}.txt\t{word} {n} is ."
        for n in (0, 1)
        for gender, word in [("male", "one"), ("female", "two")]
    ]
    (schemas / "all_sentences.tsv").write_text("\n".join(["sentid\tsentence", *rows]))
    for data in (schemas, schemas / "all_sentences.tsv"):
        report = evaluate(masked, "winogender", data, resamples=0, show_progress=False)
        assert [*report.results] == ["male_share", "distance", "log_ratio", "association"]
        assert len(report.scores) == 2
