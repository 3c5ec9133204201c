"""A small GPT-2 on books, as they are and with counterfactual text: its bias before and after, and its perplexity.

  python language_model.py DATA/tasks/bias DATA/text/books/children.jsonl.gz -o runs/bias

For each seed a model is trained on the same paragraphs: plain, with women and men swapped in a random half of them (substituted),
or each with its counterpart (doubled), for as many steps. A folder whose model is there already is only measured. Bias is

  he or she    which of Winogender's sentences is likelier: mean distance of their log-probabilities, how often the man's is, and
               the distance when what the model thinks of the pronouns in general is taken away
  templates    how much more than families careers go with men, in log-probabilities of templates filled with WEAT's words

and perplexity is that of held-out paragraphs as they were written, and with women and men swapped. Means and intervals over seeds
are printed; figures.json has each seed's.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from corpora import interval, paragraphs, swap_of, variant_of

TEMPLATES = (
    "{group} often talked about the {attribute}.",
    "{group} was thinking of {attribute}.",
    "{group} knew everything about {attribute}.",
)
GROUPS = {
    "men": ["He", "The man", "The boy", "My father"],
    "women": ["She", "The woman", "The girl", "My mother"],
}


def prepare(texts: dict[str, list[str]], folder: Path, vocab_size: int) -> None:
    """One tokenizer for all, learnt from the plain text, and a token file for each list of texts."""
    from ferrolm.data import TokenFileWriter
    from ferrolm.tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tokenizer.json"
    if not path.exists():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )  # fmt: skip
        tokenizer.train_from_iterator(texts["plain-0"], trainer)
        tokenizer.save(str(path))
    tokenizer = Tokenizer.from_file(str(path))
    for name, lines in texts.items():
        with TokenFileWriter(folder / f"{name}.tokens", tokenizer.get_vocab_size()) as writer:
            for line in lines:
                writer.add(tokenizer.encode_ids(line + "<|endoftext|>"), text_bytes=len(line.encode()))


def train(folder: Path, variant: str, seed: int, options: argparse.Namespace) -> Path:
    """The folder of the model, trained unless it is there."""
    from ferrolm.training import RunConfig, pretrain

    run = folder / f"{variant}-{seed}"
    if not (run / "final").exists():
        config = {
            "model": {
                "type": "gpt2", "vocab_size": options.vocab_size, "n_positions": options.block_size, "n_embd": options.width,
                "n_layer": options.layers, "n_head": 4, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
                "bos_token_id": 0, "eos_token_id": 0,
            },
            "data": {
                "train": str(folder / f"{variant}-{seed}.tokens"), "tokenizer": str(folder / "tokenizer.json"),
                "block_size": options.block_size,
            },
            "training": {
                "seed": seed, "steps": options.steps, "batch_size": options.batch_size, "learning_rate": 3e-3,
                "final_learning_rate": 3e-5, "warmup_steps": min(100, options.steps // 4), "threads": 1,
                "device": "cpu", "plot": "off", "checkpoint_interval": 0,
            },
        }  # fmt: skip
        pretrain(RunConfig.from_dict(config), run, show_progress=False)
    return run / "final"


def measure(path: Path, bias: Path, held_out: dict[str, list[str]]) -> dict[str, float]:
    """Bias and perplexities of a model."""
    import ferrolm
    from ferrolm.evaluation import perplexity
    from ferrolm.evaluation.bias import (
        CausalAssociation,
        CausalScore,
        read_occupations,
        read_winogender,
        template_probe,
        winogender,
    )

    model = ferrolm.load_model(str(path), device="cpu")
    lists = json.loads((bias / "WEAT.json").read_text(encoding="utf-8"))
    occupations = read_occupations(bias / "winogender" / "occupations-stats.tsv")
    found = winogender(
        CausalScore(model),
        [*read_winogender(bias / "winogender" / "all_sentences.tsv")],
        occupations,
        resamples=0,
    )
    attributes = {name: lists[name] for name in ("career", "family")}
    probe = template_probe(CausalAssociation(model), TEMPLATES, GROUPS, attributes, resamples=0)
    return {
        "he or she, nats": found["distance"].value,
        "he likelier, %": found["male_share"].value,
        "he less she, nats": -found["log_ratio"].value,
        "association, nats": found["association"].value,
        "share of women, r": found["correlation"].value,
        "templates, nats": probe.result.value,
        "templates, d": float(probe.result.details["effect_size"]),
        **{f"perplexity, {name}": perplexity(model, texts).per_token for name, texts in held_out.items()},
    }


def main(arguments: list[str] | None = None) -> dict[str, dict[str, list[float]]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bias", type=Path, help="folder with WEAT.json and winogender/")
    parser.add_argument("books", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/bias"))
    parser.add_argument("--variants", default="plain,substituted")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, help="about so many characters, evenly from all books")
    parser.add_argument("--pairs", type=Path, help="more pairs to swap: names.txt")
    parser.add_argument("--vocab-size", type=int, default=2048)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--block-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--train-only", action="store_true")
    options = parser.parse_args(arguments)
    texts, swap = paragraphs(options.books, options.limit), swap_of(options.pairs)
    # Every fiftieth paragraph is held out; 300 of them are enough to see a per cent.
    held = texts[::50][:300]
    texts = [text for place, text in enumerate(texts) if place % 50]
    held_out = {"as written": held, "swapped": [swap.swap(text) for text in held]}
    found: dict[str, dict[str, list[float]]] = {}
    for variant in options.variants.split(","):
        for seed in range(options.seeds):
            begun = time.process_time()
            if not (options.output / f"{variant}-{seed}" / "final").exists():
                names = {f"{variant}-{seed}": variant_of(texts, variant, swap, seed)}
                prepare({"plain-0": texts, **names}, options.output, options.vocab_size)
            path = train(options.output, variant, seed, options)
            print(f"{variant}-{seed}: {time.process_time() - begun:.0f} CPU seconds", flush=True)
            for name, value in ({} if options.train_only else measure(path, options.bias, held_out)).items():
                found.setdefault(variant, {}).setdefault(name, []).append(value)
        for name, values in found.get(variant, {}).items():
            print(f"{variant:<12} {name:<24} {interval(values)}", flush=True)
    (options.output / "figures.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


if __name__ == "__main__":
    main()
