"""``ferrolm filter-perplexity`` and ``contamination``."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from ferrolm.cli import main
from ferrolm.ngram import NgramLM, PerplexityFilter

pytestmark = pytest.mark.filterwarnings("ignore::ferrolm.ngram.DiscountFallbackWarning")
TEXTS = ["the cat sat", "the dog sat on the mat", "zz yy xx ww", "a cat", "mat the qq"]


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model.flm"
    NgramLM.train(["the cat sat on the mat", "a dog sat", "the dog ran"] * 5, 2).save(path)
    return str(path)


@pytest.fixture
def documents(tmp_path: Path) -> str:
    path = tmp_path / "documents.jsonl.gz"
    lines = (json.dumps({"id": number, "content": text}) for number, text in enumerate(TEXTS))
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return str(path)


def test_kept_lines_stay_as_they_are(
    model: str, documents: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    expected = PerplexityFilter(NgramLM.load(model)).fit(TEXTS)(TEXTS)
    assert main(["filter-perplexity", model, documents, "--field", "content"]) == 0
    captured = capfdbinary.readouterr()
    kept = [json.loads(line)["id"] for line in captured.out.splitlines()]
    assert kept == [number for number, keep in enumerate(expected.keep) if keep]
    assert b"thresholds:" in captured.err
    assert b"kept: head, middle" in captured.err
    plain = tmp_path / "plain.txt"
    plain.write_text("\n".join(TEXTS))
    output = tmp_path / "kept.txt"
    limits = ["--thresholds", "0", "1e9", "--keep", "middle"]
    assert main(["filter-perplexity", model, str(plain), "-o", str(output), *limits]) == 0
    assert output.read_text() == "\n".join(TEXTS) + "\n"


def test_annotated_lines_say_why(model: str, documents: str, tmp_path: Path) -> None:
    output = tmp_path / "all.jsonl.gz"
    arguments = ["--field", "content", "--annotate", "--keep", "head", "middle", "tail", "-o", str(output)]
    assert main(["filter-perplexity", model, documents, *arguments]) == 0
    records = [json.loads(line) for line in gzip.decompress(output.read_bytes()).splitlines()]
    assert [record["content"] for record in records] == TEXTS
    assert {record["bucket"] for record in records} == {"head", "middle", "tail"}
    assert records[2]["perplexity"] == pytest.approx(NgramLM.load(model).perplexity(TEXTS[2]), rel=1e-6)


def test_contamination_prints_a_table_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = tmp_path / "train.txt"
    train.write_text(
        "Some paragraph.\n\nAlice was beginning to get very\ntired of sitting by her sister\n\nEnd."
    )
    test = tmp_path / "test.jsonl"
    questions = ["alice was beginning to get very tired", "no words of hers occur here at all"]
    test.write_text("".join(json.dumps({"question": question}) + "\n" for question in questions))
    report = tmp_path / "report.jsonl"
    arguments = ["--test", str(test), "--test-field", "question", "-n", "5", "--json", str(report)]
    assert main(["contamination", str(train), *arguments]) == 0
    out = capsys.readouterr().out
    assert "1 of 2 examples share 5-grams with 3 documents" in out
    assert "alice was beginning to get very tired" in out
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line["contaminated"] for line in lines] == [True, False]
    assert lines[0]["document"] == 1


def test_errors_are_one_line(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "missing.txt")
    assert main(["filter-perplexity", model, missing]) == 1
    assert "missing.txt" in capsys.readouterr().err
    plain = tmp_path / "plain.txt"
    plain.write_text("text")
    assert main(["filter-perplexity", model, str(plain), "--annotate"]) == 1
    assert "--annotate is for .jsonl" in capsys.readouterr().err
    assert main(["contamination", missing, "--test", str(plain)]) == 1
