"""Describe small images in words, or answer questions about them, with the Transformer of `ferrolm.models`.

An image is a row of patches, vectors that the encoder reads in place of ids (`input_features`; Dosovitskiy et al. 2021); the
decoder writes the caption. With ``--questions`` the words of a question follow the patches, each as a vector with a single 1,
and the answer is written. Images are drawn here: two shapes of some colour on a noisy ground.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.data import Batch, ExampleBatches
from ferrolm.models import Transformer, TransformerConfig
from ferrolm.training import RunConfig, Trainer

COLORS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}
SHAPES = ("square", "diamond", "cross")
# Where the first shape is, seen from the second, which has one right caption; and where the second is, for questions.
RELATIONS = {"left of": "right of", "above": "below"}
SIDE, PATCH, RADIUS = 20, 4, 3
# The ids of a Transformer's padding, start and end come first.
SPECIAL = ("<pad>", "<s>", "</s>")
WORDS = [
    *SPECIAL,
    *("a", "what", "color", "shape", "is", "the", "left", "right", "of", "above", "below"),
    *COLORS,
    *SHAPES,
]
IDS = {word: index for index, word in enumerate(WORDS)}
PATCH_SIZE = PATCH * PATCH * 3


class Example(NamedTuple):
    """What the encoder reads, [vectors, numbers], and the ids that the decoder has to write."""

    features: NDArray[np.float32]
    target: list[int]


class Scene(NamedTuple):
    """Two shapes, each a name and a color; and where the first is, seen from the second."""

    shapes: tuple[str, str]
    colors: tuple[str, str]
    relation: str

    def caption(self) -> str:
        first, second = (f"a {color} {shape}" for color, shape in zip(self.colors, self.shapes, strict=True))
        return f"{first} {self.relation} {second}"

    def question(self, random: np.random.Generator) -> tuple[str, str]:
        """A question about one of the shapes, which the other one identifies, and its answer."""
        asked = int(random.integers(2))
        what, answers = [("color", self.colors), ("shape", self.shapes)][random.integers(2)]
        where = RELATIONS[self.relation] if asked else self.relation
        return f"what {what} is {where} the {self.colors[1 - asked]} {self.shapes[1 - asked]}", answers[asked]


def draw(random: np.random.Generator) -> tuple[NDArray[np.float32], Scene]:
    """An image, float32 [SIDE, SIDE, 3], and what is on it; the two shapes differ in kind or color."""
    relation = list(RELATIONS)[random.integers(2)]
    shapes, colors = random.integers(len(SHAPES), size=2), random.integers(len(COLORS), size=2)
    if shapes[0] == shapes[1] and colors[0] == colors[1]:
        colors[1] = (colors[1] + 1) % len(COLORS)
    scene = Scene(
        (SHAPES[shapes[0]], SHAPES[shapes[1]]), (list(COLORS)[colors[0]], list(COLORS)[colors[1]]), relation
    )
    across = random.integers(RADIUS + 1, SIDE - RADIUS - 1)
    places = [
        (along, across + random.integers(-1, 2)) for along in (random.integers(3, 7), random.integers(13, 17))
    ]
    if relation == "left of":
        places = [(row, column) for column, row in places]
    image = random.normal(0.1, 0.05, (SIDE, SIDE, 3))
    for (row, column), shape, color in zip(places, scene.shapes, scene.colors, strict=True):
        image[_mask(shape, row, column)] = COLORS[color]
    return image.astype(np.float32), scene


def _mask(shape: str, row: int, column: int) -> NDArray[np.bool_]:
    down, right = np.abs(np.arange(SIDE) - row)[:, None], np.abs(np.arange(SIDE) - column)[None]
    if shape == "square":
        return (down < RADIUS) & (right < RADIUS)
    if shape == "diamond":
        return down + right < RADIUS
    return (np.minimum(down, right) < 1) & (np.maximum(down, right) < RADIUS)


def patches(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """[patches, PATCH_SIZE]: rows of squares, each as one vector, with numbers around 0 as layers like them."""
    count = SIDE // PATCH
    grid = ((image - 0.2) / 0.3).reshape(count, PATCH, count, PATCH, 3).swapaxes(1, 2)
    return grid.reshape(count * count, PATCH_SIZE)


def example(random: np.random.Generator, questions: bool) -> Example:
    """A random image with its caption, or with a question and the answer."""
    image, scene = draw(random)
    source, text = patches(image), scene.caption()
    if questions:
        question, text = scene.question(random)
        words = np.eye(len(WORDS), dtype=np.float32)[[IDS[word] for word in question.split()]]
        # The numbers of a vector are those of a patch, then those of a word.
        source = np.concatenate(
            [np.pad(source, ((0, 0), (0, len(WORDS)))), np.pad(words, ((0, 0), (PATCH_SIZE, 0)))]
        )
    return Example(source, [*(IDS[word] for word in text.split()), IDS["</s>"]])


def collate(rows: list[Example], random: np.random.Generator) -> Batch:
    """Pad sources and targets; labels of -100 are not scored."""
    sources = [torch.from_numpy(row.features) for row in rows]
    targets = [torch.tensor(row.target) for row in rows]
    pad = torch.nn.utils.rnn.pad_sequence
    return {
        "input_features": pad(sources, batch_first=True),
        "attention_mask": pad([torch.ones(len(each)) for each in sources], batch_first=True),
        "labels": pad(targets, batch_first=True, padding_value=-100),
    }


def written(model: Transformer, batch: Batch) -> list[str]:
    """The texts that the model makes of the sources of a batch."""
    ids = model.generate(
        attention_mask=batch["attention_mask"], input_features=batch["input_features"], max_new_tokens=12
    )
    return [_text(row) for row in ids.tolist()]


def _text(ids: Sequence[int]) -> str:
    return " ".join(WORDS[each] for each in ids if WORDS[each] not in SPECIAL)


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train, and print how many texts of new images are right, word for word."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--questions", action="store_true", help="answer questions instead of writing captions"
    )
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--images", type=int, default=10000, help="to learn from; 500 more are the test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.steps, options.images = 20, 200
    started, random = time.process_time(), np.random.default_rng(options.seed)
    train = [example(random, options.questions) for _ in range(options.images)]
    test = [example(random, options.questions) for _ in range(100 if options.quick else 500)]
    torch.manual_seed(options.seed)
    model = Transformer(
        TransformerConfig(
            vocab_size=len(WORDS),
            feature_size=train[0].features.shape[1],
            hidden_size=64,
            intermediate_size=128,
            num_layers=2,
            num_decoder_layers=1,
            num_heads=4,
            positions="learned",
            max_position_embeddings=64,
            norm_first=True,
            dropout=0.0,
            label_smoothing=0.0,
        )
    )
    settings = {
        "steps": options.steps, "warmup_steps": min(50, options.steps), "learning_rate": 2e-3, "weight_decay": 0.01,
        "log_interval": 20, "seed": options.seed, "threads": 1, "device": "cpu", "precision": "float32", "plot": "off",
    }  # fmt: skip
    batches = ExampleBatches(train, collate, batch_size=64, seed=options.seed)
    with tempfile.TemporaryDirectory() as folder:
        config = RunConfig.from_dict({"training": settings})
        Trainer(model, config, Path(folder), batches, show_progress=not options.quick).train()
    model.eval()
    batch = collate(test, random)
    found, expected = written(model, batch), [_text(row.target) for row in test]
    for text, truth in list(zip(found, expected, strict=True))[:5]:
        print(f"{truth:45} -> {text}")
    right = float(np.mean([text == truth for text, truth in zip(found, expected, strict=True)]))
    print(
        f"right, word for word: {right:.1%} of {len(test)} ({time.process_time() - started:.0f} s of CPU time)"
    )
    return {"right": right}


if __name__ == "__main__":
    main()
