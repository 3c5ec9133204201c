"""``ferrolm clean``: pages and texts to clean text, by steps; what was removed is reported on standard error."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.text.pipeline import Pipeline, Report

__all__ = ["configure", "run"]

_DESCRIPTION = """\
Make clean text of pages and texts.

With one page or text and no steps, the article of the page (or the text) is normalized:

  ferrolm clean page.html article.txt
  curl -s https://example.org | ferrolm clean - > article.txt

With --steps or --preset, files and folders of any size go through a pipeline into one file:

  ferrolm clean crawl.warc.gz clean.jsonl.zst --preset web --steps language:en --report report.json
  ferrolm clean pages/ corpus.txt --steps html,normalize,dedup:near,sentences,lowercase,words

A step is NAME, NAME:VALUE or NAME:KEY=VALUE,KEY=VALUE; lists are joined by + (language:en+fr). --list-steps explains all.
"""
_EPILOG = """\
IN is HTML (.html), text (.txt), JSON lines (.jsonl, the text under --field), Parquet (the column --field) or a web archive
(.warc, .wet), all but Parquet also with .gz, .bz2, .xz or .zst; folders are searched for these endings. OUT is .jsonl, .parquet, or
else text with an empty line between documents; .gz and .zst compress.

An interrupted run, even a killed one, leaves .OUT.partial beside OUT; the same command goes on from there, and OUT will be the same
bytes as without the interruption, for any number of workers. docs/cleaning.md is the guide.
"""
# Options of a text without steps -> the step that does the same in a pipeline.
_AS_STEPS = {
    "--all": "html:mode=all",
    "--encoding": "decode:encoding=...",
    "--form": "normalize:form=...",
    "--fix-mojibake": "mojibake",
    "--mask": "mask:url+email",
}


class _ListSteps(argparse.Action):
    """Print what the steps are, and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from ferrolm.text.pipeline import PRESETS, available_steps

        for name, what in available_steps().items():
            print(textwrap.fill(f"{name:<15} {what}", 100, subsequent_indent=" " * 16))
        print()
        for name, steps in PRESETS.items():
            print(f"--preset {name:<6} {','.join(steps)}")
        parser.exit()


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.usage = "ferrolm clean [options] IN... [OUT]"
    add = parser.add_argument
    add(
        "paths",
        metavar="IN... OUT",
        nargs="+",
        help="what to read; the last of several is written; - is standard input, output",
    )
    _pipeline_options(parser)
    _input_options(parser)
    _simple_options(parser)
    add("--quiet", action="store_true", help="no report on standard error")


def _pipeline_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("pipeline").add_argument
    add(
        "--steps",
        action="append",
        default=[],
        metavar="STEPS",
        help="steps, joined by commas; may be repeated",
    )
    add(
        "--preset",
        choices=("web", "books", "plain"),
        help="steps that belong together; --steps come after them",
    )
    add("--list-steps", action=_ListSteps, nargs=0, help="explain all steps and presets, and end")
    add(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes (1); what is written does not depend on it",
    )
    add(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from an interrupted run (the default)",
    )
    add("--dry-run", action="store_true", help="write nothing, only report")
    add("--report", type=Path, metavar="FILE", help="write the report as JSON")
    add(
        "--examples",
        type=int,
        default=0,
        metavar="N",
        help="show so many documents of each reason in the report (0)",
    )
    add("--no-progress", action="store_true", help="no bar, which only a terminal shows anyway")


def _input_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("input and output").add_argument
    add(
        "--format",
        choices=("auto", "html", "text", "jsonl", "parquet", "warc"),
        default="auto",
        help="what IN is; auto looks at its name, and at the beginning of texts",
    )
    add(
        "--output-format",
        choices=("auto", "jsonl", "parquet", "text"),
        default="auto",
        help="what OUT is; auto looks at its name",
    )
    add("--field", default="text", help="of the text in JSON lines and Parquet (text)")
    add(
        "--documents",
        choices=("file", "line", "paragraph"),
        default="file",
        help="what is a document of a text file (file)",
    )
    add(
        "--tolerate",
        choices=("none", "records", "files"),
        help="pass over records that cannot be read (the default, but for a single page or text), nothing, or also the rest of "
        "damaged files",
    )


