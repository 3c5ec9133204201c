"""Candidates of beam search: those of a full sort, and of transformers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling_twin import adjusted

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.sampling import SamplingParams, beam_candidates, beams


def log_softmax(logits: Any) -> Any:
    x = np.asarray(logits, np.float64)
    with np.errstate(divide="ignore"):
        return (
            x - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)) - x.max(-1, keepdims=True)
        )


def plain_scores(
    logits: Any, scores: Any, params: Any = None, history: Any = None, prompt: Any = None
) -> Any:
    """(batch, beams * vocab) in float64, by the definition."""
    own, total = params or SamplingParams(), np.full(logits.shape, -np.inf)
    for row, score in enumerate(np.ravel(scores)):
        if score > -np.inf:
            past = [() if part is None else tuple(part[row]) for part in (prompt, history)]
            total[row] = score + forced(adjusted(log_softmax(logits[row]), own, *past), own, past[1])
    return total.reshape(len(scores), -1)


def forced(x: Any, params: SamplingParams, history: Any) -> Any:
    """A token that must come is certain."""
    due = params.forced_bos_token_id is not None and not history
    return np.where(np.arange(len(x)) == params.forced_bos_token_id, 0.0, -np.inf) if due else x


def assert_best(found: Any, total: Any, vocab: int) -> None:
    """The candidates are the best of ``total``, up to rounding, and in the order that is promised."""
    for scores, rows, tokens, all_scores in zip(*(np.asarray(part) for part in found), total, strict=True):
        count = len(scores)
        ordered = np.sort(all_scores)[::-1][:count]
        expected = np.full(count, -np.inf)
        expected[: len(ordered)] = ordered
        np.testing.assert_allclose(scores, expected, rtol=3e-6, atol=3e-6)
        left = scores > -np.inf
        np.testing.assert_allclose(
            scores[left], all_scores[rows * vocab + tokens.astype(np.int64)][left], rtol=3e-6, atol=3e-6
        )
        assert not rows[~left].any()
        assert not tokens[~left].any()
        keys = [
            (-score, row, token)
            for score, row, token in zip(scores, rows, tokens, strict=True)
            if score > -np.inf
        ]
        assert keys == sorted(set(keys))


logit = st.one_of(st.integers(-40, 8).map(lambda x: x / 8), st.just(-math.inf), st.floats(-50, 50, width=32))
score = st.one_of(st.integers(-80, 0).map(lambda x: x / 8), st.just(-math.inf), st.just(-1e9))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_candidates_are_those_of_a_full_sort(data: Any) -> None:
    batch, width, vocab = (data.draw(st.integers(1, top)) for top in (3, 4, 40))
    logits = np.array(
        data.draw(st.lists(logit, min_size=batch * width * vocab, max_size=batch * width * vocab)), np.float32
    )
    logits = logits.reshape(batch * width, vocab)
    logits[:, data.draw(st.integers(0, vocab - 1))] = 1.5
    scores = np.array(data.draw(st.lists(score, min_size=batch * width, max_size=batch * width)), np.float32)
    scores = scores.reshape(batch, width)
    count = data.draw(st.integers(1, width * vocab))
    token = st.integers(0, vocab - 1)
    history = [data.draw(st.lists(token, max_size=6)) for _ in range(batch * width)]
    params = data.draw(
        st.builds(
            SamplingParams,
            repetition_penalty=st.sampled_from([1.0, 1.3, 0.7]),
            frequency_penalty=st.sampled_from([0.0, 0.5]),
            no_repeat_ngram_size=st.sampled_from([0, 2]),
            suppress_tokens=st.lists(token, max_size=3),
            logit_bias=st.dictionaries(token, st.sampled_from([-1.5, 2.0, -math.inf]), max_size=3),
            forced_bos_token_id=st.one_of(st.none(), token),
        )
    )
    found = beam_candidates(logits, scores, count, params=params, history=history)
    assert_best(found, plain_scores(logits, scores, params, history), vocab)


@pytest.mark.parametrize("vocab", [1, 255, 256, 257, 5000])
@pytest.mark.parametrize("count", [1, 8, 100])
def test_long_rows(vocab: int, count: int) -> None:
    rng = np.random.default_rng(vocab + count)
    logits = (rng.standard_normal((12, vocab)) * 3).astype(np.float32)
    logits[:, rng.random(vocab) < 0.3] = 0.25  # ties
    scores = -rng.random((3, 4)).astype(np.float32)
    count = min(count, 4 * vocab)
    assert_best(beam_candidates(logits, scores, count), plain_scores(logits, scores), vocab)
    mask = rng.random((12, vocab)) < 0.1
    mask[0] = False
    total = np.where(mask.reshape(3, -1), plain_scores(logits, scores), -np.inf)
    assert_best(beam_candidates(logits, scores, count, mask=mask), total, vocab)


def test_of_equals_the_lower_beam_and_token_comes_first() -> None:
    scores, rows, tokens = beam_candidates(np.zeros((4, 600), np.float32), np.zeros((2, 2)), 3)
    assert (rows.tolist(), tokens.tolist()) == ([[0, 0, 0]] * 2, [[0, 1, 2]] * 2)
    assert [part.dtype for part in (scores, rows, tokens)] == [np.float32, np.int64, np.uint32]
    assert (scores == np.float32(-math.log(600))).all()


def test_the_first_step_and_finished_texts() -> None:
    logits = np.array([[0.0, 1.0, 2.0], [np.nan] * 3, [np.nan] * 3, [np.inf] * 3], np.float32)
    found = beam_candidates(logits, [[0.0, -np.inf], [-np.inf, -np.inf]])
    assert found[1].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0]]
    assert found[2].tolist() == [[2, 1, 0, 0], [0, 0, 0, 0]]
    assert np.isneginf(found[0]).tolist() == [[False] * 3 + [True], [True] * 4]
    # What is returned for a finished text can be given to the next step.
    again = beam_candidates(logits[2:], found[0][1:, :2], 1)
    assert np.isneginf(again[0]).all()


def test_tokens_that_other_groups_took_are_worth_less() -> None:
    rng = np.random.default_rng(1)
    logits, scores = rng.standard_normal((4, 30)).astype(np.float32), np.zeros((2, 2), np.float32)
    taken = [[3, 3, 7], [29, -1, -1]]
    total = plain_scores(logits, scores).reshape(2, 2, 30)
    total[0, :, 3] -= 1.0
    total[0, :, 7] -= 0.5
    total[1, :, 29] -= 0.5
    found = beam_candidates(logits, scores, 60, penalized=taken, diversity_penalty=0.5)
    assert_best(found, total.reshape(2, 60), 30)


def test_threads_and_batches_change_nothing() -> None:
    rng = np.random.default_rng(2)
    logits = rng.standard_normal((8, 60_000)).astype(np.float32)
    scores, seeds = -rng.random((2, 4)), [4, 5]
    threads, found = ferrolm.num_threads(), []
    try:
        for count in (1, 2, 3):
            ferrolm.set_num_threads(count)
            found.append(
                [beam_candidates(logits, scores), beam_candidates(logits, scores, seeds=seeds, step=1)]
            )
    finally:
        ferrolm.set_num_threads(threads)
    for other in found[1:]:
        assert all(
            (a == b).all()
            for one, two in zip(found[0], other, strict=True)
            for a, b in zip(one, two, strict=True)
        )
    for text in range(2):
        alone = beam_candidates(logits[4 * text : 4 * text + 4], scores[[text]], seeds=seeds[text], step=1)
        assert all((a == b[[text]]).all() for a, b in zip(alone, found[0][1], strict=True))


def test_drawn_candidates_are_a_sample_without_replacement() -> None:
    from scipy.stats import chisquare

    draws, rng = 40_000, np.random.default_rng(3)
    logits, scores = rng.standard_normal((2, 4)).astype(np.float32), np.array([[-1.0, -0.3]], np.float32)
    total = plain_scores(logits, scores)[0]
    p = np.exp(total) / np.exp(total).sum()
    many = np.tile(logits, (draws, 1))
    found, rows, tokens = beam_candidates(
        many, np.tile(scores, (draws, 1)), 2, seeds=np.arange(draws), step=3
    )
    places = rows * 4 + tokens.astype(np.int64)
    np.testing.assert_allclose(found, total[places], rtol=1e-5)
    pairs = np.where(np.eye(8, dtype=bool), 0.0, p[:, None] * p / (1 - p[:, None]))
    counts = np.bincount(places[:, 0] * 8 + places[:, 1], minlength=64)
    often = pairs.ravel() > 0
    assert counts[~often].sum() == 0
    assert chisquare(counts[often], pairs.ravel()[often] * draws).pvalue > 1e-4


def test_drawn_candidates_of_long_rows_are_those_of_all_keys() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    logits, scores = rng.standard_normal((6, 3001)).astype(np.float32), -rng.random((2, 3)).astype(np.float32)
    draws = (np.array([7, 2**63 + 5], np.uint64), np.array([2, 2**40], np.uint64))
    noise = beams._gumbel(draws, 3, 3001, torch.zeros(1)).numpy()
    order = np.argsort(-(plain_scores(logits, scores) + noise), axis=-1)[:, :20]
    _, rows, tokens = beam_candidates(logits, scores, 20, seeds=draws[0], step=draws[1])
    assert (rows * 3001 + tokens.astype(np.int64) == order).all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_tensors(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    logits = torch.from_numpy(rng.standard_normal((8, 700)).astype(np.float32)).to(getattr(torch, dtype))
    scores = -torch.rand(2, 4, generator=torch.Generator().manual_seed(1))
    found = beam_candidates(logits, scores)
    assert [part.dtype for part in found] == [torch.float32, torch.int64, torch.int64]
    assert found[0].shape == (2, 8)
    assert_best(found, plain_scores(logits.float().numpy(), scores.numpy()), 700)


def on_device(logits: Any, scores: Any, count: int, **arguments: Any) -> Any:
    """What tensors on another device go through, here on the CPU."""
    torch = pytest.importorskip("torch")
    original = beams.on_device
    beams.on_device = lambda _: True
    try:
        return beam_candidates(torch.from_numpy(logits), torch.from_numpy(scores), count, **arguments)
    finally:
        beams.on_device = original


def test_the_same_in_torch() -> None:
    rng = np.random.default_rng(6)
    logits = rng.standard_normal((6, 401)).astype(np.float32)
    logits[2] = logits[1]
    logits[:, 5:9] = -np.inf
    scores = np.array([[-1.0, -0.5, -0.5], [-2.0, -np.inf, -1e9]], np.float32)
    logits[4] = np.nan
    history = rng.integers(0, 401, (6, 9))
    mask = rng.random((6, 401)) < 0.8
    settings: list[dict[str, Any]] = [
        {},
        {
            "mask": mask,
            "params": SamplingParams(repetition_penalty=1.4, presence_penalty=0.3),
            "history": history,
        },
        {
            "params": SamplingParams(no_repeat_ngram_size=1, logit_bias={3: 2.0}),
            "history": history,
            "prompt": history[:, ::-1],
        },
        {"params": SamplingParams(forced_bos_token_id=4)},
        {"penalized": [[1, 1, 400], [2, -1, -1]], "diversity_penalty": 0.7},
        {"seeds": np.array([3, 2**64 - 1], np.uint64), "step": 2**33},
    ]
    for arguments in settings:
        for count in (1, 6, 100):
            expected = beam_candidates(logits, scores, count, **arguments)
            found = on_device(logits, scores, count, **arguments)
            for one, other in zip(expected[1:], found[1:], strict=True):
                assert (one == other.numpy()).mean() > 0.97  # rounding may exchange neighbours
            np.testing.assert_allclose(found[0].numpy(), expected[0], rtol=1e-5, atol=1e-5)
    tied = on_device(np.zeros((4, 600), np.float32), np.zeros((2, 2), np.float32), 3)
    assert (tied[1].tolist(), tied[2].tolist()) == ([[0, 0, 0]] * 2, [[0, 1, 2]] * 2)


PROMPT = [[1, 5, 9, 5], [7, 7, 2, 3]]


def processors(params: SamplingParams, prompt_length: int) -> Any:
    """Those of transformers, in its order."""
    torch = pytest.importorskip("torch")
    hub = pytest.importorskip("transformers.generation.logits_process")
    steps = hub.LogitsProcessorList()
    if params.repetition_penalty != 1.0:
        steps.append(hub.RepetitionPenaltyLogitsProcessor(params.repetition_penalty))
    if params.no_repeat_ngram_size:
        steps.append(hub.NoRepeatNGramLogitsProcessor(params.no_repeat_ngram_size))
    if params.bad_words_ids:
        steps.append(hub.NoBadWordsLogitsProcessor([list(word) for word in params.bad_words_ids]))
    if params.min_tokens:
        stop = torch.tensor(params.stop_token_ids)
        steps.append(hub.MinNewTokensLengthLogitsProcessor(prompt_length, params.min_tokens, stop))
    if params.forced_bos_token_id is not None:
        steps.append(hub.ForcedBOSTokenLogitsProcessor(params.forced_bos_token_id))
    if params.suppress_tokens:
        steps.append(hub.SuppressTokensLogitsProcessor(list(params.suppress_tokens)))
    return steps


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(),
        SamplingParams(repetition_penalty=1.7),
        SamplingParams(repetition_penalty=0.8, no_repeat_ngram_size=2),
        SamplingParams(bad_words_ids=[[5], [3, 8], [5, 6]], suppress_tokens=[0, 11]),
        SamplingParams(min_tokens=4, stop_token_ids=[2, 4], repetition_penalty=1.2),
    ],
)
def test_scores_are_those_of_transformers(params: SamplingParams) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    logits = torch.from_numpy(rng.standard_normal((8, 40)).astype(np.float32) * 2)
    prompt, history = rng.integers(0, 12, (8, 6)), rng.integers(0, 12, (8, 3))
    running = -torch.rand(2, 4, generator=torch.Generator().manual_seed(2))
    ids = torch.from_numpy(np.concatenate([prompt, history], 1))
    total = processors(params, 6)(ids, logits.log_softmax(-1)) + running.view(8, 1)
    expected = total.view(2, 160).topk(8)
    scores, rows, tokens = beam_candidates(logits, running, params=params, prompt=prompt, history=history)
    assert (rows * 40 + tokens).tolist() == expected.indices.tolist()
    torch.testing.assert_close(scores, expected.values, rtol=1e-5, atol=1e-5)


def search(model: Any, prompt: Any, width: int, steps: int, params: SamplingParams) -> Any:
    """Beam search for texts that do not end: (batch, beams, time), the best first."""
    torch = pytest.importorskip("torch")
    batch, length = prompt.shape
    texts, scores = prompt.repeat_interleave(width, 0), torch.full((batch, width), -math.inf)
    scores[:, 0] = 0.0
    for _ in range(steps):
        logits = model(texts).logits[:, -1]
        past = {"prompt": texts[:, :length], "history": texts[:, length:]}
        scores, rows, tokens = beam_candidates(logits, scores, width, params=params, **past)
        rows = (rows + torch.arange(batch)[:, None] * width).flatten()
        texts = torch.cat([texts[rows], tokens.view(-1, 1)], 1)
    return texts.view(batch, width, -1), scores


@pytest.mark.parametrize(
    "rules", [{}, {"repetition_penalty": 1.3}, {"repetition_penalty": 1.2, "no_repeat_ngram_size": 2}]
)
def test_beam_search_finds_the_texts_of_transformers(rules: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    hub = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = hub.GPT2Config(
        vocab_size=50,
        n_layer=2,
        n_embd=32,
        n_head=2,
        n_positions=32,
        initializer_range=0.4,
        bos_token_id=0,
        eos_token_id=None,
    )
    model = hub.GPT2LMHeadModel(config).eval()
    model.generation_config.pad_token_id = 0
    prompt = torch.tensor(PROMPT)
    with torch.no_grad():
        expected = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            num_beams=4,
            num_return_sequences=4,
            do_sample=False,
            max_new_tokens=12,
            output_scores=True,
            return_dict_in_generate=True,
            **rules,
        )
        texts, scores = search(model, prompt, 4, 12, SamplingParams(**rules))
    assert texts.flatten(0, 1).tolist() == expected.sequences.tolist()
    torch.testing.assert_close(scores.flatten() / 12, expected.sequences_scores, rtol=1e-4, atol=1e-4)


def test_what_does_not_fit_is_named() -> None:
    logits, scores = np.zeros((4, 10), np.float32), np.zeros((2, 2), np.float32)

    def error(
        kind: Any, message: str, logits: Any = logits, scores: Any = scores, count: Any = None, **more: Any
    ) -> None:
        with pytest.raises(kind, match=message):
            beam_candidates(logits, scores, count, **more)

    error(
        ShapeError, r"scores must have the shape \(batch, beams\) .* = 4 rows, found \(4,\)", scores=[0.0] * 4
    )
    error(ShapeError, r"found \(3, 2\)", scores=np.zeros((3, 2)))
    error(ShapeError, "found float64", logits=np.zeros((4, 10)))
    error(InvalidArgumentError, r"count must be in \[1, 20\], .* found 0", count=0)
    error(InvalidArgumentError, r"count must be in \[1, 20\], .* found 21", count=21)
    message = "scores of batch entry 1 must be finite or -inf, found NaN for beam 0"
    error(InvalidArgumentError, message, scores=[[0.0, 0.0], [np.nan, 0.0]])
    error(InvalidArgumentError, "found inf for beam 1", scores=[[0.0, np.inf], [0.0, 0.0]])
    for value, message in ((np.nan, "NaN at token 3"), (np.inf, r"\+inf at token 3")):
        wrong = logits.copy()
        wrong[2, 3] = value
        error(InvalidArgumentError, f"logits of row 2 are {message}", logits=wrong)
    error(InvalidArgumentError, "logits of row 0 are all -inf", logits=np.full((4, 10), -np.inf, np.float32))
    error(
        InvalidArgumentError,
        "history of row 1 names token 10",
        history=[[1], [10], [], []],
        params=SamplingParams(repetition_penalty=2),
    )
    error(ShapeError, "history has 2 rows for a batch of 4 rows", history=[[1], [2]])
    error(ShapeError, "params has 2 entries for a batch of 4 rows", params=[SamplingParams()] * 2)
    error(
        ShapeError,
        r"penalized must have the shape \(batch, m\) for a batch of 2, found \(4, 1\)",
        penalized=[[1]] * 4,
    )
    error(InvalidTypeError, "penalized must hold integers, found float64", penalized=[[1.0], [2.0]])
    error(InvalidArgumentError, "penalized must hold token ids, or -1, found -2 to 1", penalized=[[1], [-2]])
    error(
        InvalidArgumentError,
        "penalized of row 1 names token 10",
        penalized=[[1], [10]],
        diversity_penalty=1.0,
    )
    error(
        InvalidArgumentError,
        "diversity_penalty must be finite and at least 0, found -1.0",
        diversity_penalty=-1.0,
    )
    with pytest.raises(
        InvalidArgumentError, match="scores of batch entry 0 must be finite or -inf, found nan for beam 1"
    ):
        on_device(logits, np.array([[0.0, np.nan]] * 2, np.float32), 2)
    with pytest.raises(InvalidArgumentError, match="penalized of row 1 names token 10"):
        on_device(logits, scores, 2, penalized=[[1], [10]], diversity_penalty=1.0)


def test_an_empty_batch() -> None:
    scores, rows, tokens = beam_candidates(np.zeros((0, 10), np.float32), np.zeros((0, 3)))
    assert (scores.shape, rows.shape, tokens.shape) == ((0, 6),) * 3
