"""`write_card`: a model card from the records of a run and what its author says."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from ferrolm.data._atomic import replace_file
from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, UnknownNameError, nearest
from ferrolm.training.cards.metadata import FIELDS, LISTS, front_matter, known_before
from ferrolm.training.cards.records import read_records
from ferrolm.training.cards.sections import MARK, SECTIONS, body, written_before

__all__ = ["read_values", "write_card"]

KNOWN = (*FIELDS, *SECTIONS)


def write_card(
    run: str | PathLike[str],
    out: str | PathLike[str] | None = None,
    *,
    reports: Iterable[str | PathLike[str]] = (),
    values: Mapping[str, Any] | None = None,
    force: bool = False,
) -> Path:
    """Write the model card of a run: a README.md in Hugging Face's form.

    Args:
        run: the folder of ``ferrolm pretrain`` or ``finetune``, or of a model alone.
        out: the file; by default README.md beside the model, that is, in ``run/final``, or in ``run`` where that is not there.
        reports: what ``ferrolm evaluate --report`` wrote, besides the reports that are in ``run`` or ``run/reports``.
        values: what the author says. Metadata: license, language, datasets, tags (lists, or separated by commas), base_model,
            model_name. Text: description, intended_use, out_of_scope, training_data, limitations, citation.
        force: replace a file that is no card of ``ferrolm card``.

    Returns:
        The file. What the records do not tell is written as "not recorded". Where it is there already, metadata of the author's
        and what stands between its marks are kept, unless ``values`` says something else; the rest is written anew.

    Raises:
        MissingFileError: ``run`` is no folder of a run, or a report is not there.
        UnknownNameError: an unknown name among ``values``.
        InvalidArgumentError: ``out`` is there and no card of ours.
        InvalidFileError: a record, a report or the card that is there cannot be read.
    """
    records = read_records(Path(run), [Path(path) for path in reports])
    path = Path(out) if out is not None else (records.model or records.folder) / "README.md"
    before = _before(path, force)
    given = _checked(values or {})
    known = {**known_before(before, path), **{name: given[name] for name in FIELDS if name in given}}
    texts = {**written_before(before), **{name: str(given[name]) for name in SECTIONS if name in given}}
    name = str(known.get("model_name") or Path(run).resolve().name)
    license = known.get("license")
    text = front_matter(records, known, name) + "\n" + body(records, texts, name, license)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as file:
        file.write(text.encode())
    return path


def _before(path: Path, force: bool) -> str:
    if not path.exists():
        return ""
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise InvalidFileError(f"{path} cannot be read as a card: {error}") from None
    if MARK in text:
        return text
    if not force:
        raise InvalidArgumentError(
            f"{path} is there and was not written by ferrolm card: name another --out, or use --force"
        )
    return ""


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        if name not in KNOWN:
            raise UnknownNameError(
                f"unknown part of a card {name!r}{nearest(name, KNOWN)}; there are {', '.join(KNOWN)}"
            )
        if name in LISTS:
            parts = value.split(",") if isinstance(value, str) else list(value)
            value = [str(part).strip() for part in parts if str(part).strip()]
        if name in SECTIONS and "<!-- card:" in str(value):
            raise InvalidArgumentError(f"{name} holds a mark of the card, '<!-- card:', expected text")
        found[name] = value
    return found


def read_values(path: str | PathLike[str]) -> dict[str, Any]:
    """What the author says, from a TOML file: the names of `write_card` at its top level."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist, expected a TOML file with parts of a card") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidFileError(f"{path}: not TOML: {error}") from None
