"""``ferrolm evaluate``: the figures of a model on a task, with intervals, or of two models against each other."""

from __future__ import annotations

import argparse
import sys

__all__ = ["configure", "run"]

EXAMPLES = """
examples:
  ferrolm evaluate ferrolm-tiny perplexity stories.txt
  ferrolm evaluate runs/reviews/final text-classification test.tsv --report report.json
  ferrolm evaluate runs/tags/final tagging en_ewt-ud-test.conllu --baseline perceptron.tagger
  ferrolm evaluate runs/qa/final question-answering dev-v1.1.json --limit 500
  ferrolm evaluate runs/en-fr/final translation test.tsv --num-beams 4 --predictions written.jsonl

what DATA is, and what is measured:
  language-modeling    text, JSON lines or Parquet      bits per byte, perplexity per token and word
  text-classification  CSV, TSV, JSON lines, a folder   accuracy, macro F1, Matthews' correlation, calibration error
  token-classification CoNLL-U, CoNLL                   accuracy and macro F1, or F1 of entities
  question-answering   SQuAD's JSON                     F1 and exact match
  translation          TSV or JSON lines of pairs       BLEU, chrF, TER, with sacrebleu's signature
  summarization        TSV or JSON lines of pairs       ROUGE-1, -2, -L
  crows-pairs          the published CSV                how often the stereotype is likelier (masked or causal models)
  stereoset            the published JSON               ICAT, language modelling score, stereotype score
  winogender           all_sentences.tsv or its folder  he or she: shares, distance, correlation with occupations

[low, high] behind a figure is its 95 % interval: where it would lie, had other examples been drawn. With --baseline, the
examples of both models are paired: p is how probable so large a difference is between models that are alike.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("model", metavar="MODEL", help="a folder, a name, or the file of an n-gram model or a tagger")
    add(
        "task",
        metavar="TASK",
        help="perplexity, text-classification, tagging, question-answering, translation, ...",
    )
    add("data", metavar="DATA", help="labelled examples")
    add("--baseline", metavar="MODEL", help="another model, to compare with")
    add("--report", metavar="FILE", help="write the figures as JSON")
    add("--predictions", metavar="FILE", help="write what the model says of each example, as JSON lines")
    add("--limit", type=int, metavar="N", help="the first N examples alone")
    add("--text", default="text", metavar="COLUMN", help="of the texts, by name or number from 0 (text)")
    add("--text-pair", metavar="COLUMN", help="of the second texts, where a label is of two")
    add("--label", default="label", metavar="COLUMN", help="of the labels (label)")
    add(
        "--source",
        default="0",
        metavar="COLUMN",
        help="of what to translate or summarize (0; in JSON lines: source)",
    )
    add(
        "--target",
        default="1",
        metavar="COLUMN",
        help="of true translations or summaries (1; in JSON lines: target)",
    )
    add("--column", default="upos", choices=("upos", "xpos", "relations"), help="of CoNLL-U (upos)")
    add("--encoding", default="utf-8", help="of tables (utf-8)")
    add("--stride", type=int, metavar="TOKENS", help="between windows of a long text (half a context)")
    add("--num-beams", type=int, default=1, help="of translations and summaries (1: greedy)")
    add("--max-new-tokens", type=int, default=128, help="of each (128)")
    add("--batch-size", type=int, default=16, help="examples that the model sees at a time (16)")
    add("--device", help="cpu, cuda, cuda:1 (CUDA where there is one)")
    add("--dtype", help="of a language model's weights: float32, bfloat16, int8, int4")
    add("--resamples", type=int, default=1000, help="for the intervals; 0: none (1000)")
    add("--seed", type=int, default=0, help="of the resampling (0)")
    add("--no-progress", action="store_true", help="no bar, which only a terminal shows anyway")


def run(arguments: argparse.Namespace) -> int:
    """Print the table; returns the exit status."""
    from ferrolm.evaluation import evaluate
    from ferrolm.evaluation.tasks import Settings

    values = vars(arguments)
    settings = {name: values[name] for name in Settings.__dataclass_fields__ if name in values}
    settings["show_progress"] = False if arguments.no_progress else None
    report = evaluate(arguments.model, arguments.task, arguments.data, **settings)
    print(report.table())
    if arguments.predictions:
        report.save_predictions(arguments.predictions)
    found = report.to_dict()
    if arguments.baseline:
        baseline = evaluate(arguments.baseline, arguments.task, arguments.data, **settings)
        print(baseline.table())
        comparison = baseline.compare(report, seed=arguments.seed)
        print(f"mean score of examples, baseline -> model: {comparison}")
        found["baseline"] = baseline.to_dict()
        found["comparison"] = {**vars(comparison), "difference": comparison.difference}
    if arguments.report:
        _write(arguments.report, found)
    return 0


def _write(path: str, found: dict[str, object]) -> None:
    import json
    from pathlib import Path

    from ferrolm.data._atomic import replace_file

    with replace_file(Path(path)) as file:
        file.write(json.dumps(found, indent=2, ensure_ascii=False).encode() + b"\n")
    print(f"written: {path}", file=sys.stderr)
