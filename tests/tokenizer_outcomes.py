"""What a tokenizer library makes of the bytes of a tokenizer.json.

Each library is asked in a process of its own, since the answer may also be a panic, an abort or no answer at all.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import resource
from collections.abc import Sequence
from typing import Any

OURS, THEIRS = "ferrolm.tokenizers", "tokenizers"
FIELDS = ("ids", "tokens", "offsets", "type_ids", "special_tokens_mask", "attention_mask", "word_ids")
EMPTY = (b'"prepend": ""', b'"String": ""', b'"Regex": ""')
SECONDS, MEMORY = 20, 3 << 30


def of_encoding(encoding: Any) -> list[Any]:
    parts = (encoding, *encoding.overflowing)
    return [[getattr(part, field) for field in FIELDS] for part in parts]


def of_call(call: Any) -> Any:
    """What a call returns; for an error its class and message, for a panic that it was one."""
    try:
        return call()
    except Exception as error:
        return {"error": f"{type(error).__module__}.{type(error).__name__}: {error}"}
    except BaseException as error:
        return {"panic": str(error)[:300]}


def _encode(tokenizer: Any, text: Any) -> list[Any]:
    encoding = tokenizer.encode(*text) if isinstance(text, tuple) else tokenizer.encode(text)
    plain = isinstance(text, str) and tokenizer.truncation is None and tokenizer.padding is None
    if plain and hasattr(tokenizer, "encode_list"):
        ids = of_call(lambda: tokenizer.encode_list(text))
        assert ids == encoding.ids, f"the two ways to ids differ: {ids}"
    return of_encoding(encoding)


def outcome(module: Any, content: bytes, texts: Sequence[Any]) -> Any:
    """Encodings of the texts (a tuple is a pair) and what their ids decode to, or an error or a panic.

    Unclear is what the reference finds if normalization leaves nothing of an added token (all that is between
    characters, or a panic), or makes the same of two (one or the other, by chance). Of tokens that share an id it
    names the one that it found, ferrolm the last. Its alignments are wrong after a normalizer of an empty text.
    """
    tokenizer = of_call(lambda: module.Tokenizer.from_buffer(content))
    if isinstance(tokenizer, dict):
        return tokenizer
    encodings = [of_call(lambda text=text: _encode(tokenizer, text)) for text in texts]
    ids = [encoding[0][0] for encoding in encodings if isinstance(encoding, list)]
    ids.append([*range(12), 4_000_000_000])
    decoded = [
        of_call(lambda row=row, skip=skip: tokenizer.decode(row, skip_special_tokens=skip))
        for row in ids
        for skip in (True, False)
    ]
    added = tokenizer.get_added_tokens_decoder()
    forms = [tokenizer.id_to_token(number) for number, token in added.items() if token.normalized]
    vocab = tokenizer.get_vocab()
    unclear = (
        any(empty in content for empty in EMPTY)
        or "" in forms
        or len(forms) > len(set(forms))
        or len(vocab) > len(set(vocab.values()))
    )
    answer = {"encodings": encodings, "decoded": decoded, "unclear": unclear}
    if module.__name__ == OURS:
        answer["saved"] = of_call(
            lambda: module.Tokenizer.from_str(tokenizer.to_str()).to_str() == tokenizer.to_str()
        )
    return answer


def _answer(connection: Any, library: str) -> None:
    if library != OURS:  # the reference tells of its panics on the standard error
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    module = importlib.import_module(library)
    while True:
        connection.send(outcome(module, *connection.recv()))


class Library:
    """A library in a process that is started anew after a crash or a hang."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: Any = None

    def start(self, content: bytes, texts: Sequence[Any]) -> None:
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_answer, args=(theirs, self._name), daemon=True)
            self._process.start()
            theirs.close()
        self._connection.send((content, texts))

    def finish(self) -> Any:
        """The outcome of what was started."""
        try:
            if self._connection.poll(SECONDS):
                return self._connection.recv()
            answer = {"crash": f"no answer in {SECONDS} s"}
        except (EOFError, ConnectionError):
            answer = {"crash": "the process died"}
        self.close()
        return answer

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None


def loads(answer: Any) -> bool:
    return "encodings" in answer


def defects(answer: Any) -> list[str]:
    """What ferrolm must never do: panic, crash, hang, or raise an error that is not of its own tree."""
    parts = [answer]
    if loads(answer):
        parts = [*answer["encodings"], *answer["decoded"], answer["saved"]]
    found = [str(part) for part in parts if isinstance(part, dict) and ({"panic", "crash"} & part.keys())]
    errors = [part["error"] for part in parts if isinstance(part, dict) and "error" in part]
    found += [error for error in errors if not error.startswith("ferrolm.errors.")]
    return found


def differences(ours: Any, theirs: Any) -> list[str]:
    """Where two libraries that both loaded a file disagree; that both fail, or that the other panics, is none."""
    found = []
    for kind in ("encodings", "decoded"):
        for index, (mine, other) in enumerate(zip(ours[kind], theirs[kind], strict=False)):
            failed = isinstance(mine, dict) and isinstance(other, dict)
            if mine != other and not failed and not (isinstance(other, dict) and "panic" in other):
                found.append(f"{kind}[{index}]: {mine} instead of {other}")
        if any(isinstance(one, dict) for one in (*ours[kind], *theirs[kind])):
            break  # what is decoded are other ids then
    return found
