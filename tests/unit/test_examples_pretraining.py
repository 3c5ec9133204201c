"""The recipes in examples/pretraining/ prepare their data, and their configurations train, for two steps here."""

from __future__ import annotations

import importlib.util
import math
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ferrolm import Tokenizer
from ferrolm.data import TokenFile
from ferrolm.errors import MissingFileError
from ferrolm.training import RunConfig, pretrain

RECIPES = Path(__file__).resolve().parents[2] / "examples" / "pretraining"
CHARACTERS, WORDS = RECIPES / "char_shakespeare", RECIPES / "wikitext"
QUICK = ["training.steps=2", "training.device=cpu", "training.plot=off", "training.batch_size=2"]


def script(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"recipe_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _threads() -> Any:
    before = torch.get_num_threads()  # the configurations set them
    yield
    torch.set_num_threads(before)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A text of 65 characters, prepared in the working directory."""
    monkeypatch.chdir(tmp_path)
    text = string.ascii_letters + " !$&',-.:;?3\n" + "To be, or not to be\n" * 200
    script(CHARACTERS / "prepare.py").prepare(text, tmp_path)
    return text


def test_characters_are_cut_as_nanogpt_cuts_them(play: str) -> None:
    tokenizer = Tokenizer.from_file("tokenizer.json")
    train, validation = TokenFile("train.tokens"), TokenFile("validation.tokens")
    assert tokenizer.get_vocab_size() == 65
    assert len(train) == int(0.9 * len(play))
    decoded = tokenizer.decode([*train.tokens.tolist(), *validation.tokens.tolist()])
    assert decoded == play
    ranks = {character: rank for rank, character in enumerate(sorted(set(play)))}
    assert train.tokens[:9].tolist() == [ranks[character] for character in play[:9]]


@pytest.mark.parametrize("name", ["small", "ten_minutes"])
def test_character_configurations_train(play: str, name: str, tmp_path: Path) -> None:
    config = RunConfig.from_file(CHARACTERS / f"{name}.toml", QUICK)
    result = pretrain(config, tmp_path / "run", show_progress=False)
    assert result.step == 2
    assert 2.0 < result.metrics["validation_loss"] < 6.0
    assert (tmp_path / "run" / "final" / "model.safetensors").exists()


@pytest.fixture
def articles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three texts in the form of WikiText, prepared in the working directory."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name, count in (("train", 400), ("valid", 40), ("test", 40)):
        words = [[f"w{word}" for word in random.zipf(1.5, 9) if word < 50] for _ in range(count)]
        lines = [" \n", " = Title = \n", *(" " + " ".join([*row, "<unk>"]) + " \n" for row in words)]
        (tmp_path / f"{name}.txt").write_text("".join(lines))
    script(WORDS / "prepare.py").prepare(tmp_path, tmp_path)
    return tmp_path


def test_lines_and_unknown_words_are_tokens(articles: Path) -> None:
    tokenizer, test = Tokenizer.from_file("tokenizer.json"), TokenFile("test.tokens")
    lines = (articles / "test.txt").read_text().splitlines()
    assert len(test) == 1 + sum(len(line.split()) + 1 for line in lines)
    words = [tokenizer.id_to_token(index) for index in test.tokens.tolist()]
    assert words[:7] == ["<eos>", "<eos>", "=", "Title", "=", "<eos>", *lines[2].split()[:1]]
    counts = np.bincount(TokenFile("train.tokens").tokens)
    assert (np.diff(counts) <= 0).all(), "ids by falling count"
    with pytest.raises(MissingFileError, match=r"neither train\.txt nor wiki\.train\.tokens"):
        script(WORDS / "prepare.py").find(articles / "none", "train")


def test_word_models_train_and_are_compared(articles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = Tokenizer.from_file("tokenizer.json").get_vocab_size()
    narrow = {
        "lstm": ["model.hidden_size=16", "model.embedding_size=16", "model.n_positions=64"],
        "transformer": ["model.n_embd=16"],
    }
    for name, overrides in narrow.items():
        options = [*QUICK, f"model.vocab_size={size}", *overrides]
        config = RunConfig.from_file(WORDS / f"{name}.toml", options)
        assert script(WORDS / "train.py").train(config, articles / name).step == 2
    compare = script(WORDS / "compare.py")
    found = compare.main([".", "lstm/final", "transformer/final"])
    names = ["5-gram", "lstm/final", "transformer/final"]
    assert list(found)[:3] == names
    assert len(found) == 7
    everything = list(found)[-1]
    assert found[everything] < 1.1 * min(found[name] for name in names)
    assert all(1 < value < 2 * size for value in found.values())
    assert f"| {everything} |" in capsys.readouterr().out


def test_scores_of_windows_are_those_of_the_whole_text(articles: Path) -> None:
    compare = script(WORDS / "compare.py")
    size = Tokenizer.from_file("tokenizer.json").get_vocab_size()
    config = RunConfig.from_file(WORDS / "lstm.toml", [f"model.vocab_size={size}", "model.hidden_size=8"])
    model = script(WORDS / "train.py").build_model(config, None).eval()
    tokens = np.asarray(TokenFile("test.tokens").tokens, dtype=np.uint32)[:101]
    ids = torch.from_numpy(tokens.astype(np.int64))
    with torch.no_grad():
        logits = model(ids[None, :-1]).logits[0]
    expected = logits.log_softmax(1).gather(1, ids[1:, None])[:, 0].numpy()
    np.testing.assert_allclose(compare.score_neural(model, tokens, 100), expected, atol=1e-5)
    for window in (2, 10, 33):
        scores = compare.score_neural(model, tokens, window)
        assert np.isfinite(scores).all()
        np.testing.assert_allclose(scores[:window], expected[:window], atol=1e-5)


def test_the_mixture_is_the_best_one() -> None:
    compare = script(WORDS / "compare.py")
    random = np.random.default_rng(0)
    scores = [np.log(random.uniform(0.01, 1, 500)) for _ in range(3)]
    weights = compare.fit_mixture(scores)
    assert math.isclose(weights.sum(), 1.0)
    best = compare.perplexity(compare.mixed(scores, weights))
    for _ in range(20):
        other = random.dirichlet(np.ones(3))
        assert best <= compare.perplexity(compare.mixed(scores, other)) + 1e-6
