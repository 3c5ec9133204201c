"""Finding the files of a tokenizer in a folder or on the hub."""

from __future__ import annotations

import os
from pathlib import Path

from ferrolm.errors import MissingFileError

__all__ = ["find_files"]

# The first of these that is complete is taken.
_CHOICES = (("tokenizer.json",), ("vocab.json", "merges.txt"))


def find_files(identifier: str | os.PathLike[str], revision: str, token: str | None) -> list[Path]:
    """``[tokenizer.json]``, or ``[vocab.json, merges.txt]``, of a folder or of a repository on the hub.

    Raises `MissingFileError` naming what was looked for.
    """
    folder = Path(identifier)
    if folder.is_file():
        return [folder]
    for names in _CHOICES:
        if folder.is_dir():
            found = [folder / name for name in names]
            if all(path.is_file() for path in found):
                return found
        elif files := _from_hub(str(identifier), names, revision, token):
            return files
    wanted = ", or ".join(" with ".join(names) for names in _CHOICES)
    raise MissingFileError(f"no tokenizer in {str(identifier)!r}: expected {wanted}")


def _from_hub(repository: str, names: tuple[str, ...], revision: str, token: str | None) -> list[Path] | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

    try:
        return [Path(hf_hub_download(repository, name, revision=revision, token=token)) for name in names]
    except EntryNotFoundError:
        return None
    except HFValidationError:
        raise MissingFileError(f"{repository!r} is neither a folder nor the name of a repository") from None
    except (HfHubHTTPError, OSError) as error:
        raise MissingFileError(f"{repository!r} is not a folder here, and not on the hub: {error}") from error