def _simple_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("without --steps and --preset").add_argument
    add("--all", action="store_true", help="keep all text of a page, not its article alone")
    add("--encoding", help="of IN; by default found by byte order mark, content and declaration")
    add("--form", choices=("NFC", "NFD", "NFKC", "NFKD"), help="Unicode normalization form (NFC)")
    add("--fix-mojibake", action="store_true", help="repair text that was decoded in the wrong encoding")
    add("--mask", action="append", choices=("url", "email", "number"), default=[], help="may be repeated")


def run(arguments: argparse.Namespace) -> int:
    """Clean; returns the exit status."""
    inputs, output = arguments.paths[:-1] or arguments.paths, arguments.paths[-1]
    if len(arguments.paths) == 1:
        output = "-"
    _check_output(arguments, output)
    pipeline = _pipeline(arguments)
    simple = _is_simple(arguments, inputs)
    report = pipeline.run(
        inputs,
        None if arguments.dry_run else output,
        workers=arguments.workers,
        resume=arguments.resume,
        progress=False if arguments.no_progress or arguments.quiet else None,
        examples=arguments.examples,
        field=arguments.field,
        input_format=arguments.format,
        output_format=arguments.output_format,
        documents=arguments.documents,
        tolerate=arguments.tolerate or ("none" if simple else "records"),
    )
    if arguments.report is not None:
        report.save(arguments.report)
    if not arguments.quiet:
        print(_stages(report) if simple else report.table(), file=sys.stderr)
    return 0


def _is_simple(arguments: argparse.Namespace, inputs: list[str]) -> bool:
    """One page or text, and no steps: if it cannot be read, that is an error."""
    from ferrolm.data.document_inputs import format_of

    if arguments.steps or arguments.preset or len(inputs) > 1 or Path(inputs[0]).is_dir():
        return False
    kind = format_of(Path(inputs[0])) if arguments.format == "auto" else arguments.format
    return kind in (None, "html", "text") and arguments.documents == "file"


def _check_output(arguments: argparse.Namespace, output: str) -> None:
    """A page that is there already is an input: a pattern of the shell without an output behind it."""
    from ferrolm.data.document_inputs import format_of

    path = Path(output)
    if len(arguments.paths) > 1 and path.exists() and format_of(path) in ("html", "warc"):
        raise InvalidArgumentError(
            f"{output}, the last of the files, would be written, but is a {format_of(path)} file; name the output last"
        )


def _pipeline(arguments: argparse.Namespace) -> Pipeline:
    from ferrolm.text.pipeline import Pipeline
    from ferrolm.text.pipeline.presets import preset_steps

    if arguments.steps or arguments.preset:
        given = ("all", "encoding", "form", "fix_mojibake", "mask")
        for option in (f"--{name.replace('_', '-')}" for name in given if getattr(arguments, name)):
            raise InvalidArgumentError(
                f"{option} is for texts without steps; say --steps {_AS_STEPS[option]}"
            )
        return Pipeline([*(preset_steps(arguments.preset) if arguments.preset else ()), *arguments.steps])
    steps = ["decode" if arguments.encoding is None else f"decode:encoding={arguments.encoding}"]
    if arguments.format != "text":
        steps.append("html:mode=all" if arguments.all else "html")
    steps += ["mojibake"] * arguments.fix_mojibake + [f"normalize:form={arguments.form or 'NFC'}"]
    if arguments.mask:
        steps.append(f"mask:kinds={'+'.join(arguments.mask)}")
    return Pipeline(steps)


def _stages(report: Report) -> str:
    """What is left of one text after each part."""
    first = report.steps[0].characters_out
    pages = [step.characters_out for step in report.steps if step.name.startswith("html") and step.changed]
    stages = [("read", first), *(("after markup and boilerplate", size) for size in pages)]
    stages.append(("after normalization", report.written_characters))
    return "\n".join(f"{name:<29}{size:>12,} characters {size / (first or 1):>6.1%}" for name, size in stages)
