"""Settings of generation: names of others, contradictions, and objects of transformers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_language_model import tiny_language_model

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.generation import GenerationConfig, NgramDraft
from ferrolm.generation.beams.constraints import DisjunctiveConstraint, PhrasalConstraint
from ferrolm.sampling import SamplingParams

model = tiny_language_model()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_beam": 3}, "unknown argument 'num_beam'; did you mean 'num_beams'"),
        ({"n": 2, "num_return_sequences": 2}, "num_return_sequences is given twice"),
        ({"num_beams": 0}, "num_beams is 0, expected a positive integer"),
        ({"max_new_tokens": 3, "min_new_tokens": 5}, "max_new_tokens is 3, less than min_new_tokens, 5"),
        ({"max_length": 4, "min_length": 9}, "max_length is 4, less than min_length, 9"),
        ({"max_time": -1}, "max_time is -1, expected a number of 0 or more"),
        ({"early_stopping": "always", "num_beams": 2}, "early_stopping is 'always'"),
        ({"num_return_sequences": 2}, "greedy decoding has one result"),
        ({"num_return_sequences": 3, "num_beams": 2}, "num_return_sequences is 3, but num_beams=2"),
        ({"num_beams": 3, "num_beam_groups": 2, "diversity_penalty": 1.0}, "multiple of num_beam_groups"),
        ({"num_beams": 4, "num_beam_groups": 2}, "diversity_penalty is 0.0, expected more than 0"),
        ({"num_beams": 4, "diversity_penalty": 1.0}, "diversity_penalty needs num_beam_groups"),
        ({"penalty_alpha": 0.6, "do_sample": True}, "penalty_alpha and do_sample=True contradict"),
        ({"penalty_alpha": 0.6, "num_beams": 2}, "penalty_alpha and num_beams=2 contradict"),
        ({"penalty_alpha": 0.6, "top_k": 1}, "top_k is 1, expected 2 or more with penalty_alpha"),
        ({"penalty_alpha": 1.6, "top_k": 4}, "penalty_alpha is 1.6, expected 0 to 1"),
        ({"force_words_ids": [[4]]}, "force_words_ids need beam search"),
        ({"force_words_ids": [[4]], "num_beams": 2, "do_sample": True}, "force_words_ids and do_sample=True"),
        ({"force_words_ids": [[400]], "num_beams": 2}, "force_words_ids has id 400, expected 0 to 256"),
        ({"force_words_ids": [[[4], [4, 5]]], "num_beams": 2}, "one word begins with another"),
        ({"negative_prompt": "a"}, "negative_prompt needs a guidance_scale"),
        ({"forced_eos_token_id": [3, 4]}, "forced_eos_token_id has 2 ids, expected one"),
        (
            {"prompt_lookup_num_tokens": 3, "num_beams": 2},
            "prompt_lookup_num_tokens and num_beams=2 contradict",
        ),
        ({"draft": NgramDraft(), "num_beams": 2}, "draft and num_beams=2 contradict"),
        ({"draft": NgramDraft(), "penalty_alpha": 0.5, "top_k": 4}, "draft and penalty_alpha contradict"),
        ({"draft": NgramDraft(), "logprobs": 2}, "draft and logprobs contradict"),
        (
            {"penalty_alpha": 0.5, "top_k": 4, "output_attentions": True},
            "penalty_alpha and output_attentions",
        ),
        ({"pad_token_id": 300}, "pad_token_id is 300, expected an id below 257"),
        ({"seed": [1, 2], "do_sample": True}, "seed has 2 values for 1 prompts"),
    ],
    ids=str,
)
def test_contradictions_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        model.generate("abc", **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stop": [3]}, "stop_strings is"),
        ({"logits_processor": len}, "logits_processor is .* expected a list of functions"),
        ({"streamer": 3}, "streamer is int, expected an object with put and end"),
        ({"generation_config": 3}, "generation_config is int"),
        ({"force_words_ids": [4], "num_beams": 2}, "expected ids of a word"),
        ({"constraints": [4], "num_beams": 2}, "expected PhrasalConstraint"),
    ],
    ids=str,
)
def test_wrong_types_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidTypeError, match=message):
        model.generate("abc", **settings)


def test_prompts_that_do_not_fit() -> None:
    with pytest.raises(InvalidArgumentError, match="the prompt has 60 tokens, at most 48"):
        model.generate("a" * 60, num_beams=2)
    with pytest.raises(InvalidArgumentError, match="max_length is 3, but input_ids has 5 tokens"):
        model.generate(input_ids=torch.ones(1, 5, dtype=torch.long), max_length=3)
    with pytest.raises(ShapeError, match="attention_mask has shape"):
        model.generate(input_ids=torch.ones(1, 5, dtype=torch.long), attention_mask=torch.ones(1, 4))
    with pytest.raises(InvalidTypeError, match=r"input_ids is torch\.float32"):
        model.generate(input_ids=torch.ones(1, 5))
    with pytest.raises(InvalidArgumentError, match="prompt and input_ids are both given"):
        model.generate("a", input_ids=torch.ones(1, 5, dtype=torch.long))
    with pytest.raises(InvalidArgumentError, match="prompt is missing"):
        model.generate(max_new_tokens=3)


def test_a_stream_has_no_beams() -> None:
    with pytest.raises(InvalidArgumentError, match="num_beams is 2, a stream has 1"):
        model.stream("a", num_beams=2)


def test_what_has_no_effect_is_said() -> None:
    with pytest.warns(UserWarning, match="ignores typical_p"):
        model.generate("a", typical_p=0.5, max_new_tokens=1)
    with pytest.warns(UserWarning, match="ignores length_penalty; pass num_beams"):
        model.generate("a", length_penalty=0.5, max_new_tokens=1)


def test_names_of_vllm() -> None:
    config = GenerationConfig().updated(max_tokens=7, min_tokens=2, n=3, stop="x", do_sample=True)
    assert (config.max_new_tokens, config.min_new_tokens, config.num_return_sequences) == (7, 2, 3)
    assert config.stop_strings == ("x",)
    params = SamplingParams(temperature=0, max_tokens=4, stop_token_ids=[9])
    assert len(model.generate("a", params).ids) <= 4


def test_a_config_of_ours_and_of_transformers() -> None:
    expected = model.generate("abc", max_new_tokens=6, num_beams=3).ids.tolist()
    own = GenerationConfig(max_new_tokens=6, num_beams=3)
    assert model.generate("abc", generation_config=own).ids.tolist() == expected
    assert (
        model.generate("abc", generation_config={"max_new_tokens": 6, "num_beams": 3}).ids.tolist()
        == expected
    )
    assert len(model.generate("abc", generation_config=own, max_new_tokens=2).ids) == 2
    transformers = pytest.importorskip("transformers")
    theirs = transformers.GenerationConfig(max_new_tokens=6, num_beams=3, use_cache=True)
    assert model.generate("abc", generation_config=theirs).ids.tolist() == expected


def test_a_search_is_one_with_a_model_that_draws_by_default() -> None:
    drawing = tiny_language_model(GenerationConfig(do_sample=True, max_new_tokens=6))
    for search in ({"penalty_alpha": 0.6, "top_k": 4}, {"num_beams": 3, "force_words_ids": [[11]]}):
        expected = model.generate("abc", max_new_tokens=6, **search)
        assert drawing.generate("abc", **search).ids.tolist() == expected.ids.tolist()
        assert drawing.generate("abc", generation_config=search).ids.tolist() == expected.ids.tolist()
        with pytest.raises(InvalidArgumentError, match="contradict each other"):
            drawing.generate("abc", do_sample=True, **search)


def test_none_is_the_default() -> None:
    assert GenerationConfig(num_beams=3).updated(num_beams=None).num_beams == 1


def test_constraints_as_objects() -> None:
    words = [PhrasalConstraint([11, 12]), DisjunctiveConstraint([[13], [14]])]
    found = model.generate("abc", num_beams=4, constraints=words, max_new_tokens=8, ignore_eos=True)
    expected = model.generate(
        "abc", num_beams=4, force_words_ids=[[11, 12], [[13], [14]]], max_new_tokens=8, ignore_eos=True
    )
    ids = found.ids.tolist()
    assert ids == expected.ids.tolist()
    assert any(ids[at : at + 2] == [11, 12] for at in range(7))
    assert {13, 14} & set(ids)
