"""Heavy libraries, imported when they are needed and named when they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from modelbook.errors import MissingLibrary


def library(module: str, extra: str = "package") -> Any:
    """A module of an extra.

    Raises:
        MissingLibrary: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingLibrary(error.name or module, extra) from None
