"""Generating: what each argument does, and how a text ends."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_language_model import END, TINY, byte_tokenizer, tiny_language_model

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation import GenerationConfig, LanguageModel
from ferrolm.models import GPT2Config, GPT2LMHeadModel
from ferrolm.sampling import SamplingParams

model = tiny_language_model()
end = model.tokenizer.token_to_id(END)
DRAW = {"do_sample": True, "top_k": 0, "max_new_tokens": 30}


def ids_of(*args: object, **settings: object) -> list[int]:
    return model.generate(*args, **settings).ids.tolist()


@pytest.mark.parametrize("kind", TINY)
def test_greedy_takes_the_most_probable_token_each_time(kind: str) -> None:
    model = TINY[kind]()
    ids = model.tokenizer.encode_ids("hello").astype(np.int64).tolist()
    for _ in range(20):
        ids.append(model.model(torch.tensor([ids])).logits[0, -1].argmax().item())
    # 20 tokens by default, as in transformers
    assert model.generate("hello", ignore_eos=True).ids.tolist() == ids[5:]


def test_the_text_is_that_of_the_ids() -> None:
    result = model.generate("hello", max_new_tokens=30)
    assert str(result) == result.text == model.tokenizer.decode(result.ids)
    assert (len(result.ids), result.finish_reason) == (30, "length")


def test_a_prompt_may_be_ids() -> None:
    ids = model.tokenizer.encode_ids("hello")
    assert ids_of(ids) == ids_of(ids.tolist()) == ids_of("hello")
    assert [result.ids.tolist() for result in model.generate([ids, [1, 2]])] == [
        ids_of("hello"),
        ids_of([1, 2]),
    ]


def test_results_have_the_shape_of_the_prompts() -> None:
    assert model.generate([]) == []
    assert len(model.generate(["a"])) == 1
    assert [len(each) for each in model.generate(["a", "b"], num_return_sequences=3, **DRAW)] == [3, 3]
    assert len(model.generate("a", num_return_sequences=2, **DRAW)) == 2


def test_equal_seeds_draw_equal_texts() -> None:
    assert ids_of("a", seed=1, **DRAW) == ids_of("a", seed=1, **DRAW)
    assert ids_of("a", seed=1, **DRAW) != ids_of("a", seed=2, **DRAW)


def test_without_a_seed_torch_decides() -> None:
    torch.manual_seed(5)
    first, second = ids_of("a", **DRAW), ids_of("a", **DRAW)
    torch.manual_seed(5)
    assert (ids_of("a", **DRAW), first != second) == (first, True)


def test_continuations_of_one_prompt_differ_and_repeat() -> None:
    several = [result.ids.tolist() for result in model.generate("a", num_return_sequences=4, seed=3, **DRAW)]
    again = [result.ids.tolist() for result in model.generate("a", num_return_sequences=4, seed=3, **DRAW)]
    assert len({tuple(ids) for ids in several}) == 4
    assert several == again


def test_a_seed_for_each_prompt() -> None:
    both = model.generate(["a", "b"], seed=[7, 8], **DRAW)
    assert [result.ids.tolist() for result in both] == [
        ids_of("a", seed=7, **DRAW),
        ids_of("b", seed=8, **DRAW),
    ]
    with pytest.raises(InvalidArgumentError, match="seed has 1 values for 2 prompts"):
        model.generate(["a", "b"], seed=[7], **DRAW)


def test_top_k_of_one_is_greedy() -> None:
    assert ids_of("hello", do_sample=True, top_k=1) == ids_of("hello")


def test_params_replace_the_arguments() -> None:
    params = SamplingParams(temperature=0.9, top_p=0.8, seed=4)
    expected = ids_of("a", do_sample=True, temperature=0.9, top_k=0, top_p=0.8, seed=4)
    assert ids_of("a", params) == expected
    assert ids_of("a", SamplingParams(temperature=0)) == ids_of("a")
    with pytest.raises(InvalidArgumentError, match="top_k is given twice"):
        model.generate("a", params, top_k=3)


def test_penalties_act_on_greedy_decoding_too() -> None:
    plain, penalized = (ids_of("hello", max_new_tokens=40, repetition_penalty=p) for p in (1.0, 5.0))
    assert len(set(penalized)) > len(set(plain))
    banned = plain[0]
    assert banned not in ids_of("hello", max_new_tokens=40, logit_bias={banned: float("-inf")})


def test_a_stop_string_ends_the_text_before_it() -> None:
    settings = {"max_new_tokens": 30, "do_sample": True, "seed": 1}
    text = model.generate("hello", **settings).text
    word = text[10:12]
    result = model.generate("hello", stop=["not there", word], **settings)
    assert (result.text, result.finish_reason) == (text[: text.find(word)], "stop")
    assert len(result.ids) < 30


def test_stop_strings_end_rows_one_by_one() -> None:
    prompts = ["hello", "b", "longer than both"]
    plain = model.generate(prompts, max_new_tokens=20)
    word = plain[1].text[4]
    stopped = model.generate(prompts, max_new_tokens=20, stop=word)
    assert [result.text for result in stopped] == [result.text.partition(word)[0] for result in plain]


def test_the_end_token_ends_the_text_and_is_not_in_it() -> None:
    plain = model.generate("hello", max_new_tokens=30)
    ending = int(plain.ids[7])
    first = plain.ids.tolist().index(ending)
    result = model.generate("hello", max_new_tokens=30, eos_token_id=[end, ending])
    assert result.ids.tolist() == plain.ids[: first + 1].tolist()
    assert (result.text, result.finish_reason) == (model.tokenizer.decode(plain.ids[:first]), "eos")
    assert ids_of("hello", max_new_tokens=30, eos_token_id=ending, ignore_eos=True) == plain.ids.tolist()


def test_generation_stops_where_the_context_is_full() -> None:
    result = model.generate("hello", max_new_tokens=1000)
    assert (len(result.ids), result.finish_reason) == (48 + 1 - 5, "length")
    assert len(model.generate("x" * 48, max_new_tokens=5).ids) == 1


@pytest.mark.parametrize("kind", TINY)
def test_rows_of_a_batch_are_full_each_at_its_own_length(kind: str) -> None:
    model = TINY[kind]()
    prompts = ["x" * 48, "hello", "x" * 20]
    batch = model.generate(prompts, max_new_tokens=1000)
    assert [result.ids.tolist() for result in batch] == [
        model.generate(prompt, max_new_tokens=1000).ids.tolist() for prompt in prompts
    ]


def test_a_prompt_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"the prompt has 49 tokens, at most 48 \(n_positions\)"):
        model.generate("x" * 49)


def test_max_length_counts_the_prompt() -> None:
    assert len(ids_of("hello", max_length=9)) == 4
    assert len(ids_of("hello", max_length=9, max_new_tokens=6)) == 6
    with pytest.raises(InvalidArgumentError, match="max_length is 5, but the prompt alone has 5 tokens"):
        model.generate("hello", max_length=5)


def test_an_empty_prompt_begins_with_the_beginning_of_text() -> None:
    assert ids_of("") == ids_of([end])
    only_eos = tiny_language_model(bos_token_id=None)
    assert only_eos.generate("").ids.tolist() == ids_of([end])
    with pytest.raises(InvalidArgumentError, match="the prompt is empty"):
        tiny_language_model(bos_token_id=None, eos_token_id=None).generate("")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_new_token": 3}, "unknown argument 'max_new_token'; did you mean 'max_new_tokens'"),
        ({"temprature": 3}, "did you mean 'temperature'"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0, expected a positive integer"),
        ({"num_return_sequences": -1}, "num_return_sequences is -1"),
        ({"do_sample": True, "top_p": 1.5}, r"top_p must be in \[0, 1\], found 1.5"),
        ({"stop": ["a", ""]}, "stop_strings has an empty string"),
        ({"do_sample": True, "temperature": -1}, "temperature"),
    ],
)
def test_bad_arguments_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        model.generate("a", **settings)
    with pytest.raises(InvalidArgumentError, match=message):
        model.stream("a", **settings)


def test_other_prompts_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="ids from 1 to 300, expected 0 to 256"):
        model.generate([1, 300])
    with pytest.raises(InvalidTypeError, match="prompt is dict"):
        model.generate([{"role": "user"}])
    with pytest.raises(InvalidTypeError, match="stop_strings is"):
        model.generate("a", stop=[3])


def test_greedy_decoding_warns_of_what_it_ignores() -> None:
    with pytest.warns(UserWarning, match="greedy decoding ignores temperature; pass do_sample=True"):
        model.generate("a", temperature=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.generate("a", temperature=0.5, do_sample=True)


@pytest.mark.parametrize(
    "settings", [{}, {"do_sample": True, "seed": 2}, {"stop": "\x0e"}, {"repetition_penalty": 1.5}]
)
@pytest.mark.parametrize("kind", TINY)
def test_a_stream_is_the_text_in_pieces(kind: str, settings: dict[str, object]) -> None:
    model = TINY[kind]()
    settings = {"max_new_tokens": 40, "ignore_eos": True, **settings}
    result = model.generate("hello", **settings)
    stream = model.stream("hello", **settings)
    pieces = list(stream)
    assert "".join(pieces) == result.text
    assert (stream.ids, stream.finish_reason) == (result.ids.tolist(), result.finish_reason)
    assert len(pieces) > 3
    assert all(pieces)


def test_a_stream_begins_before_the_text_is_complete() -> None:
    stream = model.stream("hello", max_new_tokens=40)
    assert next(stream)
    assert len(stream.ids) < 5
    assert stream.finish_reason is None


def test_a_stream_has_one_continuation() -> None:
    with pytest.raises(InvalidArgumentError, match="num_return_sequences is 2, a stream has 1"):
        model.stream("a", num_return_sequences=2, do_sample=True)


def test_defaults_of_the_checkpoint_hold_unless_told_otherwise(tmp_path: Path) -> None:
    model.save(tmp_path)
    settings = '{"max_new_tokens": 3, "eos_token_id": 256, "use_cache": true, "top_k": null}'
    (tmp_path / "generation_config.json").write_text(settings)
    loaded = ferrolm.load_model(tmp_path, device="cpu")
    assert loaded.generate("hello").ids.tolist() == ids_of("hello", max_new_tokens=3)
    assert loaded.generate("hello", max_new_tokens=8).ids.tolist() == ids_of("hello", max_new_tokens=8)


@pytest.mark.parametrize("kind", TINY)
def test_a_loaded_model_is_the_saved_one(kind: str, tmp_path: Path) -> None:
    model = TINY[kind]()
    model.save(tmp_path)
    loaded = ferrolm.load_model(tmp_path, device="cpu", dtype="float32")
    assert loaded.generate("hello").text == model.generate("hello").text
    assert ferrolm.load_model(tmp_path, device="cpu", dtype=torch.bfloat16).model.dtype == torch.bfloat16
    with pytest.raises(InvalidArgumentError, match=r"dtype is 'bfloat61'.*did you mean 'bfloat16'"):
        ferrolm.load_model(tmp_path, dtype="bfloat61")


def test_a_vocabulary_larger_than_the_model_is_refused() -> None:
    small = GPT2LMHeadModel(GPT2Config(vocab_size=100, n_positions=8, n_embd=8, n_layer=1, n_head=2))
    with pytest.raises(
        InvalidArgumentError, match="tokenizer has 257 tokens, but the model's vocab_size is 100"
    ):
        LanguageModel(small, byte_tokenizer())


def test_a_model_can_be_made_with_defaults() -> None:
    config = GenerationConfig(max_new_tokens=4, do_sample=True, seed=1)
    made = tiny_language_model(config).generate("a")
    assert made.ids.tolist() == ids_of("a", max_new_tokens=4, do_sample=True, seed=1)
