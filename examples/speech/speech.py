"""Write down made speech: frames of sound in, letters out, with the Transformer of `ferrolm.models`.

A letter sounds as two tones at once, for 60 to 120 ms, at a pitch and loudness that vary from speaker to speaker, over noise.
The sound becomes a spectrogram, of which each frame is a vector that the encoder reads in place of an id (`input_features`);
the decoder writes the word, as Dong et al. 2018, "Speech-Transformer", do it with real speech.
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

RATE, WINDOW, HOP, BANDS = (
    8000,
    256,
    160,
    32,
)  # samples a second; of a frame; between frames; numbers of a frame
LETTERS = "abdegiklmnorstuz"
FIRST_LETTER = 3  # after padding, start and end
# As on the keys of a telephone: 4 low tones with 4 high ones, in Hz.
TONES = {letter: (300 + 130 * (n // 4), 1000 + 320 * (n % 4)) for n, letter in enumerate(LETTERS)}


class Example(NamedTuple):
    """Frames, float32 [time, BANDS], and the word that was said."""

    frames: NDArray[np.float32]
    word: str


def say(word: str, random: np.random.Generator) -> NDArray[np.float64]:
    """Samples of a word, by a speaker drawn at random."""
    pitch, loudness = random.uniform(0.93, 1.07), random.uniform(0.3, 1.0)
    parts = [np.zeros(random.integers(200, 800))]
    for letter in word:
        time_ = np.arange(int(RATE * random.uniform(0.06, 0.12))) / RATE
        fade = np.sin(np.pi * np.linspace(0, 1, len(time_))) ** 0.5
        parts.append(
            loudness * fade * sum(np.sin(2 * np.pi * pitch * tone * time_) for tone in TONES[letter])
        )
    parts.append(np.zeros(random.integers(200, 800)))
    sound = np.concatenate(parts)
    return sound + random.normal(0, 0.1, len(sound))


def spectrogram(sound: NDArray[np.float64]) -> NDArray[np.float32]:
    """The logarithm of the energy in BANDS bands of frequency, float32 [frames, BANDS]."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames))[:, 1:] ** 2
    bands = power.reshape(len(frames), BANDS, -1).sum(-1)
    return (np.log(bands + 1e-2) / 3).astype(np.float32)


def example(random: np.random.Generator) -> Example:
    """A word of syllables, and how it sounds."""
    consonants, vowels = (
        [each for each in LETTERS if (each in "aeiou") == is_vowel] for is_vowel in (False, True)
    )
    syllables = [random.choice(consonants) + random.choice(vowels) for _ in range(random.integers(1, 4))]
    word = "".join(syllables) + (str(random.choice(consonants)) if random.random() < 0.5 else "")
    return Example(spectrogram(say(word, random)), word)


def collate(rows: list[Example], random: np.random.Generator) -> Batch:
    """Pad frames and letters; labels of -100 are not scored."""
    frames = [torch.from_numpy(row.frames) for row in rows]
    labels = [torch.tensor([*(LETTERS.index(each) + FIRST_LETTER for each in row.word), 2]) for row in rows]
    pad = torch.nn.utils.rnn.pad_sequence
    return {
        "input_features": pad(frames, batch_first=True),
        "attention_mask": pad([torch.ones(len(each)) for each in frames], batch_first=True),
        "labels": pad(labels, batch_first=True, padding_value=-100),
    }


def transcribe(model: Transformer, batch: Batch) -> list[str]:
    """The words that the model hears in the frames of a batch."""
    ids = model.generate(
        attention_mask=batch["attention_mask"], input_features=batch["input_features"], max_new_tokens=10
    )
    return [
        "".join(LETTERS[each - FIRST_LETTER] for each in row if each >= FIRST_LETTER) for row in ids.tolist()
    ]


def edits(first: str, second: str) -> int:
    """The least number of letters to insert, remove or replace (Levenshtein 1966)."""
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        before, row = row, [i]
        for j, other in enumerate(second, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != other)))
    return row[-1]


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train, and print the letter error rate on new words."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--words", type=int, default=6000, help="to learn from; 300 more are the test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.steps, options.words = 20, 200
    started, random = time.process_time(), np.random.default_rng(options.seed)
    train = [example(random) for _ in range(options.words)]
    known = {row.word for row in train}
    test: list[Example] = []
    while len(test) < (50 if options.quick else 300):
        row = example(random)
        if row.word not in known:
            test.append(row)
    torch.manual_seed(options.seed)
    model = Transformer(
        TransformerConfig(
            vocab_size=FIRST_LETTER + len(LETTERS),
            feature_size=BANDS,
            hidden_size=64,
            intermediate_size=128,
            num_layers=2,
            num_heads=4,
            norm_first=True,
            dropout=0.0,
            label_smoothing=0.0,
        )
    )
    settings = {
        "steps": options.steps, "warmup_steps": min(50, options.steps), "learning_rate": 3e-3, "weight_decay": 0.01,
        "log_interval": 20, "seed": options.seed, "threads": 1, "device": "cpu", "precision": "float32", "plot": "off",
    }  # fmt: skip
    lengths = [len(row.frames) for row in train]
    batches = ExampleBatches(train, collate, batch_size=32, seed=options.seed, lengths=lengths)
    with tempfile.TemporaryDirectory() as folder:
        config = RunConfig.from_dict({"training": settings})
        Trainer(model, config, Path(folder), batches, show_progress=not options.quick).train()
    model.eval()
    heard = transcribe(model, collate(test, random))
    for word, row in list(zip(heard, test, strict=True))[:5]:
        print(f"{row.word:10} -> {word}")
    wrong = sum(edits(word, row.word) for word, row in zip(heard, test, strict=True))
    rate = wrong / sum(len(row.word) for row in test)
    print(
        f"letter error rate: {rate:.1%} on {len(test)} new words ({time.process_time() - started:.0f} s of CPU time)"
    )
    return {"letter_error_rate": rate}


if __name__ == "__main__":
    main()
