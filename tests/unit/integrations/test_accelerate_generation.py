"""`accelerate_generation`: transformers' own `generate` with our sampling in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers.generation import logits_process as process

from ferrolm.errors import InvalidTypeError
from ferrolm.integrations.transformers import accelerate_generation
from ferrolm.integrations.transformers.generation import sampling_params
from ferrolm.sampling import SamplingParams, filtered_probabilities

VOCAB = 120
PROMPT = torch.tensor([[5, 9, 5, 9, 5], [1, 2, 3, 4, 1]])


def tiny(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    config = transformers.GPT2Config(
        vocab_size=VOCAB, n_layer=1, n_embd=16, n_head=2, n_positions=64, initializer_range=0.6
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    model.generation_config.pad_token_id = 0
    model.generation_config.eos_token_id = 7
    return model


def test_greedy_decoding_gives_the_same_ids() -> None:
    settings = {
        "max_new_tokens": 20,
        "repetition_penalty": 1.3,
        "no_repeat_ngram_size": 2,
        "do_sample": False,
    }
    expected = tiny().generate(PROMPT, **settings)
    model = accelerate_generation(tiny())
    assert accelerate_generation(model) is model
    assert torch.equal(model.generate(PROMPT, **settings), expected)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.7, "top_k": 9},
        {"top_p": 0.8, "top_k": 0},
        {"min_p": 0.1, "typical_p": 0.9, "top_k": 0, "repetition_penalty": 1.4},
    ],
    ids=str,
)
def test_draws_have_the_distribution_of_transformers(settings: dict[str, Any]) -> None:
    from scipy.stats import chisquare

    draws = 20_000
    settings = {"do_sample": True, "max_new_tokens": 1, **settings}
    theirs = tiny().generate(PROMPT[:1], **settings, output_scores=True, return_dict_in_generate=True)
    expected = theirs.scores[0][0].double().softmax(-1).numpy()
    torch.manual_seed(3)
    ids = accelerate_generation(tiny()).generate(PROMPT[:1], **settings, num_return_sequences=draws)[:, -1]
    counts = np.bincount(ids, minlength=VOCAB)
    assert not counts[expected == 0].any()
    often = expected * draws >= 5
    observed = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum()) * draws
    assert chisquare(observed[wanted > 0], wanted[wanted > 0] * (observed.sum() / wanted.sum())).pvalue > 1e-4


def test_a_seed_repeats_the_ids_and_another_does_not() -> None:
    model = accelerate_generation(tiny())

    def ids(seed: int) -> Any:
        torch.manual_seed(seed)
        return model.generate(PROMPT, do_sample=True, top_p=0.95, max_new_tokens=12, no_repeat_ngram_size=2)

    assert torch.equal(ids(1), ids(1))
    assert not torch.equal(ids(1), ids(2))


def test_processors_become_the_same_distribution() -> None:
    rng = np.random.default_rng(0)
    logits = (3 * rng.standard_normal((2, VOCAB))).astype(np.float32)
    eos = torch.tensor([7])
    processors = [
        process.SequenceBiasLogitsProcessor([[[9, 5], -2.0], [[1], 3.0], [[4, 1, 8], 5.0]]),
        process.RepetitionPenaltyLogitsProcessor(1.3),
        process.NoRepeatNGramLogitsProcessor(2),
        process.NoBadWordsLogitsProcessor([[11], [5, 12], [4, 1, 13]], eos_token_id=eos),
        process.MinNewTokensLengthLogitsProcessor(5, 3, eos),
        process.SuppressTokensLogitsProcessor([20, 21]),
        process.TemperatureLogitsWarper(1.2),
        process.TopKLogitsWarper(50),
        process.TopPLogitsWarper(0.9),
        process.EtaLogitsWarper(0.01),
    ]
    kept, fields = sampling_params(processors, prompt_length=5)
    assert kept == []
    assert fields["order"] == ("temperature", "top_k", "top_p", "eta_cutoff")
    scores = torch.from_numpy(logits).double()
    for processor in processors:
        scores = processor(PROMPT, scores)
    found = filtered_probabilities(logits, SamplingParams(**fields), prompt=PROMPT)
    np.testing.assert_allclose(found, scores.softmax(-1).numpy(), rtol=1e-4, atol=1e-8)


def test_what_is_not_known_keeps_its_place() -> None:
    class Own(process.LogitsProcessor):
        pass

    top_k, top_p = process.TopKLogitsWarper(5), process.TopPLogitsWarper(0.9)
    penalty, own = process.RepetitionPenaltyLogitsProcessor(1.3), Own()
    assert sampling_params([penalty, own, top_k], 0) == ([penalty, own], {"top_k": 5, "order": ("top_k",)})
    assert sampling_params([top_k, own], 0) == ([top_k, own], {})
    # A penalty after a filter, a filter twice, and one that keeps more than ours would.
    assert sampling_params([top_k, penalty], 0) == ([top_k], {"repetition_penalty": 1.3})
    assert sampling_params([top_p, top_p], 0)[0] == [top_p]
    assert sampling_params([process.TopPLogitsWarper(0.9, min_tokens_to_keep=2)], 0)[1] == {}


def test_what_does_not_generate_is_named() -> None:
    with pytest.raises(InvalidTypeError, match="model must be one of transformers that generates, found str"):
        accelerate_generation("gpt2")


def test_streams_scores_beams_and_own_processors_work_as_before() -> None:
    class Collected:
        def __init__(self) -> None:
            self.ids: list[int] = []

        def put(self, ids: Any) -> None:
            self.ids += ids.flatten().tolist()

        def end(self) -> None:
            self.ids.append(-1)

    model, plain, streamer = accelerate_generation(tiny()), tiny(), Collected()
    ids = model.generate(PROMPT[:1], do_sample=True, max_new_tokens=6, streamer=streamer)
    assert streamer.ids == [*ids[0].tolist(), -1]
    beams = {"num_beams": 3, "do_sample": False, "max_new_tokens": 8}
    assert torch.equal(model.generate(PROMPT, **beams), plain.generate(PROMPT, **beams))
    result = model.generate(
        PROMPT, do_sample=True, max_new_tokens=3, return_dict_in_generate=True, output_scores=True
    )
    assert len(result.scores) == result.sequences.shape[1] - 5

    torch.manual_seed(4)
    usual = plain.generate(PROMPT, do_sample=True, max_new_tokens=5)
    torch.manual_seed(4)
    # What the hook would not be given, such as the tokenizer of stop strings.
    assert torch.equal(model.generate(PROMPT, do_sample=True, max_new_tokens=5, tokenizer=object()), usual)

    class Forbid(process.LogitsProcessor):
        def __call__(self, input_ids: Any, scores: Any) -> Any:
            return scores.index_fill(1, torch.arange(10, VOCAB), -float("inf"))

    own = process.LogitsProcessorList([Forbid()])
    ids = model.generate(PROMPT, do_sample=True, max_new_tokens=9, logits_processor=own)
    assert (ids[:, 5:] < 10).all()


def test_padded_batches_and_encoder_decoders() -> None:
    model = accelerate_generation(tiny())
    padded, mask = torch.tensor([[0, 0, 5, 9], [1, 2, 3, 4]]), torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    ids = model.generate(padded, attention_mask=mask, do_sample=True, max_new_tokens=10)
    assert ids.shape[0] == 2
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=VOCAB, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    translator = accelerate_generation(transformers.T5ForConditionalGeneration(config).eval())
    ids = translator.generate(PROMPT, do_sample=True, top_p=0.9, max_new_tokens=5)
    assert ids.shape[0] == 2
    assert (ids[:, 0] == 0).all()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.7, "top_k": 9},
        {"top_p": 0.8, "top_k": 0, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
        {"watermarking_config": transformers.WatermarkingConfig(bias=4.0)},
    ],
    ids=["plain", "top_k", "top_p and rules", "watermark"],
)
def test_the_same_ids_after_the_same_seed_if_wanted(settings: dict[str, Any]) -> None:
    settings = {"do_sample": True, "max_new_tokens": 25, **settings}

    def ids_and_next_number(model: Any) -> tuple[Any, float]:
        torch.manual_seed(8)
        return model.generate(PROMPT, **settings), float(torch.rand(1))

    expected, number = ids_and_next_number(tiny())
    # The last call counts.
    model = accelerate_generation(accelerate_generation(tiny()), same_ids=True)
    found, next_number = ids_and_next_number(model)
    assert torch.equal(found, expected)
    assert next_number == number


def test_watermarks_are_drawn_in_the_same_pass() -> None:
    config = transformers.WatermarkingConfig(bias=2.5, greenlist_ratio=0.4, seeding_scheme="selfhash")
    processor = config.construct_processor(VOCAB, "cpu")
    kept, fields = sampling_params([process.TopKLogitsWarper(30), processor], 5)
    assert kept == []
    assert fields["order"] == ("top_k", "watermark")
    logits = torch.randn(2, VOCAB)
    scores = processor(PROMPT, process.TopKLogitsWarper(30)(PROMPT, logits))
    found = filtered_probabilities(logits, SamplingParams(**fields), prompt=PROMPT)
    assert torch.allclose(found, scores.softmax(-1), rtol=1e-4, atol=1e-8)
