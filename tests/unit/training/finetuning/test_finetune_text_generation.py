"""Completions and dialogues, from files to a language model, and their collator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from finetuning_runs import figures_of, settings, tune, write_json_lines

from ferrolm.data import CompletionCollator
from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.models import GPT2Config, GPT2LMHeadModel, bundled, load_causal_lm
from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers

WORDS = [f"w{number}" for number in range(6)]
GPT2: dict[str, Any] = {
    "type": "gpt2", "n_positions": 32, "n_embd": 32, "n_layer": 2, "n_head": 2, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
    "attn_pdrop": 0.0,
}  # fmt: skip


def end_tokenizer() -> Tokenizer:
    """Words and line feeds; nothing pads."""
    vocabulary = ["<|endoftext|>", "<unk>", "user:", "assistant:", "\n", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(vocabulary)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split("\n", "isolated")]
    )
    return tokenizer


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    path = tmp_path / "tokenizer.json"
    end_tokenizer().save(str(path))
    return str(path)


def follower(word: str) -> str:
    return WORDS[(WORDS.index(word) + 1) % len(WORDS)]


def next_word(folder: Path, text: str) -> str:
    """With what `finetune` leaves and nothing else."""
    model = load_causal_lm(folder)
    tokens = Tokenizer.from_pretrained(str(folder))
    logits = model(torch.tensor([tokens.encode(text).ids])).logits
    return str(tokens.id_to_token(int(logits[0, -1].argmax())))


def test_completions_are_learnt_from_nothing(tmp_path: Path, tokenizer: str) -> None:
    random = np.random.default_rng(0)
    prompts = [" ".join(random.choice(WORDS, 3)) for _ in range(240)]
    records = [{"prompt": prompt, "answer": f" {follower(prompt.split()[-1])}"} for prompt in prompts]
    path = write_json_lines(tmp_path / "train.jsonl", records)
    data = {"train": path, "test": path, "source": "prompt", "target": "answer", "tokenizer": tokenizer}
    result = tune(
        settings({"type": "text-generation"}, GPT2, data, learning_rate=0.003, epochs=8), tmp_path / "run"
    )
    assert result.metrics["validation_loss"] < 0.1
    figures = figures_of(tmp_path / "run")
    assert figures["perplexity"] == pytest.approx(np.exp(figures["validation_loss"]))
    assert next_word(tmp_path / "run/final", "w1 w2 w4") == "w5"
    assert next_word(tmp_path / "run/final", "w1 w2 w4 w5") == "<|endoftext|>"


def test_a_checkpoint_learns_what_the_assistant_says(tmp_path: Path, tokenizer: str) -> None:
    folder = tmp_path / "gpt2"
    shape = {name: value for name, value in GPT2.items() if name != "type"}
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(vocab_size=11, bos_token_id=0, eos_token_id=0, **shape)).save_pretrained(
        folder
    )
    end_tokenizer().save(str(folder / "tokenizer.json"))
    random = np.random.default_rng(0)
    records = []
    for _ in range(240):
        words = [str(word) for word in random.choice(WORDS, 2)]
        turns = [[("user", word), ("assistant", follower(word))] for word in words]
        records.append({"turns": [{"role": role, "content": text} for pair in turns for role, text in pair]})
    data = {"train": write_json_lines(tmp_path / "train.jsonl", records), "messages": "turns"}
    config = settings({"type": "dialogue"}, {"checkpoint": str(folder)}, data, learning_rate=0.003, epochs=8)
    assert tune(config, tmp_path / "run").metrics["validation_loss"] < 0.1
    assert next_word(tmp_path / "run/final", "user: w3 <|endoftext|> \n assistant:") == "w4"
    template = (tmp_path / "run/final/chat_template.jinja").read_text()
    assert "message['role'] + ': ' + message['content'] | trim + '<|endoftext|>'" in template


def test_a_checkpoint_in_16_bits_learns_in_32(tmp_path: Path, tokenizer: str) -> None:
    """Steps of this size are below the spacing of float16 at 1."""
    folder = tmp_path / "half"
    shape = {name: value for name, value in GPT2.items() if name != "type"}
    begun = GPT2LMHeadModel(GPT2Config(vocab_size=11, bos_token_id=0, eos_token_id=0, **shape)).half()
    begun.save_pretrained(folder)
    data = {"train": write_json_lines(tmp_path / "train.jsonl", [{"source": "w1", "target": " w2"}] * 8)}
    config = settings(
        {"type": "text-generation"},
        {"checkpoint": str(folder)},
        {**data, "tokenizer": tokenizer},
        learning_rate=1e-5,
        epochs=1,
        warmup_fraction=0.0,
    )
    tune(config, tmp_path / "run")
    before, after = begun.float().state_dict(), load_causal_lm(tmp_path / "run/final").state_dict()
    assert all(tensor.dtype == torch.float32 for tensor in after.values())
    norm = "transformer.h.0.ln_1.weight"
    assert 0 < (after[norm] - before[norm]).abs().max() < 1e-4


def test_the_chat_template_writes_messages_as_training_reads_them(tmp_path: Path) -> None:
    environment = pytest.importorskip("jinja2").Environment()
    messages = [
        {"role": "user", "content": "Who's there?"},
        {"role": "assistant", "content": "A rabbit, with a \\ watch."},
        {"role": "user", "content": "Good."},
    ]
    tokenizer = Tokenizer.from_file(str(bundled("ferrolm-tiny") / "tokenizer.json"))
    for end in ("<|endoftext|>", None):
        collate = CompletionCollator(tokenizer, end_token=end)
        template = environment.from_string(collate.chat_template)
        (example,) = collate.encode_dialogues([messages])
        text = template.render(messages=messages)
        assert tokenizer.encode_ids(text).tolist() == example["input_ids"].tolist()
        prompt = template.render(messages=messages, add_generation_prompt=True)
        (longer,) = collate.encode_dialogues([[*messages, {"role": "assistant", "content": "Yes"}]])
        begin = tokenizer.encode_ids(prompt).tolist()
        assert longer["input_ids"].tolist()[: len(begin)] == begin


def test_adapters_of_a_language_model_are_merged(tmp_path: Path, tokenizer: str) -> None:
    records = [{"source": word, "target": f" {follower(word)}"} for word in WORDS * 10]
    data = {"train": write_json_lines(tmp_path / "train.jsonl", records), "tokenizer": tokenizer}
    config = settings({"type": "text-generation"}, GPT2, data, {"r": 4}, epochs=1)
    tune(config, tmp_path / "run")
    assert not [name for name in load_causal_lm(tmp_path / "run/final").state_dict() if "lora" in name]
    assert (tmp_path / "run/adapter/adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "line 2: not JSON"),
        ('{"message": []}', "line 2: no field 'messages', found 'message'.*did you mean 'message'"),
        (
            '{"messages": [{"role": "user"}]}',
            "line 2: 'messages' is .*, expected a list of objects with role and content",
        ),
    ],
)
def test_dialogues_that_are_none(tmp_path: Path, tokenizer: str, line: str, problem: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "w1"}]}\n' + line + "\n")
    with pytest.raises(InvalidFileError, match=problem):
        tune(
            settings({"type": "dialogue"}, GPT2, {"train": str(path), "tokenizer": tokenizer}),
            tmp_path / "run",
        )


def collator(**options: Any) -> CompletionCollator:
    tokenizer = end_tokenizer()
    tokenizer.pad_token = "<|endoftext|>"
    return CompletionCollator(tokenizer, **options)


def test_only_completions_are_scored() -> None:
    collate = collator(end_token="<|endoftext|>")
    batch = collate(collate.encode(["w0 w1", "w2"], [" w3", " w4 w5"]))
    assert batch["input_ids"].tolist() == [[5, 6, 8, 0], [7, 9, 10, 0]]
    assert batch["labels"].tolist() == [[-100, -100, 8, 0], [-100, 9, 10, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 1]]


def test_the_padding_is_not_scored_though_it_is_the_end_token() -> None:
    collate = collator(end_token="<|endoftext|>")
    batch = collate(collate.encode(["w0", "w2"], [" w3", " w4 w5"]))
    assert batch["labels"].tolist() == [[-100, 8, 0, -100], [-100, 9, 10, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_the_beginning_of_a_long_prompt_is_cut() -> None:
    collate = collator(end_token="<|endoftext|>", max_length=4)
    batch = collate(collate.encode(["w0 w1 w2 w3"], [" w4"]))
    assert batch["input_ids"].tolist() == [[7, 8, 9, 0]]
    assert batch["labels"].tolist() == [[-100, -100, 9, 0]]


def test_what_the_assistant_says_is_scored_with_its_end() -> None:
    collate = collator(end_token="<|endoftext|>")
    dialogue = [
        {"role": "user", "content": "w0"}, {"role": "assistant", "content": "w1 w2"}, {"role": "user", "content": "w3"},
    ]  # fmt: skip
    (example,) = collate.encode_dialogues([dialogue])
    assert example["input_ids"].tolist() == [2, 5, 0, 4, 3, 6, 7, 0, 4, 2, 8, 0]
    scored = [-100] * 5 + [6, 7, 0] + [-100] * 4
    assert example["labels"].tolist() == scored


def test_what_a_completion_collator_refuses() -> None:
    with pytest.raises(InvalidArgumentError, match="end_token '</s>' is not in the tokenizer's vocabulary"):
        collator(end_token="</s>")
    with pytest.raises(InvalidArgumentError, match="completions: found 1 texts for 2 prompts"):
        collator().encode(["w0", "w1"], ["w2"])
    with pytest.raises(
        InvalidArgumentError, match=r"a message is .*expected an object with role and content"
    ):
        collator().encode_dialogues([[{"role": "user"}]])
