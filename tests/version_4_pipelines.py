"""What transformers 4 answers to questions, translations and summaries, which its version 5 has no pipelines for.

Writes tests/conformance/version_4_pipelines.json. It ran with transformers 4.49, in an environment of its own:

    PYTHONPATH=python python tests/version_4_pipelines.py

The checkpoints are made of numbers from a seed, by the functions below, which the test calls too.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ferrolm.models import BertConfig, BertForQuestionAnswering, T5Config, T5ForConditionalGeneration
from ferrolm.tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

RESULTS = Path(__file__).parent / "conformance" / "version_4_pipelines.json"
CONTEXT = (
    "My name is Clara Schumann-Wieck and I live in Leipzig. Robert, a composer, wrote songs in 1840; nobody "
    "expected so many. We gave concerts (mostly mine) in Vienna, Berlin and St. Petersburg, where it was cold."
)
QUESTIONS = ("Where do I live?", "Who wrote songs?", "What was it like in St. Petersburg?")
# Arguments of a call beside question and context.
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "top_k": {"top_k": 4},
    "not_aligned": {"align_to_words": False, "top_k": 3},
    "short": {"max_answer_len": 2, "top_k": 3},
    "windows": {"max_seq_len": 80, "doc_stride": 20, "top_k": 5},
    "impossible": {
        "handle_impossible_answer": True,
        "top_k": 12,
        "max_seq_len": 90,
        "doc_stride": 16,
        "max_answer_len": 1,
    },
}
SOURCES = ("the cold sea", "many songs in the city", "a composer wrote")
# Names of results -> task, arguments of the call, and whether there are several sources.
WRITTEN: dict[str, tuple[str, dict[str, Any], bool]] = {
    "one": ("text2text-generation", {"max_new_tokens": 6, "num_beams": 1}, False),
    "several": ("text2text-generation", {"max_new_tokens": 6, "num_beams": 1}, True),
    "beams": ("text2text-generation", {"max_new_tokens": 6, "num_beams": 3}, True),
    "two_each": (
        "text2text-generation",
        {"max_new_tokens": 5, "num_beams": 2, "num_return_sequences": 2},
        True,
    ),
    "ids": ("text2text-generation", {"max_new_tokens": 4, "num_beams": 1, "return_tensors": True}, False),
    "summary": ("summarization", {}, True),
    "translation": ("translation_en_to_fr", {"num_beams": 1}, True),
    "translation_changed": ("translation_en_to_fr", {"max_length": 5}, False),
}


def question_answering_checkpoint(folder: Path, model_type: str) -> None:
    """A BERT over words and letters, or a RoBERTa over bytes, that answers at random."""
    tokenizer = _letters() if model_type == "bert" else _bytes()
    _save_tokenizer(tokenizer, folder)
    model = BertForQuestionAnswering(
        BertConfig(
            model_type=model_type, vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2,
            num_attention_heads=4, intermediate_size=48, max_position_embeddings=320, pad_token_id=1, type_vocab_size=2 if model_type == "bert" else 1,
        )
    )  # fmt: skip
    _fill(model, 11)
    model.save_pretrained(folder)


def t5_checkpoint(folder: Path) -> None:
    """A T5 over words, with settings for two tasks."""
    words = [
        "<pad>",
        "</s>",
        "<unk>",
        ":",
        *dict.fromkeys(" ".join(SOURCES).split()),
        "translate",
        "summarize",
        "French",
        "la",
        "mer",
    ]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.add_special_tokens(words[:3])
    _save_tokenizer(tokenizer, folder)
    tasks = {
        "summarization": {
            "prefix": "summarize: ",
            "max_length": 8,
            "min_length": 4,
            "num_beams": 2,
            "length_penalty": 2.0,
        },
        "translation_en_to_fr": {
            "prefix": "translate French: ",
            "max_length": 7,
            "num_beams": 2,
            "early_stopping": True,
        },
    }
    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(words), d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4,
            extra={"task_specific_params": tasks},
        )
    )  # fmt: skip
    _fill(model, 13)
    model.save_pretrained(folder)


def _letters() -> Tokenizer:
    """WordPiece of short words and of letters, in lower case."""
    letters = sorted({letter for letter in (CONTEXT + "".join(QUESTIONS)).lower() if letter != " "})
    short = sorted(
        {word for word in CONTEXT.lower().replace(".", " ").split() if len(word) < 5 and word.isalpha()}
    )
    special = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]
    names = dict.fromkeys(
        [*special, *letters, *(f"##{letter}" for letter in letters), *short, "live", "song", "##s"]
    )
    tokenizer = Tokenizer(
        models.WordPiece({name: number for number, name in enumerate(names)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 0))
    tokenizer.add_special_tokens(special)
    return tokenizer


def _bytes() -> Tokenizer:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({name: number for number, name in enumerate([*special, *alphabet])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.add_special_tokens(special)
    return tokenizer


def _save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def _fill(model: torch.nn.Module, seed: int) -> None:
    """Weights that do not depend on how a library starts them."""
    random = np.random.default_rng(seed)
    for name, parameter in sorted(model.named_parameters()):
        drawn = random.normal(0, 0.4, tuple(parameter.shape)).astype(np.float32)
        # Norms stay near 1, and answers are to be far apart.
        drawn = (
            1 + drawn
            if name.lower().endswith("norm.weight")
            else 3 * drawn
            if "qa_outputs" in name
            else drawn
        )
        parameter.data.copy_(torch.from_numpy(drawn))


def _tokenizer_of(folder: Path, model_type: str) -> Any:
    from transformers import PreTrainedTokenizerFast

    special = {
        "bert": {"cls_token": "[CLS]", "pad_token": "[PAD]", "sep_token": "[SEP]", "unk_token": "[UNK]"},
        "roberta": {"cls_token": "<s>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>"},
        "t5": {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"},
    }
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if model_type == "bert" else [])]
    return PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        model_input_names=names,
        model_max_length=300,
        **special[model_type],
    )


def _answers(folder: Path, model_type: str) -> dict[str, Any]:
    import transformers

    question_answering_checkpoint(folder, model_type)
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder)
    pipe = transformers.pipeline(
        "question-answering", model=model, tokenizer=_tokenizer_of(folder, model_type), device="cpu"
    )
    return {
        name: [pipe(question=question, context=CONTEXT, **settings) for question in QUESTIONS]
        for name, settings in SETTINGS.items()
    }


def _written(folder: Path) -> dict[str, Any]:
    import transformers

    t5_checkpoint(folder)
    tokenizer = _tokenizer_of(folder, "t5")
    found = {}
    for name, (task, settings, several) in WRITTEN.items():
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)
        pipe = transformers.pipeline(task, model=model, tokenizer=tokenizer, device="cpu")
        result = pipe(list(SOURCES) if several else SOURCES[0], **settings)
        if name == "ids":
            result = [{key: ids.tolist() for key, ids in each.items()} for each in result]
        found[name] = result
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = {kind: _answers(Path(folder) / kind, kind) for kind in ("bert", "roberta")}
        results["t5"] = _written(Path(folder) / "t5")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
