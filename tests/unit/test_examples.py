"""The scripts in examples/ run, and learn in a few steps what a few steps can teach."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def script(name: str) -> Any:
    path = EXAMPLES / name / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, arguments: Sequence[str] = ()) -> dict[str, float]:
    figures: dict[str, float] = script(name).main(["--quick", *arguments])
    return figures


@pytest.fixture(autouse=True)
def _threads() -> Any:
    before = torch.get_num_threads()  # the scripts take one
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("questions", [[], ["--questions"]])
def test_captioning(questions: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 <= run("captioning", questions)["right"] <= 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("right, word for word: ")


def test_images_are_what_their_captions_say() -> None:
    captioning = script("captioning")
    random = np.random.default_rng(1)
    for _ in range(50):
        image, scene = captioning.draw(random)
        middles = []
        for shape, color in zip(scene.shapes, scene.colors, strict=True):
            of_color = (np.abs(image - captioning.COLORS[color]).sum(-1) == 0).nonzero()
            assert len(of_color[0]) >= 9, shape
            middles.append([float(axis.mean()) for axis in of_color])
        if scene.colors[0] == scene.colors[1]:
            continue
        (row, column), (other_row, other_column) = middles
        assert {
            "left of": column < other_column,
            "right of": column > other_column,
            "above": row < other_row,
            "below": row > other_row,
        }[scene.relation], scene
    pieces = captioning.patches(image)
    assert pieces.shape == (25, 48)
    np.testing.assert_allclose(pieces[6] * 0.3 + 0.2, image[4:8, 4:8].reshape(-1), atol=1e-6)


def test_speech(capsys: pytest.CaptureFixture[str]) -> None:
    speech = script("speech")
    assert speech.edits("banana", "bananas") == 1
    assert speech.edits("kitten", "sitting") == 3
    # A few steps teach the length of words, if not their letters.
    assert speech.main(["--quick"])["letter_error_rate"] < 1.5
    assert "letter error rate" in capsys.readouterr().out


def test_recommendation_is_better_than_what_is_popular(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = run("recommendation")
    assert rates["model"] > 2 * rates["popularity"]
    recommendation = script("recommendation")
    random = np.random.default_rng(0)
    path = tmp_path / "histories.txt"
    path.write_text("\n".join(" ".join(map(str, recommendation.history(random))) for _ in range(200)))
    assert recommendation.main(["--quick", "--steps", "3", str(path)]).keys() == rates.keys()
    assert "hit rate at 10, popularity" in capsys.readouterr().out
