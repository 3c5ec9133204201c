"""Blocks from files that are tokenized on the way: the same as of all tokens at once, from any state, whatever happens."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from streamed_texts import END, blocks_of, byte_tokenizer, documents, write_json_lines

import ferrolm.data.sources
from ferrolm.data import Mixture
from ferrolm.data._block_stream import BlockStream, StreamSettings
from ferrolm.errors import (
    InvalidArgumentError,
    InvalidFileError,
    MissingFileError,
)

torch = pytest.importorskip("torch")


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[list[Path], list[str]]:
    texts = documents(300)
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    paths = [
        write_json_lines(tmp_path / "a.jsonl", texts[:100]),
        write_json_lines(tmp_path / "empty.jsonl", []),
        write_json_lines(tmp_path / "b.jsonl.gz", texts[100:200]),
        tmp_path / "c.parquet",
    ]
    parquet.write_table(arrow.table({"text": texts[200:]}), paths[-1], row_group_size=30)
    return paths, texts


@pytest.fixture(autouse=True)
def small_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many read batches in small files (in this process)."""
    monkeypatch.setattr(ferrolm.data.sources, "BATCH_SIZE", 500)


def stream(paths: list[Path], state: dict | None = None, **options) -> BlockStream:
    settings = StreamSettings(
        tuple(map(str, paths)), **{"block_size": 16, "batch_size": 4, "end_id": END, **options}
    )
    return BlockStream(settings, byte_tokenizer(), state)


def tokens_of(texts: list[str]) -> list[int]:
    return [token for text in texts for token in [*map(ord, text), END]]


