"""Heavy libraries, imported when they are needed and named when they are missing."""

from __future__ import annotations

import importlib
import os
from typing import Any

from modelbook.errors import MissingLibrary


def library(module: str, extra: str = "package") -> Any:
    """A module of an extra. ONNX Runtime, which may count its users for its maker, is told not to first.

    Raises:
        MissingLibrary: it is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingLibrary(error.name or module, extra) from None
