"""The recipes in examples/tasks/ and examples/finetuning/: they prepare small data of their form, train on it and measure."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ferrolm import Tokenizer
from ferrolm.data import TokenFile, read_dialogues, read_squad
from ferrolm.models import BertConfig, BertModel
from ferrolm.tokenizers import models, normalizers, pre_tokenizers, processors
from ferrolm.training import FinetuningConfig, RunConfig, finetune, pretrain

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TASKS = EXAMPLES / "tasks"
WORDS = [
    "ann",
    "bob",
    "tea",
    "jam",
    "likes",
    "eats",
    "who",
    "what",
    "we",
    "show",
    "that",
    "models",
    "learn",
    "?",
    ".",
]
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
QUICK = [
    "training.device=cpu",
    "training.plot=off",
    "training.batch_size=4",
    "training.evaluation_interval=0",
]


def script(name: str, folder: Path = TASKS) -> Any:
    spec = importlib.util.spec_from_file_location(f"task_{name}", folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()  # the recipes take one
    yield
    torch.set_num_threads(before)


@pytest.fixture
def encoder(tmp_path: Path) -> str:
    """A tiny uncased BERT that knows a few words."""
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.pad_token = "[PAD]"
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    folder = tmp_path / "encoder"
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=256, **shape)).save_pretrained(
        folder
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return str(folder)


def test_questions_are_split_by_articles_and_answered(tmp_path: Path, encoder: str) -> None:
    prepare = script("prepare")
    file = tmp_path / "source/tasks/qa/xquad/xquad.en.json"
    file.parent.mkdir(parents=True)
    articles = []
    for number in range(16):
        name, food = ["Ann", "Bob"][number % 2], ["tea", "jam"][number // 2 % 2]
        question = {
            "id": str(number),
            "question": f"Who likes {food} ?",
            "answers": [{"text": name, "answer_start": 0}],
        }
        paragraphs = [{"context": f"{name} likes {food} .", "qas": [question]}]
        articles.append({"title": f"t{number}", "paragraphs": paragraphs})
    file.write_text(json.dumps({"data": articles}))
    prepare.main(tmp_path / "source", tmp_path / "data")
    parts = [list(read_squad(f"data/qa-{name}.json")) for name in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [13, 1, 2]
    assert len({example.title for part in parts for example in part}) == 16, "each in one part"
    options = [f"model.checkpoint={encoder}", "training.epochs=30", "training.learning_rate=0.01"]
    config = FinetuningConfig.from_file(TASKS / "question-answering.toml", [*QUICK, *options])
    finetune(config, "run", show_progress=False)
    assert json.loads(Path("run/test.json").read_text())["exact_match"] == 1.0


def test_dialogues_are_turns_and_are_learnt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare, talk = script("prepare"), script("talk")
    folder = tmp_path / "source/tasks/dialogue/synthetic-persona-chat"
    folder.mkdir(parents=True)
    said = [
        "User 2: Hello?",
        "User 1: Hi!",
        "and more",
        "User 1: Who are you?",
        *["User 2: I am Bob.", "User 1: Oh."] * 6,
    ]
    for name, rows in (("valid", 20), ("test", 4)):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            written = csv.writer(file)
            written.writerow(["user 1 personas", "user 2 personas", "Best Generated Conversation"])
            written.writerows([["", "", "\n".join(said)]] * rows)
    prepare.main(tmp_path / "source", tmp_path / "data")
    dialogues = list(read_dialogues("data/dialogue-train.jsonl"))
    assert len(dialogues) == 2 * 18, "conversations in parts of eight messages"
    first = dialogues[0]
    assert first[0] == {"role": "user", "content": "Hi! Who are you?"}
    assert [message["role"] for message in first] == ["user", "assistant"] * 4
    config = FinetuningConfig.from_file(TASKS / "dialogue.toml", QUICK)
    finetune(config, "run", show_progress=False)
    figures = talk.main(["data/dialogue-test.jsonl", "ferrolm-tiny", "run/final"])
    assert figures["run/final"] < 0.2 * figures["ferrolm-tiny"]
    measured = json.loads(Path("run/test.json").read_text())["perplexity"]
    assert figures["run/final"] == pytest.approx(measured, rel=1e-4), "the figure of the run itself"
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("> ") for line in lines) == len(talk.SAID)
    assert "I am Bob." in lines


def module(random: np.random.Generator) -> str:
    functions = [
        f"def f{random.integers(50)}(x):\n    return x + {random.integers(9)}\n\n" for _ in range(60)
    ]
    return "".join(functions)


def test_code_is_completed_beside_a_5_gram_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare, complete = script("prepare"), script("complete")
    file = tmp_path / "source/text/code/python-stdlib-sample.txt"
    file.parent.mkdir(parents=True)
    random = np.random.default_rng(0)
    names = ["a.py", "heapq.py", "b/c.py", "random.py"]
    file.write_text("".join(f"# ---- {name}\n{module(random)}" for name in names))
    prepare.main(tmp_path / "source", tmp_path / "data")
    tokenizer = Tokenizer.from_file("data/code-tokenizer.json")
    for name in ("train", "test"):
        tokens = TokenFile(f"data/code-{name}.tokens")
        assert tokens.document_count == 2
        assert tokenizer.decode(tokens.tokens.tolist()).count("def f") == 120
    shape = ["hidden_size=32", "intermediate_size=32", "num_hidden_layers=1", "max_position_embeddings=128"]
    options = [*(f"model.{each}" for each in shape), f"model.vocab_size={tokenizer.get_vocab_size()}"]
    sizes = ["data.block_size=128", "training.steps=60", "training.learning_rate=0.02"]
    config = RunConfig.from_file(TASKS / "code-completion.toml", [*QUICK, *options, *sizes])
    result = pretrain(config, "run", show_progress=False)
    cases = complete.lines_to_complete(Path("data/code-test.txt").read_text(), 10, seed=0)
    assert len(cases) == 10
    assert all(
        after.startswith(" ") and "\n" not in after and len(before) == complete.CONTEXT
        for before, after in cases
    )
    figures = complete.main(["data", "run/final", "--lines", "10"])
    assert figures["perplexity"] == pytest.approx(result.metrics["perplexity"], rel=0.2)
    assert 1 < figures["perplexity, 5-gram"] < 20
    assert 0.3 < figures["next tokens right"] < 1
    assert 0 <= figures["lines completed"] <= 1
    assert len(capsys.readouterr().out.splitlines()) == len(figures) + 5 + 2  # two lines about the data


def test_the_sentence_that_says_most_is_found(
    tmp_path: Path, encoder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    summarization = script("summarization")
    random = np.random.default_rng(0)
    fillers = ["Ann likes tea .", "Bob eats jam .", "Who likes jam ?", "What eats tea ?"]
    for name in ("train", "dev", "test"):
        rows = []
        for _ in range(40):
            sentences = [str(random.choice(fillers)) for _ in range(5)]
            place = int(random.integers(5))
            sentences[place] = "We show that models learn ."
            rows.append({"source": sentences, "target": ["models learn ."]})
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = summarization.main([str(tmp_path), "--model", encoder, "--limit", "30"])
    (learnt,) = (found for name, found in table.items() if name.startswith("ridge"))
    assert learnt == table["the best there is"]
    assert learnt["rouge1"] > 2 * table["the first"]["rouge1"]
    assert "summary of the first: We show that models learn ." in capsys.readouterr().out


def test_stories_are_measured_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "book.txt").write_text("The king said to the princess that she must go to bed.\n" * 3)
    arguments = [str(tmp_path / "book.txt"), "--prompt", "Once there was", "--length", "8"]
    figures = script("stories").main(arguments)
    assert 1 < figures["perplexity of a token"] < 200
    assert 0 < figures["bits per byte"] < 4
    told = capsys.readouterr().out.splitlines()
    assert told[3].startswith("Once there was ")
    script("stories").main(arguments)
    assert capsys.readouterr().out.splitlines() == told, "the same with the same seed"


@pytest.mark.parametrize("path", sorted((EXAMPLES / "finetuning").glob("*.toml")), ids=lambda path: path.stem)
def test_finetuning_recipes_are_configurations(path: Path) -> None:
    config = FinetuningConfig.from_file(path)
    assert config.training.threads == 1
    assert config.data.test
