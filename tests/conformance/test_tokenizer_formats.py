"""Tokenizers of other files than tokenizer.json: recorded results, and the libraries they come from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from shared_data import read_text, shared
from tokenizer_files import PATTERNS, golden, golden_files, golden_lines, kitoken, llama_cpp, random_texts

from ferrolm.tokenizers import Tokenizer

hf = pytest.importorskip("tokenizers")


@pytest.mark.parametrize("file", PATTERNS)
def test_ranks_recorded(file: str) -> None:
    tokenizer = Tokenizer.from_tiktoken(shared(f"tokenizers/{file}"), PATTERNS[file])
    name = file.replace("/", "__").removesuffix(".tiktoken").removesuffix(".model") + ".tiktoken"
    for text, record in zip(golden_lines(), golden(name), strict=True):
        assert tokenizer.encode_list(text) == record["ids"], text
        assert tokenizer.decode(record["ids"]) == record.get("decode", text)
    for path, record in golden_files(name).items():
        ids = tokenizer.encode_ids(read_text(shared(path)))
        assert hashlib.sha256(ids.astype("<u4").tobytes()).hexdigest() == record["sha256_u32le"], path


@pytest.mark.parametrize(
    ("name", "end"), [("cl100k_base", 100257), ("o200k_base", 199999), ("p50k_base", 50256)]
)
def test_ranks_kitoken(name: str, end: int) -> None:
    path = shared(f"tokenizers/tiktoken/{name}.tiktoken")
    tokenizer = Tokenizer.from_tiktoken(path, special_tokens={"<|endoftext|>": end})
    for text, ids in kitoken("tiktoken", name):
        assert tokenizer.encode_list(text) == ids, text


@pytest.mark.parametrize(
    ("file", "name"), [("llama3/tokenizer.model", "llama-bpe"), ("qwen2/qwen.tiktoken", "qwen2")]
)
def test_ranks_llama_cpp(file: str, name: str) -> None:
    tokenizer = Tokenizer.from_tiktoken(shared(f"tokenizers/{file}"), PATTERNS[file])
    for text, ids in llama_cpp(name):
        assert tokenizer.encode_list(text) == ids, text


@pytest.mark.parametrize("name", ["bert-bge", "llama-spm"])
def test_gguf(name: str) -> None:
    tokenizer = Tokenizer.from_gguf(shared(f"conformance/llama.cpp/ggml-vocab-{name}.gguf"))
    for text, ids in llama_cpp(name):
        assert tokenizer.encode_list(text, add_special_tokens=False) == ids, text
    around = tokenizer.encode_list("hello")
    assert around[:1] == ([101] if name == "bert-bge" else [1])


@pytest.mark.parametrize("file", ["tiktoken/cl100k_base.tiktoken", "qwen2/qwen.tiktoken"])
def test_saved_ranks_load_elsewhere(file: str, tmp_path: Path) -> None:
    special = {"<|end|>": 160_000, "<|sep|>": 160_007}
    tokenizer = Tokenizer.from_tiktoken(shared(f"tokenizers/{file}"), PATTERNS[file], special)
    tokenizer.save(tmp_path / "tokenizer.json", pretty=False)
    other = hf.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in [*random_texts(5, 1500), "a<|end|>b <|sep|>"]:
        encoding = other.encode(text)
        mine = tokenizer.encode(text)
        assert (mine.ids, mine.offsets) == (encoding.ids, encoding.offsets), text
        assert tokenizer.decode(mine.ids, skip_special_tokens=False) == other.decode(mine.ids, False)
    assert tokenizer.encode_list("<|sep|>") == [160_007]
    tokenizer.save_tiktoken(tmp_path / "again.tiktoken")
    assert (tmp_path / "again.tiktoken").read_bytes() == shared(
        f"tokenizers/{file}"
    ).read_bytes().strip() + b"\n"


def test_tekken(tmp_path: Path) -> None:
    lines = shared("tokenizers/tiktoken/o200k_base.tiktoken").read_text().split("\n")[:20_000]
    vocab = [
        {"rank": int(rank), "token_bytes": token, "token_str": None}
        for token, rank in (line.split() for line in lines)
    ]
    pattern = shared("tokenizers/PATTERNS.json")
    config = {
        "pattern": json.loads(pattern.read_text())["tiktoken/o200k_base.tiktoken"],
        "num_vocab_tokens": 20_000,
        "default_vocab_size": 11_000,
        "default_num_special_tokens": 1000,
        "version": "v3",
    }
    path = tmp_path / "tekken.json"
    path.write_text(json.dumps({"config": config, "vocab": vocab}))
    tokenizer = Tokenizer.from_pretrained(tmp_path)
    part = tmp_path / "part.tiktoken"
    part.write_text("\n".join(lines[:10_000]))
    ranks = Tokenizer.from_tiktoken(part, "o200k_base")
    for text in random_texts(6, 1000):
        text = text.replace("<s>", "")
        text = text.replace("</s>", "").replace("<unk>", "")
        assert tokenizer.encode_list(text) == [index + 1000 for index in ranks.encode_list(text)], text
    assert tokenizer.encode_list("<s>[INST]<SPECIAL_999>") == [1, 3, 999]


@pytest.mark.parametrize("name", ["bert-base-uncased", "roberta-base"])
def test_older_files_of_transformers(name: str, tmp_path: Path) -> None:
    files = ["vocab.txt"] if name.startswith("bert") else ["vocab.json", "merges.txt"]
    for file in files:
        (tmp_path / file).symlink_to(shared(f"tokenizers/{name}/{file}"))
    transformers = pytest.importorskip("transformers")
    kind = transformers.BertTokenizerFast if name.startswith("bert") else transformers.RobertaTokenizerFast
    reference = kind.from_pretrained(str(tmp_path)).backend_tokenizer
    tokenizer = Tokenizer.from_pretrained(tmp_path)
    for text in random_texts(7, 1500):
        mine, expected = tokenizer.encode(text, "b " + text), reference.encode(text, "b " + text)
        assert (mine.ids, mine.type_ids, mine.offsets) == (expected.ids, expected.type_ids, expected.offsets)
        assert tokenizer.decode(mine.ids) == reference.decode(expected.ids)


def test_settings_beside_a_vocabulary_are_followed(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").symlink_to(shared("tokenizers/bert-base-uncased/vocab.txt"))
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": False, "strip_accents": False})
    )
    (tmp_path / "special_tokens_map.json").write_text(
        json.dumps({"sep_token": {"content": "[MASK]", "lstrip": True}})
    )
    transformers = pytest.importorskip("transformers")
    reference = transformers.BertTokenizerFast.from_pretrained(str(tmp_path)).backend_tokenizer
    tokenizer = Tokenizer.from_pretrained(tmp_path)
    for text in ("Hello World", "é  [MASK]x", "漢字"):
        assert tokenizer.encode(text).ids == reference.encode(text).ids, text
