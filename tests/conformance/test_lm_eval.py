"""Our models in lm-evaluation-harness: the figures of its own ``hf`` model on the same checkpoint, and tasks of local data."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("lm_eval")

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from tiny_language_model import END, tiny_language_model
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation import load_model
from ferrolm.integrations.lm_eval import HarnessModel

TEXTS = ["a cat", "the dog sat on the mat, and the cat on the dog. " * 4, "x", "Zażółć gęślą"]
PAIRS = [
    ("the cat", " sat"),
    ("", "hello"),
    ("the cat sat ", "on"),
    ("a" * 90, "bc"),
    ("q", "the dog sat on"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    tiny_language_model().save(path)
    return path


@pytest.fixture(scope="module")
def theirs(folder):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), eos_token=END)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=2, device="cpu", max_length=48)


@pytest.fixture(scope="module")
def ours(folder):
    return HarnessModel(str(folder), batch_size=3, max_gen_toks=8)


def instances(kind, arguments):
    return [
        Instance(request_type=kind, doc={}, arguments=each, idx=place) for place, each in enumerate(arguments)
    ]


def test_loglikelihood(ours, theirs):
    requests = instances("loglikelihood", PAIRS)
    found, expected = ours.loglikelihood(requests, disable_tqdm=True), theirs.loglikelihood(requests)
    for (score, greedy), (other, other_greedy) in zip(found, expected, strict=True):
        assert score == pytest.approx(other, abs=1e-3)
        assert greedy == other_greedy


def test_loglikelihood_rolling(ours, theirs):
    requests = instances("loglikelihood_rolling", [(text,) for text in TEXTS])
    found = ours.loglikelihood_rolling(requests, disable_tqdm=True)
    assert found == pytest.approx(theirs.loglikelihood_rolling(requests), abs=2e-3)


def test_generate_until(ours, theirs):
    settings = {"until": ["\n\n"], "max_gen_toks": 8, "do_sample": False}
    requests = instances("generate_until", [(text, settings) for text in TEXTS])
    assert ours.generate_until(requests, disable_tqdm=True) == theirs.generate_until(requests)
    whole = ours.generate_until(requests[:1], disable_tqdm=True)[0]
    stop = whole[len(whole) // 2]
    cut = instances("generate_until", [(TEXTS[0], {"until": stop, "max_gen_toks": 8})])
    assert ours.generate_until(cut, disable_tqdm=True) == [whole.partition(stop)[0]]


def test_tasks_of_local_data(ours, theirs, tmp_path):
    """A task with choices and one of perplexity, through the harness itself, for both models."""
    lines = [
        {"question": f"the {noun}", "choices": [" sat", " ran"], "answer": place % 2}
        for place, noun in enumerate(["cat", "dog", "man", "hat"])
    ]
    data = tmp_path / "test.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    common = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
    }
    tasks = [
        {
            **common,
            "task": "choices",
            "output_type": "multiple_choice",
            "doc_to_text": "{{question}}",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "{{answer}}",
            "metric_list": [{"metric": "acc"}],
        },
        {
            **common,
            "task": "words",
            "output_type": "loglikelihood_rolling",
            "doc_to_text": "",
            "doc_to_target": "{{question}}",
            "metric_list": [{"metric": "bits_per_byte"}],
        },
    ]
    results = []
    for model in (ours, theirs):
        # Not `simple_evaluate`, which reads the thousands of tasks that come with the harness first.
        chosen = {task["task"]: ConfigurableTask(config=dict(task)) for task in tasks}
        results.append(evaluate(model, chosen, bootstrap_iters=0, log_samples=False)["results"])
    for task, metric in (("choices", "acc,none"), ("words", "bits_per_byte,none")):
        assert results[0][task][metric] == pytest.approx(results[1][task][metric], abs=1e-3)


def test_chat_templates_are_applied(folder):
    (folder / "chat_template.jinja").write_text("{% for m in messages %}<{{ m.content }}>{% endfor %}")
    model = HarnessModel(str(folder))
    assert model.apply_chat_template([{"role": "user", "content": "hi"}]) == "<hi>"
    assert model.chat_template(True).startswith("{% for m")
    assert model.tokenizer_name == "ferrolm-GPT2LMHeadModel-257"


def test_what_is_no_causal_model_is_refused(folder):
    with pytest.raises(InvalidArgumentError, match="unknown arguments of the model: pretraine"):
        HarnessModel(str(folder), pretraine="x")
    with pytest.raises(InvalidArgumentError, match="batch_size is 'many'"):
        HarnessModel(str(folder), batch_size="many")
    assert HarnessModel(str(folder), batch_size="auto:4").batch_size == 8
    with pytest.raises(InvalidArgumentError, match="max_gen_toks is 48, the model has 48"):
        HarnessModel(load_model(str(folder))).generate_until(
            instances("generate_until", [("a", {"max_gen_toks": 48})]), disable_tqdm=True
        )
