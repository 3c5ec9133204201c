"""`pipeline`: tasks and models by name, and what is said where they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_encoders import LABELS, encoder_folder, word_tokenizer
from tiny_language_model import tiny_language_model

import ferrolm
from ferrolm.errors import (
    InvalidArgumentError,
    InvalidTypeError,
    MissingFileError,
    UnknownNameError,
)
from ferrolm.generation import NgramLanguageModel
from ferrolm.generation.pipelines import (
    ALIASES,
    TASKS,
    FeatureExtractionPipeline,
    FillMaskPipeline,
    LikelihoodClassificationPipeline,
    QuestionAnsweringPipeline,
    TextClassificationPipeline,
    TextGenerationPipeline,
    TokenClassificationPipeline,
    ZeroShotClassificationPipeline,
)
from ferrolm.generation.pipelines.text_encoder import TextEncoder
from ferrolm.models import BertForMaskedLM, BertForTokenClassification, load
from ferrolm.ngram import NgramLM
from ferrolm.tokenizers import Tokenizer

MADE = {
    "fill-mask": FillMaskPipeline,
    "question-answering": QuestionAnsweringPipeline,
    "text-classification": TextClassificationPipeline,
    "token-classification": TokenClassificationPipeline,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A BERT for each task, and a GPT-2."""
    folder = tmp_path_factory.mktemp("models")
    found = {task: encoder_folder(folder / task, task) for task in MADE}
    tiny_language_model().save(folder / "gpt2")
    return {**found, "gpt2": folder / "gpt2"}


def test_every_task_has_a_kind_of_model_and_its_own_name() -> None:
    for task, kinds in TASKS.items():
        assert all(made.task == task for made in kinds.values())
    assert set(ALIASES.values()) <= TASKS.keys()


@pytest.mark.parametrize("task", MADE)
def test_a_folder_serves_its_task_by_all_its_names(task: str, folders: dict[str, Path]) -> None:
    names = [task, *(alias for alias, other in ALIASES.items() if other == task)]
    for name in names:
        assert type(ferrolm.pipeline(name, folders[task], device="cpu")) is MADE[task]


def test_without_a_task_it_is_what_the_model_was_saved_for(folders: dict[str, Path]) -> None:
    for task, made in MADE.items():
        assert type(ferrolm.pipeline(model=folders[task], device=-1)) is made
    assert type(ferrolm.pipeline(model=folders["gpt2"])) is TextGenerationPipeline
    assert type(ferrolm.pipeline(model=tiny_language_model())) is TextGenerationPipeline
    with pytest.raises(InvalidArgumentError, match="task and model are None"):
        ferrolm.pipeline()


def test_what_classifies_zero_shot_depends_on_the_model(folders: dict[str, Path]) -> None:
    with pytest.warns(
        UserWarning, match="no label begins with 'entail' among O, B-X, I-X: I-X is taken for it"
    ):
        made = ferrolm.pipeline("zero-shot-classification", folders["text-classification"], device="cpu")
    assert type(made) is ZeroShotClassificationPipeline
    made = ferrolm.pipeline("zero-shot-classification", folders["gpt2"], device="cpu")
    assert type(made) is LikelihoodClassificationPipeline


def test_models_in_memory(folders: dict[str, Path]) -> None:
    tokenizer = word_tokenizer()
    model = load(folders["token-classification"])
    pipe = ferrolm.pipeline("ner", model, tokenizer=tokenizer)
    again = ferrolm.pipeline("ner", folders["token-classification"], device="cpu")
    assert pipe("one two.") == again("one two.")
    assert ferrolm.pipeline("ner", pipe.encoder)("one two.") == again("one two.")
    assert type(ferrolm.pipeline(model=model, tokenizer=tokenizer)) is TokenClassificationPipeline
    encoder = load(folders["fill-mask"], "feature-extraction")
    assert type(ferrolm.pipeline(model=encoder, tokenizer=tokenizer)) is FeatureExtractionPipeline
    states = ferrolm.pipeline("feature-extraction", encoder, tokenizer=tokenizer)
    assert len(states("one two", pooling="auto")) == 16
    with pytest.raises(InvalidArgumentError, match="tokenizer is None, expected the one of the BertFor"):
        ferrolm.pipeline("ner", model)
    with pytest.raises(
        InvalidArgumentError, match="model is a BertForTokenClassification, but fill-mask takes a"
    ):
        ferrolm.pipeline("fill-mask", model, tokenizer=tokenizer)
    with pytest.raises(InvalidTypeError, match="model is Linear, expected a name"):
        ferrolm.pipeline("fill-mask", torch.nn.Linear(1, 1))
    with pytest.raises(InvalidArgumentError, match="which has its own"):
        ferrolm.pipeline("text-generation", tiny_language_model(), tokenizer=tokenizer)


def test_a_language_model_and_its_tokenizer_in_memory() -> None:
    made = tiny_language_model()
    pipe = ferrolm.pipeline("text-generation", made.model, tokenizer=made.tokenizer)
    own = ferrolm.pipeline("text-generation", made)
    assert pipe("hello", seed=1, max_new_tokens=5) == own("hello", seed=1, max_new_tokens=5)


