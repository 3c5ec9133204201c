"""`DeviceSampler`: the ids of `Sampler`, from operations that never wait for the host nor take anything from it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.sampling import DeviceSampler, Sampler, SamplingParams, device_sampler, sample

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
VOCAB, STEPS, LONGEST = 40, 30, 60
LLAMA = ("top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "xtc", "temperature")
# Each in a batch of its own as well as together; over so few tokens that sequences come again.
ROWS: dict[str, dict[str, Any]] = {
    "plain": {},
    "greedy": {"temperature": 0.0},
    "penalties": {"repetition_penalty": 1.3, "frequency_penalty": 0.4, "presence_penalty": 0.3},
    "greedy with penalties": {"temperature": 0.0, "frequency_penalty": 1.5, "repetition_penalty": 0.8},
    "presence alone": {"presence_penalty": 1.5},
    "bias": {"logit_bias": {1: 4.0, 2: -np.inf, VOCAB - 1: 1.0}},
    "lengths": {"min_tokens": 9, "stop_token_ids": [0, 1, 2], "begin_suppress_tokens": [3, 4]},
    "lists": {"suppress_tokens": [5, 6, 7], "allowed_token_ids": [*range(0, 30), VOCAB + 8]},
    "forced": {"forced_bos_token_id": 3, "forced_eos_token_id": 5, "max_tokens": 12},
    "forced and greedy": {"forced_eos_token_id": 5, "max_tokens": 1, "temperature": 0.0},
    "ngrams": {"no_repeat_ngram_size": 2},
    "longer ngrams": {"no_repeat_ngram_size": 3, "temperature": 0.4},
    "every token once": {"no_repeat_ngram_size": 1},
    "words": {"bad_words_ids": [[1], [2, 3], [0, 1, 2], [4, 4]]},
    "one word": {"bad_words_ids": [[1], [2]]},
    "sequences": {"sequence_bias": {(5,): 4.0, (5, 6): 6.0, (5, 6, 7): 9.0}, "logit_bias": {6: 1.0}},
    "dry": {"dry_multiplier": 0.8, "dry_allowed_length": 1, "temperature": 0.3},
    "dry, last": {"dry_multiplier": 2.0, "dry_penalty_last_n": 7, "temperature": 0.0},
    "dry, breakers": {"dry_multiplier": 1.5, "dry_sequence_breakers": [0, 1, VOCAB + 1], "temperature": 0.2},
    "dry, steep": {"dry_multiplier": 1.0, "dry_base": 1e300, "dry_allowed_length": 1, "temperature": 0.0},
    "top_k": {"temperature": 0.5, "top_k": 7},
    "top_k beyond": {"top_k": 2 * VOCAB},
    "top_p": {"top_p": 0.8},
    "no top_p": {"top_p": 0.0},
    "min_p": {"min_p": 0.05},
    "typical": {"top_n_sigma": 1.5, "typical_p": 0.8},
    "top_h": {"top_h": 0.7, "temperature": 1.5},
    "cutoffs": {"epsilon_cutoff": 0.02, "eta_cutoff": 0.05, "dynatemp_range": 0.5},
    "xtc": {"xtc_probability": 0.5, "xtc_threshold": 0.1},
    "mirostat 1": {"mirostat": 1, "mirostat_tau": 4.0, "mirostat_eta": 0.5},
    "mirostat 2": {"mirostat": 2, "mirostat_tau": 2.0, "mirostat_eta": 0.7, "temperature": 1.3},
    "gumbel": {"draw": "gumbel", "top_k": 30},
    "as llama.cpp": {"order": LLAMA, "top_k": 20, "typical_p": 0.95, "min_p": 0.05, "xtc_probability": 0.9},
    "as llama.cpp and greedy": {"order": LLAMA, "temperature": 0.0},
}
EVERYTHING = [SamplingParams(seed=2**63 + 7 * at, **own) for at, own in enumerate(ROWS.values())]


def make_logits(steps: int, batch: int, seed: int = 0) -> Any:
    """Logits of which a few are large, so that tokens come again."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((steps, batch, VOCAB)) + 3 * rng.standard_normal((batch, VOCAB))
    return torch.from_numpy(logits.astype(np.float32))


