"""``ferrolm clean`` with steps."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ferrolm.cli import main


@pytest.fixture
def pages(tmp_path):
    path = tmp_path / "in.jsonl"
    texts = ["Tea.", "Bread and butter.", "Bread and butter.", "  Milk\u200b and honey. "]
    path.write_text(
        "".join(json.dumps({"text": text, "id": number}) + "\n" for number, text in enumerate(texts)) + "[]\n"
    )
    return path


def test_steps_write_what_is_left_and_report_what_is_not(pages, tmp_path, capsys):
    target, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    command = [
        "clean",
        str(pages),
        str(target),
        "--steps",
        "normalize,length:min=6",
        "--steps",
        "dedup:exact",
    ]
    assert main([*command, "--report", str(report), "--examples", "1"]) == 0
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert rows == [{"text": "Bread and butter.", "id": 1}, {"text": "Milk and honey.", "id": 3}]
    printed = capsys.readouterr()
    assert printed.out == ""
    for words in (
        "under 6 characters",
        "the same text before",
        "not read: no string under 'text'",
        "in.jsonl, line 1: Tea.",
    ):
        assert words in printed.err
    data = json.loads(report.read_text())
    assert [step["name"] for step in data["steps"]] == ["decode", "normalize", "length:min=6", "dedup:exact"]
    assert data["steps"][2]["removed"]["under 6 characters"] == {
        "number": 1,
        "characters": 4,
        "examples": [{"source": f"{pages}, line 1", "text": "Tea."}],
    }


def test_presets_and_steps_after_them(pages, tmp_path, capsys):
    assert main(["clean", str(pages), "-", "--preset", "plain", "--steps", "lowercase", "--quiet"]) == 0
    assert capsys.readouterr().out == "tea.\n\nbread and butter.\n\nmilk and honey.\n"


def test_several_inputs_without_steps(tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / f"{name}.html").write_text(f"<p>Page {name}</p>")
    paths = [str(tmp_path / "a.html"), str(tmp_path / "b.html")]
    assert main(["clean", "--all", *paths, str(tmp_path / "out.txt")]) == 0
    assert (tmp_path / "out.txt").read_text() == "Page a\n\nPage b\n"
    assert "html:mode=all" in capsys.readouterr().err


def test_a_forgotten_output_does_not_cost_a_page(tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / f"{name}.html").write_text(f"<p>Page {name}</p>")
    assert main(["clean", "--all", str(tmp_path / "a.html"), str(tmp_path / "b.html")]) == 1
    assert "name the output last" in capsys.readouterr().err
    assert (tmp_path / "b.html").read_text() == "<p>Page b</p>"


def test_standard_input_of_json_lines(pages):
    command = [sys.executable, "-m", "ferrolm", "clean", "-", "--format", "jsonl", "--output-format", "jsonl"]
    result = subprocess.run(
        [*command, "--steps", "lowercase", "--quiet"],
        input=pages.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [0, 1, 2, 3]
    assert result.stderr == b""


def test_a_dry_run(pages, tmp_path, capsys):
    assert main(["clean", str(pages), str(tmp_path / "out.txt"), "--preset", "plain", "--dry-run"]) == 0
    assert "the same text before" in capsys.readouterr().err
    assert not (tmp_path / "out.txt").exists()


def test_field_documents_and_formats(tmp_path):
    (tmp_path / "in.data").write_text("One.\nTwo.\n")
    command = [
        "clean",
        str(tmp_path / "in.data"),
        str(tmp_path / "rows"),
        "--quiet",
        "--steps",
        "normalize",
        "--field",
        "body",
    ]
    assert main([*command, "--documents", "line", "--output-format", "jsonl"]) == 0
    assert [json.loads(line)["body"] for line in (tmp_path / "rows").read_text().splitlines()] == [
        "One.",
        "Two.",
    ]


def test_help_teaches_and_steps_are_listed(capsys):
    for option, words in (
        ("--help", ["--preset web", "language:en+fr", "goes on from there", "Parquet"]),
        ("--list-steps", ["dedup", "threshold=", "quality", "--preset books"]),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["clean", option])
        assert ended.value.code == 0
        printed = capsys.readouterr().out
        assert not [word for word in words if word not in printed]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "normalise"], "there is no step 'normalise'; did you mean 'normalize'"),
        (
            ["--preset", "web", "--form", "NFC"],
            "--form is for texts without steps; say --steps normalize:form=...",
        ),
        (["--steps", "normalize", "--mask", "url"], "--mask is for texts without steps"),
        (["--steps", "normalize", "--workers", "0"], "workers is 0, expected at least 1"),
        (["--steps", "normalize", "--tolerate", "none"], "in.jsonl, line 5: no string under 'text'"),
    ],
    ids=["step", "form", "mask", "workers", "tolerate"],
)
def test_a_mistake_is_one_line(options, message, pages, tmp_path, capsys):
    assert main(["clean", str(pages), str(tmp_path / "out.txt"), *options]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("ferrolm clean: error: ")
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
