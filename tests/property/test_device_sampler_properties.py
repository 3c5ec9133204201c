"""`DeviceSampler` and `Sampler` side by side, for any rules, pasts and ties; and the steps that do without a sort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling_twin import kept

torch = pytest.importorskip("torch")

from ferrolm.errors import InvalidArgumentError
from ferrolm.sampling import DeviceSampler, Sampler, SamplingParams, steps
from ferrolm.sampling.columns import Columns

VOCAB, LONGEST = 6, 60
TOKEN = st.integers(0, VOCAB - 1)
SEQUENCE = st.lists(TOKEN, min_size=1, max_size=4)
PARAMS = st.builds(
    SamplingParams,
    temperature=st.sampled_from([0.0, 0.5, 1.0, 1.7]),
    top_k=st.integers(0, 8),
    top_p=st.sampled_from([1.0, 0.313, 0.871]),
    top_h=st.sampled_from([None, 0.411, 0.833]),
    repetition_penalty=st.sampled_from([1.0, 0.7, 1.5]),
    frequency_penalty=st.sampled_from([0.0, 0.3]),
    presence_penalty=st.sampled_from([0.0, 0.9]),
    logit_bias=st.dictionaries(TOKEN, st.sampled_from([-1.0, 2.0, -np.inf]), max_size=2),
    sequence_bias=st.dictionaries(SEQUENCE.map(tuple), st.sampled_from([-3.0, 2.0]), max_size=3),
    dry_multiplier=st.sampled_from([0.0, 0.8]),
    dry_allowed_length=st.integers(1, 3),
    dry_penalty_last_n=st.sampled_from([-1, 0, 1, 2, 5, 12]),
    dry_sequence_breakers=st.lists(TOKEN, max_size=2),
    no_repeat_ngram_size=st.sampled_from([0, 0, 2, 3, 4]),
    bad_words_ids=st.lists(SEQUENCE, max_size=3),
    min_tokens=st.integers(0, 3),
    stop_token_ids=st.lists(TOKEN, min_size=1, max_size=2),
    suppress_tokens=st.lists(TOKEN, max_size=1),
    begin_suppress_tokens=st.lists(TOKEN, max_size=1),
    forced_bos_token_id=st.none() | TOKEN,
    seed=st.integers(0, 2**64 - 1),
)
# Few different values, so that there are ties, and tokens that cannot come.
LOGITS = st.lists(st.sampled_from([-np.inf, -2.0, 0.0, 0.5, 3.0]), min_size=VOCAB, max_size=VOCAB)


@settings(max_examples=150, deadline=None)
@given(PARAMS, st.lists(TOKEN, max_size=30), st.lists(LOGITS, min_size=1, max_size=12), TOKEN)
def test_both_draw_the_same_and_find_the_same_faults(
    params: SamplingParams, prompt: list[int], logits: list[Any], forced: int
) -> None:
    rows = [params, SamplingParams(seed=1)]
    both = {"prompt": [prompt, []]}
    expected = Sampler(rows, **both)  # type: ignore[arg-type]
    found = DeviceSampler(rows, vocab_size=VOCAB, device="cpu", max_length=LONGEST, **both)  # type: ignore[arg-type]
    for now in logits:
        x = torch.tensor([now, [0.0] * VOCAB])
        own, fault = found.sample(x), None
        try:
            ids = expected.sample(x)
        except InvalidArgumentError as error:
            fault = str(error)
        if fault is not None:
            assert (str(found.error()), int(own[0])) == (fault, 0)
            return
        assert torch.equal(own, ids)
        # What is accepted need not be what was drawn, so that sequences come again often.
        accepted = ids if ids[0] % 2 else torch.tensor([forced, int(ids[1])])
        expected.accept(accepted)
        found.accept(accepted)
    assert found.error() is None


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.data())
def test_top_h_keeps_the_first_ones_of_equals(vocab: int, data: st.DataObject) -> None:
    values = st.sampled_from([-np.inf, -2.0, -1.0, 0.0, 0.25, 1.5])
    x = np.array(data.draw(st.lists(values, min_size=vocab, max_size=vocab)), np.float32)
    x[data.draw(st.integers(0, vocab - 1))] = 1.0
    params = SamplingParams(top_h=data.draw(st.floats(0.013, 0.987)))
    columns = Columns.of([params], "cpu", vocab)
    found = steps.weights(torch.from_numpy(x)[None], columns, torch.zeros(1, dtype=torch.float64))[0].numpy()
    around = [params.replace(top_h=params.top_h * (1 + shift)) for shift in (-1e-6, 1e-6)]  # type: ignore[operator]
    least, most = (kept("top_h", x.astype(np.float64), own) & np.isfinite(x) for own in around)
    assert (least <= (found > 0)).all()
    assert ((found > 0) <= most).all()