def make_prompts(batch: int) -> list[list[int]]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 8, rng.integers(0, 25)).tolist() for _ in range(batch)]


def assert_the_same(params: list[SamplingParams], prompt: Any, where: str = "cpu", seed: int = 0) -> None:
    """Every step of both, ids and log-probabilities."""
    expected = Sampler(params, prompt=prompt)
    found = DeviceSampler(params, vocab_size=VOCAB, device=where, prompt=prompt, max_length=LONGEST)
    for step, logits in enumerate(make_logits(STEPS, len(params), seed)):
        kind = ("raw", "processed")[step % 2]
        ids, logs = expected.sample(logits, logprobs=kind)  # type: ignore[arg-type]
        own, own_logs = found.sample(logits.to(where), logprobs=kind)  # type: ignore[arg-type]
        assert own.cpu().tolist() == ids.tolist(), step
        torch.testing.assert_close(own_logs.cpu(), logs, rtol=1e-4, atol=1e-4)
        assert torch.equal(found.sample(logits.to(where)), own)
        expected.accept(ids)
        found.accept(own)
    found.check()
    assert found.steps.tolist() == expected.steps == [STEPS] * len(params)
    assert (found.seeds, found.params) == (expected.seeds, expected.params)


@pytest.mark.parametrize("where", DEVICES)
def test_ids_are_those_of_the_sampler(where: str) -> None:
    assert_the_same(EVERYTHING, make_prompts(len(EVERYTHING)), where)
    assert_the_same(EVERYTHING[::-1], None, where, seed=2)


@pytest.mark.parametrize("name", ROWS)
def test_ids_are_those_of_the_sampler_for_each_rule_alone(name: str) -> None:
    params = [SamplingParams(seed=seed, **ROWS[name]) for seed in range(3)]
    assert_the_same(params, [[1, 2, 3, 1, 2, 3, 1, 2], [], [5, 6] * 9])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_logits_of_all_formats_and_strides_stay_as_they_are(dtype: Any) -> None:
    wide = make_logits(1, 2 * len(EVERYTHING))[0].to(dtype)
    logits, before = wide[::2], wide.clone()
    sampler = DeviceSampler(EVERYTHING, vocab_size=VOCAB, device="cpu", max_length=LONGEST)
    assert torch.equal(sampler.sample(logits), sample(logits, EVERYTHING))
    assert torch.equal(wide, before)
    assert torch.equal(sampler.sample(logits.T.contiguous().T), sample(logits, EVERYTHING))
    for own in EVERYTHING:  # each decides alone whether a copy is made
        one, row = DeviceSampler([own], vocab_size=VOCAB, device="cpu", max_length=LONGEST), wide[:1].clone()
        one.accept(one.sample(row))
        one.sample(row)
        assert torch.equal(row, wide[:1])


def test_masks_of_bools_and_bits() -> None:
    logits, allowed = make_logits(1, len(EVERYTHING))[0], torch.rand(len(EVERYTHING), VOCAB) < 0.5
    allowed[:, 8:12] = True
    bits = np.packbits(np.pad(allowed.numpy(), [(0, 0), (0, 24)]), axis=-1, bitorder="little").view("<i4")
    sampler = DeviceSampler(EVERYTHING, vocab_size=VOCAB, device="cpu", max_length=LONGEST)
    expected = sample(logits, EVERYTHING, mask=allowed)
    assert torch.equal(sampler.sample(logits, mask=allowed), expected)
    assert torch.equal(sampler.sample(logits, mask=torch.from_numpy(bits)), expected)


