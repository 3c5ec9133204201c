"""Texts that are continued; dialogues are in test_dialogues.py."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from tiny_language_model import tiny_language_model

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation import GenerationConfig
from ferrolm.generation.pipelines.writing import clean_up_spaces
from ferrolm.models.catalog import bundled_names

model = tiny_language_model()
pipe = ferrolm.pipeline("text-generation", model=model)


def test_a_text_gives_a_list_and_texts_a_list_of_lists() -> None:
    [result] = pipe("hello", max_new_tokens=5, seed=1)
    assert result == {
        "generated_text": "hello"
        + model.generate("hello", do_sample=True, temperature=0.7, max_new_tokens=5, seed=1).text
    }
    several = pipe(["hello", "b"], max_new_tokens=5, seed=1)
    assert several[0] == [result]
    assert len(several) == 2
    assert pipe([]) == []


def test_the_prompt_can_be_left_out() -> None:
    full, new = (
        pipe("hello", max_new_tokens=5, seed=1, return_full_text=flag)[0]["generated_text"]
        for flag in (True, False)
    )
    assert full == "hello" + new


def test_several_continuations_of_each_text() -> None:
    results = pipe(["a", "b"], num_return_sequences=3, max_new_tokens=8, seed=1)
    assert [len(each) for each in results] == [3, 3]


def test_the_batch_size_does_not_change_results() -> None:
    prompts = ["hello", "b", "cd", "efghij", ""]
    results = [pipe(prompts, batch_size=size, max_new_tokens=10, seed=9) for size in (1, 2, 5)]
    assert results[0] == results[1] == results[2]
    seeds = [pipe(prompts, batch_size=size, max_new_tokens=10, seed=[1, 2, 3, 4, 5]) for size in (1, 2, 5)]
    assert seeds[0] == seeds[1] == seeds[2]
    with pytest.raises(InvalidArgumentError, match="batch_size is 0"):
        pipe("a", batch_size=0)


def test_it_draws_up_to_256_tokens_unless_told_otherwise() -> None:
    torch.manual_seed(0)
    first, second = (pipe("hello")[0]["generated_text"] for _ in range(2))
    assert first != second
    assert (
        len(model.tokenizer.encode_ids(pipe("hello", do_sample=False)[0]["generated_text"])) >= 40
    )  # to the end of the context


def test_defaults_of_the_checkpoint_come_first() -> None:
    own = ferrolm.pipeline(
        "text-generation", tiny_language_model(GenerationConfig(max_new_tokens=2, temperature=0.1))
    )
    assert own("hello", seed=1, return_full_text=False) == [
        {
            "generated_text": model.generate(
                "hello", max_new_tokens=2, do_sample=True, temperature=0.1, seed=1
            ).text
        }
    ]


def test_other_inputs_are_refused() -> None:
    with pytest.raises(
        InvalidTypeError, match=r"'3' \(int\): text_inputs must be a text or several, or messages"
    ):
        pipe([3])
    with pytest.raises(
        InvalidArgumentError, match="the model has no chat template, by which messages become a text"
    ):
        pipe([{"role": "user", "content": "hello"}])
    with pytest.raises(InvalidArgumentError, match="did you mean 'top_k'"):
        pipe("a", topk=3)
    with pytest.raises(InvalidArgumentError, match="return_text and return_tensors are both True"):
        pipe("a", return_text=True, return_tensors=True)


def test_ids_in_place_of_texts() -> None:
    [result] = pipe("hello", max_new_tokens=5, seed=1, return_tensors=True)
    assert list(result) == ["generated_token_ids"]
    ids = result["generated_token_ids"]
    assert model.tokenizer.decode(ids) == pipe("hello", max_new_tokens=5, seed=1)[0]["generated_text"]


def test_texts_before_the_prompt_and_strings_that_end() -> None:
    settings = {"do_sample": False, "max_new_tokens": 12}
    plain = pipe("xyhello", **settings)[0]["generated_text"]
    assert pipe("hello", prefix="xy", **settings)[0]["generated_text"] == plain.removeprefix("xy")
    new = plain.removeprefix("xyhello")
    stopped = pipe("xyhello", stop_sequence=new[3:5], **settings)[0]["generated_text"]
    assert stopped.startswith("xyhello")
    assert new[3:5] not in stopped.removeprefix("xyhello")


def test_prompts_that_leave_no_room_lose_their_beginning() -> None:
    long = "abcdefgh" * 12
    with pytest.raises(InvalidArgumentError, match="the prompt has 96 tokens, at most 48"):
        pipe(long, max_new_tokens=8)
    settings = {"do_sample": False, "max_new_tokens": 8, "return_full_text": False}
    assert pipe(long, handle_long_generation="hole", **settings) == pipe(long[-40:], **settings)
    assert pipe("abc", handle_long_generation="hole", **settings) == pipe("abc", **settings)
    with pytest.raises(
        InvalidArgumentError, match="60 new tokens leave no room for a prompt in the model's 48"
    ):
        pipe(long, handle_long_generation="hole", max_new_tokens=60)
    with pytest.raises(
        InvalidArgumentError, match="handle_long_generation is 'cut', expected None or 'hole'"
    ):
        pipe(long, handle_long_generation="cut")


def test_spaces_before_marks_and_special_tokens() -> None:
    assert clean_up_spaces("do n't stop , I 've time . ' s") == "don't stop, I've time.'s"
    shown = pipe("a", do_sample=False, max_new_tokens=40, skip_special_tokens=False, eos_token_id=[257 - 1])
    assert shown[0]["generated_text"].startswith("a")


def test_without_torch_one_sentence_says_what_to_install() -> None:
    code = """if True:
        import sys; sys.modules["torch"] = None
        import ferrolm
        from ferrolm.errors import MissingExtraError
        for name in ("load_model", "pipeline", "LanguageModel"):
            try:
                getattr(ferrolm, name)
            except MissingExtraError as error:
                assert str(error) == "a language model needs torch; install it with: pip install 'ferrolm[torch]'", error
            else:
                raise SystemExit(name)
    """
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif("ferrolm-tiny" not in bundled_names(), reason="ferrolm-tiny is not in this tree")
def test_the_bundled_model_is_the_default_and_writes_words() -> None:
    tiny = ferrolm.pipeline("text-generation", device="cpu")
    [result] = tiny("Once upon a time", max_new_tokens=30, seed=1)
    new = result["generated_text"].removeprefix("Once upon a time")
    assert sum(word.isalpha() for word in new.split()) >= 8
    assert (
        ferrolm.load_model("ferrolm-tiny", device="cpu").perplexity("Once upon a time there was a king.")
        < 300
    )
