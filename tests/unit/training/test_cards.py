"""Model cards: what a run recorded and nothing else, what people wrote stays, and Hugging Face's library reads them."""

from __future__ import annotations

import json
import shutil

import pytest

pytest.importorskip("torch")

import numpy as np
from huggingface_hub import ModelCard
from tiny_language_model import byte_tokenizer

from ferrolm.cli.main import main
from ferrolm.data import TokenFileWriter
from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, UnknownNameError
from ferrolm.training import RunConfig, pretrain, write_card


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of six steps, stopped by nobody."""
    folder = tmp_path_factory.mktemp("card")
    tokenizer = byte_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    for name in ("train", "validation"):
        with TokenFileWriter(folder / f"{name}.tokens", tokenizer.get_vocab_size()) as writer:
            writer.add(np.arange(400, dtype=np.uint32) % 50, text_bytes=400)
    shape = {"vocab_size": 257, "n_positions": 16, "n_embd": 8, "n_layer": 1, "n_head": 2}
    data = {part: str(folder / f"{part}.tokens") for part in ("train", "validation")}
    config = {
        "model": {"type": "gpt2", **shape},
        "data": {**data, "tokenizer": str(folder / "tokenizer.json"), "block_size": 8},
        "training": {
            "steps": 6,
            "batch_size": 2,
            "device": "cpu",
            "plot": "off",
            "seed": 7,
            "evaluation_interval": 3,
        },
    }
    pretrain(RunConfig.from_dict(config), folder / "my-run", show_progress=False)
    return folder / "my-run"


def report(task, results, **more):
    return {
        "task": task,
        "model": "m",
        "data": "somewhere/test.csv",
        "examples": 5,
        "results": results,
        **more,
    }


def row(text, name):
    """The cells of the line of a table that begins with a name."""
    return next(
        [cell.strip() for cell in line.strip("|").split("|")[1:]]
        for line in text.splitlines()
        if line.startswith(f"| {name} |")
    )


def test_the_records_of_a_run(run, tmp_path):
    text = write_card(run, tmp_path / "card.md", values={"license": "mit", "language": "en, fr"}).read_text()
    config, sessions = run / "config.toml", json.loads((run / "environment.json").read_text())["sessions"]
    progress = json.loads((run / "checkpoints/step-000006/progress.json").read_text())
    assert config.is_file()
    assert row(text, "architecture") == ["GPT2LMHeadModel"]
    assert row(text, "steps") == ["6"]
    assert row(text, "seed") == ["7"]
    assert row(text, "trained on") == ["train.tokens"]
    assert row(text, "fingerprint of the data and its order") == [progress["data_fingerprint"]]
    assert row(text, "versions")[0].startswith(f"ferrolm {sessions[0]['ferrolm']}, torch ")
    assert row(text, "time")[0].endswith(" hours")
    assert row(text, "tested on") == ["not recorded"]
    assert row(text, "validation.tokens")[0] == "validation loss"
    assert "Bias: not recorded" in text
    assert str(run.parent) not in text  # folders are nobody else's business
    card = ModelCard.load(tmp_path / "card.md")
    assert card.data.license == "mit"
    assert card.data.language == ["en", "fr"]
    assert card.data.pipeline_tag == "text-generation"


def test_reports_become_results(run, tmp_path):
    accuracy = {"name": "accuracy", "value": 0.75, "low": 0.5, "high": 0.9, "count": 5, "details": {}}
    icat = {"name": "ICAT", "value": 55.5, "low": None, "high": None, "count": 9, "details": {}}
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    paths[0].write_text(json.dumps(report("text-classification", {"accuracy": accuracy})))
    paths[1].write_text(json.dumps(report("stereoset", {"icat": icat})))
    out = write_card(run, tmp_path / "card.md", reports=paths)
    text = out.read_text()
    assert row(text, "test.csv") == ["accuracy", "0.75", "0.5 to 0.9", "5"]
    assert row(text, "stereoset") == ["icat", "55.5", "", "9"]
    assert "cannot show that there is none" in text
    (found,) = ModelCard.load(out).data.eval_results
    assert (found.dataset_name, found.metric_type, found.metric_value) == ("test.csv", "accuracy", 0.75)
    assert (found.task_type, ModelCard.load(out).data.metrics) == ("text-classification", ["accuracy"])


def test_what_people_wrote_stays(run, tmp_path):
    out = write_card(run, tmp_path / "card.md", values={"limitations": "It knows nothing.", "license": "mit"})
    text = out.read_text()
    begin = text.index("<!-- card: intended_use -->\n") + len("<!-- card: intended_use -->\n")
    end = text.index("\n<!-- card: end -->", begin)
    edited = text[:begin] + "To test.\n\n- And | more" + text[end:]
    out.write_text(
        edited.replace("license: mit", "license: apache-2.0\nthumbnail: x.png").replace("| 6 |", "| 99 |")
    )
    again = write_card(run, out, values={"description": "A model."}).read_text()
    assert "To test.\n\n- And | more" in again
    assert "It knows nothing." in again
    assert "A model." in again
    assert "thumbnail: x.png" in again
    assert row(again, "license") == ["apache-2.0"]
    assert row(again, "steps") == ["6"]  # the records decide
    assert write_card(run, out).read_text() == again
    assert "It knows much." in write_card(run, out, values={"limitations": "It knows much."}).read_text()


def test_the_command_writes_beside_the_model(run, tmp_path, capsys):
    values = tmp_path / "card.toml"
    values.write_text('license = "mit"\nintended_use = "Nothing."\ntags = ["small"]\n')
    assert main(["card", str(run), "--values", str(values), "--set", "license=cc0-1.0"]) == 0
    assert "final/README.md" in capsys.readouterr().err
    card = ModelCard.load(run / "final" / "README.md")
    assert (card.data.license, card.data.tags) == ("cc0-1.0", ["small", "ferrolm"])
    assert card.data.model_name == "my-run"
    assert "Nothing." in card.text
    (run / "final" / "README.md").unlink()


def test_a_model_alone_and_a_broken_record(run, tmp_path):
    text = write_card(run / "final", tmp_path / "card.md").read_text()
    assert row(text, "parameters")[0].replace(",", "").isdigit()
    assert row(text, "seed") == row(text, "commit") == row(text, "trained from") == ["not recorded"]
    assert row(text, "changed on the way") == ["not recorded"]
    (tmp_path / "config.toml").write_text("[training]\nseed = 3\n")
    text = write_card(tmp_path, tmp_path / "other.md").read_text()
    assert (row(text, "seed"), row(text, "parameters")) == (["3"], ["not recorded"])
    (tmp_path / "config.toml").write_text("[training")
    with pytest.raises(InvalidFileError, match="not TOML"):
        write_card(tmp_path)


def test_mistakes_are_named(run, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "x.json").write_text("{}")
    for arguments, error, message in [
        ({"values": {"licence": "mit"}}, UnknownNameError, "did you mean 'license'"),
        ({"values": {"citation": "<!-- card: end -->"}}, InvalidArgumentError, "a mark of the card"),
        ({"out": tmp_path / "README.md"}, InvalidArgumentError, "not written by ferrolm card"),
        ({"reports": [tmp_path / "none.json"]}, MissingFileError, "none.json does not exist"),
        ({"reports": [tmp_path / "x.json"]}, InvalidFileError, "no task and results"),
    ]:
        with pytest.raises(error, match=message):
            write_card(run, **{"out": tmp_path / "card.md", **arguments})
    with pytest.raises(MissingFileError, match=r"no config\.toml"):
        write_card(tmp_path)
    assert write_card(run, tmp_path / "README.md", force=True).read_text() != "mine"


def test_each_start_of_a_run_is_noted(run, tmp_path):
    run = shutil.copytree(run, tmp_path / "run")
    (session,) = json.loads((run / "environment.json").read_text())["sessions"]
    assert (session["first_step"], session["last_step"], session["device"]) == (0, 6, "cpu")
    assert session["seconds"] > 0
    config = RunConfig.from_file(run / "config.toml", ["training.steps=8"])
    pretrain(config, run, resume=True, show_progress=False)
    sessions = json.loads((run / "environment.json").read_text())["sessions"]
    assert [(each["first_step"], each["last_step"]) for each in sessions] == [(0, 6), (6, 8)]
