"""Encoder-decoders as language models: loading, starting, scoring, sources that are not ids."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_weights import SHAPES, fill
from tiny_language_model import byte_tokenizer, tiny_language_model

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.generation import GenerationConfig, NgramDraft, NgramLanguageModel, Seq2SeqLanguageModel
from ferrolm.models import T5Config, T5ForConditionalGeneration, Transformer, TransformerConfig
from ferrolm.ngram import NgramLM
from ferrolm.tokenizers import Tokenizer

torch.set_num_threads(1)


def tiny_t5(defaults: GenerationConfig | None = None) -> Seq2SeqLanguageModel:
    config = T5Config(**{**SHAPES["t5"], "vocab_size": 257, "eos_token_id": 256})
    return Seq2SeqLanguageModel(fill(T5ForConditionalGeneration(config)), byte_tokenizer(), defaults)


t5 = tiny_t5()


def test_a_checkpoint_is_recognised(tmp_path: Path) -> None:
    t5.save(tmp_path)
    settings = {"max_new_tokens": 5, "num_beams": 2, "decoder_start_token_id": 0, "pad_token_id": 0}
    (tmp_path / "generation_config.json").write_text(json.dumps(settings))
    loaded = ferrolm.load_model(tmp_path, device="cpu")
    assert isinstance(loaded, Seq2SeqLanguageModel)
    expected = t5.generate("abc", max_new_tokens=5, num_beams=2)
    assert loaded.generate("abc").ids.tolist() == expected.ids.tolist()
    assert "".join(loaded.stream("abc", num_beams=1)) == t5.generate("abc", max_new_tokens=5).text


def test_an_ngram_model_is_recognised(tmp_path: Path) -> None:
    ids = [byte_tokenizer().encode_ids("abcabcabc").astype(np.int64).tolist()] * 3
    NgramLanguageModel(
        NgramLM.train(ids, order=2, vocab_size=257, smoothing="witten-bell"), byte_tokenizer()
    ).save(tmp_path)
    loaded = ferrolm.load_model(tmp_path)
    assert isinstance(loaded, NgramLanguageModel)
    assert loaded.generate("a", max_new_tokens=3).text == "bca"


def test_greedy_decoding_is_that_of_the_model() -> None:
    source = byte_tokenizer().encode_ids("hello").astype(np.int64)
    ids = [0]
    with torch.inference_mode():
        for _ in range(8):
            logits = t5.model(torch.from_numpy(source)[None], decoder_input_ids=torch.tensor([ids])).logits
            ids.append(int(logits[0, -1].argmax()))
    assert t5.generate("hello", max_new_tokens=8, ignore_eos=True).ids.tolist() == ids[1:]


def test_the_start_of_a_target() -> None:
    other = t5.generate("hello", max_new_tokens=6, ignore_eos=True, decoder_start_token_id=97)
    with torch.inference_mode():
        source = torch.from_numpy(byte_tokenizer().encode_ids("hello").astype(np.int64))[None]
        first = t5.model(source, decoder_input_ids=torch.tensor([[97]])).logits[0, -1].argmax()
        more = t5.generate(
            input_ids=source,
            decoder_input_ids=torch.tensor([[97, int(first)]]),
            max_new_tokens=5,
            ignore_eos=True,
        )
    assert more[0].tolist() == [97, *other.ids.tolist()]
    with pytest.raises(InvalidArgumentError, match="decoder_start_token_id is 300"):
        t5.generate("hello", decoder_start_token_id=300)
    with pytest.raises(ShapeError, match="decoder_input_ids has 2 rows for 1 sources"):
        t5.generate(input_ids=source, decoder_input_ids=torch.tensor([[1], [2]]))


def test_lengths_count_the_start() -> None:
    assert len(t5.generate("hello", max_length=6, ignore_eos=True).ids) == 5
    assert t5.generate(input_ids=torch.tensor([[5, 6]]), max_length=6, ignore_eos=True).shape == (1, 6)


def test_scores_of_targets() -> None:
    score = t5.score("xy", source="hello")
    tokenizer = byte_tokenizer()
    source, target = (tokenizer.encode_ids(text).astype(np.int64).tolist() for text in ("hello", "xy"))
    labels = torch.tensor([[*target, 256]])
    with torch.inference_mode():
        loss = t5.model(torch.tensor([source]), labels=labels).loss
    assert score.ids.tolist() == labels[0].tolist()
    assert score.logprob == pytest.approx(-3 * float(loss), rel=1e-5)
    assert t5.perplexity("xy", sources="hello") == pytest.approx(float(loss.exp()), rel=1e-5)
    with pytest.raises(InvalidArgumentError, match="source is missing"):
        t5.score("xy")
    with pytest.raises(InvalidArgumentError, match="sources has 1 texts for 2 targets"):
        t5.perplexity(["a", "b"], sources="c")


def test_what_an_encoder_decoder_has_not() -> None:
    with pytest.raises(InvalidArgumentError, match="an encoder-decoder has no drafts"):
        t5.generate("hello", draft=NgramDraft())
    with pytest.raises(InvalidArgumentError, match="guidance_scale needs a negative_prompt"):
        t5.generate("hello", guidance_scale=2.0)
    assert (
        len(
            t5.generate(
                "hello", guidance_scale=2.0, negative_prompt="x", max_new_tokens=3, ignore_eos=True
            ).ids
        )
        == 3
    )
    with pytest.raises(InvalidArgumentError, match="decoder_input_ids is for an encoder-decoder"):
        tiny_language_model().generate(decoder_input_ids=torch.tensor([[1]]))


def test_an_empty_source_is_read_as_its_end() -> None:
    assert t5.generate("", max_new_tokens=3).ids.tolist() == t5.generate([256], max_new_tokens=3).ids.tolist()


def test_features_as_a_source() -> None:
    config = TransformerConfig(
        vocab_size=257,
        feature_size=3,
        hidden_size=16,
        intermediate_size=16,
        num_layers=1,
        num_heads=2,
        eos_token_id=256,
    )
    torch.manual_seed(0)
    model = Seq2SeqLanguageModel(Transformer(config).eval(), byte_tokenizer())
    features = torch.randn(2, 5, 3)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    both = model.generate(input_features=features, attention_mask=mask, max_new_tokens=4, ignore_eos=True)
    alone = model.generate(input_features=features[:1, :3], max_new_tokens=4, ignore_eos=True)
    assert both[0].tolist() == alone[0].tolist()
    with pytest.raises(InvalidTypeError, match="input_features is missing"):
        model.generate(input_ids=torch.tensor([[1]]))


def test_another_tokenizer_of_the_target() -> None:
    target = Tokenizer.from_bpe({letter: place for place, letter in enumerate("abcdef")}, [])
    config = TransformerConfig(
        vocab_size=6,
        source_vocab_size=257,
        share_embeddings=False,
        hidden_size=16,
        intermediate_size=16,
        num_layers=1,
        num_heads=2,
    )
    model = Seq2SeqLanguageModel(Transformer(config).eval(), byte_tokenizer(), target_tokenizer=target)
    result = model.generate("hello", max_new_tokens=4, ignore_eos=True)
    assert set(result.text) <= set("abcdef")
    with pytest.raises(InvalidArgumentError, match="the target has its own"):
        model.save("anywhere")
    with pytest.raises(
        InvalidArgumentError, match="tokenizer has 257 tokens, but the model's vocab_size is 6"
    ):
        Seq2SeqLanguageModel(
            Transformer(TransformerConfig(vocab_size=6, hidden_size=16, num_heads=2)), byte_tokenizer()
        )
