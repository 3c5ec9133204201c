"""Calls of everything with wrong arguments, in a process of their own: each ends, by a result or an ordinary exception.

``python tests/wrong_calls.py core --rounds 200 --seed 1`` walks the functions and classes of `ferrolm._rust` by their stubs,
``python tests/wrong_calls.py package`` the public names of the package by their annotations. What is wrong is printed, one
line a call; the last call begun is in the file ``--log``, for when the process dies or hangs.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import faulthandler
import importlib
import inspect
import io
import os
import pkgutil
import re
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from wrong_instances import INSTANCES
from wrong_values import Values

PATIENCE = 0.5
"""Seconds after which a call is interrupted, as by Ctrl-C; it has to end then."""
HANG = 60.0
"""Seconds after which a call that was interrupted is a hang."""
MEMORY = 8 << 30

Target = tuple[str, Callable[[], Any], list[tuple[str | None, ast.expr | None]]]
"""A name, what makes the callable, and its parameters: the name of one that is passed by keyword, and the annotation."""


class TooLongError(BaseException):
    """The call was interrupted."""


def core_targets() -> Iterator[Target]:
    import ferrolm
    from ferrolm import _rust

    stub = ast.parse((Path(ferrolm.__file__).parent / "_rust.pyi").read_text())
    for node in stub.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, lambda name=node.name: getattr(_rust, name), parameters(node, 0)
        if not isinstance(node, ast.ClassDef):
            continue
        for method in node.body:
            if not isinstance(method, ast.FunctionDef) or is_property(method):
                continue
            name = f"{node.name}.{method.name}"
            if method.name == "__new__":
                yield name, lambda owner=node.name: getattr(_rust, owner), parameters(method, 1)
            elif any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in method.decorator_list):
                owner = node.name
                yield name, lambda owner=owner, name=method.name: getattr(getattr(_rust, owner), name), parameters(method, 0)  # fmt: skip
            else:
                make = INSTANCES[node.name]
                yield name, lambda make=make, name=method.name: getattr(make(), name), parameters(method, 1)


def is_property(method: ast.FunctionDef) -> bool:
    return any(isinstance(one, ast.Name) and one.id == "property" for one in method.decorator_list)


def parameters(function: ast.FunctionDef, skip: int) -> list[tuple[str | None, ast.expr | None]]:
    found = function.args
    plain: list[tuple[str | None, ast.expr | None]] = [
        (None, one.annotation) for one in [*found.posonlyargs, *found.args][skip:]
    ]
    return plain + [(one.arg, one.annotation) for one in found.kwonlyargs]


def package_targets() -> Iterator[Target]:
    seen = set()
    for module in package_modules():
        for name in getattr(module, "__all__", ()):
            found = getattr(module, name, None)
            if (
                not callable(found)
                or found in seen
                or not getattr(found, "__module__", "").startswith("ferrolm")
            ):
                continue
            seen.add(found)
            if not (isinstance(found, type) and issubclass(found, BaseException)):
                yield f"{module.__name__}.{name}", lambda found=found: found, signature(found)


def package_modules() -> Iterator[Any]:
    import ferrolm

    for info in pkgutil.walk_packages(ferrolm.__path__, "ferrolm."):
        # The command line ends the process, and a server runs until it is ended.
        if any(part in info.name for part in (".cli", "__main__", "._", ".serving", ".integrations")):
            continue
        with contextlib.suppress(ImportError):
            yield importlib.import_module(info.name)


def signature(function: Any) -> list[tuple[str | None, ast.expr | None]]:
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return [(None, None)] * 2
    result: list[tuple[str | None, ast.expr | None]] = []
    for one in found:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        annotation = None
        if isinstance(one.annotation, str):
            with contextlib.suppress(SyntaxError):
                annotation = ast.parse(one.annotation, mode="eval").body
        optional = one.default is not one.empty
        result.append((one.name if optional or one.kind == one.KEYWORD_ONLY else None, annotation))
    return result


def walk(
    targets: list[Target], values: Values, rounds: int, report: Callable[[str], None], log: int
) -> dict[str, int]:
    tally = {"calls": 0, "results": 0, "exceptions": 0, "interrupted": 0}
    for _ in range(rounds):
        for name, make, wanted in targets:
            function = make()
            positional = [values.of(annotation) for keyword, annotation in wanted if keyword is None]
            # Of parameters with defaults, and those by keyword, some are left out.
            named = {
                key: values.of(annotation)
                for key, annotation in wanted
                if key and values.random.random() < 0.9
            }
            if values.random.random() < 0.05 and positional:
                positional.pop()
            text = f"{name}{shown(positional)}{shown(named)}"
            os.pwrite(log, text.encode("utf-8", "backslashreplace").ljust(2000)[:2000], 0)
            tally["calls"] += 1
            tally[one(function, positional, named, lambda what, text=text: report(f"{text}: {what}"))] += 1
            if "num_threads" in name:
                importlib.import_module("ferrolm._rust").set_num_threads(2)
    return tally


def one(function: Any, positional: list[Any], named: dict[str, Any], report: Callable[[str], None]) -> str:
    faulthandler.dump_traceback_later(HANG, exit=True)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    start = time.monotonic()
    try:
        result = function(*positional, **named)
        shown(result)
        return "results"
    except TooLongError:
        return "interrupted"
    except Exception as error:
        try:
            str(error), repr(error)
        except UnicodeError:
            report(f"the message of {type(error).__name__} cannot be shown")
        return "exceptions"
    except BaseException as error:
        report(f"raised {type(error).__name__}: {str(error)[:300]}")
        return "exceptions"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        if time.monotonic() - start > PATIENCE + 20:
            report(f"took {time.monotonic() - start:.1f} s, and was interrupted after {PATIENCE} s")


def shown(value: Any) -> str:
    """A short text of any value, also of those that refuse to have one."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(key)}: {shown(one)}" for key, one in list(value.items())[:12]) + "}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(shown(one) for one in value[:12]) + ")"
    if hasattr(type(value), "dtype") and hasattr(type(value), "strides"):
        return f"array({value.dtype}, {value.shape}, strides {value.strides})"
    try:
        return repr(value)[:80]
    except Exception:
        return f"<{type(value).__name__}>"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("surface", choices=("core", "package"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, default=Path(os.devnull))
    parser.add_argument("--only", default="", help="a part of the names of what is called")
    parser.add_argument("--without", default="^$", help="a regular expression of names that are left out")
    arguments = parser.parse_args()
    prepare()
    log = os.open(arguments.log, os.O_RDWR | os.O_CREAT)
    wrong: dict[str, int] = {}

    def report(line: str) -> None:
        kind = line.partition("(")[0]
        wrong[kind] = wrong.get(kind, 0) + 1
        if wrong[kind] <= 3:
            print(line.encode("utf-8", "backslashreplace").decode(), flush=True)

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        values = Values(arguments.seed, Path(folder), INSTANCES)
        targets = list(core_targets() if arguments.surface == "core" else package_targets())
        targets = [
            target
            for target in targets
            if arguments.only in target[0] and not re.search(arguments.without, target[0])
        ]
        tally = walk(targets, values, arguments.rounds, report, log)
    print(f"{len(targets)} callables,", ", ".join(f"{count:,} {what}" for what, count in tally.items()))
    return bool(wrong)


def prepare() -> None:
    def too_long(*_: Any) -> None:
        raise TooLongError

    signal.signal(signal.SIGALRM, too_long)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    # What is asked for without a limit must be an error, not the end of the machine.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.update(HF_HUB_OFFLINE="1", FERROLM_NUM_THREADS="2")
    sys.stdin = io.StringIO()


if __name__ == "__main__":
    sys.exit(main())
