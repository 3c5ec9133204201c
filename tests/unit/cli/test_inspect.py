"""``ferrolm inspect``: what it prints of models and tokenizers, and what it says of what it cannot read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
from shared_data import shared
from tiny_language_model import byte_tokenizer, tiny_language_model, tiny_llama, tiny_recurrent

from ferrolm.cli import main
from ferrolm.models import summarize


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["inspect", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("make", [tiny_language_model, tiny_llama, tiny_recurrent])
def test_a_checkpoint_is_described_with_its_tokenizer(
    make: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make()
    model.save(tmp_path)
    lines = printed([str(tmp_path)], capsys).splitlines()
    summary = summarize(model.model)

    def figure(name: str) -> int:
        (line,) = [line for line in lines if line.strip().startswith(f"{name}  ")]
        return int(re.search(r"[\d,]+", line.strip()[len(name) :])[0].replace(",", ""))

    assert figure("parameters") == model.model.num_parameters()
    assert figure("forward FLOPs a token") == summary.forward_flops
    assert figure("training FLOPs a token") == summary.training_flops
    assert figure("by the 6 N rule") == summary.training_flops_6n
    assert figure("bytes of weights") == 4 * model.model.num_parameters()
    assert figure("context, tokens") == 48
    kept = "state bytes a sequence" if make is tiny_recurrent else "cache bytes a token"
    assert figure(kept) == (summary.state_bytes or summary.cache_bytes_per_token)
    assert figure("vocabulary") == 256
    assert any(type(model.model).__name__ in line for line in lines)
    assert any("vocab_size=257" in line for line in lines)
    assert any("each of 2: " in line for line in lines) == (make is not tiny_recurrent)


def test_costs_of_a_shorter_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_language_model()
    model.save(tmp_path)
    found = json.loads(printed([str(tmp_path), "--json", "--context", "10"], capsys))["model"]
    assert (found["context"], found["counted_context"]) == (48, 10)
    assert found["forward_flops"] == summarize(model.model, context=10).forward_flops
    assert "attention at 10 tokens" in printed([str(tmp_path), "--context", "10"], capsys)


def test_a_gguf_file_is_described_with_its_tokenizer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gguf")
    from gguf_files import write_gguf

    path = tmp_path / "model.gguf"
    write_gguf(shared("models/tiny-gpt2-shakespeare"), path, "Q8_0")
    found = json.loads(printed([str(path), "--json"], capsys))
    assert found["model"]["architecture"] == "GPT2LMHeadModel"
    assert found["model"]["context"] == 128
    assert found["tokenizer"]["vocabulary"] == 1024


def test_json_has_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_language_model()
    model.save(tmp_path)
    found = json.loads(printed([str(tmp_path), "--json"], capsys))
    assert found["name"] == str(tmp_path)
    summary = summarize(model.model).to_dict()
    for name in summary.keys() - {"settings", "notes"}:
        assert found["model"][name] == summary[name], name
    assert found["model"]["settings"]["n_embd"] == 32
    assert (found["tokenizer"]["vocabulary"], found["tokenizer"]["special_tokens"]) == (256, ["<|end|>"])
    (tmp_path / "tokenizer.json").unlink()
    assert json.loads(printed([str(tmp_path), "--json"], capsys))["tokenizer"] is None
    assert "tokenizer" not in printed([str(tmp_path)], capsys)


def test_a_bundled_name_has_a_model_and_a_tokenizer(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(["ferrolm-tiny"], capsys)
    assert "1  ferrolm-tiny: GPT2LMHeadModel" in text
    assert "4,273,664" in text
    assert "2  ferrolm-tiny: tokenizer" in text


def test_a_tokenizer_alone_is_described_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tokenizer.json"
    byte_tokenizer().save(str(path))
    text = printed([str(path)], capsys)
    assert re.search(r"vocabulary +256", text)
    assert "parameters" not in text
    assert json.loads(printed([str(path), "--json"], capsys))["model"] is None
    text = printed([str(path), str(path)], capsys)
    assert re.search(r"lines with equal ids +5\n", text)
    assert re.search(r"lines cut differently +0\n", text)


def test_an_architecture_that_is_not_here_leaves_the_tokenizer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_language_model().save(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "model_type": "gpt9", "architectures": ["X"]})
    )
    assert main(["inspect", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "only the tokenizer is described" in captured.err
    assert "model_type 'gpt9'" in captured.err
    assert re.search(r"vocabulary +256", captured.out)
    (tmp_path / "tokenizer.json").unlink()
    assert main(["inspect", str(tmp_path)]) == 1
    assert "model_type 'gpt9'" in capsys.readouterr().err


def test_what_cannot_be_described_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_language_model().save(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "n_layer": 3}))
    assert main(["inspect", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ferrolm inspect: error: ")
    assert "model.safetensors does not fit its config.json: transformer.h.2." in error
    assert main(["inspect", str(tmp_path), str(tmp_path), "--json"]) == 1
    assert "--json describes one" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path / "absent")]) == 1
    assert "absent" in capsys.readouterr().err


def test_help_explains_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["inspect", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for words in (
        "forward FLOPs a token",
        "6 N rule",
        "cache bytes a token",
        "--json",
        "ferrolm inspect ferrolm-tiny",
    ):
        assert words in text