def test_a_reset_row_is_like_a_new_one() -> None:
    logits = make_logits(STEPS, 3)
    rows = [ROWS["penalties"], ROWS["dry"], ROWS["plain"]]
    params = [SamplingParams(seed=seed, **own) for seed, own in enumerate(rows)]
    sampler = DeviceSampler(
        params, vocab_size=VOCAB, device="cpu", prompt=[[1], [2, 2], []], max_length=LONGEST
    )
    expected = Sampler(params, prompt=[[1], [2, 2], []])

    def go_on(steps: Any) -> None:
        for now in steps:
            ids = sampler.sample(now)
            assert torch.equal(ids, expected.sample(now))
            sampler.accept(ids)
            expected.accept(ids)

    go_on(logits[:8])
    for either in (sampler, expected):  # the same steps and rules: the tensors stay
        either.reset(0, params[0].replace(seed=9, frequency_penalty=1.0), prompt=[3, 4])
        either.reset(1, prompt=[7, 7, 8, 7, 7])
    assert sampler.layout == 0
    assert sampler.steps.tolist() == expected.steps == [0, 0, 8]
    go_on(logits[8:16])
    for either in (sampler, expected):  # other ones
        either.reset(
            2, SamplingParams(seed=3, no_repeat_ngram_size=2, repetition_penalty=1.5), prompt=[1, 2] * 4
        )
        either.reset(0, SamplingParams(seed=4, bad_words_ids=[[1, 2, 3, 4]], top_p=0.5))
    assert sampler.layout == 2
    go_on(logits[16:])
    assert (sampler.seeds, sampler.params) == (expected.seeds, expected.params)


def test_rows_that_need_more_of_the_past_widen_it() -> None:
    params = [
        SamplingParams(seed=1, bad_words_ids=[[1, 2]]),
        SamplingParams(seed=2, dry_multiplier=1.0, dry_penalty_last_n=5),
    ]
    sampler, expected = DeviceSampler(params, vocab_size=VOCAB, device="cpu"), Sampler(params)
    for step, logits in enumerate(make_logits(STEPS, 2)):
        if step == 10:
            wider = SamplingParams(seed=5, dry_multiplier=1.0, dry_penalty_last_n=20, frequency_penalty=0.5)
            sampler.reset(0, wider, prompt=[4, 5] * 6)
            expected.reset(0, wider, prompt=[4, 5] * 6)
        ids = sampler.sample(logits)
        assert torch.equal(ids, expected.sample(logits))
        sampler.accept(ids)
        expected.accept(ids)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda sampler: pickle.loads(pickle.dumps(sampler))])
def test_a_saved_sampler_goes_on_where_it_was(duplicate: Callable[[Any], Any]) -> None:
    logits = make_logits(20, len(EVERYTHING))
    sampler = DeviceSampler(
        [row.replace(seed=None) for row in EVERYTHING],
        vocab_size=VOCAB,
        device="cpu",
        prompt=make_prompts(len(EVERYTHING)),
        max_length=LONGEST,
    )
    for now in logits[:10]:
        sampler.accept(sampler.sample(now))
    again = duplicate(sampler)
    assert (again.params, again.seeds, again.steps.tolist()) == (
        sampler.params,
        sampler.seeds,
        [10] * len(again),
    )
    for now in logits[10:]:
        ids = sampler.sample(now)
        assert torch.equal(again.sample(now), ids)
        sampler.accept(ids)
        again.accept(ids)


class NoHost(TorchDispatchMode):
    """Fails on what waits for a device, copies between two, or makes a tensor whose shape depends on values."""

    FORBIDDEN = (
        "_local_scalar_dense",
        "item",
        "nonzero",
        "masked_select",
        "unique",
        "is_nonzero",
        "equal",
        "lift_fresh",
    )

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in self.FORBIDDEN, f"{name} waits for the device"
        if name.startswith("index"):
            indices = args[1] if isinstance(args[1], (list, tuple)) else []
            assert all(index is None or index.dtype == torch.int64 for index in indices), "an index of bools"
        result = func(*args, **(kwargs or {}))
        flat, _ = torch.utils._pytree.tree_flatten((args, kwargs, result))
        tensors = [part for part in flat if isinstance(part, torch.Tensor)]
        assert len({part.device for part in tensors}) <= 1, f"{name} goes from one device to another"
        return result