def test_blocks_are_those_of_all_texts_in_a_row_over_epochs(corpus: tuple[list[Path], list[str]]) -> None:
    paths, texts = corpus
    row = np.array(tokens_of(texts) * 3)
    batches = list(islice(stream(paths), 3 * len(row) // (3 * 64) - 2))
    for index, batch in enumerate(batches):
        for line, block in enumerate(batch.blocks):
            start = (index * 4 + line) * 16
            assert block.tolist() == row[start : start + 17].tolist()
    one_epoch = len(row) // 3 // 64
    assert batches[one_epoch - 1].seen == pytest.approx(1, abs=0.05)
    seen = [batch.seen for batch in batches]
    assert seen == sorted(seen)


def test_shuffling_keeps_each_block_once_within_its_window(corpus: tuple[list[Path], list[str]]) -> None:
    paths, _ = corpus
    plain = np.concatenate([batch.blocks for batch in islice(stream(paths), 30)])
    shuffled = np.concatenate([batch.blocks for batch in islice(stream(paths, shuffle_buffer=38), 30)])
    assert not np.array_equal(plain, shuffled)
    for window in range(0, 120, 40):  # 38, rounded up to whole batches
        assert sorted(plain[window : window + 40].tolist()) == sorted(shuffled[window : window + 40].tolist())
    other = np.concatenate([batch.blocks for batch in islice(stream(paths, shuffle_buffer=38, seed=1), 30)])
    assert not np.array_equal(other, shuffled)


@pytest.mark.parametrize(
    "options", [{}, {"shuffle_buffer": 24}, {"rank": 1, "world_size": 3}, {"block_size": 300}]
)
def test_every_state_continues_to_the_bit(corpus: tuple[list[Path], list[str]], options: dict) -> None:
    paths, _ = corpus
    unbroken = list(islice(stream(paths, **options), 60))
    for index in range(0, 55, 3):
        state = json.loads(json.dumps(unbroken[index].state))
        for other, again in zip(
            unbroken[index + 1 : index + 5], stream(paths, state, **options), strict=False
        ):
            assert np.array_equal(other.blocks, again.blocks)
            assert other.state == again.state
            assert other.seen == pytest.approx(again.seen)


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(st.text("abcdefgh", max_size=30), min_size=1, max_size=40),
    cut=st.integers(0, 40),
    block_size=st.integers(1, 40),
    batch_size=st.integers(1, 5),
    shuffle_buffer=st.integers(0, 12),
    world_size=st.integers(1, 3),
    stop=st.integers(0, 11),
)
def test_any_texts_and_settings(
    tmp_path_factory, texts, cut, block_size, batch_size, shuffle_buffer, world_size, stop
) -> None:
    assume(len(texts) >= world_size)
    folder = tmp_path_factory.mktemp("texts")
    paths = [
        write_json_lines(folder / "a.jsonl", texts[:cut]),
        write_json_lines(folder / "b.jsonl", texts[cut:]),
    ]
    rank = world_size - 1
    options = {
        "block_size": block_size, "batch_size": batch_size, "shuffle_buffer": shuffle_buffer,
        "rank": rank, "world_size": world_size,
    }  # fmt: skip
    batches = list(islice(stream(paths, **options), 12))
    again = list(islice(stream(paths, batches[stop].state, **options), 11 - stop))
    assert all(
        np.array_equal(one.blocks, other.blocks)
        for one, other in zip(batches[stop + 1 :], again, strict=True)
    )
    if shuffle_buffer <= 1:
        row = np.concatenate([batch.blocks[:, :-1].ravel() for batch in batches]).tolist()
        own = (t for epoch in count() for i, t in enumerate(texts) if (i + epoch) % world_size == rank)
        expected: list[int] = []
        while len(expected) < len(row):
            expected += tokens_of([next(own)])
        assert row == expected[: len(row)]


def test_processes_have_all_documents_between_them(corpus: tuple[list[Path], list[str]]) -> None:
    paths, texts = corpus
    rows = []
    for rank in range(3):
        own = [text for epoch in range(2) for i, text in enumerate(texts) if (i + epoch) % 3 == rank]
        expected = tokens_of(own)
        batches = list(islice(stream(paths, rank=rank, world_size=3), len(expected) // 64 - 1))
        row = np.concatenate([batch.blocks[:, :-1].ravel() for batch in batches]).tolist()
        assert row == expected[: len(row)]
        rows.append(row)
    assert len({tuple(row[:50]) for row in rows}) == 3


def test_text_with_a_separator_is_dealt_out_too(tmp_path: Path) -> None:
    texts = [text or "x" for text in documents(90)]
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.gz"
    plain.write_text("\n".join(texts))
    packed.write_bytes(gzip.compress(("\n".join(texts) + "\n").encode()))
    for path in (plain, packed):
        for rank in range(2):
            expected = tokens_of(texts[rank::2])
            found = stream([path], separator="\n", rank=rank, world_size=2)
            row = np.concatenate([batch.blocks[:, :-1].ravel() for batch in islice(found, 8)]).tolist()
            assert row == expected[: len(row)]


def test_files_without_a_token_are_an_error_and_no_endless_loop(tmp_path: Path) -> None:
    empty = write_json_lines(tmp_path / "a.jsonl", [])
    with pytest.raises(InvalidFileError, match=r"a\.jsonl: 0 documents without a token, expected text"):
        next(iter(stream([empty])))
    single = write_json_lines(tmp_path / "b.jsonl", ["one"])
    few = stream([single], rank=1, world_size=2)
    # Process 1 has no document in the first epoch.
    with pytest.raises(InvalidFileError, match=r"1 documents without a token for process 1 of 2"):
        next(iter(few))


def test_the_process_gives_what_the_stream_gives_and_goes_on_from_a_state(
    corpus: tuple[list[Path], list[str]],
) -> None:
    paths, _ = corpus
    expected = [batch.blocks for batch in islice(stream(paths, shuffle_buffer=20), 40)]
    with blocks_of(paths, shuffle_buffer=20) as blocks:
        for index in range(20):
            batch = blocks.batch(index)["blocks"]
            assert batch.dtype == torch.int64
            assert np.array_equal(batch.numpy(), expected[index])
        saved = json.loads(json.dumps(blocks.state()))
        seen = blocks.epoch(20)
    assert 0 < seen < 2
    with blocks_of(paths, shuffle_buffer=20) as resumed:
        resumed.restore(saved)
        assert resumed.epoch(20) == seen
        for index in range(20, 40):
            assert np.array_equal(resumed.batch(index)["blocks"].numpy(), expected[index])


def test_streams_in_a_mixture_continue(corpus: tuple[list[Path], list[str]]) -> None:
    paths, _ = corpus

    def mixture() -> Mixture:
        return Mixture([(blocks_of(paths[0]), 2), (blocks_of(paths[2]), 1)])

    first = mixture()
    batches = [first.batch(index)["blocks"] for index in range(12)]
    second = mixture()
    for index in range(6):
        second.batch(index)
    third = mixture()
    third.restore(json.loads(json.dumps(second.state())))
    assert all(torch.equal(third.batch(index)["blocks"], batches[index]) for index in range(6, 12))
    with pytest.raises(InvalidArgumentError, match="source 0 can only be read forwards"):
        Mixture([(blocks_of(paths[0]), 2), (blocks_of(paths[2]), 1)], mix_rows=True)
    for source in (*first.sources, *second.sources, *third.sources):
        source.close()


def test_the_room_is_imported_without_torch() -> None:
    script = "import sys, ferrolm.data, ferrolm.text.augmentation; print({'torch', 'nltk', 'pyarrow'} & set(sys.modules))"
    command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {script}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "set()\n"


def test_wrong_arguments_and_states(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", documents(50))
    for options, message in (
        ({"block_size": 0}, "block_size is 0"),
        ({"prefetch": 0}, "prefetch is 0"),
        ({"rank": 1}, "rank must be in"),
        ({"end_of_text": "</s>"}, "end_of_text '</s>' is not in"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            blocks_of(path, **options)
    with pytest.raises(MissingFileError, match=r"none\.jsonl"):
        blocks_of(tmp_path / "none.jsonl")
    with pytest.raises(InvalidArgumentError, match="paths is empty"):
        blocks_of([])
    with blocks_of(path) as blocks, blocks_of(path, seed=1) as other:
        with pytest.raises(
            InvalidArgumentError, match="index is 3, but a stream is read forwards and is at batch 0"
        ):
            blocks.batch(3)
        with pytest.raises(InvalidArgumentError, match="state is of process 0 of a stream"):
            other.restore(blocks.state())
        assert blocks.fingerprint != other.fingerprint
