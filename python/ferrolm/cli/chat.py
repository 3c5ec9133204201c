"""``ferrolm chat``: talk to a language model in the terminal."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ferrolm._extras import require
from ferrolm.cli._dialogue import Dialogue
from ferrolm.cli._generation import SETTINGS, Timing, add_settings, dim, draft_of, harmless, settings_of
from ferrolm.cli.terminal import Terminal, has_colour
from ferrolm.errors import FerrolmError, InvalidArgumentError, nearest

__all__ = ["configure", "run"]

EXAMPLES = """
examples:
  ferrolm chat --model ./my-model
  ferrolm chat --model ./my-model --system "You are a pirate." --temperature 0.6 --seed 7
  ferrolm chat --load talk.json
  printf 'Hello!\\nWho are you?\\n' | ferrolm chat --quiet > answers.txt

In the dialogue: /help lists the commands, Ctrl-C stops an answer, Ctrl-D ends.

A model that has a chat template (chat_template.jinja, or in tokenizer_config.json) is asked by it. For others the dialogue is
written as plain text, which any language model can continue:

  <system text>

  User: Hello!
  Assistant:
"""
HELP = """/reset             forget all that was said
/undo              take back the last message and its answer
/again             another answer to the last message
/system [TEXT]     who the model is; without text, nobody
/set [NAME VALUE]  a setting of generation, as /set temperature 0.5; alone, show all
/save FILE         write the dialogue as JSON
/load FILE         go on with a saved dialogue
/help              this
/quit              end, as Ctrl-D; Ctrl-C stops an answer
A line that ends with \\ goes on in the next."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("--system", default="", metavar="TEXT", help="who the model is, and how it answers")
    parser.add_argument("--load", type=Path, metavar="FILE", help="go on with a dialogue that /save wrote")
    parser.add_argument("--chat-template", metavar="FILE", help="a Jinja file in place of the model's own")
    add_settings(parser, max_new_tokens=500)


def run(arguments: argparse.Namespace) -> int:
    """Talk until the input ends; returns the exit status."""
    require("torch", extra="torch", purpose="ferrolm chat")
    from ferrolm.generation import ChatTemplate, load_model

    if arguments.num_beams != 1:
        raise InvalidArgumentError("ferrolm chat streams its answers, beams cannot: leave --num-beams out")
    given = ChatTemplate.of(Path(arguments.chat_template)) if arguments.chat_template else None
    model = load_model(arguments.model, device=arguments.device, dtype=arguments.dtype)
    template = given or getattr(model, "chat_template", None) or ChatTemplate.plain()
    dialogue = Dialogue(
        model, template, settings_of(arguments), system=arguments.system, draft=draft_of(arguments)
    )
    if arguments.load is not None:
        dialogue.load(arguments.load)
    with_history(lambda: Conversation(dialogue, quiet=arguments.quiet).run())
    return 0