def one_step(sampler: DeviceSampler, logits: Any, mask: Any = None) -> Any:
    ids, logs = sampler.sample(logits, mask=mask, logprobs="processed")
    sampler.accept(ids)
    return ids, logs


@contextmanager
def devices_without_data(kind: str) -> Iterator[str]:
    """Tensors of no data: reading one, or depending on it, is an error."""
    if kind == "meta":
        yield "meta"
    else:
        with FakeTensorMode():
            yield kind


@pytest.mark.parametrize("kind", ["meta", "cuda"])
@pytest.mark.parametrize("params", [EVERYTHING, EVERYTHING[1:2], EVERYTHING[:1], EVERYTHING[9:10]])
def test_a_step_never_meets_the_host(kind: str, params: list[SamplingParams]) -> None:
    with devices_without_data(kind) as where:
        prompt = None if kind == "meta" else make_prompts(len(params))
        sampler = DeviceSampler(params, vocab_size=VOCAB, device=where, prompt=prompt, max_length=LONGEST)
        logits = torch.empty(len(params), VOCAB, device=where)
        masks = [
            None,
            torch.ones(len(params), VOCAB, dtype=torch.bool, device=where),
            torch.ones(len(params), 2, dtype=torch.int32, device=where),
        ]
        with NoHost():
            for mask in masks:
                ids, logs = one_step(sampler, logits, mask)
            sampler.sample(logits, logprobs="raw")
            sampler.sample(logits)
        assert (ids.shape, ids.dtype, logs.dtype) == ((len(params),), torch.int64, torch.float32)
        assert ids.device.type == where
        assert (sampler.steps.device.type, sampler.failed.dtype) == (where, torch.bool)


def test_the_guard_of_these_tests_sees_what_it_looks_for() -> None:
    x = torch.zeros(3)
    for waits in (
        lambda: x[0].item(),
        lambda: bool(x.any()),
        lambda: x.nonzero(),
        lambda: x[x > 0],
        lambda: x.to("meta"),
        lambda: torch.tensor([1.0]),
    ):
        with NoHost(), pytest.raises(AssertionError):
            waits()


def test_a_step_can_be_traced_and_replayed() -> None:
    """What a graph does: the same operations on the same tensors, whatever they hold now."""
    batch = len(EVERYTHING)
    settings: dict[str, Any] = {"vocab_size": VOCAB, "device": "cpu", "max_length": LONGEST}
    sampler, expected = DeviceSampler(EVERYTHING, **settings), Sampler(EVERYTHING)
    logits = make_logits(STEPS, batch)
    graph = make_fx(lambda x: one_step(sampler, x))(logits[0])
    names = {str(node.target) for node in graph.graph.nodes if node.op == "call_function"}
    assert not {name for name in names if "scalar_dense" in name or "nonzero" in name}
    for row in range(batch):  # tracing was a step
        sampler.reset(row)
    for now in logits:
        ids, _ = graph(now)
        assert torch.equal(ids, expected.sample(now))
        expected.accept(ids)
    assert sampler.steps.tolist() == [STEPS] * batch


def test_a_sampler_made_in_inference_mode_works_outside_and_the_other_way_round() -> None:
    logits = make_logits(1, 1)[0].requires_grad_()
    params = SamplingParams(seed=1, frequency_penalty=1.0)
    with torch.inference_mode():
        inside = DeviceSampler(params, 1, vocab_size=VOCAB, device="cpu")
    outside = DeviceSampler(params, 1, vocab_size=VOCAB, device="cpu")
    ids, logs = inside.sample(logits, logprobs="raw")
    inside.accept(ids)
    with torch.inference_mode():
        outside.accept(outside.sample(logits))
    outside.accept(ids)
    assert not logs.requires_grad


