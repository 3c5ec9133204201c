"""Every way of decoding on every kind of model: batches, seeds, stop strings, limits, and what is told beside the tokens."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch
from tiny_language_model import TINY, byte_tokenizer, tiny_language_model

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.generation import GenerateOutput, LanguageModel, NgramLanguageModel, Seq2SeqLanguageModel
from ferrolm.models import T5Config, T5ForConditionalGeneration, Transformer, TransformerConfig
from ferrolm.ngram import NgramLM
from ferrolm.sampling import SamplingParams


def tiny_t5() -> Seq2SeqLanguageModel:
    torch.manual_seed(1)
    shape = {"vocab_size": 257, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    model = T5ForConditionalGeneration(T5Config(**shape, eos_token_id=256))
    return Seq2SeqLanguageModel(model.eval(), byte_tokenizer())


def tiny_transformer() -> Seq2SeqLanguageModel:
    torch.manual_seed(1)
    shape = {"vocab_size": 257, "hidden_size": 32, "intermediate_size": 48, "num_layers": 2, "num_heads": 4}
    return Seq2SeqLanguageModel(
        Transformer(TransformerConfig(**shape, eos_token_id=256)).eval(), byte_tokenizer()
    )


def tiny_ngrams() -> NgramLanguageModel:
    tokenizer = byte_tokenizer()
    texts = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog ran"]
    ids = [tokenizer.encode_ids(text).astype(np.int64).tolist() for text in texts]
    return NgramLanguageModel(NgramLM.train(ids, order=3, vocab_size=257), tokenizer)


MODELS: dict[str, Any] = {**TINY, "t5": tiny_t5, "transformer": tiny_transformer, "ngrams": tiny_ngrams}
MODES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "sampled": {"do_sample": True, "top_k": 0, "temperature": 1.3, "seed": [1, 2, 3]},
    "several": {"do_sample": True, "top_p": 0.9, "num_return_sequences": 2, "seed": [1, 2, 3]},
    "beams": {"num_beams": 3, "num_return_sequences": 2},
    "drawn beams": {"num_beams": 3, "do_sample": True, "seed": [4, 5, 6]},
    "groups": {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.6},
    "constrained": {"num_beams": 3, "force_words_ids": [[116, 104]]},
    "contrastive": {"penalty_alpha": 0.6, "top_k": 4},
}
TEXTS = ["the cat", "a", "the dog sat on"]


def ids_of(results: Any) -> list[Any]:
    return [ids_of(each) if isinstance(each, list) else each.ids.tolist() for each in results]


@pytest.fixture(scope="module", params=MODELS)
def model(request: Any) -> LanguageModel:
    return MODELS[request.param]()  # type: ignore[no-any-return]


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_gives_what_its_prompts_give_alone(model: LanguageModel, mode: str) -> None:
    settings = {**MODES[mode], "max_new_tokens": 9}
    if mode == "contrastive" and isinstance(model, NgramLanguageModel):
        with pytest.raises(InvalidArgumentError, match="penalty_alpha needs hidden states"):
            model.generate(TEXTS, **settings)
        return
    together = model.generate(TEXTS, **settings)
    seeds = settings.pop("seed", None)
    for row, text in enumerate(TEXTS):
        own = {} if seeds is None else {"seed": seeds[row]}
        alone = model.generate(text, **settings, **own)
        assert ids_of([together[row]]) == ids_of([alone])


def test_scores_of_beams_are_sorted_sums(model: LanguageModel) -> None:
    beams = model.generate("the", num_beams=4, num_return_sequences=4, max_new_tokens=6, ignore_eos=True)
    scores = [each.score for each in beams]
    assert scores == sorted(scores, reverse=True)
    assert len({tuple(each.ids.tolist()) for each in beams}) == 4
    greedy = model.generate("the", max_new_tokens=6, ignore_eos=True, logprobs=0)
    assert beams[0].score * 6 >= sum(each.logprob for each in greedy.logprobs) - 1e-4


def test_drawn_beams_follow_their_seed(model: LanguageModel) -> None:
    settings = {"num_beams": 3, "do_sample": True, "max_new_tokens": 8, "temperature": 1.5}
    seen = {tuple(model.generate("the", seed=seed, **settings).ids.tolist()) for seed in range(6)}
    again = {tuple(model.generate("the", seed=seed, **settings).ids.tolist()) for seed in range(6)}
    assert seen == again
    assert len(seen) > 1


def test_logprobs_are_those_of_the_model(model: LanguageModel) -> None:
    result = model.generate("the", max_new_tokens=5, logprobs=3, repetition_penalty=2.0, ignore_eos=True)
    assert [each.id for each in result.logprobs] == result.ids.tolist()
    for each in result.logprobs:
        values = [value for _, value in each.top]
        assert len(values) == 3
        assert values == sorted(values, reverse=True)
        assert each.logprob <= values[0] + 1e-6
        if each.id in dict(each.top):
            assert dict(each.top)[each.id] == pytest.approx(each.logprob, abs=1e-5)
    stream = model.stream("the", max_new_tokens=5, logprobs=3, repetition_penalty=2.0, ignore_eos=True)
    assert "".join(stream) == result.text
    assert [each.id for each in stream.logprobs or ()] == result.ids.tolist()


def test_tensors_in_tensors_out(model: LanguageModel) -> None:
    ids = torch.tensor([[0, 0, 116, 104], [116, 104, 101, 32]])
    mask = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    for settings in ({}, {"num_beams": 3, "num_return_sequences": 2}):
        rows = model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=5, ignore_eos=True, **settings
        )
        alone = [
            model.generate(p, max_new_tokens=5, ignore_eos=True, **settings)
            for p in ([116, 104], ids[1].tolist())
        ]
        flat = [each for result in alone for each in (result if isinstance(result, list) else [result])]
        assert rows[:, -5:].tolist() == [each.ids.tolist() for each in flat]
        if not isinstance(model, Seq2SeqLanguageModel):
            copies = settings.get("num_return_sequences", 1)
            assert rows[:, :4].tolist() == ids.repeat_interleave(copies, dim=0).tolist()
    assert model.generate(ids[1:], max_new_tokens=5, ignore_eos=True).tolist() == rows_of(model, ids[1:])


def rows_of(model: LanguageModel, ids: torch.Tensor) -> list[list[int]]:
    return model.generate(input_ids=ids, max_new_tokens=5, ignore_eos=True).tolist()  # type: ignore[no-any-return]


causal = tiny_language_model()


def test_stop_strings_end_beams_too() -> None:
    whole = causal.generate("abc", num_beams=3, max_new_tokens=12, ignore_eos=True)
    word = whole.text[4:6]
    found = causal.generate("abc", num_beams=3, max_new_tokens=12, ignore_eos=True, stop_strings=[word])
    assert word not in found.text
    assert found.finish_reason == "stop" or word not in causal.tokenizer.decode(found.ids.tolist())


def test_least_lengths() -> None:
    ends = list(range(0, 257, 2))
    assert len(causal.generate("abc", max_new_tokens=12, eos_token_id=ends).ids) < 8
    for settings in ({"min_new_tokens": 8}, {"min_length": 11}, {"min_tokens": 8}):
        for beams in (1, 3):
            found = causal.generate("abc", num_beams=beams, max_new_tokens=12, eos_token_id=ends, **settings)
            assert len(found.ids) >= 8


@pytest.mark.parametrize("beams", [1, 2])
def test_time_is_a_limit(beams: int) -> None:
    start = time.monotonic()
    found = causal.generate("abc", num_beams=beams, max_new_tokens=40, max_time=0.0, ignore_eos=True)
    assert len(found.ids) == 1
    assert time.monotonic() - start < 20
    if beams == 1:
        assert found.finish_reason == "time"


@pytest.mark.parametrize("beams", [1, 3])
def test_functions_of_the_user(beams: int) -> None:
    def forbid(ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores = scores.clone()
        scores[:, :200] = -torch.inf
        return scores

    def allow(prompt: int, ids: torch.Tensor) -> list[int]:
        assert ids[:3].tolist() == [64 + 1, 66, 67] or len(ids) >= 1
        return [7, 8] if len(ids) % 2 else [9]

    settings = {"max_new_tokens": 6, "num_beams": beams, "ignore_eos": True}
    assert min(causal.generate("abc", logits_processor=[forbid], **settings).ids) >= 200
    found = causal.generate("abc", prefix_allowed_tokens_fn=allow, **settings).ids.tolist()
    assert all(token in ([7, 8] if place % 2 == 0 else [9]) for place, token in enumerate(found))
    stopped = causal.generate(
        "abc",
        stopping_criteria=[lambda ids, scores: torch.tensor([ids.shape[1] >= 5] * len(ids))],
        **settings,
    )
    assert len(stopped.ids) == 2
    with pytest.raises(ShapeError, match=r"logits_processor .* gave"):
        causal.generate("abc", logits_processor=[lambda ids, scores: scores[:, :3]], **settings)
    with pytest.raises(InvalidArgumentError, match="prefix_allowed_tokens_fn gave"):
        causal.generate("abc", prefix_allowed_tokens_fn=lambda prompt, ids: [], **settings)


def test_a_processor_that_does_nothing_changes_nothing() -> None:
    settings = {
        "max_new_tokens": 12,
        "do_sample": True,
        "top_p": 0.9,
        "repetition_penalty": 1.2,
        "seed": [3, 4],
    }
    plain = causal.generate(["abc", "d"], **settings)
    through = causal.generate(["abc", "d"], logits_processor=[lambda ids, scores: scores], **settings)
    assert ids_of(plain) == ids_of(through)


class Told:
    def __init__(self) -> None:
        self.seen: list[list[Any]] = []
        self.ended = False

    def put(self, value: torch.Tensor) -> None:
        self.seen.append(value.tolist())

    def end(self) -> None:
        self.ended = True


def test_a_streamer_is_told() -> None:
    told = Told()
    result = causal.generate([1, 2, 3], max_new_tokens=4, streamer=told)
    assert told.seen == [[[1, 2, 3]], *([token] for token in result.ids.tolist())]
    assert told.ended
    with pytest.raises(InvalidArgumentError, match="streamer takes one text, found 2"):
        causal.generate([[1], [2]], streamer=Told())


def test_guidance_leads_away() -> None:
    plain = causal.generate("abc", max_new_tokens=6)
    same = causal.generate("abc", max_new_tokens=6, guidance_scale=3.0, negative_prompt="abc")
    assert same.ids.tolist() == plain.ids.tolist()
    away = causal.generate(["abc", "d"], max_new_tokens=6, guidance_scale=4.0, negative_prompt=["xyz", "q"])
    alone = causal.generate("d", max_new_tokens=6, guidance_scale=4.0, negative_prompt="q")
    assert away[1].ids.tolist() == alone.ids.tolist()
    assert ids_of(away) != ids_of(causal.generate(["abc", "d"], max_new_tokens=6))
    beams = causal.generate("abc", max_new_tokens=6, guidance_scale=4.0, num_beams=2)
    assert len(beams.ids)


def test_an_output_object_of_texts() -> None:
    output = causal.generate(
        ["abc", "d"], max_new_tokens=4, return_dict_in_generate=True, output_scores=True, ignore_eos=True
    )
    assert isinstance(output, GenerateOutput)
    assert output.sequences.shape == (2, 7)
    assert output["scores"] is output.scores
    assert list(output) == ["sequences", "scores"]
    assert "attentions" not in output


def test_prompt_lookup_is_a_draft() -> None:
    plain = causal.generate("abcabcabc", max_new_tokens=12)
    assert (
        causal.generate("abcabcabc", max_new_tokens=12, prompt_lookup_num_tokens=3).ids.tolist()
        == plain.ids.tolist()
    )


def test_params_name_the_length_and_the_ends() -> None:
    params = SamplingParams(temperature=0, max_tokens=5)
    assert len(causal.generate("abc", params, ignore_eos=True).ids) == 5
    greedy = causal.generate("abc", max_new_tokens=8, ignore_eos=True).ids.tolist()
    found = causal.generate(
        "abc", SamplingParams(temperature=0, stop_token_ids=[greedy[2]]), max_new_tokens=8
    )
    assert found.ids.tolist() == greedy[: greedy.index(greedy[2]) + 1]
    assert found.finish_reason == "eos"
