"""`write_conllu`, `with_labels` and `write_conll`: what was read comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared

from ferrolm.data import (
    DependencySentence,
    LabeledWords,
    conllu_text,
    read_conll,
    read_conllu,
    with_labels,
    write_conll,
    write_conllu,
)
from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, InvalidFileError, UnknownNameError

BLOCK = (
    "# sent_id = s1\n# a comment without a value\n"
    "1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n"
    "1\tDo\tdo\tAUX\tVB\tMood=Imp|VerbForm=Fin\t3\taux\t3:aux\t_\n"
    "2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\tNER=B-X|Gloss=a\n"
    "2.1\tyou\tyou\tPRON\tPRP\t_\t_\t_\t3:nsubj\t_\n"
    "3\tgo\tgo\tVERB\t_\t_\t0\troot\t_\t_\n\n"
)


@pytest.mark.parametrize("name", ["english-ewt/dev", "english-ewt/test", "chinese-gsd/test"])
def test_published_treebanks_come_back_byte_for_byte(tmp_path: Path, name: str) -> None:
    path = shared(f"tasks/pos/ud-{name}.conllu")
    assert write_conllu(tmp_path / "copy.conllu", read_conllu(path)) > 400
    assert (tmp_path / "copy.conllu").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [BLOCK * 2, BLOCK + "\n\n" + BLOCK, BLOCK.rstrip("\n"), BLOCK.replace("\n", "\r\n"), "\n" + BLOCK, BLOCK + BLOCK[:-1]],
    ids=["two", "further empty lines", "no end", "carriage returns", "empty line first", "one line end"],
)  # fmt: skip
def test_all_of_a_file_is_kept(tmp_path: Path, content: str) -> None:
    source, copy = tmp_path / "a.conllu", tmp_path / "b.conllu"
    source.write_bytes(content.encode())
    write_conllu(copy, read_conllu(source))
    assert copy.read_bytes() == source.read_bytes()


def test_labels_change_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_text(BLOCK)
    [sentence] = read_conllu(path)
    assert sentence.labeled("ner").labels == ("O", "B-X", "O")
    changed = with_labels(sentence, "upos", ["X", "Y", "Z"])
    assert changed.upos == ("X", "Y", "Z")
    expected = BLOCK.replace("\tAUX\t", "\tX\t").replace("\tPART\t", "\tY\t").replace("\tVERB\t", "\tZ\t")
    assert conllu_text(changed) == expected
    named = with_labels(sentence, "ner", ["O", "O", "B-Z"])
    assert named.misc == (None, "Gloss=a", "NER=B-Z")
    assert conllu_text(named) == BLOCK.replace("NER=B-X|Gloss=a", "Gloss=a").replace(
        "0\troot\t_\t_", "0\troot\t_\tNER=B-Z"
    )
    assert with_labels(sentence, "ner", ["O", "B-X", "O"]).labeled("ner") == sentence.labeled("ner")
    with pytest.raises(UnknownNameError, match=r"'upso'.*did you mean 'upos'"):
        with_labels(sentence, "upso", ["X"] * 3)
    with pytest.raises(InvalidArgumentError, match="found 1 labels for 3 words"):
        with_labels(sentence, "upos", ["X"])


texts = st.text(
    st.characters(exclude_characters="\t\r\n\x85\u2028\u2029", exclude_categories=["Cs", "Cc", "Z"]),
    min_size=1,
)


@given(st.lists(st.tuples(texts, st.sampled_from(["NOUN", None])), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_sentences_that_were_not_read_are_written(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str | None]]
) -> None:
    words, tags = zip(*pairs, strict=True)
    nothing = (None,) * len(words)
    made = DependencySentence(
        words,
        nothing,
        tags,
        nothing,
        ({},) * len(words),
        nothing,
        nothing,
        metadata={"text": "a = b"},
        misc=nothing,
    )
    path = tmp_path_factory.mktemp("made") / "a.conllu"
    assert write_conllu(path, [made]) == 1
    [read] = read_conllu(path)
    assert (read.words, read.upos, read.metadata) == (words, tags, {"text": "a = b"})


def test_fields_become_lines() -> None:
    made = DependencySentence(
        ("Do", "n't"), ("do", "not"), ("AUX", "PART"), (None, "RB"), ({"Mood": "Imp", "Number": "Sing"}, {}), (0, 1),
        ("root", "advmod"), ((1, 2, "Don't"),), {"text": "Don't"}, (None, "SpaceAfter=No"),
    )  # fmt: skip
    assert conllu_text(made).splitlines() == [
        "# text = Don't",
        "1-2\tDon't" + "\t_" * 8,
        "1\tDo\tdo\tAUX\t_\tMood=Imp|Number=Sing\t0\troot\t_\t_",
        "2\tn't\tnot\tPART\tRB\t_\t1\tadvmod\t_\tSpaceAfter=No",
        "",
    ]


def test_truncated_and_foreign_files_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_text(BLOCK + BLOCK[: BLOCK.index("\t3:aux")])
    with pytest.raises(InvalidFileError, match="line 12: 8 columns, expected 10"):
        list(read_conllu(path))
    path.write_bytes(BLOCK.encode() + b"# text = caf\xe9\n")
    with pytest.raises(InvalidEncodingError, match="line 9: not utf-8 at byte 12"):
        list(read_conllu(path))


def test_labelled_words_come_back(tmp_path: Path) -> None:
    path = shared("tasks/ner/wnut17/dev.conll")
    sentences = list(read_conll(path))
    assert write_conll(tmp_path / "b.conll", sentences) == len(sentences)
    assert list(read_conll(tmp_path / "b.conll")) == sentences
    for words in (("a\tb",), ("",), ("a\n",)):
        with pytest.raises(InvalidArgumentError, match=r"sentence 1: .* cannot stand in a column"):
            write_conll(tmp_path / "c.conll", [LabeledWords(words, ("O",))])
    assert not (tmp_path / "c.conll").exists()
