"""Small encoders over words, with random weights, for tests of what is built on an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ferrolm.models import BertConfig
from ferrolm.models.auto import ENCODER_TASKS
from ferrolm.tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("one", "two", "three", "four", "five", ".", ",", "?", "what", "is", "after", "##s", "##teen", "six")
LABELS = ("O", "B-X", "I-X")

torch.set_num_threads(1)  # at this size threads cost more than they bring


def word_tokenizer() -> Tokenizer:
    """WordPiece, in lower case, with [CLS] and [SEP]."""
    names = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(models.WordPiece(names, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def small_encoder(task: str, made: Any = None, **settings: Any) -> Any:
    """A BERT for a task of `ENCODER_TASKS`, or of a class, whose answers differ clearly."""
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    labels = {"id2label": dict(enumerate(LABELS))}
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        max_position_embeddings=24,
        initializer_range=0.5,
        **{**shape, **labels, **settings},
    )
    return (made or ENCODER_TASKS[task])(config).eval()


def encoder_folder(folder: Path, task: str, made: Any = None, **settings: Any) -> Path:
    """The folder of such a model with its tokenizer."""
    small_encoder(task, made, **settings).save_pretrained(folder)
    word_tokenizer().save(str(folder / "tokenizer.json"))
    return folder
