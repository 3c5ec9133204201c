"""``ferrolm clean``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ferrolm.cli import main

PAGE = Path(main.__code__.co_filename).with_name("demo_page.html")
BOILERPLATE = (
    "Accept all",
    "Subscribe",
    "Advertisement",
    "Most read",
    "comments",
    "All rights reserved",
    "gtag",
    "GPUs",
)


def test_a_page_becomes_its_article(tmp_path, capsys):
    target = tmp_path / "article.txt"
    assert main(["clean", str(PAGE), str(target)]) == 0
    text = target.read_text(encoding="utf-8")
    assert text.endswith("And the model reads it all again.\n")
    assert "An emoji 🦀 is four of them." in text
    assert not [words for words in BOILERPLATE if words in text]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line.split("  ")[0] for line in printed.err.splitlines()] == [
        "read",
        "after markup and boilerplate",
        "after normalization",
    ]


def test_all_text_of_a_page(capsys):
    assert main(["clean", "--all", "--quiet", str(PAGE)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert all(words in printed.out for words in BOILERPLATE if words != "gtag")


def test_standard_input_to_standard_output():
    command = [
        sys.executable,
        "-m",
        "ferrolm",
        "clean",
        "-",
        "--mask",
        "email",
        "--mask",
        "number",
        "--form",
        "NFKC",
    ]
    source = "ﬁne\u200b text:  a@b.org,\r\n 12 a<b".encode("cp1252", "ignore") + "…".encode("cp1252")
    result = subprocess.run(command, input=source, capture_output=True, check=True)
    assert result.stdout.decode() == "ne text: <email>,\n<number> a<b...\n"
    assert b"after normalization" in result.stderr


def test_a_file_that_is_not_there_is_one_line(capsys):
    assert main(["clean", "no/such/page.html"]) == 1
    assert capsys.readouterr().err == "ferrolm clean: error: no/such/page.html does not exist\n"


def test_a_folder_that_is_not_there_is_one_line_and_leaves_nothing(tmp_path, capsys):
    assert main(["clean", "--all", "--quiet", str(PAGE), str(tmp_path / "no" / "out.txt")]) == 1
    assert "cannot write" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_gives_an_empty_file(tmp_path):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.touch()
    assert main(["clean", "--quiet", str(source), str(target)]) == 0
    assert target.read_bytes() == b""
