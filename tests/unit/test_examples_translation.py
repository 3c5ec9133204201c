"""The recipe in examples/translation/: its split leaks nothing, its vocabulary gives texts back, its configuration trains."""

from __future__ import annotations

import importlib.util
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ferrolm import Tokenizer
from ferrolm.data import TextPair, read_parallel_tsv
from ferrolm.training import FinetuningConfig, finetune

RECIPE = Path(__file__).resolve().parents[2] / "examples" / "translation"


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"recipe_translation_{name}", RECIPE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _threads() -> Any:
    before = torch.get_num_threads()  # the configuration sets them
    yield
    torch.set_num_threads(before)


def sentences(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Pairs in the form of Tatoeba's: several of a source or of a target, with marks and spaces as the French have them."""
    random = np.random.default_rng(seed)
    words = [a + b for a in string.ascii_lowercase for b in "aeo"]
    texts = [" ".join(random.choice(words, random.integers(1, 7))) for _ in range(count)]
    pairs = []
    for text in texts:
        other = text.translate(str.maketrans("aeo", "éàù")).capitalize()
        pairs += [(text.capitalize() + ".", other + "."), (text.capitalize() + "!", other + "\u202f!")]
        if random.random() < 0.3:
            pairs.append((text.capitalize() + ".", other + " n'est-ce pas\u00a0?"))
    return pairs


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{one}\t{other}\n" for one, other in sentences(300)), encoding="utf-8")
    return path


def plain(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def test_no_sentence_is_in_two_parts(table: Path) -> None:
    prepare = script("prepare")
    pairs = prepare.read(table)
    assert len(pairs) == len(table.read_text(encoding="utf-8").splitlines())
    assert not any("\u202f" in pair.targets[0] or "\u00a0" in pair.targets[0] for pair in pairs)
    parts = prepare.split(pairs, {"validation": 20, "test": 40})
    assert [len(parts[name]) for name in ("validation", "test")] == [20, 40]
    for side in (lambda pair: pair.source, lambda pair: pair.targets[0]):
        known = [{plain(side(pair)) for pair in parts[name]} for name in ("train", "validation", "test")]
        assert not known[0] & known[1]
        assert not known[0] & known[2]
        assert not known[1] & known[2]
        assert len(known[2]) == 40, "no two held-out pairs say the same"
    assert parts == prepare.split(pairs, {"validation": 20, "test": 40})
    assert parts["test"] != prepare.split(pairs, {"validation": 20, "test": 40}, seed=1)["test"]


def test_families_reach_through_others() -> None:
    pairs = [
        TextPair(source, (target,))
        for source, target in [("Go.", "Va !"), ("Go!", "Vas-y."), ("Leave.", "vas-y"), ("Hi.", "Salut.")]
    ]
    family = script("prepare").families(pairs)
    assert family[0] == family[1] == family[2] != family[3]


def test_a_model_is_trained_and_translates(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script("prepare").main(table, tmp_path, {"validation": 10, "test": 20}, vocab_size=300)
    tokenizer = Tokenizer.from_file("tokenizer.json")
    texts = [text for pair in read_parallel_tsv("train.tsv") for text in (pair.source, *pair.targets)]
    assert all(tokenizer.decode(tokenizer.encode(text).ids) == text for text in texts)
    assert tokenizer.encode("Ba be.").tokens[-1] == "</s>"
    narrow = ["model.hidden_size=24", "model.intermediate_size=24", "model.num_layers=1"]
    quick = ["training.epochs=3", "training.batch_tokens=300", "training.device=cpu", "training.plot=off"]
    config = FinetuningConfig.from_file(RECIPE / "translation.toml", [*narrow, *quick])
    result = finetune(config, tmp_path / "run", show_progress=False)
    assert result.metrics["validation_loss"] < 5.0, "less than the logarithm of 300, 5.7"
    capsys.readouterr()
    score = script("translate").main(["run/final", "test.tsv", "--show", "2"])
    printed = capsys.readouterr().out
    assert 0 <= score <= 100
    assert "n=20 in" in printed
    assert "nrefs:1|" in printed
    assert "tok:13a" in printed
