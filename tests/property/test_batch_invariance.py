"""A prompt's continuation does not depend on the prompts beside it, whatever is asked for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_language_model import tiny_language_model

import ferrolm

model = tiny_language_model()

PROMPTS = st.lists(st.text("abc é€", max_size=14), min_size=1, max_size=5)
SETTINGS = st.fixed_dictionaries(
    {"max_new_tokens": st.integers(1, 40)},
    optional={
        "do_sample": st.just(True),
        "repetition_penalty": st.sampled_from([1.0, 1.3]),
        "frequency_penalty": st.sampled_from([0.0, 0.5]),
        "stop": st.sampled_from(["e", ["\x0e", "S"]]),
        "eos_token_id": st.sampled_from([0, [50, 181]]),
    },
)


@given(PROMPTS, SETTINGS, st.integers(0, 2**64 - 1))
@settings(max_examples=15, deadline=None)
def test_a_batch_gives_what_its_prompts_give_alone(
    prompts: list[str], asked: dict[str, object], seed: int
) -> None:
    if asked.get("do_sample"):
        asked = asked | {"seed": seed, "top_p": 0.95}
    batch = model.generate(prompts, **asked)
    alone = [model.generate(prompt, **asked) for prompt in prompts]
    assert [(r.text, r.ids.tolist(), r.finish_reason) for r in batch] == [
        (r.text, r.ids.tolist(), r.finish_reason) for r in alone
    ]


@given(PROMPTS, st.integers(1, 4), st.integers(0, 2**64 - 1))
@settings(max_examples=6, deadline=None)
def test_so_do_several_continuations(prompts: list[str], copies: int, seed: int) -> None:
    asked = {"do_sample": True, "seed": seed, "num_return_sequences": copies, "max_new_tokens": 12}
    batch = model.generate(prompts, **asked)
    assert [str(each) for each in batch] == [str(model.generate(prompt, **asked)) for prompt in prompts]


def test_the_number_of_threads_does_not_matter() -> None:
    before = ferrolm.num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            ferrolm.set_num_threads(threads)
            results.append(
                [r.text for r in model.generate(["a", "bcd"], do_sample=True, seed=1, max_new_tokens=40)]
            )
    finally:
        ferrolm.set_num_threads(before)
    assert results[0] == results[1] == results[2]
