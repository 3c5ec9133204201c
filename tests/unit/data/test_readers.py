"""Readers of labelled tasks: small files of every form, and what is wrong with wrong ones."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferrolm.data import (
    Answer,
    LabeledWords,
    TextExample,
    TextPair,
    read_conll,
    read_conllu,
    read_csv,
    read_jsonl,
    read_jsonl_pairs,
    read_labeled_files,
    read_parallel,
    read_parallel_tsv,
    read_squad,
    read_tsv,
)
from ferrolm.errors import (
    InvalidArgumentError,
    InvalidEncodingError,
    InvalidFileError,
    MissingFileError,
    UnknownNameError,
)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_a_table_by_names_numbers_and_without_labels(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'id,premise,claim,gold\r\n7,"a ""b"",\nc",d,yes\r\n\r\n8,é,f,no\r\n')
    expected = [TextExample('a "b",\nc', "d", "yes"), TextExample("é", "f", "no")]
    assert list(read_csv(path, "premise", "claim", "gold")) == expected
    assert list(read_csv(path, 1, 2, 3, header=True)) == expected
    assert [example.label for example in read_csv(path, "claim", label=None)] == [None, None]
    assert len(list(read_csv(path, 1, 2, 3))) == 3  # numbers alone: the first line is a row


def test_tabs_leave_quotes_alone_unless_asked(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", '"a" b\t1.5\n"c\t-2\n')
    assert list(read_tsv(path, 0, label=1, numeric=True)) == [
        TextExample('"a" b', label=1.5),
        TextExample('"c', label=-2.0),
    ]
    path = written(tmp_path / "b.tsv", '"a\tb"\tx\n')
    assert list(read_tsv(path, 0, label=1, quoting=csv.QUOTE_MINIMAL)) == [TextExample("a\tb", label="x")]


def test_several_labels_of_a_text(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'text,label\na,"art, war"\nb,\n')
    assert [e.label for e in read_csv(path, label_separator=",")] == [("art", "war"), ()]
    path = written(tmp_path / "a.jsonl", '{"text": "a", "label": ["art", 3]}\n')
    assert [e.label for e in read_jsonl(path)] == [("art", "3")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text,labels\na,b\n", r"a\.csv, line 1: no column 'label', found 'text', 'labels'; did you mean"),
        ("text,label\na,b\nc\n", r"a\.csv, line 3: 1 columns, expected 2 or more"),
        ('text,label\n"a,b\n', r"a\.csv, line 2: not a row of a table: unexpected end of data"),
        ("text,label\n" + "a" * 140_000 + ",b\n", r"a\.csv, line 2: .*larger than field limit"),
    ],
)
def test_wrong_tables_are_named_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        list(read_csv(written(tmp_path / "a.csv", text)))


def test_wrong_arguments_of_a_table(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "text,label\na,b\n")
    with pytest.raises(InvalidFileError, match=r"line 2: the label is 'b', expected a number"):
        list(read_csv(path, numeric=True))
    with pytest.raises(InvalidArgumentError, match="'text' is a name, but header is False"):
        list(read_csv(path, header=False))
    with pytest.raises(InvalidArgumentError, match="column is -1"):
        list(read_csv(path, -1, label=None))
    with pytest.raises(UnknownNameError, match="encoding 'utf-88'"):
        list(read_csv(path, encoding="utf-88"))
    assert list(read_csv(written(tmp_path / "empty.csv", ""))) == []


_CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1, max_size=20)


@given(st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=8))
def test_what_the_module_csv_writes_is_read_back(tmp_path_factory, rows: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    assert [(e.text, e.label) for e in read_csv(path)] == rows


def test_every_reader_takes_compressed_files_and_byte_order_marks(tmp_path: Path) -> None:
    raw = '\ufeff{"text": "ä", "label": "x"}\n\n{"text": "b", "label": true}\n'.encode()
    zstandard = pytest.importorskip("zstandard")
    packed = {
        "a.jsonl": raw,
        "a.jsonl.gz": gzip.compress(raw),
        "a.jsonl.bz2": bz2.compress(raw),
        "a.jsonl.xz": lzma.compress(raw),
        "a.jsonl.zst": zstandard.compress(raw),
    }
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content)
        assert [(e.text, e.label) for e in read_jsonl(tmp_path / name)] == [("ä", "x"), ("b", "true")]
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(raw)[:-20])
    with pytest.raises(InvalidFileError, match=r"cut\.jsonl\.gz: not a complete gzip file"):
        list(read_jsonl(tmp_path / "cut.jsonl.gz"))
    with pytest.raises(MissingFileError, match=r"none\.jsonl"):
        list(read_jsonl(tmp_path / "none.jsonl"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a"', "not JSON"),
        ('["a"]', "expected an object, found"),
        ('{"texts": "a", "label": "b"}', "no field 'text', found 'texts', 'label'; did you mean 'texts'"),
        ('{"text": 3, "label": "b"}', "'text' is 3, expected a string"),
        ('{"text": "a", "label": null}', "'label' is null, expected a string, a number or a list"),
        ('{"text": "a", "label": {"x": 1}}', "'label' is .* expected a string, a number or a list"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_wrong_json_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path / "a.jsonl", '{"text": "fine", "label": "b"}\n' + line + "\n")
    with pytest.raises(InvalidFileError, match=r"a\.jsonl, line 2: " + message):
        list(read_jsonl(path))


def test_numbers_as_labels_of_json_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", '{"text": "a", "label": 3}\n')
    assert [e.label for e in read_jsonl(path)] == ["3"]
    assert [e.label for e in read_jsonl(path, numeric=True)] == [3.0]
    path = written(tmp_path / "a.jsonl", '{"text": "a", "label": "3"}\n')
    with pytest.raises(InvalidFileError, match="expected a number"):
        list(read_jsonl(path, numeric=True))


def test_targets_with_alternatives(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", '{"article": "a", "summary": ["b", "c"]}\n')
    [pair] = read_jsonl_pairs(path, "article", "summary")
    assert (pair.source, pair.target, pair.targets) == ("a", "b", ("b", "c"))
    path = written(tmp_path / "a.jsonl", '{"source": "a", "target": []}\n')
    with pytest.raises(InvalidFileError, match=r"line 1: 'target' is empty"):
        list(read_jsonl_pairs(path))


def test_words_in_columns(tmp_path: Path) -> None:
    conll2003 = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\n. . O O"
    path = written(tmp_path / "a.txt", conll2003)
    assert list(read_conll(path)) == [
        LabeledWords(("EU", "rejects"), ("B-ORG", "O")),
        LabeledWords((".",), ("O",)),
    ]
    assert next(read_conll(path, label=1)).labels == ("NNP", "VBZ")
    # No-break spaces and other line separators of Unicode are words as good as any.
    path = written(tmp_path / "b.txt", "a\u2028b\tO\n\u00a0\tO\n\t\n# c\tO\n")
    assert [s.words for s in read_conll(path)] == [("a\u2028b", "\u00a0"), ("# c",)]
    assert [s.words for s in read_conll(path, comment="#")] == [("a\u2028b", "\u00a0")]


def test_lines_without_a_label_are_named(tmp_path: Path) -> None:
    for line in ("alone", "a\t", "\tO", "one two three"):
        path = written(tmp_path / "a.txt", f"so far it is fine O\n{line}\n")
        with pytest.raises(
            InvalidFileError, match=r"a\.txt, line 2: .* columns, expected a word in column 0"
        ):
            list(read_conll(path, label=5 if line.startswith("one") else -1))


CONLLU = """\
# sent_id = s1
# text = Don't go
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\tMood=Imp|VerbForm=Fin\t3\taux\t_\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_
2.1\tyou\tyou\tPRON\tPRP\t_\t_\t_\t3:nsubj\t_
3\tgo\tgo\tVERB\t_\t_\t0\troot\t_\t_