class Conversation:
    """Lines in, answers to standard output, everything else to standard error."""

    def __init__(self, dialogue: Dialogue, *, quiet: bool) -> None:
        self._dialogue, self._quiet = dialogue, quiet
        self._terminal = Terminal()
        self._commands: dict[str, Callable[[str], None]] = {
            "reset": self._reset,
            "undo": self._undo,
            "again": self._again,
            "system": self._system,
            "set": self._set,
            "save": self._save,
            "load": self._load,
            "help": lambda _: self._note(HELP),
        }

    def run(self) -> None:
        if sys.stdin.isatty():
            self._note("/help lists the commands, Ctrl-C stops an answer, Ctrl-D ends")
        while (line := _line()) is not None:
            if not line.strip():
                continue
            if line.strip() in ("/quit", "/exit"):
                return
            try:
                if line.startswith("/"):
                    self._command(line)
                else:
                    self._answer(line)
            except FerrolmError as error:
                self._note(f"error: {error}", always=True)
            except OSError as error:
                self._note(f"error: {error}", always=True)
            except KeyboardInterrupt:  # before an answer has begun, or in a command
                self._note("\n(stopped)")

    def _answer(self, text: str) -> None:
        """Write an answer as it comes. Ctrl-C ends it, and what there is of it has been said."""
        dialogue, timing = self._dialogue, Timing()
        pieces = dialogue.answer(text)
        left_out = dialogue.prompt()[1]
        if left_out:
            self._note(f"the oldest {left_out} messages have no room in the model any more")
        said = ""
        try:
            for piece in timing.watch(pieces):
                # What speaks begins with a space in the plain format.
                piece = piece.lstrip() if not said else piece
                said += piece
                self._terminal.write(harmless(piece))
        except KeyboardInterrupt:
            self._note("\n(stopped)")
        dialogue.heard(said)
        self._terminal.line()
        if not self._quiet:
            self._note(timing.report(len(pieces.ids), dialogue.seed))

    def _command(self, line: str) -> None:
        name, _, rest = line[1:].strip().partition(" ")
        if name not in self._commands:
            raise InvalidArgumentError(
                f"unknown command /{name}{nearest(name, self._commands)}; /help lists them"
            )
        self._commands[name](rest.strip())

    def _reset(self, _: str) -> None:
        self._dialogue.messages.clear()
        self._note("nothing has been said")

    def _undo(self, _: str) -> None:
        self._note("taken back" if self._dialogue.undo() else "there is nothing to take back")

    def _again(self, _: str) -> None:
        users = [message["content"] for message in self._dialogue.messages if message["role"] == "user"]
        if not users:
            raise InvalidArgumentError("nothing has been asked yet")
        self._dialogue.undo()
        self._answer(users[-1])

    def _system(self, text: str) -> None:
        self._dialogue.system = text
        self._note(f"system: {text}" if text else "no system text")

    def _set(self, rest: str) -> None:
        if rest:
            name, _, value = rest.replace("=", " ", 1).partition(" ")
            self._dialogue.set(name, value.strip())
        values = self._dialogue.values
        self._note(
            ", ".join(f"{name} {values[name]}" for name in SETTINGS if not rest or name == name_of(rest))
        )

    def _save(self, rest: str) -> None:
        self._dialogue.save(_path(rest))
        self._note(f"{len(self._dialogue.messages)} messages in {rest}")

    def _load(self, rest: str) -> None:
        self._dialogue.load(_path(rest))
        self._note(f"{len(self._dialogue.messages)} messages from {rest}")

    def _note(self, text: str, *, always: bool = False) -> None:
        if always or not self._quiet:
            print(dim(text), file=sys.stderr, flush=True)


def name_of(rest: str) -> str:
    """The setting that ``/set`` changes."""
    return rest.replace("=", " ", 1).partition(" ")[0].replace("-", "_")


def _path(text: str) -> Path:
    if not text:
        raise InvalidArgumentError("expected the name of a file")
    return Path(text).expanduser()


def _line() -> str | None:
    """What is said next, over several lines if they end with a backslash; None at the end."""
    lines: list[str] = []
    while True:
        try:
            lines.append(_read("… " if lines else "> "))
        except EOFError:
            if sys.stdin.isatty():
                print(file=sys.stderr)
            return "\n".join(lines) if lines else None
        except KeyboardInterrupt:
            print("\n(Ctrl-D ends)", file=sys.stderr)
            lines = []
            continue
        if not lines[-1].endswith("\\"):
            return "\n".join(lines)
        lines[-1] = lines[-1][:-1]


def _read(prompt: str) -> str:
    """A line of the terminal, edited where both ends are one; a prompt never gets into the answers."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        # The marks tell readline that a colour has no width.
        return input(f"\x01\x1b[36m\x02{prompt}\x01\x1b[0m\x02" if has_colour(sys.stdout) else prompt)
    if sys.stdin.isatty():
        print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")


def with_history(talk: Callable[[], None]) -> None:
    """Talk, with the lines of earlier dialogues behind the arrow keys where the terminal has them."""
    if not sys.stdin.isatty():
        return talk()
    try:
        import readline
    except ImportError:  # not on every system
        return talk()
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "ferrolm"
    path = folder / "chat_history"
    with suppress(OSError):  # the first dialogue, or a file of somebody else
        readline.read_history_file(path)
    readline.set_history_length(1000)
    try:
        talk()
    finally:
        with suppress(OSError):  # a history is not worth an error
            folder.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(path)
