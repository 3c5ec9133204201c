"""Data for the recipes of this folder: ``python prepare.py DATA OUTPUT``.

DATA/tasks/qa/xquad/xquad.en.json (Artetxe et al. 2020): questions in the form of SQuAD, split by articles.
DATA/tasks/dialogue/synthetic-persona-chat (Jandaghi et al. 2023): valid.csv to learn from, a tenth of it to choose by, and
test.csv; each conversation is cut into parts that fit the model.
DATA/text/code/python-stdlib-sample.txt: modules of Python's library, of which four are held out.

What is not there is left out.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ferrolm.data import TokenFileWriter
from ferrolm.tokenizers import ByteLevelBPETokenizer, Tokenizer

SEED = 0
# Of a conversation: what fits 256 tokens of the bundled model nearly always.
MESSAGES = 8
# To learn from, to choose by, and to test, in articles.
ARTICLES = (38, 4, 6)
TESTED_MODULES = ("heapq.py", "random.py", "textwrap.py", "json/decoder.py")
CODE_VOCABULARY = 2048
END = "<|endoftext|>"


def question_answering(file: Path, output: Path) -> None:
    """Write qa-{train,validation,test}.json; no article is in two of them."""
    articles = json.loads(file.read_text(encoding="utf-8"))["data"]
    order = np.random.default_rng(SEED).permutation(len(articles)).tolist()
    for name, count in zip(("train", "validation", "test"), _shares(len(articles)), strict=True):
        part = [articles[order.pop()] for _ in range(count)]
        (output / f"qa-{name}.json").write_text(json.dumps({"data": part}, ensure_ascii=False))
        questions = sum(len(paragraph["qas"]) for article in part for paragraph in article["paragraphs"])
        print(f"{output}/qa-{name}.json: {count} articles, {questions} questions")


def _shares(total: int) -> tuple[int, int, int]:
    """How many articles each part gets; in proportion where there are fewer."""
    held_out = [max(1, total * count // sum(ARTICLES)) for count in ARTICLES[1:]]
    return total - sum(held_out), held_out[0], held_out[1]


def dialogues(folder: Path, output: Path) -> None:
    """Write dialogue-{train,validation,test}.jsonl; the second speaker is the assistant."""
    known = list(_conversations(folder / "valid.csv"))
    cut = len(known) * 9 // 10
    test = _conversations(folder / "test.csv")
    parts: dict[str, Iterable[list[dict[str, str]]]] = {
        "train": known[:cut], "validation": known[cut:], "test": test,
    }  # fmt: skip
    for name, conversations in parts.items():
        pieces = [each[at : at + MESSAGES] for each in conversations for at in range(0, len(each), MESSAGES)]
        lines = [json.dumps({"messages": piece}, ensure_ascii=False) for piece in pieces if len(piece) > 1]
        (output / f"dialogue-{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{output}/dialogue-{name}.jsonl: {len(lines)} parts of conversations")


def _conversations(file: Path) -> Iterator[list[dict[str, str]]]:
    with file.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            yield _messages(row["Best Generated Conversation"].splitlines())


def _messages(lines: Iterable[str]) -> list[dict[str, str]]:
    """Speakers take turns: what one says in several lines is one message, and a user begins."""
    messages: list[dict[str, str]] = []
    for line in lines:
        speaker, _, said = line.partition(": ")
        role = {"User 1": "user", "User 2": "assistant"}.get(speaker)
        if role is None or not said.strip() or (not messages and role == "assistant"):
            continue
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += " " + said.strip()
        else:
            messages.append({"role": role, "content": said.strip()})
    return messages


def code(file: Path, output: Path) -> None:
    """Write code-tokenizer.json, learnt from the modules to learn from, and code-{train,test}.{txt,tokens}."""
    pieces = re.split(r"^# ---- (\S+\.py)\n", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    modules = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    parts: dict[str, list[str]] = {"train": [], "test": []}
    for name, text in modules.items():
        parts["test" if name in TESTED_MODULES else "train"].append(text)
    made: Any = ByteLevelBPETokenizer()
    made.train_from_iterator(parts["train"], vocab_size=CODE_VOCABULARY, special_tokens=[END])
    made.save(str(output / "code-tokenizer.json"))
    tokenizer = Tokenizer.from_file(str(output / "code-tokenizer.json"))
    end = tokenizer.encode_ids(END)
    for part, texts in parts.items():
        (output / f"code-{part}.txt").write_text(f"\n{END}\n".join(texts), encoding="utf-8")
        with TokenFileWriter(output / f"code-{part}.tokens", tokenizer.get_vocab_size()) as writer:
            for text in texts:
                ids = np.concatenate([tokenizer.encode_ids(text), end])
                writer.add(ids, text_bytes=len(text.encode()))
        print(f"{output}/code-{part}.tokens: {len(texts)} modules, {sum(map(len, texts)):,} characters")


def main(data: Path, output: Path) -> None:
    """Make ready what there is data for."""
    output.mkdir(parents=True, exist_ok=True)
    for path, make in (
        (data / "tasks/qa/xquad/xquad.en.json", question_answering),
        (data / "tasks/dialogue/synthetic-persona-chat", dialogues),
        (data / "text/code/python-stdlib-sample.txt", code),
    ):
        if path.exists():
            make(path, output)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
