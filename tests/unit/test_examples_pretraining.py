"""The recipes in examples/pretraining/ prepare their data, and their configurations train, for two steps here."""

from __future__ import annotations

import importlib.util
import json
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
from ferrolm.tokenizers import models, normalizers, pre_tokenizers, processors, trainers
from ferrolm.training import FinetuningConfig, RunConfig, pretrain

RECIPES = Path(__file__).resolve().parents[2] / "examples" / "pretraining"
CHARACTERS, WORDS, BERT = RECIPES / "char_shakespeare", RECIPES / "wikitext", RECIPES / "bert"
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


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A BERT after two steps, and a treebank, in the working directory."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    words = [a + b for a in string.ascii_lowercase for b in "aeiou"]
    for name, count in (("train", 6), ("validation", 3)):
        rows = [
            {"text": " ".join(" ".join(random.choice(words, 8)).capitalize() + "." for _ in range(20))}
            for _ in range(count)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = (json.loads(line)["text"] for line in (tmp_path / "train.jsonl").read_text().splitlines())
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.normalizer = normalizers.BertNormalizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=120, special_tokens=special))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.pad_token = "[PAD]"
    tokenizer.save("tokenizer.json")
    narrow = ["model.hidden_size=12", "model.intermediate_size=12", "model.num_hidden_layers=1"]
    config = RunConfig.from_file(BERT / "bert.toml", [*QUICK, *narrow, "model.vocab_size=120"])
    result = pretrain(config, tmp_path / "bert", show_progress=False)
    assert 3.0 < result.metrics["validation_loss"] < 7.0, "ln 120 + ln 2 is 5.5"
    for name in ("train", "dev", "test"):
        sentences = [
            "".join(
                f"{place}\t{word}\t_\t{'VERB' if word[1] in 'ae' else 'NOUN'}\t_\t_\t0\troot\t_\t_\n"
                for place, word in enumerate(random.choice(words, 5), start=1)
            )
            for _ in range(12)
        ]
        (tmp_path / f"{name}.conllu").write_text("\n".join(sentences) + "\n")
    return tmp_path


def test_an_encoder_is_compared_with_one_that_knows_nothing(
    encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare = script(BERT / "compare.py")
    files = {"train": "train", "validation": "dev", "test": "test"}
    settings = [
        *(f"data.{name}={file}.conllu" for name, file in files.items()),
        "data.max_length=32", "training.epochs=1", "training.device=cpu",
    ]  # fmt: skip
    arguments = [str(BERT / "tags.toml"), "-o", "tags", "--seeds", "0", "1"]
    for setting in settings:
        arguments += ["--set", setting]
    found = compare.main(arguments)
    assert set(found) == {"pre-trained", "random"}
    assert all(len(values) == 2 and 0 <= min(values) <= max(values) <= 1 for values in found.values())
    printed = capsys.readouterr().out
    assert "| pre-trained weights |" in printed
    assert compare.main(arguments) == found, "read again, not trained again"
    assert "CPU seconds" not in capsys.readouterr().out
    config = FinetuningConfig.from_file(BERT / "tags.toml", settings)
    shape = compare.without_weights(config.model)
    assert shape["type"] == "bert"
    assert (shape["hidden_size"], shape["num_hidden_layers"], shape["hidden_dropout_prob"]) == (12, 1, 0.1)


def test_intervals_are_those_of_student() -> None:
    middle, low, high = script(BERT / "compare.py").interval([0.9, 0.91, 0.92])
    assert middle == pytest.approx(0.91)
    assert (low, high) == pytest.approx((0.91 - 0.02484, 0.91 + 0.02484), abs=1e-5)
    assert script(BERT / "compare.py").interval([0.5])[1:] == (-math.inf, math.inf)
