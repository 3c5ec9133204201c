"""The tokenizer that a command is told to use."""

from __future__ import annotations

from pathlib import Path

from ferrolm.tokenizers import Tokenizer

__all__ = ["NAME_HELP", "load_tokenizer"]

NAME_HELP = (
    "tokenizer.json, .tiktoken, tekken.json, .model or .gguf; a folder, or a name of the hub or bundled here"
)


def load_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a file of any known format, of a folder, or of a name."""
    from ferrolm.models.catalog import bundled, bundled_names

    path = Path(name)
    if path.is_file():
        match path.suffix:
            case ".tiktoken":
                return Tokenizer.from_tiktoken(path)
            case ".model":
                return Tokenizer.from_sentencepiece(path)
            case ".gguf":
                return Tokenizer.from_gguf(path)
        return Tokenizer.from_tekken(path) if path.name == "tekken.json" else Tokenizer.from_file(path)
    if not path.is_dir() and name in bundled_names():
        return Tokenizer.from_pretrained(bundled(name))
    return Tokenizer.from_pretrained(name)
