"""``ferrolm generate``: each flag is the setting of that name; seeds are told; JSON."""

from __future__ import annotations

import json
import re

import pytest

pytest.importorskip("torch")

from tiny_language_model import tiny_language_model

from ferrolm.cli import main
from ferrolm.cli._generation import SETTINGS

model = tiny_language_model()
DRAWN = {"do_sample": True, "temperature": 0.8, "top_p": 0.95, "top_k": 0, "seed": 3, "max_new_tokens": 12}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model")
    model.save(path)
    return str(path)


def generate(folder: str, *arguments: str) -> int:
    given = ["hello", *arguments, "--model", folder, "--device", "cpu"]
    return main(["generate", *given, "--max-new-tokens", "12", "--no-prompt"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 1.5),
        ("top_k", 3),
        ("top_p", 0.5),
        ("min_p", 0.2),
        ("typical_p", 0.5),
        ("repetition_penalty", 1.8),
        ("presence_penalty", 2.0),
        ("frequency_penalty", 2.0),
        ("no_repeat_ngram_size", 1),
        ("min_new_tokens", 5),
    ],
)
def test_a_flag_is_the_setting_of_its_name(folder, capsys, name, value):
    assert generate(folder, f"--{name.replace('_', '-')}", str(value), "--seed", "3", "--quiet") == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out == model.generate("hello", **DRAWN | {name: value}).text + "\n"


def test_a_new_seed_is_told_and_repeats_the_text(folder, capsys):
    assert generate(folder) == 0
    first = capsys.readouterr()
    seed = re.search(r"seed (\d+)$", first.err.strip()).group(1)
    assert generate(folder, "--seed", seed) == 0
    assert capsys.readouterr().out == first.out
    assert generate(folder, "--temperature", "0") == 0
    assert "seed" not in capsys.readouterr().err  # nothing is drawn


def test_several_texts_and_json(folder, capsys):
    expected = [each.text for each in model.generate("hello", num_return_sequences=3, **DRAWN)]
    assert generate(folder, "--seed", "3", "--num-return-sequences", "3", "--quiet") == 0
    assert capsys.readouterr().out == "\n\n".join(expected) + "\n"
    assert generate(folder, "--seed", "3", "--num-return-sequences", "3", "--json", "--quiet") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["text"] for each in found] == expected
    assert {each["seed"] for each in found} == {3}
    assert found[0]["ids"] == model.generate("hello", num_return_sequences=3, **DRAWN)[0].ids.tolist()


def test_beams_and_prompt_lookup(folder, capsys):
    assert generate(folder, "--num-beams", "3", "--length-penalty", "0.5", "--quiet") == 0
    beams = model.generate("hello", num_beams=3, length_penalty=0.5, max_new_tokens=12).text
    assert capsys.readouterr().out == beams + "\n"
    assert generate(folder, "--prompt-lookup", "4", "--temperature", "0", "--quiet") == 0
    assert capsys.readouterr().out == model.generate("hello", max_new_tokens=12).text + "\n"
    assert generate(folder, "--prompt-lookup", "4", "--num-beams", "3") == 1
    assert "has no use for beams" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["generate", "chat", "serve"])
def test_help_teaches_with_examples(capsys, command):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert shown.count(f"ferrolm {command}") >= 4
    if command != "serve":
        assert all(f"--{name.replace('_', '-')}" in shown for name in SETTINGS)