def test_a_text_encoder_in_memory_keeps_its_settings(folders: dict[str, Path]) -> None:
    encoder = ferrolm.pipeline("fill-mask", folders["fill-mask"], device="cpu").encoder
    own = TextEncoder(encoder.model, encoder.tokenizer, max_length=7, mask_token=encoder.mask_token)
    assert ferrolm.pipeline("fill-mask", own).encoder is own


def test_an_ngram_model_writes() -> None:
    tokenizer = Tokenizer.from_bpe({"a": 0, "b": 1}, [])
    model = NgramLanguageModel(NgramLM.train([[0, 1] * 4] * 3, order=3, vocab_size=2), tokenizer)
    for device in (None, "cpu"):  # it has none
        pipe = ferrolm.pipeline("text-generation", model, device=device)
        assert pipe("a", do_sample=False, max_new_tokens=3) == [{"generated_text": "abab"}]
    with pytest.raises(InvalidArgumentError, match="'n-gram model', which serves text-generation; fill-mask"):
        ferrolm.pipeline("fill-mask", model)


def test_other_tasks_name_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'text-genration', .*; did you mean 'text-gen"):
        ferrolm.pipeline("text-genration")
    with pytest.raises(UnknownNameError, match="languages of a translation as in 'translation_en_to_fr'"):
        ferrolm.pipeline("translation_en_fr")


def test_a_model_of_another_kind_says_what_it_serves(folders: dict[str, Path]) -> None:
    with pytest.raises(
        InvalidArgumentError,
        match=r"gpt2 is a model of the kind 'language model', which serves text-generation, zero-shot-classification; "
        r"fill-mask takes an encoder \(bert, roberta, xlm-roberta, distilbert\)",
    ):
        ferrolm.pipeline("fill-mask", folders["gpt2"])
    with pytest.raises(
        InvalidArgumentError, match=r"'encoder', which serves feature-.*; text-generation takes a lang"
    ):
        ferrolm.pipeline("text-generation", folders["fill-mask"])


def test_a_checkpoint_without_the_head_would_answer_at_random(folders: dict[str, Path]) -> None:
    with pytest.raises(
        InvalidArgumentError,
        match=r"no trained head for token-classification: classifier.bias, classifier.weight is missing",
    ):
        ferrolm.pipeline("ner", folders["fill-mask"])


def test_tasks_without_a_bundled_model_say_which_to_name() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"no model for token-classification comes .*ferrolm finetune"
    ):
        ferrolm.pipeline("ner")
    with pytest.raises(
        InvalidArgumentError, match=r"no model for fill-mask comes with ferrolm: .*an encoder \(bert"
    ):
        ferrolm.pipeline("fill-mask")


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    for task in ("text-generation", "ner"):
        with pytest.raises(MissingFileError, match="no such"):
            ferrolm.pipeline(task, model=str(tmp_path / "no such"))


def test_settings_of_a_task_are_those_of_all_its_calls(folders: dict[str, Path]) -> None:
    pipe = ferrolm.pipeline("fill-mask", folders["fill-mask"], device="cpu", top_k=2, batch_size=4)
    assert pipe.batch_size == 4
    assert len(pipe("one [MASK]")) == 2
    assert len(pipe("one [MASK]", top_k=3)) == 3
    assert len(pipe("one [MASK]")) == 2
    with pytest.raises(InvalidArgumentError, match="unknown argument 'topk'; did you mean 'top_k'"):
        ferrolm.pipeline("fill-mask", folders["fill-mask"], topk=2)
    with pytest.raises(
        InvalidArgumentError, match="unknown argument 'return_full_txt' of text-generation; did you"
    ):
        ferrolm.pipeline("text-generation", folders["gpt2"], return_full_txt=False)


def test_devices_and_types_of_weights(folders: dict[str, Path]) -> None:
    pipe = ferrolm.pipeline("ner", folders["token-classification"], device=-1, dtype="bfloat16")
    assert pipe.model.device == torch.device("cpu")
    assert pipe.model.dtype is torch.bfloat16
    assert all(isinstance(each["score"], float) for each in pipe("one two three."))
    for dtype in ("auto", None, torch.float32):
        assert (
            ferrolm.pipeline("ner", folders["token-classification"], dtype=dtype).model.dtype is torch.float32
        )
    with pytest.raises(InvalidArgumentError, match=r"dtype is 'float23', .*did you mean 'float32'"):
        ferrolm.pipeline("ner", folders["token-classification"], dtype="float23")
    with pytest.raises(InvalidArgumentError, match="device is 'gpu', expected one of torch"):
        ferrolm.pipeline("ner", folders["token-classification"], device="gpu")


def test_what_is_saved_makes_the_same_pipeline(folders: dict[str, Path], tmp_path: Path) -> None:
    for task in ("fill-mask", "text-classification"):
        pipe = ferrolm.pipeline(task, folders[task], device="cpu")
        pipe.save_pretrained(tmp_path / task)
        again = ferrolm.pipeline(model=tmp_path / task, device="cpu")
        assert again("one [MASK] two") == pipe("one [MASK] two")
    assert isinstance(load(tmp_path / "fill-mask"), BertForMaskedLM)
    assert len(LABELS) == load(folders["token-classification"]).config.num_labels
    assert isinstance(load(folders["token-classification"]), BertForTokenClassification)
