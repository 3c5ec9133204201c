"""Time that hostile texts take, beside the peers, and whether it grows in proportion to their length.

    python benches/pathological.py               tables to standard output
    python benches/pathological.py --update-docs and into docs/pathological-input.md

Every measurement is the CPU time of one thread on a text that the tokenizer has not seen, in a process that is ended
when it takes longer than a limit. Needs the vocabularies of the folder `shared` (see tests/shared_data.py).
"""

from __future__ import annotations

import argparse
import base64
import importlib.metadata
import json
import multiprocessing
import os
import platform
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("FERROLM_SHARED", REPOSITORY.parent / "shared")) / "data/tokenizers"
PAGE = REPOSITORY / "docs/pathological-input.md"
TOKENIZERS = {
    "GPT-2": "gpt2/tokenizer.json",
    "Llama 2": "llama2/tokenizer.json",
    "T5": "t5-small/tokenizer.json",
    "BERT": "bert-base-uncased/tokenizer.json",
}
MEGABYTE = 1 << 20
LIMIT = 20.0
"""Seconds for a text of a peer."""
MARKS = "".join(chr(code) for code in range(0x300, 0x370))
FRAGMENTS = (
    "<|endof",
    "text|>",
    "<|",
    "|>",
    "<s",
    "</s",
    "<unk",
    "[MAS",
    "K]",
    "[SE",
    "<extra_id_",
    "<0x0",
    "A>",
)


def _letters(alphabet: str | tuple[str, ...]) -> Callable[[random.Random, int], str]:
    return lambda draw, count: "".join(draw.choices(alphabet, k=count))


def _words(draw: random.Random, count: int) -> str:
    """Text of one line, with words of a long tail."""
    known = ["".join(draw.choices("etaoinshrdlu", k=draw.randrange(1, 12))) for _ in range(50_000)]
    weights = [1 / rank for rank in range(1, len(known) + 1)]
    return " ".join(draw.choices(known, weights, k=count // 4))


INPUTS: dict[str, Callable[[random.Random, int], str]] = {
    "one letter": lambda _, count: "a" * count,
    "spaces": lambda _, count: " " * count,
    "line feeds": lambda _, count: "\n" * count,
    "digits": _letters("0123456789"),
    "1.1.1.1": lambda _, count: "1." * (count // 2),
    "combining marks": _letters("a" + MARKS),
    "CJK without spaces": _letters("".join(chr(code) for code in range(0x4E00, 0x9FA6))),
    "parts of special tokens": _letters(FRAGMENTS),
    "base64": lambda draw, count: base64.b64encode(draw.randbytes(count)).decode(),
    "random letters": _letters("abcdefghijklmnopqrstuvwxyz"),
    "emoji joined": _letters(("👨", "\u200d", "👩", "\ufe0f", "🏽")),
    "apostrophes": _letters(("'", "'s", "’", "'ll")),
}


def text_of(kind: str, size: int, seed: int) -> str:
    """About `size` bytes, not the same for other seeds."""
    draw = random.Random(seed)
    make = _words if kind == "words" else INPUTS[kind]
    sample = make(draw, 4096)
    count = size * 4096 // len(sample.encode())
    return make(draw, count).encode()[:size].decode(errors="ignore")


def load(library: str, file: str) -> Callable[[str], Any]:
    if library == "ferrolm":
        from ferrolm import Tokenizer

        return Tokenizer.from_file(SHARED / file).encode_ids
    if library == "tokenizers":
        import tokenizers

        tokenizer = tokenizers.Tokenizer.from_file(str(SHARED / file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        # The cheaper of its two ways, which leaves out offsets.
        return lambda text: tokenizer.encode_batch_fast([text])
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    ranks = load_tiktoken_bpe(str(SHARED / "tiktoken/r50k_base.tiktoken"))
    pattern = json.loads((SHARED / "PATTERNS.json").read_text())["tiktoken/r50k_base.tiktoken"]
    return tiktoken.Encoding(
        "gpt2", pat_str=pattern, mergeable_ranks=ranks, special_tokens={}
    ).encode_ordinary


def _measure(connection: Any, library: str, file: str) -> None:
    encode = load(library, file)
    encode("warm up, please.")
    connection.send(None)
    while True:
        kind, size, seed = connection.recv()
        text = text_of(kind, size, seed)
        start = time.process_time()
        encode(text)
        connection.send(time.process_time() - start)


class Measurer:
    """A process with a tokenizer of a library; it is started anew after a text that took too long."""

    def __init__(self, library: str, file: str) -> None:
        self.arguments = library, file
        self.process: Any = None

    def seconds(self, kind: str, size: int, seed: int, limit: float = LIMIT) -> float | None:
        if self.process is None:
            context = multiprocessing.get_context("spawn")
            self.connection, other = context.Pipe()
            self.process = context.Process(target=_measure, args=(other, *self.arguments), daemon=True)
            self.process.start()
            other.close()
            try:
                self.connection.recv()
            except EOFError:
                return None
        self.connection.send((kind, size, seed))
        try:
            if self.connection.poll(limit * 2 + 5):
                taken: float = self.connection.recv()
                return taken
        except EOFError:
            pass
        self.close()
        return None

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def shown(seconds: float | None) -> str:
    if seconds is None:
        return f"> {LIMIT:.0f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def table(name: str, file: str) -> list[str]:
    peers = ["tokenizers"] + ["tiktoken"] * (name == "GPT-2")
    ours, others = Measurer("ferrolm", file), [Measurer(peer, file) for peer in peers]
    lines = [f"**{name}**, time per MB", ""]
    lines.append("| text | ferrolm | 4 MB take, times 1 MB | " + " | ".join(peers) + " |")
    lines.append("| --- |" + " ---: |" * (2 + len(peers)))
    for kind in INPUTS:
        small = [ours.seconds(kind, MEGABYTE, seed) for seed in (1, 2, 3)]
        large = [ours.seconds(kind, 4 * MEGABYTE, seed) for seed in (4, 5, 6)]
        if None in small or None in large:
            lines.append(f"| {kind} | {shown(None)} | |")
            continue
        one, four = min(filter(None, small)), min(filter(None, large))
        cells = [
            shown(one),
            f"{four / one:.1f}",
            *(shown(peer.seconds(kind, MEGABYTE, 1)) for peer in others),
        ]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    whole = ours.seconds("words", 100 * MEGABYTE, 7, limit=120)
    lines += ["", f"One line of 100 MB of words: {shown(whole)}." if whole else ""]
    for measurer in (ours, *others):
        measurer.close()
    return lines


def footer() -> str:
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("ferrolm", "tokenizers", "tiktoken")
    )
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"<sub>{models[0] if models else platform.processor()}, one thread, CPU time, {versions}</sub>"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--update-docs", action="store_true")
    parser.add_argument("names", nargs="*", default=list(TOKENIZERS), help=json.dumps(list(TOKENIZERS)))
    arguments = parser.parse_args()
    os.environ.update(FERROLM_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")
    lines = []
    for name in arguments.names:
        lines += [*table(name, TOKENIZERS[name]), ""]
        print("\n".join(lines[-len(INPUTS) - 7 :]), flush=True)
    if arguments.update_docs:
        content = "\n".join([*lines, footer()])
        page = PAGE.read_text()
        marked = re.compile(r"(<!-- bench:pathological -->\n).*(<!-- /bench:pathological -->)", re.DOTALL)
        PAGE.write_text(marked.sub(lambda match: f"{match[1]}{content}\n{match[2]}", page))


if __name__ == "__main__":
    main()