def test_faults_are_marked_and_raised_when_asked_for() -> None:
    sampler = DeviceSampler(SamplingParams(seed=1), 4, vocab_size=5, device="cpu")
    logits = torch.zeros(4, 5)
    logits[:, 1] = 9.0
    sampler.sample(logits)
    assert sampler.error() is None
    logits[1, 3] = torch.nan
    logits[2, 2:] = torch.inf
    logits[3] = -torch.inf
    ids, _ = sampler.sample(logits, logprobs="raw")
    assert ids.tolist()[1:] == [0, 0, 0]
    sampler.accept(ids)
    assert sampler.failed.tolist() == [False, True, True, True]
    logits[1:] = 0.0
    sampler.sample(logits)  # the mark stays
    messages = []
    while (error := sampler.error()) is not None:
        messages.append(str(error))
        with pytest.raises(InvalidArgumentError, match=str(error).split(";")[0].replace("+", r"\+")):
            sampler.check()
        sampler.reset(len(messages))
    assert messages == [
        "logits of row 1 are NaN at token 3",
        "logits of row 2 are +inf at token 2; they must be finite or -inf",
        "logits of row 3 are all -inf: no token is left to choose",
    ]
    sampler.accept(torch.tensor([5, 0, -7, 0]))
    assert str(sampler.error()) == "history of row 0 names token 5, but the vocabulary has 5 tokens"
    sampler.reset(0)
    assert "row 2 names token -7" in str(sampler.error())


def test_a_forced_token_comes_whatever_the_logits_hold() -> None:
    params = SamplingParams(forced_bos_token_id=2)
    sampler = DeviceSampler(params, 2, vocab_size=3, device="cpu")
    logits = torch.tensor([[-torch.inf] * 3, [torch.nan] * 3])
    assert sampler.sample(logits).tolist() == sample(logits, params).tolist() == [2, 2]
    sampler.check()


def test_more_tokens_than_there_is_room_for_are_named() -> None:
    params = [SamplingParams(seed=1), SamplingParams(seed=1, no_repeat_ngram_size=2)]
    sampler = DeviceSampler(params, vocab_size=VOCAB, device="cpu", prompt=[[1] * 9, [2, 3]], max_length=4)
    for _ in range(2):
        sampler.accept(torch.tensor([1, 2]))
    sampler.check()
    sampler.accept(torch.tensor([1, 2]))
    with pytest.raises(InvalidArgumentError, match="row 1 has 5 tokens, more than max_length=4"):
        sampler.check()
    with pytest.raises(InvalidArgumentError, match="prompt of row 1 has 5 tokens, more than max_length=4"):
        sampler.reset(1, prompt=[1] * 5)


