"""Random checkpoints of small encoders with their tokenizers, in transformers' layout: the same folder for us and for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedTokenizerFast

from ferrolm.tokenizers.implementations import BertWordPieceTokenizer, ByteLevelBPETokenizer
from ferrolm.tokenizers.processors import RobertaProcessing

TEXTS = (
    "Angela Merkel met Emmanuel Macron in Berlin on Monday, and the two talked about Europe's economy.",
    "The unbelievable story of Wolfgang Amadeus Mozart began in Salzburg; it ended in Vienna.",
    "My name is Clara and I live in Berkeley, California. I work at this cool company called Hugging Face.",
    "Nobody expected the Spanish inquisition (least of all the Spanish), whose chief weapon is surprise!",
    "Microsoft bought GitHub for 7.5 billion dollars in 2018. Was it worth it?",
    "Zoë naïvely went to the café near Gare d'Austerlitz.",
)
LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC")
FAMILIES = ("Bert", "Roberta", "DistilBert")

_SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
_DISTILBERT = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48}


def checkpoint(folder: Path, family: str, head: str, *, positions: int = 64, **settings: Any) -> Any:
    """A model with random weights, large enough for its answers to differ, and its tokenizer; returns transformers' pair."""
    tokenizer = _tokenizer(folder, family, positions)
    shape = _DISTILBERT if family == "DistilBert" else _SHAPE
    more = {"pad_token_id": tokenizer.pad_token_id, "vocab_size": len(tokenizer)}
    more["max_position_embeddings"] = positions + (2 if family == "Roberta" else 0)
    if family == "Roberta":
        more["type_vocab_size"] = 1
    torch.manual_seed(5)
    config = getattr(transformers, f"{family}Config")(**shape, **more, initializer_range=0.3, **settings)
    model = getattr(transformers, family + head)(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return model, tokenizer


def labelled(names: tuple[str, ...] = LABELS) -> dict[str, Any]:
    """The settings of a head with these labels."""
    return {"id2label": dict(enumerate(names)), "label2id": {name: n for n, name in enumerate(names)}}


def _tokenizer(folder: Path, family: str, positions: int) -> PreTrainedTokenizerFast:
    folder.mkdir(parents=True, exist_ok=True)
    special: dict[str, Any]
    if family == "Roberta":
        special = {
            "cls_token": "<s>",
            "pad_token": "<pad>",
            "sep_token": "</s>",
            "unk_token": "<unk>",
            "mask_token": "<mask>",
        }
        made: Any = ByteLevelBPETokenizer(add_prefix_space=False, trim_offsets=True)
        made.train_from_iterator(
            TEXTS, vocab_size=380, special_tokens=list(special.values()), show_progress=False
        )
        sep, cls = (("</s>", made.token_to_id("</s>")), ("<s>", made.token_to_id("<s>")))
        made.post_processor = RobertaProcessing(sep, cls, trim_offsets=True, add_prefix_space=False)
    else:
        special = {
            "cls_token": "[CLS]",
            "pad_token": "[PAD]",
            "sep_token": "[SEP]",
            "unk_token": "[UNK]",
            "mask_token": "[MASK]",
        }
        made = BertWordPieceTokenizer(lowercase=family == "DistilBert")
        made.train_from_iterator(
            TEXTS[:-1], vocab_size=190, special_tokens=list(special.values()), show_progress=False
        )
        from ferrolm.tokenizers.processors import BertProcessing

        made.post_processor = BertProcessing(
            ("[SEP]", made.token_to_id("[SEP]")), ("[CLS]", made.token_to_id("[CLS]"))
        )
    made.save(str(folder / "tokenizer.json"))
    names = ["input_ids", "attention_mask"] + (["token_type_ids"] if family == "Bert" else [])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        model_max_length=positions,
        model_input_names=names,
        **special,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer
