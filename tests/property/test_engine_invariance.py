"""A request's continuation does not depend on when it comes, or on what runs beside it then."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_language_model import tiny_language_model, tiny_llama
from watched_model import PATIENCE

from ferrolm.generation import Engine, Request

models = [tiny_language_model(), tiny_llama()]

SETTINGS = st.fixed_dictionaries(
    {"max_new_tokens": st.integers(1, 30)},
    optional={
        "do_sample": st.just(True),
        "repetition_penalty": st.sampled_from([1.0, 1.3]),
        "frequency_penalty": st.sampled_from([0.0, 0.5]),
        "stop": st.sampled_from(["e", ["\x0e", "S"]]),
        "eos_token_id": st.sampled_from([0, [50, 181]]),
    },
)
# What is asked, and what happens before the next one: so many of its pieces are read, or it is cancelled.
ARRIVALS = st.lists(
    st.tuples(st.text("abc é€", max_size=14), SETTINGS, st.sampled_from([0, 0, 1, 5, None])),
    min_size=1,
    max_size=8,
)


def wait_for(request: Request, pieces: int) -> list[str]:
    return [piece.text for piece, _ in zip(request, range(pieces), strict=False)]


@given(
    st.sampled_from(models), ARRIVALS, st.integers(0, 2**63), st.integers(1, 4), st.sampled_from([3, 16, 256])
)
@settings(max_examples=12, deadline=None)
def test_requests_are_not_changed_by_their_neighbours(
    model: Any, arrivals: list[Any], seed: int, batch: int, prefill_tokens: int
) -> None:
    requests = []
    # A prefix cache so small that its texts come and go too.
    with Engine(model, max_batch_size=batch, prefill_tokens=prefill_tokens, prefix_cache_tokens=30) as engine:
        for prompt, asked, event in arrivals:
            if asked.get("do_sample"):
                asked = asked | {"seed": seed, "top_p": 0.95}
            request = engine.submit(prompt, **asked)
            requests.append((request, prompt, asked))
            if event is None:
                request.cancel()
            else:
                wait_for(request, event)
        for request, prompt, asked in requests:
            result, alone = request.result(PATIENCE), model.generate(prompt, **asked)
            if result.finish_reason == "cancelled":
                assert result.ids.tolist() == alone.ids.tolist()[: len(result.ids)]
                continue
            assert (result.text, result.ids.tolist(), result.finish_reason) == (
                alone.text,
                alone.ids.tolist(),
                alone.finish_reason,
            )
