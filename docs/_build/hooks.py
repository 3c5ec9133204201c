"""What mkdocs does besides: the reference of the command line, links that leave the guide, and a look for what is missing."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import re
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

COMMANDS = "<!-- ferrolm --help -->"
DESCRIBED = re.compile(
    r"^::: (\w+\.\S+)$", re.MULTILINE
)  # of a room: what `ferrolm` itself has, rooms describe
ANCHOR = re.compile(r'<h\d id="([^"]+)" class="doc doc-heading"')
OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+((?:examples|python|rust|tests|benches)/[^)\s]*|[A-Z]+\.md)\)")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **kwargs: Any) -> str:
    """Fill in the help of all commands; point links to the source at the repository."""
    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, command_reference())
    return OUTSIDE.sub(lambda link: repository_link(*link.groups(), config.repo_url), markdown)


def repository_link(text: str, path: str, repository: str | None) -> str:
    """A link into the repository; where the site has none, the path is as good as a link."""
    if repository:
        return f"[{text}]({repository.rstrip('/')}/blob/main/{path})"
    return text if path in text else f"{text} (`{path}`)"


def command_reference() -> str:
    """A section for each command, with what ``--help`` prints."""
    os.environ["COLUMNS"] = "100"
    os.environ["NO_COLOR"] = "1"
    from ferrolm.cli.main import COMMANDS as commands
    from ferrolm.cli.main import build_parser

    sections = [section("ferrolm", build_parser(None).format_help())]
    for name in commands:
        choices = next(action.choices for action in build_parser(name)._actions if action.dest == "command")
        sections.append(section(f"ferrolm {name}", *helps(choices[name])))
    return "\n".join(sections)


def helps(parser: argparse.ArgumentParser) -> list[str]:
    """The help of a command, then that of each command below it."""
    texts = [parser.format_help()]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            texts += [text for below in action.choices.values() for text in helps(below)]
    return texts


def section(name: str, *texts: str) -> str:
    """A heading and blocks of plain text."""
    blocks = "\n".join(f"```text\n{text.rstrip()}\n```\n" for text in texts)
    return f"## {name}\n\n{blocks}"


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> None:
    """Every public name of the modules that a page describes has its place on it, or the build fails."""
    described = DESCRIBED.findall(page.markdown or "") if page.file.src_uri.startswith("reference/") else []
    shown = set(ANCHOR.findall(output))
    ends = {identifier.rpartition(".")[2] for identifier in shown}
    for module in described:
        if not (names := public_names(module)):
            continue
        if missing := sorted(names - ends):
            raise PluginError(f"{page.file.src_uri} does not describe {', '.join(missing)} of {module}")


def public_names(module: str) -> set[str]:
    """Classes and functions in `__all__` that have a docstring; without second names, and none for what is no module."""
    try:
        found = importlib.import_module(module)
    except ImportError:
        return set()
    values = {name: getattr(found, name) for name in getattr(found, "__all__", ())}
    return {
        name
        for name, value in values.items()
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__doc__ and value.__name__ == name
    }
