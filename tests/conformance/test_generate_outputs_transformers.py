"""What `generate` tells beside the tokens, and settings that act on scores, against transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from seeded_weights import SHAPES, fill
from tiny_language_model import byte_tokenizer

from ferrolm.generation import GenerationConfig, LanguageModel, Seq2SeqLanguageModel
from ferrolm.models import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

transformers = pytest.importorskip("transformers")
torch.set_num_threads(1)

KINDS: dict[str, tuple[Any, Any]] = {
    "gpt2": (GPT2LMHeadModel, GPT2Config),
    "llama": (LlamaForCausalLM, LlamaConfig),
    "t5": (T5ForConditionalGeneration, T5Config),
}
IDS = torch.tensor([[0, 0, 7, 9], [40, 17, 3, 9]])
MASK = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
TOLD = {
    "return_dict_in_generate": True,
    "output_scores": True,
    "output_logits": True,
    "output_attentions": True,
    "output_hidden_states": True,
}


@pytest.fixture(scope="module", params=KINDS)
def pair(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, Any, bool]:
    model_class, config_class = KINDS[request.param]
    shape = {**SHAPES[request.param], "vocab_size": 260}
    model = fill(model_class(config_class(**shape)))
    is_seq2seq = request.param == "t5"
    ours = (Seq2SeqLanguageModel if is_seq2seq else LanguageModel)(model, byte_tokenizer())
    folder: Path = tmp_path_factory.mktemp(request.param)
    ours.save(folder)
    auto = transformers.AutoModelForSeq2SeqLM if is_seq2seq else transformers.AutoModelForCausalLM
    return ours, auto.from_pretrained(folder, attn_implementation="eager").eval(), is_seq2seq


def both(pair: tuple[LanguageModel, Any, bool], **settings: Any) -> tuple[Any, Any]:
    settings = {"input_ids": IDS, "attention_mask": MASK, "pad_token_id": 0, "max_new_tokens": 6, **settings}
    ours, theirs, _ = pair
    return ours.generate(**settings), theirs.generate(**settings)


def close(found: Any, expected: Any) -> None:
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("settings", [{}, {"num_beams": 3, "num_return_sequences": 2}], ids=str)
def test_scores_logits_attentions_and_states(pair: Any, settings: dict[str, Any]) -> None:
    found, expected = both(pair, **TOLD, **settings)
    assert found.sequences.tolist() == expected.sequences.tolist()
    for name in ("scores", "logits"):
        assert len(found[name]) == len(expected[name])
        for own, other in zip(found[name], expected[name], strict=True):
            close(own, other)
    start = "decoder_" if pair[2] else ""
    names = [f"{start}attentions", f"{start}hidden_states"]
    names += ["cross_attentions"] if pair[2] else []
    copies = len(expected.scores[0]) // 2
    # The second prompt has no padding, which has attentions of its own.
    rows = slice(copies, None)
    for name in names:
        assert len(found[name]) == len(expected[name])
        for own, other in zip(found[name], expected[name], strict=True):
            assert len(own) == len(other)
            for layer, same in zip(own, other, strict=True):
                close(layer[rows], same[rows])
    if pair[2]:
        for name in ("encoder_attentions", "encoder_hidden_states"):
            assert len(found[name]) == len(expected[name])
            for layer, same in zip(found[name], expected[name], strict=True):
                close(layer[1], same[1])


def test_scores_of_a_draw_are_what_is_drawn_from(pair: Any) -> None:
    settings = {"do_sample": True, "temperature": 0.7, "top_k": 20, "top_p": 0.9, "max_new_tokens": 1}
    told = {"return_dict_in_generate": True, "output_scores": True}
    found, expected = both(pair, **settings, **told, repetition_penalty=1.2, typical_p=0.95)
    close(found.scores[0], expected.scores[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"encoder_repetition_penalty": 1.6},
        {"encoder_no_repeat_ngram_size": 2},
        {"exponential_decay_length_penalty": (2, 1.5), "eos_token_id": [12, 59]},
        {"forced_bos_token_id": 30, "begin_suppress_tokens": [31, 32]},
        {"guidance_scale": 1.8},
        {"min_length": 7, "eos_token_id": [3, 9, 44, 59]},
        {"prefix_allowed_tokens_fn": lambda batch, ids: [batch + 3, 50 + len(ids) % 7]},
        {"max_length": 9},
    ],
    ids=lambda settings: ", ".join(settings),
)
@pytest.mark.parametrize("beams", [1, 3])
def test_settings_that_act_on_scores(pair: Any, settings: dict[str, Any], beams: int) -> None:
    if pair[2] and "guidance_scale" in settings:
        pytest.skip("needs another source")
    if beams > 1 and settings.keys() & {"guidance_scale", "encoder_repetition_penalty"}:
        pytest.skip("transformers applies these to the rows of some beams alone")
    if "prefix_allowed_tokens_fn" in settings and not pair[2]:
        # Ours is given the row without padding: the row that has none.
        settings = {**settings, "input_ids": IDS[1:], "attention_mask": MASK[1:]}
    if "max_length" in settings:
        settings = {**settings, "max_new_tokens": None}
    found, expected = both(pair, num_beams=beams, **settings)
    width = min(found.shape[1], expected.shape[1])
    assert found[:, :width].tolist() == expected[:, :width].tolist()
    assert not (found[:, width:] != 0).any()


def test_processors_of_transformers(pair: Any) -> None:
    processor = transformers.LogitsProcessorList(
        [transformers.SequenceBiasLogitsProcessor([[[7], 4.0], [[9, 7], -6.0]])]
    )
    for beams in (1, 3):
        found, expected = both(pair, logits_processor=processor, num_beams=beams, repetition_penalty=1.1)
        assert found.tolist() == expected.tolist()


def test_criteria_of_transformers(pair: Any) -> None:
    class Even(transformers.StoppingCriteria):  # type: ignore[misc, name-defined]
        def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
            return input_ids[:, -1] % 7 == 0

    found, expected = both(pair, stopping_criteria=transformers.StoppingCriteriaList([Even()]))
    assert found.tolist() == expected.tolist()


def test_streamers_of_transformers(pair: Any) -> None:
    class Kept:
        def __init__(self) -> None:
            self.values: list[Any] = []

        def put(self, value: torch.Tensor) -> None:
            self.values.append(value.tolist())

        def end(self) -> None:
            self.values.append("end")

    kept = [Kept(), Kept()]
    for model, streamer in zip(pair[:2], kept, strict=True):
        model.generate(
            input_ids=IDS[1:], attention_mask=MASK[1:], pad_token_id=0, max_new_tokens=4, streamer=streamer
        )
    assert kept[0].values == kept[1].values


def test_a_configuration_of_transformers(pair: Any) -> None:
    config = transformers.GenerationConfig(
        num_beams=3, max_new_tokens=5, no_repeat_ngram_size=2, pad_token_id=0
    )
    expected = pair[1].generate(IDS, attention_mask=MASK, generation_config=config)
    found = pair[0].generate(input_ids=IDS, attention_mask=MASK, generation_config=config)
    assert found.tolist() == expected.tolist()


def test_a_file_of_settings(pair: Any, tmp_path: Path) -> None:
    transformers.GenerationConfig(
        num_beams=3, max_new_tokens=5, length_penalty=0.5, forced_eos_token_id=7, bad_words_ids=[[4]]
    ).save_pretrained(tmp_path)
    config = GenerationConfig.from_file(tmp_path / "generation_config.json")
    assert (config.num_beams, config.length_penalty, config.forced_eos_token_id) == (3, 0.5, 7)
    assert config.bad_words_ids == [[4]]