def test_what_cannot_be_done_is_said_when_the_sampler_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def message(kind: Any = InvalidArgumentError, vocab_size: int = 9, **fields: Any) -> str:
        rows = [SamplingParams(), SamplingParams(**fields)]
        with pytest.raises(kind) as caught:
            DeviceSampler(rows, vocab_size=vocab_size, device="cpu")
        sampler = DeviceSampler(SamplingParams(), 2, vocab_size=9, device="cpu")
        if vocab_size == 9:  # and the same when a row is reset to it, which changes nothing
            with pytest.raises(kind, match="row 1"):
                sampler.reset(1, rows[1])
            assert sampler.params == (SamplingParams(), SamplingParams())
        return str(caught.value)

    assert message(no_repeat_ngram_size=2) == (
        "max_length must be given, because no_repeat_ngram_size of row 1 looks at all tokens, found None"
    )
    assert "because dry_multiplier of row 1" in message(dry_multiplier=1.0)
    assert (
        message(logit_bias={9: 1.0}) == "logit_bias of row 1 names token 9, but the vocabulary has 9 tokens"
    )
    for rule in (
        {"suppress_tokens": [9]},
        {"bad_words_ids": [[1, 9]]},
        {"sequence_bias": {(9,): 1.0}},
        {"forced_bos_token_id": 9},
        {"min_tokens": 2, "stop_token_ids": [9]},
    ):
        assert message(**rule) == "a rule of row 1 names token 9, but the vocabulary has 9 tokens"
    assert "vocab_size must be at least 1, found 0" in message(ShapeError, vocab_size=0)
    monkeypatch.setattr(device_sampler, "_FIELDS", device_sampler._FIELDS - {"top_k"})
    assert message(top_k=3) == "top_k of row 1 is not taken by DeviceSampler, found 3: use Sampler"


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    sampler = DeviceSampler(SamplingParams(frequency_penalty=1.0), 2, vocab_size=5, device="cpu")
    logits = torch.zeros(2, 5)
    for call, kind, text in (
        (
            lambda: sampler.sample(np.zeros((2, 5), np.float32)),
            InvalidTypeError,
            "torch tensor, found ndarray",
        ),  # type: ignore[arg-type]
        (lambda: sampler.sample(logits.double()), ShapeError, "float16 or bfloat16, found float64"),
        (lambda: sampler.sample(logits[:1]), ShapeError, r"must have the shape \(2, 5\), found \(1, 5\)"),
        (lambda: sampler.sample(torch.zeros(2, 6)), ShapeError, r"found \(2, 6\)"),
        (
            lambda: sampler.sample(logits.to("meta")),
            InvalidArgumentError,
            "logits must be on cpu, found meta",
        ),
        (lambda: sampler.sample(logits, logprobs="all"), InvalidArgumentError, "found 'all'"),  # type: ignore[arg-type]
        (lambda: sampler.sample(logits, mask=np.ones((2, 5), bool)), InvalidTypeError, "found ndarray"),  # type: ignore[arg-type]
        (lambda: sampler.sample(logits, mask=logits), InvalidTypeError, "bits in int32, found torch.float32"),
        (lambda: sampler.sample(logits, mask=logits[:, 1:] > 0), ShapeError, r"\(2, 5\), found \(2, 4\)"),
        (lambda: sampler.sample(logits, mask=torch.zeros(3, 1, dtype=torch.int32)), ShapeError, r"\(2, 1\)"),
        (
            lambda: sampler.sample(logits, mask=(logits > 0).to("meta")),
            InvalidArgumentError,
            "mask must be on cpu",
        ),
        (lambda: sampler.accept([1, 2]), InvalidTypeError, "must be an int64 tensor, found list"),  # type: ignore[arg-type]
        (lambda: sampler.accept(logits[0]), InvalidTypeError, "found torch.float32"),
        (lambda: sampler.accept(torch.tensor([1])), ShapeError, r"shape \(2,\), found \(1,\)"),
        (lambda: sampler.accept(torch.zeros(2, device="meta").long()), InvalidArgumentError, "found meta"),
        (lambda: sampler.reset(2), InvalidArgumentError, "row 2 does not exist: the sampler has 2 rows"),
        (lambda: sampler.reset(0, {}), InvalidTypeError, "must be SamplingParams, found dict"),  # type: ignore[arg-type]
        (lambda: sampler.reset(0, prompt=[5]), InvalidArgumentError, "prompt of row 0 names token 5"),
    ):
        with pytest.raises(kind, match=text):
            call()  # type: ignore[no-untyped-call]
    with pytest.raises(ShapeError, match="prompt has 1 rows for a sampler of 2 rows"):
        DeviceSampler(SamplingParams(), 2, vocab_size=5, device="cpu", prompt=[[1]])
    with pytest.raises(InvalidArgumentError, match="max_length must be at least 1, found 0"):
        DeviceSampler(SamplingParams(), 2, vocab_size=5, device="cpu", max_length=0)
    assert sampler.steps.tolist() == [0, 0]
    assert repr(sampler) == "DeviceSampler(rows=2, vocab_size=5, device='cpu')"


def test_no_rows_and_one_token() -> None:
    empty = DeviceSampler([], vocab_size=5, device="cpu")
    ids, logs = empty.sample(torch.zeros(0, 5), logprobs="raw")
    assert (ids.shape, logs.shape, ids.dtype) == ((0,), (0,), torch.int64)
    empty.accept(ids)
    params = [row.replace(logit_bias=None) for row in EVERYTHING if not row.has_rules]
    single = DeviceSampler(params, vocab_size=1, device="cpu", max_length=3)
    assert single.sample(torch.zeros(len(params), 1)).tolist() == [0] * len(params)
