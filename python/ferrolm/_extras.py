"""Optional dependencies: import them late, and say in one sentence what to install when one is missing."""

from __future__ import annotations

import importlib
from typing import Any

from ferrolm.errors import MissingExtraError


def require(module: str, extra: str, purpose: str) -> Any:
    """Import ``module``, or raise `MissingExtraError` naming ``purpose`` and the extra that brings it.

    >>> require("json", "torch", "parsing").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise  # the module is there, but one of its own dependencies is not
        message = f"{purpose} needs {error.name}; install it with: pip install 'ferrolm[{extra}]'"
        raise MissingExtraError(message, name=error.name) from None