"""


def test_a_sentence_of_a_treebank(tmp_path: Path) -> None:
    [sentence] = read_conllu(written(tmp_path / "a.conllu", CONLLU))
    assert sentence.words == ("Do", "n't", "go")
    assert sentence.multiword == ((1, 2, "Don't"),)
    assert sentence.features == ({"Mood": "Imp", "VerbForm": "Fin"}, {}, {})
    assert sentence.heads == (3, 3, 0)
    assert sentence.metadata == {"sent_id": "s1", "text": "Don't go"}
    assert sentence.labeled() == LabeledWords(("Do", "n't", "go"), ("AUX", "PART", "VERB"))
    assert sentence.labeled("xpos").labels == ("VB", "RB", "_")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("3\tgo\tgo", "3\tgo", "line 7: 9 columns, expected 10"),
        ("3\tgo", "4\tgo", "line 7: word 4, expected 3"),
        ("0\troot", "4\troot", "line 7: head '4', expected a number up to 3"),
        ("Mood=Imp", "Mood", "line 4: features 'Mood|VerbForm=Fin'"),
        ("2.1\tyou", "two\tyou", "line 6: 'two' is not the number of a word"),
    ],
)
def test_wrong_treebanks_are_named_with_their_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = written(tmp_path / "a.conllu", CONLLU.replace(old, new, 1))
    with pytest.raises(InvalidFileError) as caught:
        list(read_conllu(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def squad(question: dict) -> str:
    return json.dumps(
        {"version": "v2.0", "data": [{"paragraphs": [{"context": "Ann sleeps.", "qas": [question]}]}]}
    )


def test_questions_of_both_versions(tmp_path: Path) -> None:
    answers = [{"text": "Ann", "answer_start": 0}, {"text": "Ann", "answer_start": 0}]
    [example] = read_squad(
        written(tmp_path / "a.json", squad({"id": 1, "question": "Who?", "answers": answers}))
    )
    assert (example.id, example.answers, example.title) == ("1", (Answer("Ann", 0),), "")
    impossible = {"id": "2", "question": "Why?", "is_impossible": True, "answers": answers}
    [example] = read_squad(written(tmp_path / "a.json", squad(impossible)))
    assert example.answers == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a.json: not JSON"),
        ("[]", "$.data is not there or no list"),
        ('{"data": [3]}', "$.data[0] is 3, expected an object"),
        (squad({"id": "1", "answers": []}), "$.data[0].paragraphs[0].qas[0].question is None"),
        (
            squad({"question": "Who?", "answers": [{"text": "Ann", "answer_start": 1}]}),
            "$.data[0].paragraphs[0].qas[0].answers[0] is 'Ann', but the context has 'nn ' at 1",
        ),
        (
            squad({"question": "Who?", "answers": [{"text": "Ann", "answer_start": "0"}]}),
            "answers[0].answer_start is '0', expected a number",
        ),
    ],
)
def test_wrong_questions_are_named_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        list(read_squad(written(tmp_path / "a.json", text)))
    assert message in str(caught.value)


def test_pairs_line_by_line(tmp_path: Path) -> None:
    source, target = tmp_path / "a.en", tmp_path / "a.fr.gz"
    source.write_bytes(b"Hi.\r\n\nRun!\n")
    target.write_bytes(gzip.compress("Salut.\nrien\nCours\u2028!".encode()))
    assert list(read_parallel(source, target)) == [
        TextPair("Hi.", ("Salut.",)),
        TextPair("Run!", ("Cours\u2028!",)),
    ]
    source.write_bytes(b"Hi.\n")
    with pytest.raises(InvalidFileError, match=r"a\.en: ends before line 2"):
        list(read_parallel(source, target))
    with pytest.raises(InvalidFileError, match=r"a\.en: ends before line 2"):
        list(read_parallel(target, source))


def test_pairs_of_a_table_share_their_source(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", "fr\ten\nx\ta\ny\ta\nz\tb\n\tc\nw\ta\n")
    pairs = list(read_parallel_tsv(path, "en", "fr"))
    assert pairs == [TextPair("a", ("x", "y")), TextPair("b", ("z",)), TextPair("a", ("w",))]
    pairs = list(read_parallel_tsv(path, "en", "fr", alternatives=False))
    assert [(pair.source, pair.target) for pair in pairs] == [("a", "x"), ("a", "y"), ("b", "z"), ("a", "w")]


def test_labels_by_file_and_by_folder(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.mkdir()
    (lines / "rt.neg.txt").write_bytes("d\xe9j\xe0 vu \n\n".encode("latin-1"))
    (lines / "rt.pos.txt.gz").write_bytes(gzip.compress(b"witty\nwarm"))
    found = [(e.label, e.text) for e in read_labeled_files(lines, encoding="latin-1")]
    assert found == [("neg", "déjà vu"), ("pos", "witty"), ("pos", "warm")]
    with pytest.raises(InvalidEncodingError, match=r"rt\.neg\.txt, line 1: not utf-8 at byte 1"):
        list(read_labeled_files(lines))
    by_name = read_labeled_files({"good": lines / "rt.pos.txt.gz"})
    assert [e.label for e in by_name] == ["good", "good"]
    folders = tmp_path / "folders"
    for label, text in (("neg", "two\nlines\n"), ("pos", "one")):
        (folders / label).mkdir(parents=True)
        written(folders / label / "0_1.txt", text)
    assert [(e.label, e.text) for e in read_labeled_files(folders)] == [("neg", "two\nlines"), ("pos", "one")]


def test_wrong_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="found nothing"):
        list(read_labeled_files(tmp_path))
    written(tmp_path / "a.txt", "x")
    (tmp_path / "b").mkdir()
    with pytest.raises(InvalidFileError, match="found files and folders"):
        list(read_labeled_files(tmp_path))
    with pytest.raises(MissingFileError, match="no such folder"):
        list(read_labeled_files(tmp_path / "none"))
    with pytest.raises(InvalidArgumentError, match="source is empty"):
        list(read_labeled_files({}))
